"""Where the bytes of assets lie.

`provider` is the protocol, `local_disk` the default behind it, `keys` the names, `incoming` a file on its way in, `outgoing`
a copy on its way to a child, `export` one on its way into a backup or out of it, `reader` a file that is being read,
`deletions` those that can be put off, `collection` garbage on its way out, `hashing` a look at what is stored, `room` at what
is free, `blobs` the index of what is in the files, `directories` the walk that never leaves the root, `syscalls` the seam at
which tests watch and fail the system. `s3` is the other provider, over `bucket`; both are imported only where they are asked
for, as their client is an extra.
"""

from nexusd.storage.local_disk import LocalDisk
from nexusd.storage.provider import Collected, FoundFile, Provider, StoredFile, StoredReader, WorkFile, check_provider

__all__ = ["Collected", "FoundFile", "LocalDisk", "Provider", "StoredFile", "StoredReader", "WorkFile", "check_provider"]
