"""A provider, and what is really there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tests.integration.storage.files import files_below
from tests.support.object_stores import PREFIX

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.storage import LocalDisk, Provider
    from nexusd.storage.s3 import S3
    from tests.support.object_stores import ObjectServer


class Kept(Protocol):
    """Any provider."""

    @property
    def provider(self) -> Provider:
        """It."""
        ...

    def names(self) -> list[str]:
        """Return the key of all that is there, and something for all that is half there."""
        ...

    def bytes_of(self, key: str) -> bytes:
        """Return what is stored under a key."""
        ...


@dataclass(frozen=True)
class KeptOnDisk:
    """A directory."""

    provider: LocalDisk
    root: Path

    def names(self) -> list[str]:
        return files_below(self.root)

    def bytes_of(self, key: str) -> bytes:
        return (self.root / key).read_bytes()


@dataclass(frozen=True)
class KeptInBucket:
    """A bucket of a server."""

    provider: S3
    server: ObjectServer
    bucket: str

    def names(self) -> list[str]:
        objects = [key.removeprefix(f"{PREFIX}/") for key in self.server.keys(self.bucket)]
        return sorted(objects + [f"parts of {key}" for key in self.server.uploads(self.bucket)])

    def bytes_of(self, key: str) -> bytes:
        return self.server.ask("GET", f"{self.bucket}/{PREFIX}/{key}").content

    def seen(self) -> list[str]:
        """Return the requests so far."""
        return self.server.seen(self.bucket)
