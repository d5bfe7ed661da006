"""What the person at `top` has chosen: the row, the question that is open, the line at the bottom. No I/O.

`press` takes a key and says what is to be done; who does it tells the outcome by `message`.

Invariant: nothing is cancelled without a `y` that follows the question, and any other key takes the question back.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from nexusctl.output.text import clean_line

if TYPE_CHECKING:
    from nexusctl.output.board import Board
    from nexusd.contract.jobs import JobSummary

PAGE: Final = 10
_STEPS: Final = {"up": -1, "k": -1, "down": 1, "j": 1, "page-up": -PAGE, "page-down": PAGE, "home": -(10**9), "end": 10**9}
_STEPS_OF_LETTERS: Final = {"g": "home", "G": "end"}


class Action(StrEnum):
    """What a key asks for. All but the last three concern the job that is chosen."""

    CANCEL = "cancel"
    RETRY = "retry"
    OPEN = "open"
    LOG = "log"
    PAUSE = "pause"
    RESUME = "resume"
    QUIT = "quit"


@dataclass(slots=True)
class View:
    """The choice. `message` is cleaned when it is drawn."""

    chosen: str | None = None
    message: str = ""
    is_error: bool = False
    asks_for: str | None = None
    """The job whose cancelling waits for a `y`."""
    shows_help: bool = False
    _place: int = 0

    def settle(self, board: Board) -> None:
        """Keep the choice on a row that exists: its job where that is, else what stands in its place now."""
        ids = [job.id for job in board.jobs()]
        if self.chosen in ids:
            self._place = ids.index(self.chosen)
        elif ids:
            self._place = min(self._place, len(ids) - 1)
            self.chosen = ids[self._place]
        else:
            self.chosen, self._place = None, 0

    def press(self, key: str, board: Board) -> Action | None:
        """Take a key; return what to do about it."""
        self.settle(board)
        if key == "q":
            return Action.QUIT
        if self.asks_for is not None:
            return self._answer(key)
        self.message, self.is_error = "", False
        if self.shows_help or key == "?":
            self.shows_help = not self.shows_help
            return None
        if (step := _STEPS.get(_STEPS_OF_LETTERS.get(key, key))) is not None:
            self._move(step, board)
            return None
        if key == "p":
            return Action.RESUME if board.is_paused() else Action.PAUSE
        return self._act(key, next((job for job in board.jobs() if job.id == self.chosen), None))

    def tell(self, message: str, *, is_error: bool = False) -> None:
        """Say something at the bottom, until the next key."""
        self.message, self.is_error = message, is_error

    def question(self) -> str:
        """Return the question that is open, or an empty text."""
        return f"cancel job {clean_line(self.asks_for)[-8:]}? y/n" if self.asks_for is not None else ""

    def _answer(self, key: str) -> Action | None:
        if key in ("y", "Y"):
            self.chosen, self.asks_for = self.asks_for, None
            return Action.CANCEL
        self.asks_for = None
        self.tell("not cancelled")
        return None

    def _move(self, step: int, board: Board) -> None:
        ids = [job.id for job in board.jobs()]
        if ids:
            self._place = max(0, min(self._place + step, len(ids) - 1))
            self.chosen = ids[self._place]

    def _act(self, key: str, job: JobSummary | None) -> Action | None:
        action = {"c": Action.CANCEL, "r": Action.RETRY, "o": Action.OPEN, "l": Action.LOG, "enter": Action.LOG}.get(key)
        if action is None:
            return None
        if job is None:
            self.tell("there is no job to do that with", is_error=True)
        elif (refusal := _refusal(action, job)) is not None:
            self.tell(refusal, is_error=True)
        elif action is Action.CANCEL:
            self.asks_for = job.id
        else:
            return action
        return None


def _refusal(action: Action, job: JobSummary) -> str | None:
    """Return why something cannot be done with a job, as far as that is known without asking."""
    name = f"job {clean_line(job.id)[-8:]} is"
    if action is Action.CANCEL and job.status.is_terminal:
        return f"{name} over: there is nothing to cancel"
    if action is Action.RETRY and not job.status.is_terminal:
        return f"{name} not over: retry it when it is, or cancel it first"
    if action is Action.OPEN and job.result_asset_id is None:
        return f"{name} {job.status}: there is nothing to open"
    return None
