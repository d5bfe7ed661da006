"""Renderers: what this daemon can make, and the programs that make it.

`spec.py` says what a renderer is, `registry.py` which there are; the files that are named like job types define the built-in
ones. The daemon imports those. `child.py`, `job.py` and `engines/` run in the child process only, which pays for every import:
they import the standard library and their own engine, never trio or the store, and pydantic only where a storyboard must be
checked that no daemon has read. This file imports nothing.
"""
