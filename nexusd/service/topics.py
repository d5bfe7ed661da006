"""What live readers of the same events share: a bounded log of frames, and the places they stand at.

A topic is one scope: a job, a company or all companies, perhaps narrowed to some types. The feed appends to it and never waits;
each reader takes from it in its own task, at its own speed, and holds nothing but its place. What is pending for it is joined
into one piece, and readers at the same place are handed the same one.

Invariants
1. Every frame of the scope with an id above `floor` that the feed has passed on is in the log.
2. The log holds what some reader has yet to take, and at most the window; then the oldest goes, whoever still needs it.
3. A reader is given each frame above its cursor once, in the order of ids, or learns that it cannot be.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nexusd.store.events import Scope


@dataclass(frozen=True, slots=True)
class Window:
    """How far a live reader may fall behind, and how much it is handed at once."""

    max_events: int = 4096
    max_bytes: int = 1024 * 1024
    piece_max_bytes: int = 64 * 1024


WINDOW: Final = Window()


class Topic:
    """The log of one scope. `floor` is the cursor of the feed when it was opened."""

    def __init__(self, scope: Scope, floor: int, window: Window) -> None:
        self.scope = scope
        self.floor = floor
        self.places = 0
        """How many read here."""
        self.first = 0
        """The position of the oldest frame that is held. Positions are counted from the first frame ever."""
        self.lost_before = 0
        """Positions below this were lost by the feed itself, not by a reader that was too slow."""
        self.beats = 0
        self.told_at = trio.current_time()
        self.terminal_id: int | None = None
        """The id of the frame that is the last of all; only a job has one."""
        self._window = window
        self._ids: list[int] = []
        self._frames: list[bytes] = []
        self._size = 0
        self._waiting = trio.lowlevel.ParkingLot()
        self._piece: tuple[int, bytes, int] | None = None

    @property
    def end(self) -> int:
        """The position of the next frame to come."""
        return self.first + len(self._ids)

    def append(self, ids: Sequence[int], frames: Sequence[bytes]) -> None:
        """Add frames, whose ids are above all before, and wake who waits for them."""
        if len(self._waiting) == self.places:  # whoever waits has taken everything
            self._drop(len(self._ids))
        self._ids += ids
        self._frames += frames
        self._size += sum(map(len, frames))
        excess = max(0, len(self._ids) - self._window.max_events)
        size = self._size - sum(map(len, self._frames[:excess]))
        while size > self._window.max_bytes and excess < len(self._ids) - 1:
            size -= len(self._frames[excess])
            excess += 1
        self._drop(excess)
        self._piece = None
        self.wake()

    def beat(self) -> None:
        """Wake who waits although nothing has come."""
        self.beats += 1
        self.wake()

    def wake(self) -> None:
        """Let every `wait` return."""
        self.told_at = trio.current_time()
        self._waiting.unpark_all()

    def cut(self, floor: int) -> None:
        """Forget everything: what came before `floor` is not known here, and readers must find it elsewhere."""
        self._drop(len(self._ids))
        self.floor = floor
        self.first += 1  # what was lost, however much it was
        self.lost_before = self.first
        self.wake()

    async def wait(self) -> bool:
        """Return at the next wake-up; tell whether that was a beat."""
        beats = self.beats
        await self._waiting.park()
        return self.beats != beats

    def find(self, position: int, cursor: int) -> int:
        """Return the position of the first frame with an id above `cursor`, at or after `position`."""
        return self.first + bisect_right(self._ids, cursor, position - self.first)

    def id_at(self, position: int) -> int:
        """Return the id of a frame that is held."""
        return self._ids[position - self.first]

    def piece_at(self, position: int) -> tuple[bytes, int]:
        """Return what is pending from a held frame on, joined, as much as is handed out at once; and the position after it."""
        known = self._piece
        if known is not None and known[0] == position:
            return known[1], known[2]
        start = self.first
        end = position + 1
        size = len(self._frames[position - start])
        last = start + len(self._frames)
        while end < last and (size := size + len(self._frames[end - start])) <= self._window.piece_max_bytes:
            end += 1
        frames = self._frames[position - start : end - start]
        joined = frames[0] if len(frames) == 1 else b"".join(frames)
        self._piece = position, joined, end
        return joined, end

    def _drop(self, count: int) -> None:
        if count:
            self.floor = self._ids[count - 1]
            self.first += count
            self._size -= sum(map(len, self._frames[:count]))
            del self._ids[:count]
            del self._frames[:count]


class Place:
    """Where one reader stands: everything up to `cursor` was given to it.

    It is `live` while it takes from the log; before, it reads what happened earlier elsewhere.
    """

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._position = 0
        self.cursor = 0
        self.live = False

    def join(self, cursor: int) -> None:
        """Stand at `cursor`, and go live if the log goes back as far as that."""
        self.cursor = cursor
        self.live = cursor >= self._topic.floor
        if self.live:
            self._position = self._topic.find(self._topic.first, cursor)

    def leave(self) -> None:
        """Go live no more: what is next is to be found elsewhere."""
        self.live = False

    def take(self) -> bytes | None:
        """Return the next piece, None when nothing is pending or this reader has fallen off the log."""
        topic = self._topic
        if not topic.first <= self._position < topic.end:
            return None
        if topic.id_at(self._position) <= self.cursor:  # known from elsewhere before it came here
            self._position = topic.find(self._position, self.cursor)
            return self.take()
        piece, self._position = topic.piece_at(self._position)
        self.cursor = topic.id_at(self._position - 1)
        return piece

    def skip(self) -> None:
        """Take nothing of what is pending."""
        self._position = self._topic.end

    async def wait(self) -> bool:
        """Wait until something is pending, or lost, or the feed ends, all of which may also prove untrue.

        To be called only when nothing is pending. Tell whether nothing came for so long that it is time for a sign of life.
        """
        return await self._topic.wait() and self._position == self._topic.end

    @property
    def behind(self) -> int:
        """How many frames are pending, those that fell off the log as well."""
        return self._topic.end - self._position

    @property
    def is_lost(self) -> bool:
        """Whether this reader fell off the log."""
        return self._position < self._topic.first

    @property
    def is_cut(self) -> bool:
        """Whether that was so because the feed itself lost events, not because this reader was too slow."""
        return self._position < self._topic.lost_before

    @property
    def has_ended(self) -> bool:
        """Whether the last frame of all has come."""
        return self._topic.terminal_id is not None

    @property
    def is_at_end(self) -> bool:
        """Whether the last frame of all was taken."""
        terminal_id = self._topic.terminal_id
        return terminal_id is not None and self.cursor >= terminal_id
