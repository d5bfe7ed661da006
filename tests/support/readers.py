"""Readers of event streams, each in a thread, that go on whatever happens to the daemon and note what they are told.

`RawReader` reads the bytes itself and is as forgetful as a browser: it knows the last id and nothing else. `ClientReader` is
our client. Both drop their connection when they feel like it, and come back. What they note is for `sequences.examine`.

Invariant: once their course is abandoned and their daemon is gone they end, whatever they were waiting for.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from nexusctl.client.nexus import Nexus
from nexusctl.client.patience import FOR_EVER, Patience
from nexusd.contract.events import JobEvent, ResetEvent, SnapshotEndEvent
from tests.support.connections import DIED, UnixConnection
from tests.support.daemons import TERMINAL
from tests.support.patience import HANG_SECONDS
from tests.support.sequences import Begun, Reset, Seen, fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPResponse
    from pathlib import Path
    from random import Random

    from nexusctl.client.frames import StreamEvent
    from tests.support.sequences import Scope, Told

CHUNK_BYTES: Final = 65_536
UNAVAILABLE: Final = 503
DROPS: Final = 0.4
"""How often a connection is dropped by the reader."""
NAPS: Final = 0.2
"""How often a reader stops reading for a while."""


class Abandoned(Exception):
    """The test is over before its end was reached."""


class Course:
    """What all readers share: the socket, how far the world has got, whether somebody listens, and when it is enough."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.target: int | None = None
        """Whoever has come so far may stop."""
        self._steps = 0
        self._changed = threading.Condition()
        self._listening = threading.Event()
        self._abandoned = threading.Event()

    def advance(self) -> None:
        """Wake those who wait for the world to go on."""
        with self._changed:
            self._steps += 1
            self._changed.notify_all()

    def finish(self, target: int) -> None:
        """Let everybody stop who has been told all up to that id."""
        self.target = target
        self.advance()

    def wait_steps(self, count: int) -> None:
        """Wait until the world has got on by so many steps, or is to end."""
        with self._changed:
            until = self._steps + count
            self._changed.wait_for(lambda: self._steps >= until or self.target is not None)

    def abandon(self) -> None:
        """Tell that nothing is waited for any more."""
        self._abandoned.set()
        self._listening.set()
        self.finish(0)

    def sleep(self, seconds: float) -> None:
        """Let time pass. Raises Abandoned as soon as the course is."""
        if self._abandoned.wait(seconds):
            raise Abandoned

    def open(self) -> None:
        """Tell that somebody listens."""
        self._listening.set()

    def close(self) -> None:
        """Tell that nobody will."""
        self._listening.clear()

    def wait_open(self) -> None:
        """Wait until somebody listens. Raises Abandoned."""
        self._listening.wait()
        self.sleep(0)


class Reader(threading.Thread):
    """One reader. `story` is what it was told, `failure` why it gave up, `counts` how often what came about."""

    def __init__(self, course: Course, scope: Scope, path: str, random: Random, after: int | None, *, snapshot: bool) -> None:
        super().__init__(name=f"{type(self).__name__} of {path} after {after}{' with snapshot' if snapshot else ''}")
        self.scope = scope
        self.story: list[Told] = []
        self.failure: BaseException | None = None
        self.counts: Counter[str] = Counter()
        self.cursor = after
        self._course = course
        self._path = path
        self._random = random
        self._with_snapshot = snapshot
        self._is_lost = after is None
        self._is_over = False
        self._jobs: set[str] = set()
        if after is not None:
            self.story.append(Begun(after))

    @property
    def is_done(self) -> bool:
        """Whether it has been told enough."""
        target = self._course.target
        return self._is_over or (self.scope.job_id is None and target is not None and (self.cursor or 0) >= target)

    def finish(self) -> None:
        """Wait until it has been told enough, for as long as it is told anything at all."""
        while self.is_alive():
            told = len(self.story), self.cursor
            self.join(HANG_SECONDS)
            assert not self.is_alive() or (len(self.story), self.cursor) != told, f"{self.name} still waits at {self.cursor}"
        if self.failure is not None:
            raise AssertionError(f"{self.name} gave up at {self.cursor}") from self.failure

    def run(self) -> None:
        """Read until it is done, over any number of connections."""
        try:
            while not self.is_done:
                self._course.wait_open()
                self.counts["connections"] += 1
                self._read_once()
        except BaseException as error:
            self.failure = error

    def _read_once(self) -> None:
        raise NotImplementedError

    def _choose_drop(self) -> int | None:
        """Return after how many frames to drop the connection, if at all."""
        return self._random.randrange(1, 3000) if self._random.random() < DROPS else None

    def _choose_nap(self) -> int | None:
        """Return after how many frames to read nothing for a while."""
        return self._random.randrange(1, 500) if self._random.random() < NAPS else None

    def _nap(self) -> None:
        self.counts["naps"] += 1
        self._course.wait_steps(self._random.randrange(1, 12))

    def _begin(self, at: int, **told: Any) -> None:
        self.story.append(Begun(at, **told))
        self.cursor, self._is_lost = at, False
        self._jobs = set()

    def _reset(self, requested: int) -> None:
        self.counts["resets"] += 1
        self.story.append(Reset(requested))
        self._is_lost = True
        self._jobs = set()

    def _row(self, number: int, name: str, text: str | bytes, job: Any) -> None:
        """Take an event, given the job in it where that is of interest."""
        if self.scope.job_id is not None and self._is_lost:
            self._begin(number, status=job["status"])
        else:
            self.story.append(Seen(number, name, fingerprint(text)))
            self.cursor = number
        self._is_over = job is not None and job["status"] in TERMINAL


class RawReader(Reader):
    """Reads by itself."""

    def _read_once(self) -> None:
        with closing(UnixConnection(self._course.socket)) as connection:
            try:
                connection.request("GET", *self._ask())
                answer = connection.getresponse()
                if answer.status == UNAVAILABLE:  # it stops
                    return
                if answer.status == 204:
                    assert self.scope.job_id is not None
                    self._is_over = True
                    return
                assert answer.status == 200, (answer.status, answer.read())
                self._take_all(answer)
            except DIED:
                self.counts["broken"] += 1

    def _ask(self) -> tuple[str, None, dict[str, str]]:
        query = [f"types={kind}" for kind in sorted(self.scope.types or ())]
        headers = {"Host": "nexusd"}
        if self.cursor is None:
            query += ["snapshot=active"] * self._with_snapshot
        elif self._random.random() < 0.5:
            query.append(f"after={self.cursor}")
        else:
            headers["Last-Event-ID"] = str(self.cursor)
        return self._path + ("?" + "&".join(query) if query else ""), None, headers

    def _take_all(self, answer: HTTPResponse) -> None:
        drop, nap = self._choose_drop(), self._choose_nap()
        self._jobs = set()
        for count, block in enumerate(_split(answer)):
            self._take(dict(line.partition(b": ")[::2] for line in block.split(b"\n")))
            if self.is_done or count == drop:
                return
            if count == nap:
                self._nap()

    def _take(self, fields: dict[bytes, bytes]) -> None:
        number = int(fields[b"id"]) if b"id" in fields else None
        if b"event" not in fields:
            self._take_keep_alive(fields, number)
            return
        name, data = fields[b"event"].decode(), fields[b"data"]
        if "." in name and name not in ("snapshot.end", "server.stopping"):
            assert number is not None
            self._row(number, name, data, None)
            return
        document = json.loads(data)
        if name in ("status", "progress"):
            assert number is not None
            self._row(number, name, data, document.get("job"))
        elif name == "snapshot":
            assert number is None, "a snapshot frame with an id"
            self._jobs.add(document["jobId"])
        else:
            self._take_note(name, number, document)

    def _take_keep_alive(self, fields: dict[bytes, bytes], number: int | None) -> None:
        if number is None:
            assert set(fields) == {b"retry"}, fields
        elif self.cursor is None:
            self._begin(number)
        else:
            assert number >= self.cursor, f"a keep-alive of {number} after {self.cursor}"
            self.cursor = number

    def _take_note(self, name: str, number: int | None, document: Any) -> None:
        """Take a frame about the stream itself."""
        if name == "snapshot.end":
            assert document["resumedFrom"] == number
            assert document["jobs"] == len(self._jobs)
            self._begin(document["resumedFrom"], jobs=frozenset(self._jobs), complete=document["complete"])
        elif name == "reset":
            assert number is None, "a reset with an id"
            assert self.cursor is not None
            assert self.cursor <= document["requested"], (self.cursor, document)  # it passes over what is not for us
            self._reset(document["requested"])
        elif name == "lagging":
            assert number is not None
            assert self.cursor is not None
            assert number == document["cursor"] >= self.cursor, (number, document, self.cursor)
            self.cursor = number
            self.counts["lagging"] += 1
        else:
            assert name == "server.stopping", name


class ClientReader(Reader):
    """Reads with our client, which does the rest."""

    def _read_once(self) -> None:
        company = self._path.removeprefix("/v1/companies/").split("/")[0]
        patience = Patience(FOR_EVER, sleep=self._course.sleep)
        with Nexus(self._course.socket, company, patience=patience) as nexus, closing(self._open(nexus)) as events:
            drop, nap = self._choose_drop(), self._choose_nap()
            self._jobs = set()
            for count, event in enumerate(events):
                self._take(event)
                if self.is_done or (count == drop and not self._is_lost):
                    return
                if count == nap:
                    self._nap()

    def _open(self, nexus: Nexus) -> Any:
        if self.scope.job_id is not None:
            return nexus.follow_job(self.scope.job_id, last_event_id=self.cursor)
        follow = nexus.follow_all if self.scope.company_id is None else nexus.follow_company
        return follow(types=self.scope.types, after=self.cursor, snapshot=self._with_snapshot)

    def _take(self, event: StreamEvent) -> None:
        data = event.data
        if event.name == "snapshot.begin":
            self._is_lost, self._jobs = True, set()
        elif event.name == "snapshot":
            self._jobs.add(event.document["jobId"])
        elif isinstance(data, SnapshotEndEvent):
            assert event.id is not None
            self._begin(event.id, jobs=frozenset(self._jobs), complete=data.complete)
        elif isinstance(data, ResetEvent):
            self._reset(data.requested)
        elif event.name in ("lagging", "server.stopping"):
            self.counts[event.name] += 1
        else:
            assert event.id is not None
            text = json.dumps(event.document, ensure_ascii=False, separators=(",", ":"))
            of_job = self.scope.job_id is not None and isinstance(data, JobEvent)
            if of_job and event.id == self.cursor:  # there was nothing left to tell, so our client tells how the job ended
                assert event.document["job"]["status"] in TERMINAL
                self._is_over = True
                return
            self._row(event.id, event.name, text, event.document["job"] if of_job else None)


def _split(answer: HTTPResponse) -> Iterator[bytes]:
    """Yield the blocks of a stream until it ends."""
    rest = b""
    while chunk := answer.read1(CHUNK_BYTES):
        *blocks, rest = (rest + chunk).split(b"\n\n")
        yield from blocks
