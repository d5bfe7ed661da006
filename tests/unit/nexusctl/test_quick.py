"""One GET in time, or none: whatever a peer does."""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nexusctl.client.quick import NoAnswer, get
from tests.support.patience import HANG_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A private folder with a short name."""
    with tempfile.TemporaryDirectory(prefix="nx-") as name:
        yield Path(name)


@contextmanager
def peer(folder: Path, *pieces: bytes, stays: bool = False) -> Iterator[Path]:
    """Somebody who takes one connection and says these pieces; with `stays`, who then neither speaks nor goes."""
    path, over = folder / "s", threading.Event()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                for piece in pieces:
                    connection.sendall(piece)
                if stays:
                    over.wait(HANG_SECONDS)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield path
        over.set()
        thread.join(HANG_SECONDS)


def soon(seconds: float = 20) -> float:
    return time.monotonic() + seconds


@pytest.mark.parametrize("pieces", [[HEAD + b"hello"], [HEAD[:20], HEAD[20:], b"hel", b"lo"], [HEAD + b"hello, and more"]])
def test_an_answer_in_any_number_of_pieces(folder: Path, pieces: list[bytes]) -> None:
    with peer(folder, *pieces, stays=True) as path:
        assert get(path, "/x", soon()) == b"hello"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        HEAD + b"hel",
        HEAD.replace(b"200", b"404") + b"hello",
        HEAD.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked\r\nContent-Length: 5") + b"hello",
        HEAD.replace(b": 5", b": five") + b"hello",
        HEAD.replace(b"Content-Length: 5\r\n", b"") + b"hello",
        b"\xff" * 100,
    ],
)
def test_anything_else_is_no_answer(folder: Path, answer: bytes) -> None:
    with peer(folder, answer) as path, pytest.raises(NoAnswer):
        get(path, "/x", soon())


def test_a_peer_that_hangs_is_given_up_at_the_deadline(folder: Path) -> None:
    with peer(folder, HEAD, stays=True) as path:
        began = time.monotonic()
        with pytest.raises(NoAnswer):
            get(path, "/x", soon(0.05))
        assert time.monotonic() - began < 10


def test_nobody_is_asked_where_others_may_write(folder: Path) -> None:
    with peer(folder, HEAD + b"hello") as path:
        folder.chmod(0o777)
        with pytest.raises(NoAnswer, match="others may write"):
            get(path, "/x", soon())
        folder.chmod(0o700)
        assert get(path, "/x", soon()) == b"hello"


def test_without_a_peer_or_time_there_is_no_answer(folder: Path) -> None:
    for path, deadline in ((folder / "none", soon()), (folder / ("x" * 200), soon()), (folder / "none", soon(-1))):
        with pytest.raises(NoAnswer):
            get(path, "/x", deadline)
