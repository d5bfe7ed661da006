"""Renderers: what this daemon can make, and the programs that make it.

`spec.py` says what a renderer is, `registry.py` which there are, `diagram.py` and `document.py` define the built-in ones; the
daemon imports those. `child.py`, `job.py` and `engines/` run in the child process only, which pays for every import: they
import the standard library and their own engine, never pydantic, trio or the store. This file imports nothing.
"""
