"""A bucket: what is sent, what is left when a request fails, and how long anybody waits."""

from __future__ import annotations

import os
from contextlib import ExitStack, aclosing, closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import obstore
import pytest
import trio

from nexusd.errors import NotFound, StorageRefused, StorageUnavailable
from nexusd.storage import WorkFile, s3
from nexusd.storage.bucket import OWNER_KEY
from nexusd.storage.s3 import DISCARD_SECONDS, S3, Bucket, Place, open_s3
from tests.integration.storage.files import MEBIBYTE, files_below, put, upload
from tests.integration.storage.test_memory import resident_bytes
from tests.support.daemons import wait_until
from tests.support.object_stores import PREFIX, ObjectServer
from tests.support.patience import HANG_SECONDS, PROMPT_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

    from nexusd.storage import Provider
    from tests.integration.storage.kept import KeptInBucket

pytestmark = pytest.mark.slow  # the server takes a second to start

PARTS = [bytes([number]) * MEBIBYTE for number in range(20)]
"""An upload of three parts: 8, 8 and 4 MiB."""
OWNER = "01a201f1-fedf-707b-9e02-e3eb05ea8ff2"


def test_a_bucket_is_a_provider(bucket: KeptInBucket) -> None:
    provider: Provider = bucket.provider
    assert provider.name == "s3"


def seen(bucket: KeptInBucket) -> list[str]:
    """Return the requests about objects, not those of these tests."""
    return [line for line in bucket.seen() if "default/" in line]


def kinds(bucket: KeptInBucket) -> list[str]:
    """Return what kinds of request there were."""
    found = []
    for line in seen(bucket):
        method = line.split()[0]
        part = "part" if "partNumber" in line else "upload" if "upload" in line else "object"
        found.append(f"{method} {part}")
    return found


async def test_little_is_one_request_and_much_is_sent_in_parts(bucket: KeptInBucket) -> None:
    await put(bucket.provider, upload(*PARTS[:7]))
    assert kinds(bucket) == ["PUT object"]
    stored = await put(bucket.provider, upload(*PARTS))
    assert kinds(bucket)[1:] == ["POST upload", "PUT part", "PUT part", "PUT part", "POST upload"]
    assert bucket.bytes_of(stored.object_key) == b"".join(PARTS)


async def test_the_object_has_the_media_type_and_lies_below_the_prefix(bucket: KeptInBucket) -> None:
    stored = await put(bucket.provider, upload(b"x"))
    found = bucket.server.ask("HEAD", f"{bucket.bucket}/{PREFIX}/{stored.object_key}")
    assert found.headers["content-type"] == "application/octet-stream"


async def test_a_bucket_without_a_prefix_does_too(object_server: ObjectServer, place: Place) -> None:
    provider = S3(Bucket(replace(place, prefix="")))
    stored = await put(provider, upload(b"x"))
    assert object_server.keys(place.bucket) == list(provider.iter_keys()) == [stored.object_key]


async def test_another_prefix_is_anothers(bucket: KeptInBucket, place: Place) -> None:
    stored = await put(bucket.provider, upload(b"x"))
    for prefix in ("of/nexus", "of/nexusd2", "else"):
        other = S3(Bucket(replace(place, prefix=prefix)))
        assert list(other.iter_keys()) == []
        assert not await other.delete_file(stored.object_key, stored.sha256)
    assert bucket.names() == [stored.object_key]


FIRST, SECOND, LAST = "partNumber=1&", "partNumber=2&", "partNumber=3&"
BEGIN, COMPLETE = r"POST .*\?uploads", r"POST .*\?uploadId"


@pytest.mark.parametrize("status", [403, 500])
@pytest.mark.parametrize("pattern", [BEGIN, FIRST, SECOND, LAST, COMPLETE])
async def test_a_failure_of_any_request_leaves_nothing_and_passes(bucket: KeptInBucket, pattern: str, status: int) -> None:
    with (
        bucket.server.failing(pattern, status),
        pytest.raises(StorageUnavailable, match=r"^s3://bucket-.* cannot store a file"),
    ):
        await put(bucket.provider, upload(*PARTS))
    assert bucket.names() == []
    stored = await put(bucket.provider, upload(*PARTS))
    assert bucket.names() == [stored.object_key]


@pytest.mark.parametrize("mebibytes", [1, 20])
async def test_an_object_whose_acknowledgement_was_lost_is_taken_back(bucket: KeptInBucket, mebibytes: int) -> None:
    pattern = COMPLETE if mebibytes == 20 else "PUT"
    with bucket.server.failing(pattern, is_done=True), pytest.raises(StorageUnavailable):
        await put(bucket.provider, upload(*PARTS[:mebibytes]))
    assert bucket.names() == []
    assert kinds(bucket)[-1] == "DELETE object"


async def test_a_result_stays_where_it_is_until_it_is_stored(bucket: KeptInBucket, work: Path) -> None:
    (work / "out/a.svg").write_bytes(b"".join(PARTS))
    with bucket.server.failing(LAST, 403), pytest.raises(StorageUnavailable):
        await put(bucket.provider, WorkFile(work, "out/a.svg"))
    assert files_below(work) == ["out/a.svg"]
    stored = await put(bucket.provider, WorkFile(work, "out/a.svg"))
    assert files_below(work) == []
    assert bucket.bytes_of(stored.object_key) == b"".join(PARTS)


async def test_an_error_is_one_line_that_says_what_the_store_said(bucket: KeptInBucket) -> None:
    bucket.server.ask("DELETE", bucket.bucket)
    with pytest.raises(StorageUnavailable) as caught:
        await put(bucket.provider, upload(b"x"))
    said = f"s3://{bucket.bucket}/{PREFIX} at {bucket.server.url} cannot store a file: The specified bucket does not exist"
    assert str(caught.value) == f"{said} (NoSuchBucket)"
    with pytest.raises(StorageUnavailable, match=r"cannot be listed.*NoSuchBucket"):
        list(bucket.provider.iter_keys())


async def test_a_server_that_is_killed_halfway_is_an_error_and_another_life_goes_on(place: Place) -> None:
    with ObjectServer() as server:
        provider = S3(Bucket(replace(place, bucket=server.make_bucket(), endpoint=server.url)))
        stored = await put(provider, upload(b"x"))

        async def killing() -> AsyncGenerator[bytes, None]:
            for number, chunk in enumerate(PARTS):
                if number == 10:
                    server.process.kill()
                    server.process.wait()
                yield chunk

        async with aclosing(killing()) as source:
            with trio.fail_after(HANG_SECONDS), pytest.raises(StorageUnavailable, match="error sending request"):
                await put(provider, source)
        for ask in (
            lambda: provider.open_file(stored.object_key),
            lambda: provider.delete_file(stored.object_key, stored.sha256),
        ):
            with pytest.raises(StorageUnavailable, match="error sending request"):
                await ask()


def soon() -> float:
    """Return when to cancel what is begun now, or what the server was stalled under now."""
    return trio.current_time() + 0.5


async def check_cancelled(scope: trio.CancelScope, ask: Callable[[], Awaitable[object]], seconds: float) -> None:
    """Make a call in a scope that will be cancelled; check that it ends at most so many seconds after that."""
    with scope:
        await ask()
    assert scope.cancelled_caught
    assert trio.current_time() - scope.deadline < seconds + PROMPT_SECONDS


async def test_nobody_waits_for_a_server_that_is_stalled(
    bucket: KeptInBucket, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "THREADS_MAX", 1)
    provider = S3(bucket.provider._bucket)
    stored = await put(provider, upload(b"x"))
    scope = trio.CancelScope()
    sent = 0

    async def slowly() -> AsyncGenerator[bytes, None]:
        nonlocal sent
        for chunk in PARTS * 5:
            if sent == 10:
                stack.enter_context(bucket.server.stalled())
                scope.deadline = soon()
            sent += 1
            yield chunk

    async def put_slowly() -> None:
        async with aclosing(slowly()) as source:
            await put(provider, source)

    with ExitStack() as stack:
        await check_cancelled(scope, put_slowly, DISCARD_SECONDS)
        assert 10 < sent <= 10 + 3 * 8  # no more is taken than is held in memory
        for ask in (
            lambda: provider.open_file(stored.object_key),
            lambda: provider.delete_file(stored.object_key, stored.sha256),
            lambda: provider.link_into(stored.object_key, work, "a"),
        ):
            await check_cancelled(trio.CancelScope(deadline=soon()), ask, 0)
    await wait_until(lambda: not [name for name in bucket.names() if name.startswith("parts")])
    assert files_below(work) == []


@pytest.mark.parametrize("mebibytes", [1, 20])
async def test_what_a_stalled_server_stores_after_all_is_taken_back(bucket: KeptInBucket, mebibytes: int) -> None:
    scope = trio.CancelScope()

    async def all_but_the_acknowledgement() -> AsyncGenerator[bytes, None]:
        for chunk in PARTS[:mebibytes]:
            yield chunk
        stack.enter_context(bucket.server.stalled())
        scope.deadline = soon()

    async def put_all() -> None:
        async with aclosing(all_but_the_acknowledgement()) as source:
            await put(bucket.provider, source)

    with ExitStack() as stack:
        await check_cancelled(scope, put_all, DISCARD_SECONDS)
    await wait_until(lambda: kinds(bucket)[-1:] == ["DELETE object"])
    assert bucket.names() == []


async def test_a_server_that_is_stalled_for_long_is_an_error(bucket: KeptInBucket, place: Place) -> None:
    provider = S3(Bucket(replace(place, request_seconds=0.3)))
    with bucket.server.stalled(), trio.fail_after(HANG_SECONDS):
        with pytest.raises(StorageUnavailable):
            await provider.open_file("default/generated/x")
        with pytest.raises(StorageUnavailable):
            await put(provider, upload(b"x"))


async def test_a_read_that_goes_on_is_fetched_ahead_and_a_range_is_not(bucket: KeptInBucket) -> None:
    content = os.urandom(12 * MEBIBYTE + 5)
    stored = await put(bucket.provider, upload(content))
    before = len(seen(bucket))
    with closing(await bucket.provider.open_file(stored.object_key)) as reader:
        assert await reader.read(5_000_000, 10) == content[5_000_000:5_000_010]
        assert seen(bucket)[-1].endswith(" bytes=5000000-5000009")
        read = bytearray()
        while chunk := await reader.read(len(read), 256 * 1024):
            read += chunk
    assert read == content
    assert len(seen(bucket)) - before == 1 + 1 + 1 + 3  # a look, the range, the first chunk, the rest in steps of 4 MiB


async def test_an_object_that_goes_or_changes_while_it_is_read(bucket: KeptInBucket) -> None:
    stored = await put(bucket.provider, upload(b"hello"))
    with closing(await bucket.provider.open_file(stored.object_key)) as reader:
        bucket.server.ask("PUT", f"{bucket.bucket}/{PREFIX}/{stored.object_key}", b"HELLO")
        with pytest.raises(StorageUnavailable, match="cannot give a file"):
            await reader.read(0, 5)
        bucket.server.ask("DELETE", f"{bucket.bucket}/{PREFIX}/{stored.object_key}")
        with pytest.raises(NotFound, match=f"the stored file {stored.object_key} is missing"):
            await reader.read(0, 5)


async def test_a_download_that_fails_halfway_leaves_no_file(
    bucket: KeptInBucket, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "READ_AHEAD_BYTES", MEBIBYTE)
    stored = await put(bucket.provider, upload(*PARTS))
    with bucket.server.failing("bytes=3145728-"), pytest.raises(StorageUnavailable, match="500"):
        await bucket.provider.link_into(stored.object_key, work, "images/a")
    assert files_below(work) == []
    await bucket.provider.link_into(stored.object_key, work, "images/a")
    assert (work / "images/a").read_bytes() == b"".join(PARTS)


async def test_a_request_that_fails_once_is_sent_again(bucket: KeptInBucket) -> None:
    with bucket.server.failing("PUT", times=2):
        stored = await put(bucket.provider, upload(b"x"))
    assert kinds(bucket) == ["PUT object"] * 3
    assert bucket.names() == [stored.object_key]


async def test_large_files_get_larger_parts(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(obstore, "open_writer", lambda *_, buffer_size, **__: sizes.append(buffer_size))
    gibibyte = 1024 * MEBIBYTE
    for most in (None, 1, 78 * gibibyte, 79 * gibibyte, 5000 * gibibyte):
        Bucket(place).open_upload("a/b", "text/plain", most)
    assert sizes[:3] == [8 * MEBIBYTE] * 3
    assert sizes[3] * 10_000 >= 79 * gibibyte > (sizes[3] - 1) * 10_000
    assert sizes[4] < 5 * gibibyte


async def test_memory_does_not_grow_with_the_file(bucket: KeptInBucket, work: Path) -> None:
    size = 100 * MEBIBYTE
    await put(bucket.provider, upload(*PARTS))  # what is made once
    before = most = resident_bytes()

    async def large() -> AsyncGenerator[bytes, None]:
        nonlocal most
        for _ in range(size // 65_536):
            most = max(most, resident_bytes())
            yield bytes(65_536)

    async with aclosing(large()) as source:
        stored = await put(bucket.provider, source)
    await bucket.provider.link_into(stored.object_key, work, "again")
    moved = await put(bucket.provider, WorkFile(work, "again"))
    assert (moved.byte_size, moved.sha256) == (size, stored.sha256)
    assert max(most, resident_bytes()) - before < 48 * MEBIBYTE


async def test_a_bucket_that_works_is_taken(place: Place) -> None:
    assert (await open_s3(place, OWNER)).name == "s3"


async def test_a_prefix_is_one_databases_alone(bucket: KeptInBucket, place: Place) -> None:
    for _ in range(2):
        mine = await open_s3(place, OWNER)
    stored = await put(mine, upload(b"x"))
    with pytest.raises(StorageRefused, match=rf"{PREFIX} .* holds the files of another database \({OWNER}, this is other\)"):
        await open_s3(place, "other")
    await open_s3(replace(place, prefix=f"{PREFIX}2"), "other")
    assert list(mine.iter_keys()) == [stored.object_key]
    bucket.server.ask("DELETE", f"{place.bucket}/{PREFIX}/{OWNER_KEY}")
    await open_s3(place, "other")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"bucket": "no-such-bucket"}, "NoSuchBucket"),
        ({"endpoint": "http://127.0.0.1:1"}, "error sending request"),
        ({"endpoint": "http://no-such-host.invalid"}, "error sending request"),
    ],
)
async def test_a_bucket_that_cannot_be_had_refuses_the_start(place: Place, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(StorageRefused, match=rf"{reason}.*s3_bucket, s3_endpoint"):
        await open_s3(replace(place, **changes), OWNER)


@pytest.mark.parametrize("pattern", ["list-type", f"GET .*{OWNER_KEY}", f"PUT .*{OWNER_KEY}"])
async def test_credentials_that_allow_too_little_refuse_the_start(bucket: KeptInBucket, place: Place, pattern: str) -> None:
    with bucket.server.failing(pattern, 403), pytest.raises(StorageRefused, match=r"403 Forbidden.*AWS_ACCESS_KEY_ID"):
        await open_s3(place, OWNER)


async def test_the_settings_beat_the_environments_address(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_BUCKET", "another")
    assert (await put(S3(Bucket(place)), upload(b"x"))).byte_size == 1


async def test_wrong_credentials_refuse_the_start_and_say_where_they_come_from(place: Place) -> None:
    with ObjectServer(is_strict=True) as server:
        wrong = replace(place, bucket=server.make_bucket(), endpoint=server.url)
        with pytest.raises(StorageRefused, match=r"InvalidAccessKeyId.*AWS_ACCESS_KEY_ID"):
            await open_s3(wrong, OWNER)
        with pytest.raises(StorageUnavailable, match=r"InvalidAccessKeyId.*AWS_ACCESS_KEY_ID"):
            await put(S3(Bucket(wrong)), upload(b"x"))


async def test_a_server_that_is_stalled_refuses_the_start_in_time(
    bucket: KeptInBucket, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "START_SECONDS", 0.3)
    with (
        bucket.server.stalled(),
        trio.fail_after(PROMPT_SECONDS),
        pytest.raises(StorageRefused, match=r"does not answer in 0.3 s"),
    ):
        await open_s3(place, OWNER)
