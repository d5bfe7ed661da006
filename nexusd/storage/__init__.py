"""Where the bytes of assets lie.

`provider` is the protocol, `local_disk` the default behind it, `keys` the names, `incoming` a file on its way in,
`outgoing` a copy on its way to a child, `export` one on its way into a backup or out of it,
`deletions` those that can be put off, `collection` garbage on its way out, `hashing` a look at what is stored, `room` at
what is free, `directories` the walk that never leaves the root, `syscalls` the seam at which tests watch and fail the system.
"""

from nexusd.storage.local_disk import LocalDisk
from nexusd.storage.provider import Collected, FoundFile, Provider, StoredFile, WorkFile

__all__ = ["Collected", "FoundFile", "LocalDisk", "Provider", "StoredFile", "WorkFile"]
