"""A world of jobs and a daemon that tells of it, as a model: what a stream says at every cursor, and what is true.

The model is the contract's, written a second time: it takes nothing from the client that it is to hold to it. A world is a
list of rows; time passes by `grow`, and `prune` forgets the beginning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tests.unit.nexusctl import documents
from tests.unit.nexusctl.documents import frame

TERMINAL = {"done", "failed"}


@dataclass(frozen=True)
class Row:
    """One event: its id, the job, and what the job became; that of another company is seen by nobody here."""

    id: int
    job: str
    status: str
    is_ours: bool = True


@dataclass
class World:
    """All rows that will ever be; those up to `highest` are there by now, those up to `pruned` are gone."""

    rows: list[Row]
    highest: int = 0
    pruned: int = 0
    begun: int = 0
    """Where the latest stream began that asked for what comes from then on."""

    def grow(self, count: int) -> None:
        """Let the next rows happen."""
        coming = [row.id for row in self.rows if row.id > self.highest][:count]
        self.highest = coming[-1] if coming else self.highest

    def prune(self, count: int) -> None:
        """Forget the oldest rows."""
        kept = [row.id for row in self.rows if self.pruned < row.id <= self.highest][:count]
        self.pruned = kept[-1] if kept else self.pruned

    def between(self, start: int, end: int, job: str | None = None) -> list[Row]:
        """Return our rows after `start`, up to `end`."""
        return [row for row in self.rows if start < row.id <= end and row.is_ours and job in (None, row.job)]

    def active(self, at: int) -> dict[str, str]:
        """Return what our jobs were at an id that were not over then."""
        last = {row.job: row.status for row in self.between(0, at)}
        return {job: status for job, status in last.items() if status not in TERMINAL}

    def refuses(self, cursor: int) -> str | None:
        """Return why a cursor cannot be resumed from."""
        return "future" if cursor > self.highest else "pruned" if cursor < self.pruned else None


@dataclass(frozen=True)
class Plan:
    """One connection: what happens before it and during it, and how its bytes come."""

    grow: int = 0
    prune: int = 0
    overlap: int = 0
    later: int = 0
    overtake: int | None = None
    ending: str = ""
    cut: int | None = None
    pieces: list[int] = field(default_factory=list)

    def chunks(self, stream: bytes) -> list[bytes]:
        """Cut the bytes of a connection; `cut` is where it broke."""
        stream = stream if self.cut is None else stream[: self.cut % (len(stream) + 1)]
        places = sorted({0, len(stream), *(place % (len(stream) + 1) for place in self.pieces)})
        return [stream[start:end] for start, end in pairwise(places)]


def tell_events(world: World, plan: Plan, cursor: int | None, *, snapshot: bool) -> bytes:
    """Return what the stream of a company says on one connection."""
    world.grow(plan.grow)
    world.prune(plan.prune)
    parts = [b"retry: 1000\n\n"]
    reason = None if cursor is None else world.refuses(cursor)
    if reason is not None or (cursor is None and snapshot):
        parts += [*_reset(world, reason, cursor), *_snapshot(world)]
        reached = world.highest
    elif cursor is None:
        parts.append(_keep_alive(world.highest))
        reached = world.begun = world.highest
    else:
        reached = cursor
        again = [row.id for row in world.between(0, cursor)][-plan.overlap or len(world.rows) :]  # a daemon may repeat itself
        parts += _rows(world, again[0] - 1 if again else cursor)
    if plan.overtake is not None:
        world.grow(plan.overtake)
        world.prune(plan.overtake + 1)
        parts += [*_reset(world, "pruned", reached), *_snapshot(world)]
    before = world.highest
    world.grow(plan.later)
    parts += [*_rows(world, before), *_ending(world, plan)]
    return b"".join(parts)


def tell_job(world: World, plan: Plan, cursor: int | None, job: str) -> bytes | None:
    """Return what the stream of a job says on one connection; None is a 204."""
    world.grow(plan.grow)
    world.prune(plan.prune)
    reason = None if cursor is None else world.refuses(cursor)
    state = world.between(0, world.highest, job)[-1].status
    parts = [b"retry: 1000\n\n"]
    if cursor is None or reason is not None:
        status = frame("status", documents.status_event(state, id=job), world.highest)
        parts += [*_reset(world, reason, cursor), status]
        cursor = world.highest
    elif state in TERMINAL and not world.between(cursor, world.highest, job):
        return None
    if state not in TERMINAL:
        world.grow(plan.later)
    for row in world.between(cursor, world.highest, job):
        parts.append(frame("status", documents.status_event(row.status, id=job), row.id))
        if row.status in TERMINAL:
            return b"".join(parts)
    return b"".join([*parts, *_ending(world, plan)])


def _rows(world: World, cursor: int) -> list[bytes]:
    parts = []
    for row in world.between(cursor, world.highest):
        data = documents.status_event(row.status, id=row.job) | {"jobId": row.job}
        parts.append(frame(f"content_job.{row.status}", data, row.id))
    return [*parts, _keep_alive(world.highest)]


def _snapshot(world: World) -> list[bytes]:
    active = world.active(world.highest)
    jobs = [frame("snapshot", documents.status_event(status, id=job) | {"jobId": job}) for job, status in active.items()]
    end = {"jobs": len(active), "complete": True, "resumedFrom": world.highest}
    return [*jobs, frame("snapshot.end", end, world.highest)]


def _reset(world: World, reason: str | None, requested: int | None) -> list[bytes]:
    if reason is None:
        return []
    data: dict[str, Any] = {"reason": reason, "requested": requested, "resumedFrom": world.highest}
    return [frame("reset", {**data, "oldestAvailable": world.pruned + 1})]


def _ending(world: World, plan: Plan) -> list[bytes]:
    if plan.ending == "lagging":
        return [frame("lagging", {"cursor": world.highest, "behind": 4097}, world.highest)]
    return [frame("server.stopping", {"retryAfterSeconds": 1})] if plan.ending == "stopping" else []


def _keep_alive(number: int) -> bytes:
    return f"id: {number}\n\n".encode()
