"""A store and a work directory on a real filesystem, and a bucket on a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nexusd.storage import LocalDisk
from nexusd.storage.s3 import S3, Bucket, Place
from tests.integration.storage.kept import Kept, KeptInBucket, KeptOnDisk
from tests.support.object_stores import PREFIX, ObjectServer, use_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "assets"


@pytest.fixture
def disk(root: Path) -> LocalDisk:
    return LocalDisk(root)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return a job's work directory, with its `out`."""
    directory = tmp_path / "work"
    (directory / "out").mkdir(parents=True)
    return directory


@pytest.fixture(scope="module")
def object_server() -> Iterator[ObjectServer]:
    """Return a server that runs as long as the module's tests."""
    with ObjectServer() as server:
        yield server


@pytest.fixture
def place(object_server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Return an empty bucket, with a prefix."""
    use_credentials(monkeypatch)
    return Place(object_server.make_bucket(), object_server.url, prefix=PREFIX)


@pytest.fixture
def bucket(object_server: ObjectServer, place: Place) -> KeptInBucket:
    """Return a provider over an empty bucket."""
    return KeptInBucket(S3(Bucket(place)), object_server, place.bucket)


@pytest.fixture(params=["local_disk", pytest.param("s3", marks=pytest.mark.slow)])
def kept(request: pytest.FixtureRequest, object_server: ObjectServer) -> Kept:
    """Return each provider in turn, empty."""
    if request.param == "s3":
        found: KeptInBucket = request.getfixturevalue("bucket")
        return found
    return KeptOnDisk(request.getfixturevalue("disk"), request.getfixturevalue("root"))
