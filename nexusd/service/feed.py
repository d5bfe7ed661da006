"""The one reader of new events: reads each once for all who follow, encodes it once for each way to name it, and passes it on.

Owns the topics (see `topics`) and the task that fills them. Leaves out history, snapshots and connections: those are `streams`.
It waits for the hub and for the database, never for a reader. While nobody follows it reads nothing.

How a reader gets along without a seam: it subscribes first; then it reads what happened before, up to the topic's floor or
beyond, from the database; then it takes from the topic what lies above its cursor.

Invariants
1. `cursor`: every event up to it was passed on to the topics of that moment. A topic that is opened starts its log there.
2. A wake-up of the hub that is lost costs at most the time between two signs of life.
3. When the retention was faster than the feed, every topic is cut: its readers find out from the database what that means.
"""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import trio

from nexusd.contract.events import EventType
from nexusd.contract.sse import encode_frame
from nexusd.domain.states import TERMINAL
from nexusd.errors import Unavailable
from nexusd.service.topics import WINDOW, Place, Topic, Window
from nexusd.store import events
from nexusd.store.events import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nexusd.hub import Hub
    from nexusd.store.database import Database
    from nexusd.store.events import StoredEvent

logger = logging.getLogger("nexusd.service")

KEEP_ALIVE_SECONDS: Final = 15.0
TROUBLE_SECONDS: Final = 1.0
EVERYTHING: Final = Scope()
TERMINAL_TYPES: Final = frozenset(events.type_for(status).value for status in TERMINAL)


def encode_event(event: StoredEvent, scope: Scope) -> bytes:
    """Return an event as a frame. A job's stream has two names, the others are named by the event's type."""
    name = event.type
    if scope.job_id is not None:
        name = "progress" if name == EventType.JOB_PROGRESS else "status"
    return encode_frame(event.id, name, event.data)


class Feed:
    """Passes new events on to those who subscribed; `run` must be running."""

    def __init__(
        self, database: Database, hub: Hub, *, window: Window = WINDOW, keep_alive_seconds: float = KEEP_ALIVE_SECONDS
    ) -> None:
        self.cursor = 0
        self.is_over = False
        """Whether the daemon stops. Nothing is passed on any more, and nobody waits."""
        self._database = database
        self._hub = hub
        self._window = window
        self._keep_alive_seconds = keep_alive_seconds
        self._topics: dict[Scope, Topic] = {}
        self._by_subject: defaultdict[tuple[str | None, str | None], list[Topic]] = defaultdict(list)
        self._patience = trio.CancelScope()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Pass on what happens until the hub stops.

        Ordering: on return every reader has been woken and finds `is_over`.
        """
        self.cursor = self._hub.highest_event_id
        task_status.started()
        try:
            while not self._hub.is_stopping:
                with trio.CancelScope(deadline=self._next_beat_at()) as self._patience:
                    await self._hub.wait_newer(self.cursor)
                await self._read_on()
                self._beat()
        finally:
            self.is_over = True
            for topic in self._topics.values():
                topic.wake()

    @contextmanager
    def subscribe(self, scope: Scope) -> Iterator[Place]:
        """Be a reader of `scope` for the length of the block. Nothing was given to it yet: its cursor is to be set."""
        topic = self._topics.get(scope) or self._open(scope)
        topic.places += 1
        try:
            yield Place(topic)
        finally:
            topic.places -= 1
            if not topic.places:
                self._close(topic)

    def _open(self, scope: Scope) -> Topic:
        topic = self._topics[scope] = Topic(scope, self.cursor, self._window)
        self._by_subject[scope.company_id, scope.job_id].append(topic)
        self._patience.deadline = min(self._patience.deadline, topic.told_at + self._keep_alive_seconds)
        return topic

    def _close(self, topic: Topic) -> None:
        subject = topic.scope.company_id, topic.scope.job_id
        del self._topics[topic.scope]
        self._by_subject[subject].remove(topic)
        if not self._by_subject[subject]:
            del self._by_subject[subject]

    async def _read_on(self) -> None:
        if not self._topics:
            self.cursor = self._hub.highest_event_id
            return
        try:
            page = await self._database.read(events.read_on, self.cursor, EVERYTHING)
        except Unavailable as trouble:
            logger.warning("new events cannot be read just now", extra={"reason": str(trouble)})
            await trio.sleep(TROUBLE_SECONDS)
            return
        if page.refusal is None:
            self._pass_on(page.events)
        else:
            for topic in self._topics.values():
                topic.cut(page.cursor)
        self.cursor = page.cursor

    def _pass_on(self, found: Sequence[StoredEvent]) -> None:
        news: dict[Topic, tuple[list[int], list[bytes]]] = {}
        for event in found:
            frames: dict[bool, bytes] = {}
            for topic in self._find_topics(event):
                of_job = topic.scope.job_id is not None
                if of_job not in frames:
                    frames[of_job] = encode_event(event, topic.scope)
                ids, pending = news.setdefault(topic, ([], []))
                ids.append(event.id)
                pending.append(frames[of_job])
                if of_job and event.type in TERMINAL_TYPES:
                    topic.terminal_id = event.id
        for topic, (ids, pending) in news.items():
            topic.append(ids, pending)

    def _find_topics(self, event: StoredEvent) -> Iterator[Topic]:
        subjects: list[tuple[str | None, str | None]] = [(event.company_id, None), (None, None)]
        if event.job_id is not None and event.asset_id is None:
            subjects.append((None, event.job_id))
        for subject in subjects:
            for topic in self._by_subject.get(subject, ()):
                if topic.scope.types is None or event.type in topic.scope.types:
                    yield topic

    def _next_beat_at(self) -> float:
        return min((topic.told_at for topic in self._topics.values()), default=math.inf) + self._keep_alive_seconds

    def _beat(self) -> None:
        """Give a sign of life to those who have heard nothing for so long."""
        until = trio.current_time() - self._keep_alive_seconds
        for topic in self._topics.values():
            if topic.told_at <= until:
                topic.beat()
