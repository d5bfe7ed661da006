"""The retention of events: those that are too old, or too many, go.

Owns the task that prunes, and when it does. Leaves out whether the clock may be believed (`domain.retention`) and how events
are deleted (`store.retention`).

A pass prunes what is to go by number, then what is to go by age, a batch at a time; between two batches the writer is free for
everybody else. Where the age ends is found from the oldest event on, never by a scan. Then the task sleeps until there may be
something to do:

- by number: the hub says so, once there is a whole batch too many;
- by age: when the oldest event will be due. That is known, so no event has to wake anybody; but not sooner than
  `PAUSE_MIN_SECONDS`, so that a few events a minute do not cost a write each, nor later than `PAUSE_MAX_SECONDS`, since trio's
  clock stands still while the machine is suspended.

It writes only when there is something to prune; and a write without an event of its own is no activity, so a daemon that ends
when it is idle does.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import trio

from nexusd.contract.base import format_time
from nexusd.domain.retention import DOUBT_SECONDS, JUMP_SECONDS, Clocks, Trust, find_age_end, look
from nexusd.errors import Unavailable
from nexusd.store import events, retention

if TYPE_CHECKING:
    from collections.abc import Callable

    from nexusd.hub import Hub
    from nexusd.store.database import Database

logger = logging.getLogger("nexusd.retention")

PAUSE_MIN_SECONDS: Final = 300.0
PAUSE_MAX_SECONDS: Final = 6 * 3600.0
NEVER: Final = 2**63


@dataclass(frozen=True, slots=True)
class EventLimits:
    """How old events may become, and how many ids back from the newest they are kept; None = no bound."""

    age_seconds: float | None
    count: int | None


@dataclass(frozen=True, slots=True)
class _Rest:
    """How long there is nothing to do: so many seconds, unless an event comes whose id is above `until_id`."""

    seconds: float
    until_id: int = NEVER


def read_clocks() -> Clocks:
    """Look at both clocks."""
    return Clocks(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))


async def run(
    database: Database,
    hub: Hub,
    limits: EventLimits,
    *,
    read_clocks: Callable[[], Clocks] = read_clocks,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Prune now, and whenever there is something to prune, until the daemon stops.

    Cancellation: a batch that was begun is carried out, and leaves what the next life goes on from.
    """
    task_status.started()
    trust: Trust | None = None
    while not hub.is_stopping:
        clocks = read_clocks()
        was_believed = trust is None or trust.is_believed
        trust = look(trust, clocks)
        if was_believed and not trust.is_believed:
            logger.warning("the clock has jumped ahead; no event is pruned by age for a day", extra={"to": clocks.wall_seconds})
        try:
            rest = await _prune(database, limits, clocks, trust)
        except Unavailable as trouble:  # the disk, or too many who write: they come first
            logger.warning("events cannot be pruned yet", extra={"reason": str(trouble)})
            rest = _Rest(PAUSE_MIN_SECONDS)
        with trio.move_on_after(rest.seconds):
            await hub.wait_newer(rest.until_id)


async def _prune(database: Database, limits: EventLimits, clocks: Clocks, trust: Trust) -> _Rest:
    """Make one pass; return how long there is nothing more to do."""
    before = await database.read(events.get_bounds)
    if limits.count is not None:
        await _prune_through(database, before.pruned_through, before.highest - limits.count)
    seconds = math.inf
    if limits.age_seconds is not None:
        seconds = DOUBT_SECONDS
        if trust.is_believed:
            seconds = await _prune_old(database, limits.age_seconds, clocks.wall_seconds)
        seconds = min(max(seconds, PAUSE_MIN_SECONDS), PAUSE_MAX_SECONDS)
    after = await database.read(events.get_bounds)
    if after.pruned_through > before.pruned_through:
        logger.info("events pruned", extra={"from": before.pruned_through + 1, "through": after.pruned_through})
    until_id = NEVER if limits.count is None else after.pruned_through + limits.count + retention.BATCH_EVENTS - 1
    return _Rest(seconds, until_id)


async def _prune_through(database: Database, pruned_through: int, through: int) -> int:
    while pruned_through < through:
        pruned_through = await database.write(retention.prune, through)
    return pruned_through


async def _prune_old(database: Database, age_seconds: float, wall_seconds: float) -> float:
    """Prune what is older than that; return in how many seconds something will be."""
    now = datetime.fromtimestamp(wall_seconds, UTC)
    oldest_kept = format_time(now - timedelta(seconds=age_seconds))
    latest = format_time(now + timedelta(seconds=JUMP_SECONDS))
    position = pruned_through = (await database.read(events.get_bounds)).pruned_through
    while True:
        times = await database.read(retention.read_times, position)
        end = find_age_end(times, oldest_kept, latest)
        if end.through is not None:
            pruned_through = await _prune_through(database, pruned_through, end.through)
        if end.young_at is not None:
            return (datetime.fromisoformat(end.young_at) - now).total_seconds() + age_seconds
        if len(times) < retention.BATCH_EVENTS:
            return age_seconds  # whatever comes next will not be too old before
        position = times[-1][0]
