"""Printing a log as it is written: what `logs --follow` does.

Every piece is printed at once; of clean text, every line that is whole. Invariant: Ctrl-C only ends the printing; the job goes
on, and the error says how to come back to it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from nexusctl.errors import Interrupted
from nexusctl.output.text import Cleaner
from nexusd.contract.logs import LogEvent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nexusctl.client.log_following import LogFrame
    from nexusctl.client.nexus import Nexus
    from nexusctl.commands.session import Session
    from nexusctl.output.screen import Screen


def follow_log(
    session: Session, nexus: Nexus, screen: Screen, job_id: str, attempt: int | None, *, raw: bool, as_json: bool
) -> None:
    """Print a log to its end: as clean text, as the bytes they are, or one line of JSON for each frame.

    Raises Interrupted on Ctrl-C.
    """
    frames = nexus.follow_log(job_id, attempt=attempt)
    try:
        if as_json:
            for frame in frames:
                screen.write_json_line({"id": frame.id, "event": frame.name, **frame.document})
        elif raw:
            for piece in _pieces(frames):
                sys.stdout.buffer.write(nexus.read_raw_piece(job_id, piece))
                sys.stdout.buffer.flush()
        else:
            _print_text(frames, screen)
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped following; job {job_id} is not touched",
            hint=f"follow it again with: {session.suggest('logs', '--follow', job_id)}",
        ) from None


def _pieces(frames: Iterator[LogFrame]) -> Iterator[LogEvent]:
    return (frame.data for frame in frames if isinstance(frame.data, LogEvent))


def _print_text(frames: Iterator[LogFrame], screen: Screen) -> None:
    cleaner, attempt = Cleaner(), 0
    try:
        for piece in _pieces(frames):
            if attempt not in (0, piece.attempt):
                _print(screen, cleaner.close())
                screen.note(f"attempt {piece.attempt}")
            attempt = piece.attempt
            _print(screen, cleaner.feed(piece.text))
    finally:
        _print(screen, cleaner.close())
    if not attempt:
        screen.note("nothing was written")


def _print(screen: Screen, text: str) -> None:
    if text:
        screen.write_part(text)
        sys.stdout.flush()
