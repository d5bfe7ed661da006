"""A log that is followed: from a place in it, through what is there, to what comes; over one attempt, or to the job's end.

Owns where a follower stands, an attempt and an offset, and nothing else: what is told is read from the file when it is asked
for, a piece at a time, so a reader that is slow holds its own offset and no bytes.

Invariants:
1. Every byte of an attempt after the place is told once, in order, before the attempt's end is. The runner closes the file and
   then stores the end; the end is read first here and then the file: so what is read last is the whole.
2. Without `raw` no piece ends within a character, unless the log does.
3. A wake-up that is lost costs `KEEP_ALIVE_SECONDS` at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from nexusd.contract.logs import to_position
from nexusd.service.log_files import decode_part, read_part
from nexusd.store import queries

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from nexusd.domain.states import JobStatus
    from nexusd.hub import Hub
    from nexusd.store.database import Database
    from nexusd.store.queries import Progression

PIECE_BYTES: Final = 64 * 1024
PIECE_INTERVAL_SECONDS: Final = 0.05
"""What comes so soon after a piece is joined to one: a child that writes a line at a time costs twenty looks a second."""
KEEP_ALIVE_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an attempt's log."""

    attempt: int
    offset: int
    body: bytes

    @property
    def next_offset(self) -> int:
        """Where the log goes on."""
        return self.offset + len(self.body)


@dataclass(frozen=True, slots=True)
class Silence:
    """There was nothing to tell for a while."""

    position: int


@dataclass(frozen=True, slots=True)
class End:
    """All was told. `attempt` is None when there never was one."""

    position: int
    attempt: int | None
    status: JobStatus


@dataclass(frozen=True, slots=True)
class Stop:
    """The daemon stops."""


News = Piece | Silence | End | Stop


@dataclass(slots=True)
class Place:
    """Where a follower of a job's log stands. Before the first attempt that is the first attempt's."""

    job_id: str
    attempt: int
    offset: int

    @property
    def position(self) -> int:
        """The same as a number."""
        return to_position(self.attempt, self.offset)


@dataclass(slots=True)
class Follower:
    """One reader of a job's log. `stays` with the attempt of its place; `follow` is called once."""

    database: Database
    hub: Hub
    directory: Path
    company_id: str
    place: Place
    stays: bool
    raw: bool
    keep_alive_seconds: float = KEEP_ALIVE_SECONDS

    def is_over(self, job: Progression) -> bool:
        """Tell whether nothing comes any more but what is in the file at the place."""
        if self.stays:
            return job.ended[self.place.attempt]
        return job.status.is_terminal and self.place.attempt >= (job.latest or 1)

    async def follow(self) -> AsyncGenerator[News, None]:
        """Tell what is there and what comes, until the end or the daemon's stop."""
        place = self.place
        with self.hub.watch_log(place.job_id):
            while not self.hub.is_stopping:
                # before the looks at the store and the file: what comes meanwhile must not be missed
                version, cursor = self.hub.log_version(place.job_id), self.hub.highest_event_id
                job = await self.database.read(queries.get_progression, self.company_id, place.job_id)
                joined_until, is_more = trio.current_time(), place.attempt in job.ended
                while is_more:
                    piece, is_more = await self._read(job)
                    if piece is not None:
                        yield piece
                        place.offset = piece.next_offset
                        joined_until = trio.current_time() + PIECE_INTERVAL_SECONDS
                if self._has_turned(job):
                    continue
                if self.is_over(job):
                    yield End(place.position, job.latest and place.attempt, job.status)
                    return
                with trio.move_on_after(self.keep_alive_seconds) as waiting:
                    await self._wait(job, version, cursor)
                    await trio.sleep_until(joined_until)
                if waiting.cancelled_caught:
                    yield Silence(place.position)
        yield Stop()

    async def _read(self, job: Progression) -> tuple[Piece | None, bool]:
        """Return the next piece, None when there is nothing more just now, and whether the file goes on after it."""
        place = self.place
        body, size = await trio.to_thread.run_sync(
            read_part, self.directory, place.job_id, place.attempt, place.offset, PIECE_BYTES
        )
        is_more = place.offset + len(body) < size
        if not self.raw:
            _, used = decode_part(body, job.ended[place.attempt] and not is_more)
            body = body[:used]
        return Piece(place.attempt, place.offset, body) if body else None, is_more

    def _has_turned(self, job: Progression) -> bool:
        """Go on to the next attempt, if there is one and this one has ended."""
        place = self.place
        if self.stays or place.attempt + 1 not in job.ended:
            return False
        place.attempt, place.offset = place.attempt + 1, 0
        return True

    async def _wait(self, job: Progression, version: int, cursor: int) -> None:
        """Wait for the log of an attempt that is under way, for any event otherwise: for the start of the next, or the end."""
        if job.ended.get(self.place.attempt) is False:
            await self.hub.wait_log(self.place.job_id, version)
        else:
            await self.hub.wait_newer(cursor)
