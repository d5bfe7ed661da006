"""The verbs, one file each, with a function `run` that the command line calls; and what several of them share.

`session` finds the daemon, `source` reads what is to be rendered, `following` shows a job until it ends.
Verb modules are imported to print `--help`, so httpx, pydantic and rich are imported inside the functions that need them.
"""
