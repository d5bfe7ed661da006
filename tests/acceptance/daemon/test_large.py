"""Two gigabytes pass through a daemon that stays as small as it was."""

from __future__ import annotations

import hashlib
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.daemons import ASSETS, JOBS, Program
from tests.support.scripted import DONE, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

MEBIBYTE: Final = 1024 * 1024
SIZE: Final = 2048 * MEBIBYTE
PEAK_OF_MEMORY: Final = "5"
"""What resets VmHWM, written to clear_refs. Source: proc(5)."""


def memory_bytes(pid: int, field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def fetch(path: Path, target: str) -> Iterator[memoryview]:
    """Yield the body of an answer, through one buffer."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(f"GET {target} HTTP/1.1\r\nHost: nexusd\r\nConnection: close\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        assert head.startswith(b"HTTP/1.1 200 ")
        yield memoryview(head.partition(b"\r\n\r\n")[2])
        buffer = memoryview(bytearray(MEBIBYTE))
        while count := client.recv_into(buffer):
            yield buffer[:count]


def test_two_gigabytes_are_stored_and_fetched_in_constant_memory(home: Path) -> None:
    settings = {"NEXUSD_GENERATED_ASSET_MAX_BYTES": str(SIZE), "NEXUSD_WORK_MAX_BYTES": "0"}
    with Program(home, environment=settings) as program, program.client() as client:
        program.start()

        def render(*steps: tuple[object, ...]) -> dict[str, object]:
            job = program.follow_until(client.post(JOBS, json=scripted(*steps)).json()["jobId"])
            assert job["status"] == "done", job
            asset: dict[str, object] = client.get(f"{ASSETS}/{job['resultAssetId']}").json()
            return asset

        for _ in fetch(program.socket, f"{ASSETS}/{render(DONE)['id']}/content"):
            pass  # all that is imported late is imported now
        Path(f"/proc/{program.pid}/clear_refs").write_text(PEAK_OF_MEMORY)
        before = memory_bytes(program.pid, "VmRSS")
        asset = render(("stretch", "a.bin", SIZE))
        received, came = hashlib.sha256(), 0
        for piece in fetch(program.socket, f"{ASSETS}/{asset['id']}/content"):
            received.update(piece)
            came += len(piece)
        assert (came, received.hexdigest()) == (asset["byteSize"], asset["sha256"]) == (SIZE, asset["sha256"])
        grown = memory_bytes(program.pid, "VmHWM") - before
        stored = program.state / "assets" / str(asset["objectKey"])
        assert stored.stat().st_size == SIZE
        assert stored.stat().st_blocks * 512 < MEBIBYTE, "it was copied: the renderer's file takes no room"
        assert grown < 20 * MEBIBYTE
        assert program.stop() == 0
