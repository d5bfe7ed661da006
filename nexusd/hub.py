"""Wake-ups: tells waiting tasks that the store holds something newer, or that the daemon stops. Carries no data.

Owns numbers and the tasks that wait for higher ones: the highest committed event id; a count of what was asked of the queue in
this life of the daemon (a pause, its end, the cancel of a job); and for each job whose log somebody watches, a version that
counts how often it grew, and that an attempt ended. Whoever wakes re-reads the store, or the file; so losing a wake-up would
cost latency, never truth. Only ever touched from the trio thread: the writer hands the number over after its commit.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

from nexusd import failpoints

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class _Log:
    version: int = 0
    watchers: int = 0
    changed: trio.Event = field(default_factory=trio.Event)

    def wake(self) -> None:
        self.changed.set()
        self.changed = trio.Event()


class Hub:
    """The highest event id that is committed, and a way to wait for the next."""

    def __init__(self) -> None:
        self._highest = 0
        self._queue_version = 0
        self._stopping = False
        self._changed = trio.Event()
        self._queue_changed = trio.Event()
        self._logs: dict[str, _Log] = {}

    @property
    def highest_event_id(self) -> int:
        """The highest committed event id this process knows of."""
        return self._highest

    def publish(self, event_id: int) -> None:
        """Wake every waiter whose cursor is below `event_id`. A number that is not news wakes nobody."""
        if event_id <= self._highest:
            return
        failpoints.hit("hub.publish.before")
        self._highest = event_id
        self._changed.set()
        self._changed = trio.Event()
        failpoints.hit("hub.publish.after")

    def publish_queue(self) -> None:
        """Wake whoever runs the queue: something was asked of it."""
        self._queue_version += 1
        self._queue_changed.set()
        self._queue_changed = trio.Event()

    @contextmanager
    def watch_log(self, job_id: str) -> Iterator[None]:
        """Keep the version of a job's log for the length of the block; nobody counts for those who do not watch."""
        log = self._logs.setdefault(job_id, _Log())
        log.watchers += 1
        try:
            yield
        finally:
            log.watchers -= 1
            if not log.watchers:
                del self._logs[job_id]

    def log_version(self, job_id: str) -> int:
        """Return the version of the log of a job that is watched. To be asked before the look at the file."""
        return self._logs[job_id].version

    def publish_log(self, job_id: str) -> None:
        """Wake everybody who waits for a job's log: it has grown, or an attempt has ended."""
        if (log := self._logs.get(job_id)) is not None:
            log.version += 1
            log.wake()

    async def wait_log(self, job_id: str, version: int) -> int:
        """Return the version of a log that is watched as soon as it is above `version`, or as it is when the daemon stops."""
        log = self._logs[job_id]
        while log.version <= version and not self._stopping:
            await log.changed.wait()
        return log.version

    @property
    def is_stopping(self) -> bool:
        """Whether the daemon stops."""
        return self._stopping

    def stop(self) -> None:
        """Let everybody know that the daemon stops: streams end, only `wait_commit` and `wait_queue` go on."""
        self._stopping = True
        self._changed.set()
        self._changed = trio.Event()
        for log in self._logs.values():
            log.wake()

    async def wait_newer(self, cursor: int) -> int:
        """Return the highest event id as soon as it is above `cursor`, or as it is when the daemon stops."""
        while self._highest <= cursor and not self._stopping:
            await self._changed.wait()
        return self._highest

    async def wait_commit(self, cursor: int) -> int:
        """Return the highest event id as soon as it is above `cursor`, while the daemon stops as well."""
        while self._highest <= cursor:
            await self._changed.wait()
        return self._highest

    async def wait_queue(self, version: int) -> int:
        """Return how often something was asked of the queue as soon as that is above `version`, while the daemon stops too."""
        while self._queue_version <= version:
            await self._queue_changed.wait()
        return self._queue_version
