"""What every provider promises: the same tests over a disk and over a bucket."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
from contextlib import aclosing, closing
from typing import TYPE_CHECKING

import pytest
import trio

from nexusd.domain.states import ErrorCode
from nexusd.errors import NotFound, OutputRefused, PayloadTooLarge, StorageUnavailable
from nexusd.storage import WorkFile, check_provider
from tests.integration.storage.files import MEBIBYTE, NOON, files_below, put, upload

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from tests.integration.storage.kept import Kept

BYTES = b"<svg/>" * 1000


def result(work: Path, content: bytes = BYTES) -> WorkFile:
    (work / "out" / "a.svg").write_bytes(content)
    return WorkFile(work, "out/a.svg")


@pytest.mark.parametrize("sizes", [[], [0], [1], [5, 0, 7], [MEBIBYTE], [MEBIBYTE - 1, 2], [3 * MEBIBYTE, 1], [65_536] * 40])
async def test_what_is_stored_is_what_was_sent(kept: Kept, sizes: list[int]) -> None:
    chunks = [bytes([number % 251]) * size for number, size in enumerate(sizes)]
    sent = b"".join(chunks)
    stored = await put(kept.provider, upload(*chunks))
    assert (stored.provider, stored.byte_size) == (kept.provider.name, len(sent))
    assert stored.sha256 == hashlib.sha256(sent).hexdigest()
    assert kept.bytes_of(stored.object_key) == sent
    assert kept.names() == [stored.object_key]


async def test_too_much_is_refused_at_once_and_leaves_nothing(kept: Kept) -> None:
    taken = 0

    async def endless() -> AsyncGenerator[bytes, None]:
        nonlocal taken
        while True:
            taken += 1
            yield bytes(MEBIBYTE)

    async with aclosing(endless()) as source:
        with pytest.raises(PayloadTooLarge, match="2097152"):
            await put(kept.provider, source, max_bytes=2 * MEBIBYTE)
    assert taken == 3
    assert kept.names() == []
    exact = await put(kept.provider, upload(bytes(MEBIBYTE), bytes(MEBIBYTE)), max_bytes=2 * MEBIBYTE)
    assert exact.byte_size == 2 * MEBIBYTE


@pytest.mark.parametrize("mebibytes", [2, 20])
async def test_a_sender_that_breaks_off_leaves_nothing(kept: Kept, mebibytes: int) -> None:
    async def broken() -> AsyncGenerator[bytes, None]:
        for _ in range(mebibytes):
            yield bytes(MEBIBYTE)
        assert kept.names() != [] or mebibytes == 2
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await put(kept.provider, broken())
    assert kept.names() == []


@pytest.mark.parametrize("mebibytes", [2, 20])
async def test_a_cancelled_upload_leaves_nothing(kept: Kept, mebibytes: int) -> None:
    halfway = trio.Event()

    async def stalls() -> AsyncGenerator[bytes, None]:
        for _ in range(mebibytes):
            yield bytes(MEBIBYTE)
        halfway.set()
        await trio.sleep_forever()

    async with aclosing(stalls()) as source, trio.open_nursery() as nursery:
        nursery.start_soon(put, kept.provider, source)
        await halfway.wait()
        nursery.cancel_scope.cancel()
    assert kept.names() == []


@pytest.mark.slow
async def test_fifty_puts_at_once_of_one_name_are_fifty_files(kept: Kept) -> None:
    keys = []

    async def put_one(number: int) -> None:
        keys.append((await put(kept.provider, upload(b"%d" % number), filename="same.txt")).object_key)

    async with trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(put_one, number)
    assert kept.names() == sorted(keys)
    assert len(set(keys)) == 50
    assert {kept.bytes_of(key) for key in keys} == {b"%d" % number for number in range(50)}


@pytest.mark.slow
async def test_hostile_names_stay_below_the_root(kept: Kept, tmp_path: Path) -> None:
    names = ["../../x", "/etc/passwd", "a\0b", "..\\..\\x", "x" * 300, "-rf", ".incoming", "\ud800", "CON", "é" * 255, "\n", ""]
    keys = []
    for name in names:
        stored = await kept.provider.put_file(
            company=name, namespace=name, filename=name, content_type="text/plain", source=upload(b"x"), max_bytes=1, now=NOON
        )
        keys.append(stored.object_key)
    assert kept.names() == sorted(kept.provider.iter_keys()) == sorted(keys)
    assert len(files_below(tmp_path)) in {0, len(names)}


async def test_a_result_is_taken_over(kept: Kept, work: Path) -> None:
    stored = await put(kept.provider, result(work), max_bytes=len(BYTES))
    assert kept.bytes_of(stored.object_key) == BYTES
    assert (stored.sha256, stored.byte_size) == (hashlib.sha256(BYTES).hexdigest(), len(BYTES))
    assert files_below(work) == []


async def test_a_path_is_short_for_a_work_file_in_a_trusted_directory(kept: Kept, work: Path) -> None:
    result(work)
    stored = await put(kept.provider, work / "out/a.svg")
    assert kept.bytes_of(stored.object_key) == BYTES


async def test_an_empty_result_is_a_file_too(kept: Kept, work: Path) -> None:
    stored = await put(kept.provider, result(work, b""))
    assert (stored.byte_size, stored.sha256) == (0, hashlib.sha256(b"").hexdigest())
    with closing(await kept.provider.open_file(stored.object_key)) as reader:
        assert (reader.byte_size, await reader.read(0, 1)) == (0, b"")


def a_symlink(work: Path) -> None:
    (work / "secret").write_bytes(b"secret")
    (work / "out/a.svg").symlink_to(work / "secret")


def a_dangling_symlink(work: Path) -> None:
    (work / "out/a.svg").symlink_to("nowhere")


def a_fifo(work: Path) -> None:
    os.mkfifo(work / "out/a.svg")


def a_directory(work: Path) -> None:
    (work / "out/a.svg").mkdir()


def a_socket(work: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(work / "out/a.svg"))


def a_second_name(work: Path) -> None:
    (work / "secret").write_bytes(b"secret")
    os.link(work / "secret", work / "out/a.svg")


def nothing(work: Path) -> None:
    """Leave out/ empty."""


def a_symlink_for_a_folder(work: Path) -> None:
    (work / "out").rmdir()
    (work / "elsewhere").mkdir()
    (work / "elsewhere/a.svg").write_bytes(b"secret")
    (work / "out").symlink_to(work / "elsewhere")


@pytest.mark.parametrize(
    "leave", [a_symlink, a_dangling_symlink, a_fifo, a_directory, a_socket, a_second_name, nothing, a_symlink_for_a_folder]
)
async def test_anything_but_a_plain_file_of_its_own_is_refused(kept: Kept, work: Path, leave: Callable[[Path], None]) -> None:
    leave(work)
    before = files_below(work)
    with pytest.raises(OutputRefused, match=r"^cannot take the output 'out/a.svg': ") as caught:
        await put(kept.provider, WorkFile(work, "out/a.svg"))
    assert caught.value.code == ErrorCode.NO_OUTPUT
    assert kept.names() == []
    assert files_below(work) == before


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "out/../../secret", "", ".", "..", "out//a", "a\0"])
async def test_a_name_that_leaves_the_work_directory_is_refused(kept: Kept, work: Path, name: str) -> None:
    (work.parent / "secret").write_bytes(b"secret")
    with pytest.raises(OutputRefused) as caught:
        await put(kept.provider, WorkFile(work, name))
    assert caught.value.code == ErrorCode.NO_OUTPUT


async def test_too_large_a_result_is_refused_before_a_byte_is_copied(kept: Kept, work: Path) -> None:
    with pytest.raises(OutputRefused, match="6000 bytes, more than the limit of 5999") as caught:
        await put(kept.provider, result(work), max_bytes=len(BYTES) - 1)
    assert caught.value.code == ErrorCode.OUTPUT_TOO_LARGE
    assert kept.names() == []
    assert (work / "out/a.svg").exists()


async def test_a_stored_file_can_be_read_at_any_place(kept: Kept) -> None:
    stored = await put(kept.provider, upload(b"hello"))
    with closing(await kept.provider.open_file(stored.object_key)) as reader:
        assert reader.byte_size == 5
        places = [(0, 10), (3, 2), (1, 3), (4, 9), (5, 1), (99, 1), (0, 0), (0, 2), (2, 2), (4, 2), (6, 2)]
        read = [await reader.read(*place) for place in places]
    assert read == [b"hello", b"lo", b"ell", b"o", b"", b"", b"", b"he", b"ll", b"o", b""]
    reader.close()


async def test_reads_at_once_do_not_mix(kept: Kept) -> None:
    content = os.urandom(3 * MEBIBYTE)
    stored = await put(kept.provider, upload(content))
    read: dict[int, bytes] = {}
    with closing(await kept.provider.open_file(stored.object_key)) as reader:

        async def read_one(offset: int) -> None:
            read[offset] = await reader.read(offset, 65_536)

        async with trio.open_nursery() as nursery:
            for offset in range(0, len(content), 65_536):
                nursery.start_soon(read_one, offset)
    assert b"".join(read[offset] for offset in sorted(read)) == content


async def test_deleting_says_whether_there_was_anything(kept: Kept) -> None:
    gone, stays = [await put(kept.provider, upload(b"hello")) for _ in range(2)]
    assert await kept.provider.delete_file(gone.object_key, gone.sha256)
    assert not await kept.provider.delete_file(gone.object_key, gone.sha256)
    assert kept.names() == [stays.object_key]
    assert kept.bytes_of(stays.object_key) == b"hello"
    with pytest.raises(NotFound, match="is missing"):
        await kept.provider.open_file(gone.object_key)


@pytest.mark.parametrize("key", ["../secret", "/etc/passwd", "", "default", ".incoming/x", "default/../../secret"])
async def test_a_key_cannot_lead_out(kept: Kept, root: Path, key: str) -> None:
    (root.parent / "secret").write_bytes(b"secret")
    with pytest.raises(NotFound):
        await kept.provider.open_file(key)
    with pytest.raises(NotFound):
        await kept.provider.delete_file(key, "a" * 64)
    with pytest.raises(NotFound):
        await kept.provider.link_into(key, root.parent, "x")
    assert (root.parent / "secret").exists()


async def test_the_list_has_every_file(kept: Kept) -> None:
    stored = [await put(kept.provider, upload(b"x"), filename=name) for name in ("a", "b", "c")]
    assert await kept.provider.sweep_temps() == 0
    assert sorted(kept.provider.iter_keys()) == sorted(one.object_key for one in stored)


async def test_a_child_gets_a_copy_that_it_cannot_use_against_the_store(kept: Kept, work: Path) -> None:
    content = os.urandom(2 * MEBIBYTE + 3)
    stored = await put(kept.provider, upload(content))
    await kept.provider.link_into(stored.object_key, work, "images/deep/a b.png")
    copy = work / "images/deep/a b.png"
    assert copy.read_bytes() == content
    assert stat.S_IMODE(copy.stat().st_mode) == 0o400
    copy.chmod(0o600)
    copy.write_bytes(b"HELLO")
    assert kept.bytes_of(stored.object_key) == content


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "", "a//b", ".", "a\0"])
async def test_a_name_outside_the_work_directory_is_refused(kept: Kept, work: Path, name: str) -> None:
    stored = await put(kept.provider, upload(b"hello"))
    with pytest.raises(ValueError, match="not a path below the work directory"):
        await kept.provider.link_into(stored.object_key, work, name)
    assert files_below(work) == []


async def test_nothing_is_put_through_a_symlink_or_over_a_file(kept: Kept, work: Path, tmp_path: Path) -> None:
    stored = await put(kept.provider, upload(b"hello"))
    (work / "images").symlink_to(tmp_path)
    with pytest.raises(NotADirectoryError):
        await kept.provider.link_into(stored.object_key, work, "images/a")
    (work / "input.json").write_bytes(b"{}")
    with pytest.raises(FileExistsError):
        await kept.provider.link_into(stored.object_key, work, "input.json")
    assert (work / "input.json").read_bytes() == b"{}"


async def test_a_file_of_another_provider_is_told_from_one_that_is_lost(kept: Kept) -> None:
    check_provider(kept.provider, kept.provider.name)
    with pytest.raises(StorageUnavailable, match="set storage_provider back to floppy"):
        check_provider(kept.provider, "floppy")
