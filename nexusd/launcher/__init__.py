"""The launcher: a program of its own that starts one child where there is no bubblewrap. `program` says how to talk to it.

It imports nothing of the rest of nexusd, and next to nothing else; the daemon only knows the path of `program`.
"""
