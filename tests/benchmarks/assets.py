"""Assets: a gigabyte in and out, small ones by the thousand, and a list among a million, each beside what Python can do bare.

A result is stored by the very code of the daemon, in this process; uploads and fetches go through its socket. Files lie in the
page cache before the clock starts, and are durable when it stops.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from nexusd.domain.ids import new_id
from nexusd.storage import LocalDisk, WorkFile
from tests.benchmarks import machine
from tests.benchmarks.client import Connection, compose, measure
from tests.benchmarks.programs import NOTHING_STARTED, open_daemon
from tests.benchmarks.report import Line, Samples, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.benchmarks.programs import Scratch

LARGE_BYTES: Final = 1024**3
CHUNK_BYTES: Final = 1024**2
SMALL_BYTES: Final = 4096
CONNECTIONS: Final = 4
ROWS: Final = 1_000_000
ASSETS_A_TASK: Final = 20
PAGE: Final = 50
ASSETS: Final = "/v1/companies/default/assets"
SETTINGS: Final = {**NOTHING_STARTED, "NEXUSD_ATTACHMENT_MAX_BYTES": str(2 * LARGE_BYTES)}
MEGABYTE: Final = 1e6


def run(scratch: Scratch, rounds: int, seconds: float) -> Iterator[Line]:
    """Megabytes a second, small assets a minute, milliseconds a list."""
    yield from _measure_large(scratch, rounds)
    yield from _measure_small(scratch, rounds, seconds)
    yield from _measure_list(scratch, rounds, seconds)


def _measure_large(scratch: Scratch, rounds: int) -> Iterator[Line]:
    rates: dict[str, list[float]] = {name: [] for name in ("result", "upload", "fetch", "cp", "hash", "socket")}
    home = scratch.make_home()
    source = home / "source"
    with open_daemon(scratch, home, settings=SETTINGS) as daemon:
        for _ in range(rounds):
            _write_large(source)
            rates["cp"].append(_rate(partial(_copy_and_sync, source, home / "copy")))
            rates["hash"].append(_rate(partial(_hash_while_writing, source, home / "copy")))
            rates["upload"].append(_rate(partial(_upload, daemon.socket, source)))
            asset_id, stored = _find_newest(home)
            rates["fetch"].append(_rate(partial(_fetch, daemon.socket, asset_id)))
            with _sending(source, home / "floor.sock") as path:
                rates["socket"].append(_rate(partial(_read_all, path)))
            rates["result"].append(_store_result(source, home))
            for left in (home / "copy", *stored):
                left.unlink()
    unit = "MB/s"
    copied, hashed = Samples("cp && sync", unit, rates["cp"]), Samples("sha256 while writing, and fsync", unit, rates["hash"])
    result = Samples("a result of 1 GiB stored", unit, rates["result"])
    yield Line(result, hashed, Target(at_least=0.9, of_floor=True))
    yield Line(result, copied)
    uploaded = Samples("an upload of 1 GiB stored", unit, rates["upload"])
    yield Line(uploaded, hashed)
    yield Line(uploaded, copied)
    sent = Samples("Python, file to socket", unit, rates["socket"])
    yield Line(Samples("1 GiB fetched", unit, rates["fetch"]), sent, Target(at_least=500))


def _rate(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return LARGE_BYTES / MEGABYTE / (time.perf_counter() - began)


def _write_large(path: Path) -> None:
    """Write bytes that are new each time: the same ones would be stored but once."""
    chunk = os.urandom(CHUNK_BYTES)
    with path.open("wb") as file:
        for number in range(LARGE_BYTES // CHUNK_BYTES):
            file.write(number.to_bytes(8, "big") + chunk[8:])
        os.fsync(file.fileno())


def _copy_and_sync(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    subprocess.run(["cp", "--reflink=never", source, target], check=True)
    subprocess.run(["sync", target], check=True)


def _hash_while_writing(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    running = hashlib.sha256()
    with source.open("rb", buffering=0) as read, target.open("wb", buffering=0) as write:
        while chunk := read.read(CHUNK_BYTES):
            running.update(chunk)
            write.write(chunk)
        os.fsync(write.fileno())


def _upload(path: Path, source: Path) -> None:
    connection = Connection(path)
    with connection.socket, source.open("rb") as file:
        head = f"POST {ASSETS} HTTP/1.1\r\nhost: nexusd\r\ncontent-length: {LARGE_BYTES}\r\n\r\n"
        connection.socket.sendall(head.encode())
        connection.socket.sendfile(file)
        while connection.read() is None:
            pass


def _fetch(path: Path, asset_id: str) -> None:
    _read_all(path, compose("GET", f"{ASSETS}/{asset_id}/content").replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))


def _read_all(path: Path, request: bytes = b"") -> None:
    """Read to the end of the stream, which must be as long as it should."""
    buffer, received = bytearray(CHUNK_BYTES), 0
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(request)
        while count := client.recv_into(buffer):
            received += count
    if received < LARGE_BYTES:
        raise RuntimeError(f"{received} bytes came, not {LARGE_BYTES}")


@contextmanager
def _sending(source: Path, path: Path) -> Iterator[Path]:
    """Send a file to whoever connects, from a process of its own."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        pid = os.fork()
        if pid == 0:
            try:
                connected, _ = listener.accept()
                with source.open("rb", buffering=0) as file:
                    while chunk := file.read(CHUNK_BYTES):
                        connected.sendall(chunk)
            finally:
                os._exit(0)
        try:
            yield path
        finally:
            os.waitpid(pid, 0)
            path.unlink()


def _store_result(source: Path, home: Path) -> float:
    work = home / "work"
    (work / "out").mkdir(parents=True)
    source.rename(work / "out" / "a.bin")  # as a renderer leaves it: written just now
    disk = LocalDisk(home / "results")

    async def put() -> None:
        await disk.put_file(
            company="default",
            namespace="generated/bench",
            filename="a.bin",
            content_type="application/octet-stream",
            source=WorkFile(work, "out/a.bin"),
            max_bytes=None,
            now=datetime.now(UTC),
        )

    rate = _rate(lambda: trio.run(put))
    shutil.rmtree(work)
    shutil.rmtree(home / "results")
    return rate


def _find_newest(home: Path) -> tuple[str, list[Path]]:
    """Return the id of the newest asset and every name of its bytes."""
    root = home / "nexusd" / "assets"
    with closing(sqlite3.connect(home / "nexusd" / "nexusd.db")) as connection:
        [(asset_id, key, sha256)] = connection.execute("SELECT id, object_key, sha256 FROM assets ORDER BY id DESC LIMIT 1")
    return asset_id, [root / key, root / ".blobs" / sha256[:2] / sha256[2:]]


def _measure_small(scratch: Scratch, rounds: int, seconds: float) -> Iterator[Line]:
    home = scratch.make_home()
    rates: list[float] = []
    floor: list[float] = []
    with open_daemon(scratch, home, settings=SETTINGS) as daemon:
        for _ in range(rounds):
            connections = [Connection(daemon.socket) for _ in range(CONNECTIONS)]
            rates.append(_count_small([partial(_post, connection) for connection in connections], seconds))
            for connection in connections:
                connection.socket.close()
            floor.append(_count_small([partial(_write_small, home)] * CONNECTIONS, seconds))
    figure = Samples(f"small assets, 4 KiB, {CONNECTIONS} connections", "/min", rates)
    beside = Samples(f"write, fsync, rename, fsync folder in {CONNECTIONS} threads", "/min", floor)
    yield Line(figure, beside, Target(at_least=10_000))


def _count_small(stores: Sequence[Callable[[bytes], None]], seconds: float) -> float:
    """Store with each of them at once for so long; return how many that was a minute."""
    end = time.perf_counter() + seconds

    def count(store: Callable[[bytes], None]) -> int:
        done = 0
        while time.perf_counter() < end:
            store(os.urandom(SMALL_BYTES))
            done += 1
        return done

    with ThreadPoolExecutor(len(stores)) as pool:
        return sum(pool.map(count, stores)) / seconds * 60


def _post(connection: Connection, body: bytes) -> None:
    connection.call(compose("POST", ASSETS, body))


def _write_small(home: Path, body: bytes) -> None:
    path = home / new_id()
    with path.open("wb", buffering=0) as file:
        file.write(body)
        os.fsync(file.fileno())
    path.rename(path.with_suffix(".done"))
    folder = os.open(home, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def _measure_list(scratch: Scratch, rounds: int, seconds: float) -> Iterator[Line]:
    home = scratch.make_home()
    with open_daemon(scratch, home):
        pass  # makes the database
    database = home / "nexusd" / "nexusd.db"
    _fill(database)
    task = f"task-{ROWS // ASSETS_A_TASK // 2}"
    request = compose("GET", f"{ASSETS}?sourceTaskId={task}")
    latencies: list[float] = []
    floor: list[float] = []
    with open_daemon(scratch, home, machine.server_cores()) as daemon:
        answer = Connection(daemon.socket).call(request).partition(b"\r\n\r\n")[2]
        if len(json.loads(answer)["items"]) != ASSETS_A_TASK:
            raise RuntimeError("the list is not what was asked for")
        for _ in range(rounds):
            latencies.append(measure(daemon.socket, request, 1, seconds).p50)
            floor.append(_select(database, task, seconds))
    figure = Samples(f"{ASSETS_A_TASK} assets of a task, listed among {ROWS:,}, p50", "ms", latencies)
    yield Line(figure, Samples("sqlite3, the same rows as JSON", "ms", floor), Target(at_most=10))


def _fill(database: Path) -> None:
    """Add the rows by SQL: to upload a million files would take hours, and the list reads none."""
    now = "2026-01-02T12:00:00.000Z"
    with closing(sqlite3.connect(database)) as connection, connection:
        [(company,)] = connection.execute("SELECT id FROM companies")
        connection.executemany(
            "INSERT INTO assets (id, company_id, namespace, provider, object_key, content_type, byte_size, sha256,"
            " original_filename, source_task_id, created_at)"
            " VALUES (?, ?, 'attachments', 'local_disk', ?, 'image/png', 1, ?, 'a.png', ?, ?)",
            (
                (identity := new_id(), company, f"default/{identity}", f"{number:064x}", f"task-{number // ASSETS_A_TASK}", now)
                for number in range(ROWS)
            ),
        )


def _select(database: Path, task: str, seconds: float) -> float:
    """Return the middle time, in milliseconds, that the query and its JSON take without a server."""
    taken: list[float] = []
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        query = (
            "SELECT * FROM assets WHERE deleted_at IS NULL AND company_id = (SELECT id FROM companies) AND source_task_id = ?"
            f" ORDER BY id DESC LIMIT {PAGE}"
        )
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            json.dumps([dict(row) for row in connection.execute(query, (task,))])
            taken.append((time.perf_counter() - began) * 1000)
    return sorted(taken)[len(taken) // 2]
