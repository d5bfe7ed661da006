"""A life that is killed at a certain system call, again and again: each in a process forked from one that has imported it all.

    python -m tests.support.deaths        that process; it reads requests, one JSON object a line, and answers each with a line

What such a life was told it wrote down before it went on, in the file `told`: a line for each step that it had begun, and one
for each that was acknowledged.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import trio

from nexusd.errors import AssetPinned
from tests.support.shelves import COMPANY, Life, Mortal, kill_self, open_life

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
TOLD: Final = "told"
KEPT_BYTES: Final = 12


@dataclass(frozen=True)
class Deaths:
    """The process that forks."""

    process: subprocess.Popen[bytes]

    def live(self, directory: Path, deadline: int | None, wrong: str | None = None) -> bool:
        """Live in a directory until so many system calls were made; tell whether death came before the end."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        request = {"directory": str(directory), "deadline": deadline, "wrong": wrong}
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        code = int(self.process.stdout.readline())
        assert code in (0, -9), code
        return code == -9


@contextmanager
def open_deaths() -> Iterator[Deaths]:
    """Start the process that forks; on leaving, end it."""
    command = [sys.executable, "-m", "tests.support.deaths"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Deaths(process)  # on leaving, its input is closed, and it ends


def read_told(directory: Path) -> list[dict[str, Any]]:
    """Return what a life was told."""
    return [json.loads(line) for line in (directory / TOLD).read_text().splitlines()]


async def live(directory: Path, deadline: int | None, wrong: str | None) -> None:
    """Live once: put, share, pin, delete, collect and retire."""
    with (directory / TOLD).open("a", buffering=1) as told:

        def tell(what: str, asset_id: str, sha256: str = "") -> None:
            told.write(json.dumps({"what": what, "id": asset_id, "sha256": sha256}) + "\n")

        async def upload(life: Life, content: bytes) -> str:
            asset = await life.upload(content)
            tell("uploaded", asset.id, asset.sha256)
            return asset.id

        async def delete(life: Life, asset_id: str) -> None:
            tell("deleting", asset_id)
            await life.assets.delete(COMPANY, asset_id)
            tell("deleted", asset_id)

        async with open_life(directory, Mortal(deadline, kill_self), wrong) as life:
            first, twin, other = [await upload(life, content) for content in (b"same", b"same", b"others")]
            await life.assets.pin(COMPANY, other)
            tell("pinned", other)
            await delete(life, first)
            with suppress(AssetPinned):
                await life.assets.delete(COMPANY, other)
            await life.storage.collect()
            await delete(life, twin)
            for content in (b"same", b"more", b"most", b"most"):
                await upload(life, content)
            tell("retiring", "")
            await life.retire(KEPT_BYTES)
            await life.storage.collect()
            tell("lived", "")


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Fork and reap as asked, until there are no more requests."""
    for line in requests:
        request = json.loads(line)
        if (pid := os.fork()) == 0:
            _be_life(request)
        _, status = os.waitpid(pid, 0)
        answers.write(b"%d\n" % os.waitstatus_to_exitcode(status))
        answers.flush()


def _be_life(request: dict[str, Any]) -> None:
    """Live; never return."""
    code = 1
    try:
        trio.run(live, Path(request["directory"]), request["deadline"], request["wrong"])
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
