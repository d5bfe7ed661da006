"""The engines: plain functions `render(job)` that run in a child process. This file imports nothing."""
