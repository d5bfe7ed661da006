"""The client library: how requests are built, streams followed, and a daemon found or started.

All logic is written once, without I/O, as plans that ask for steps (`steps`): `asking` (one call), `streams`, `waiting`,
`paging`, `logs`, `downloading`, `submitting`. `operations` makes methods of them, which `nexus` carries out in the thread that
calls (`driver`) and `async_nexus` with an event loop (`async_driver`); `methods` gives both their types. `sockets` and
`autostart` find the daemon or start one; they block, and are steps too. Imports nothing here: httpx and pydantic are paid for
by whoever uses them.
"""
