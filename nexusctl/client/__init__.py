"""The client library: how requests are built, streams followed, and a daemon found or started.

`calls`, `frames`, `reader`, `following` and `backoff` do no I/O, so that an asynchronous client can share them; `nexus` is the
synchronous client, over `transport`, `streams` and `waiting`; `sockets` and `autostart` find the daemon or start one. Imports
nothing here: httpx and pydantic are paid for by whoever uses them.
"""
