"""The loop of `top`: what was heard goes into the picture, keys into deeds, and what changed onto the screen.

Owns no rule: what there is to see is `board`'s, what keys mean `board_view`'s, how it looks `board_drawing`'s. Draws
every FRAME_SECONDS at most, however much happens, and each second for the clocks in it.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from nexusctl.commands.board_feed import ESTIMATES_MAX, Feed, ask, list_over
from nexusctl.errors import Interrupted, NexusctlError
from nexusctl.output.board import Board
from nexusctl.output.board_drawing import draw
from nexusctl.output.board_rows import Canvas
from nexusctl.output.board_view import Action, View
from nexusctl.output.fullscreen import Fullscreen
from nexusctl.output.keys import Keyboard
from nexusctl.output.screen import Screen
from nexusd.contract.events import SnapshotEndEvent

if TYPE_CHECKING:
    from nexusctl.client.nexus import Nexus
    from nexusctl.commands.session import Session

FRAME_SECONDS: Final = 0.05
CLOCK_SECONDS: Final = 1.0
ONCE_COLUMNS: Final = 120
_ANY: Final = 10_000


@dataclass(slots=True)
class Loop:
    """One run of `top`. `nexus` is for what is done while the screen is left."""

    session: Session
    nexus: Nexus
    screen: Screen
    terminal: Fullscreen
    feed: Feed
    board: Board = field(default_factory=Board)
    view: View = field(default_factory=View)
    keyboard: Keyboard = field(default_factory=Keyboard)

    def run(self) -> None:
        """Draw and obey, until the person leaves or the terminal is gone."""
        drawn_at = 0.0
        is_new = True
        while True:
            now = time.monotonic()
            if now >= drawn_at + (FRAME_SECONDS if is_new else CLOCK_SECONDS):
                self._draw()
                drawn_at, is_new = now, False
            due = drawn_at + (FRAME_SECONDS if is_new else CLOCK_SECONDS)
            typed = self.terminal.wait(due - time.monotonic())
            if typed is None:
                return
            is_new = self._hear() or bool(typed) or is_new
            for key in self.keyboard.feed(typed):
                action = self.view.press(key, self.board)
                if action is Action.QUIT:
                    return
                if action is not None:
                    self._obey(action)

    def _hear(self) -> bool:
        is_any = False
        for change in self.feed.take():
            change(self.board, self.view)
            is_any = True
        return is_any

    def _draw(self) -> None:
        columns, lines = self.terminal.size()
        self.view.settle(self.board)
        frame = draw(self.board, self.view, make_canvas(self.screen, columns, lines))
        self.terminal.draw(frame.lines)
        self.feed.wanted = active_of(self.board, frame.shown)

    def _obey(self, action: Action) -> None:
        job_id = self.view.chosen or ""
        if action is Action.LOG:
            self._show_log(job_id)
        elif action is Action.CANCEL:
            self.feed.do(lambda nexus: f"job {job_id[-8:]}: {nexus.cancel_job(job_id).outcome}")
        elif action is Action.RETRY:
            self.feed.do(lambda nexus: f"job {job_id[-8:]} once more: {nexus.retry_job(job_id).job_id[-8:]}")
        elif action is Action.OPEN:
            self.feed.do(lambda nexus: open_result(self.session, nexus, job_id))
        elif action is Action.PAUSE:
            self.feed.do(lambda nexus: f"paused; {nexus.pause_queue().running} go on")
        elif action is Action.RESUME:
            self.feed.do(lambda nexus: f"resumed; {nexus.resume_queue().queued} wait")

    def _show_log(self, job_id: str) -> None:
        """Hand the terminal to the log of a job, and come back by a key."""
        from nexusctl.commands.log_following import follow_log

        self.feed.look(is_seen=False)
        with self.terminal.left():
            self.screen.note(f"the log of job {job_id}; Ctrl-C comes back")
            try:
                follow_log(self.session, self.nexus, self.screen, job_id, None, raw=False, as_json=False)
            except Interrupted:
                pass
            except NexusctlError as error:
                self.screen.note(str(error))
            else:
                _wait_enter(self.screen)
        self.feed.look(is_seen=True)


def run_board(session: Session, nexus: Nexus, screen: Screen) -> None:
    """Show the live view. Raises KeyboardInterrupt on Ctrl-C, BrokenPipeError when the terminal is gone."""
    with Fullscreen() as terminal, Feed(session, terminal.wake) as feed:
        Loop(session, nexus, screen, terminal, feed).run()


def print_board(nexus: Nexus, screen: Screen) -> None:
    """Print one frame as text, as long as it is."""
    board, view = Board(), View()
    with nexus.follow_company(snapshot=True) as events:
        for event in events:
            board.take(event.name, event.data)
            if isinstance(event.data, SnapshotEndEvent):
                break
    list_over(nexus)(board, view)
    ask(nexus, active_of(board, [job.id for job in board.jobs()]))(board, view)
    canvas = make_canvas(screen, screen.style.width or ONCE_COLUMNS, _ANY)
    screen.write("\n".join(line.rstrip() for line in draw(board, view, canvas).lines[:-1] if line.strip()))


def active_of(board: Board, shown: list[str]) -> list[str]:
    """Return those jobs that are not over, as many as estimates are asked for."""
    over = {job.id for section in board.sections()[2:] for job in section.jobs}
    return [job_id for job_id in shown if job_id not in over][:ESTIMATES_MAX]


def open_result(session: Session, nexus: Nexus, job_id: str) -> str:
    """Open what a job made, and say where it is."""
    from nexusctl.commands.opening import fetch, find_asset, open_file

    notes = _Notes(session)
    path = fetch(nexus, find_asset(session, nexus, notes, job_id))
    open_file(path, session.opener, notes)
    return "; ".join([str(path), *notes.told])


def make_canvas(screen: Screen, columns: int, lines: int) -> Canvas:
    """Return the room that a terminal has."""
    canvas = Canvas(columns, lines, replace(screen.style, width=columns), datetime.now(UTC))
    return canvas if (sys.stdout.encoding or "").lower() in ("utf-8", "utf8") else canvas.in_ascii()


class _Notes(Screen):
    """Keeps what would be said on standard error, where the full screen is."""

    def __init__(self, session: Session) -> None:
        super().__init__(colour=session.colour, time=session.time)
        self.told: list[str] = []

    def note(self, text: str) -> None:
        """Keep a note."""
        self.told.append(text)


def _wait_enter(screen: Screen) -> None:
    """Wait for a line, or for Ctrl-C: either comes back."""
    screen.note("that was all of it; Enter comes back")
    try:
        os.read(sys.stdin.fileno(), 4096)
    except KeyboardInterrupt:
        return
