"""Streams under everything at once: a hundred thousand events, prunes, kills and restarts, and readers that come and go.

What happens is drawn from a seed, which is printed and can be given again as STREAMS_SEED; the daemon is a process and its
death a real one. Each reader is held to all events that ever were: a trigger beside the daemon's schema keeps what is pruned.
"""

from __future__ import annotations

import gc
import json
import os
import random
import sys
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.connections import DIED, UnixConnection
from tests.support.forks import ForkedProgram
from tests.support.patience import HANG_SECONDS
from tests.support.readers import ClientReader, Course, RawReader
from tests.support.scripted import DONE, scripted
from tests.support.sequences import Row, Scope, Table, examine, fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.forks import Forge
    from tests.support.readers import Reader

# See unit/nexusctl/test_nexus: httpcore leaves a socket that could not connect to the garbage collector.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning"),
    pytest.mark.usefixtures("collected"),
]

EVENTS: Final = 100_000
BATCH: Final = 1000
RETENTIONS: Final = (2_000, 10_000, 40_000)
FUTURE: Final = 10**9
TYPES: Final = frozenset({"content_job.queued", "content_job.cancelled"})
SEED: Final = int(os.environ.get("STREAMS_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
KEEP_WHAT_GOES: Final = (
    "CREATE TABLE gone_events AS SELECT * FROM events WHERE FALSE",
    "CREATE TRIGGER events_go AFTER DELETE ON events BEGIN "
    "INSERT INTO gone_events SELECT old.id, old.company_id, old.job_id, old.asset_id, old.type, old.data, old.created_at; END",
)


@pytest.fixture
def collected() -> Iterator[None]:
    yield
    gc.collect()


class World:
    """The daemon, what is done to it, and who looks on."""

    def __init__(self, program: ForkedProgram, seed: int) -> None:
        self.program = program
        self.seed = seed
        self.random = random.Random(seed)
        self.course = Course(program.socket)
        self.readers: list[Reader] = []
        self.companies: dict[str, str] = {}
        self.waiting: list[tuple[str, str]] = []
        self.watched: list[tuple[str, str]] = []
        self.deaths = 0

    def start(self) -> None:
        """Begin a life, with another retention each time."""
        self.program.notices()
        self.program.environment["NEXUSD_EVENT_RETENTION_COUNT"] = str(self.random.choice(RETENTIONS))
        self.program.start()
        self.course.open()

    def prepare(self) -> None:
        """Have two great companies and a small one, and keep what will be deleted."""
        self.start()
        for slug in ("second", "small"):
            self.post("/v1/companies", {"slug": slug})
        self.companies = dict(self.program.query("SELECT slug, id FROM companies"))
        for statement in KEEP_WHAT_GOES:
            self.program.query(statement)

    def post(self, path: str, document: object = None) -> Any:
        """Ask; return the answer's document, None when the daemon died over it or is stopping."""
        body = b"" if document is None else json.dumps(document).encode()
        with closing(UnixConnection(self.program.socket)) as connection:
            try:
                connection.request("POST", path, body, {"Host": "nexusd", "Content-Type": "application/json"})
                answer = connection.getresponse()
                told = json.loads(answer.read())
            except DIED:
                return None
        assert answer.status in (200, 201, 202, 503), told
        return told if answer.status < 300 else None

    def add_batch(self) -> None:
        """Submit jobs that wait."""
        company = "second" if self.random.random() < 0.3 else "default"
        items = [scripted(DONE, job_type="other")] * BATCH
        if (told := self.post(f"/v1/companies/{company}/content-jobs/batch", {"items": items})) is not None:
            jobs = [(company, job["jobId"]) for job in told["items"]]
            self.waiting.append(self.random.choice(jobs))

    def add_jobs(self) -> None:
        """Submit a few jobs that run, and tell a little, in a company that has no others."""
        steps = [("progress", number / 10, None) for number in range(self.random.randrange(3))]
        for _ in range(self.random.randrange(1, 4)):
            if (told := self.post("/v1/companies/small/content-jobs", scripted(*steps, DONE))) is not None:
                self.watched.append(("small", told["jobId"]))

    def cancel(self) -> None:
        """Cancel jobs that wait."""
        self.random.shuffle(self.waiting)
        for company, job_id in [self.waiting.pop() for _ in self.waiting[:5]]:
            if self.post(f"/v1/companies/{company}/content-jobs/{job_id}/cancel") is None:
                self.waiting.append((company, job_id))

    def die(self) -> None:
        """End a life, in the middle of a write or not, and begin the next."""
        self.deaths += 1
        busy = [threading.Thread(target=self.add_batch)] if self.random.random() < 0.5 else []
        for writer in busy:
            writer.start()
        self.course.close()
        if self.random.random() < 0.6:
            self.program.kill()
        else:
            assert self.program.stop() == 0, self.program.log
        for writer in busy:
            writer.join(HANG_SECONDS)
        self.start()

    def join_in(self) -> None:
        """Let somebody begin to read, from anywhere."""
        highest = self.highest()
        after = self.random.choice([None, 0, self.random.randint(0, highest), highest, FUTURE])
        name = self.random.choice(["default", "second", "small", "small", None, "job", "job", "job"])
        if name == "job":
            if not self.waiting + self.watched:
                return
            company, job_id = self.random.choice(self.waiting + self.watched)
            self.add(Scope(job_id=job_id), f"/v1/companies/{company}/content-jobs/{job_id}/events", after)
        else:
            types = TYPES if self.random.random() < 0.3 else None
            self.add(*self.scope(name, types), after)

    def scope(self, company: str | None, types: frozenset[str] | None = None) -> tuple[Scope, str]:
        """Return what a reader of a company, or of all, is to see, and where."""
        path = "/v1/events" if company is None else f"/v1/companies/{company}/events"
        return Scope(company_id=None if company is None else self.companies[company], types=types), path

    def add(self, scope: Scope, path: str, after: int | None, kind: type[Reader] | None = None) -> None:
        """Let somebody begin to read."""
        kind = kind or self.random.choice([ClientReader, RawReader, RawReader])
        snapshot = after is None and scope.job_id is None and (kind is ClientReader or self.random.random() < 0.5)
        random_of_its_own = random.Random(f"{self.seed}/{len(self.readers)}")
        reader = kind(self.course, scope, path, random_of_its_own, after, snapshot=snapshot)
        self.readers.append(reader)
        reader.start()

    def highest(self) -> int:
        """Return the highest id there is."""
        return int(self.program.query("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'")[0][0])

    def finish(self) -> int:
        """Let every reader be told all there is, and stop; return up to which id that is."""
        self.program.environment["NEXUSD_EVENT_RETENTION_COUNT"] = str(RETENTIONS[-1])
        for company, job_id in self.waiting:
            assert self.post(f"/v1/companies/{company}/content-jobs/{job_id}/cancel")
        target = self.highest()
        self.course.finish(target)
        for company in self.companies:
            assert self.post(f"/v1/companies/{company}/content-jobs", scripted(DONE, job_type="other"))
        for reader in self.readers:
            reader.finish()
        return target

    def close(self) -> None:
        """End every reader, however far it has got. The daemon must have ended: nobody is told anything more."""
        self.course.abandon()
        for reader in self.readers:
            reader.join(HANG_SECONDS)
            assert not reader.is_alive(), f"{reader.name} cannot be ended"

    def read_table(self) -> Table:
        """Return all events that ever were."""
        columns = "id, company_id, job_id, asset_id, type, data"
        found = self.program.query(f"SELECT {columns} FROM events UNION ALL SELECT {columns} FROM gone_events ORDER BY id")
        [(pruned_through,)] = self.program.query("SELECT pruned_through FROM event_retention")
        rows = [Row(number, company, job, asset, kind, fingerprint(data)) for number, company, job, asset, kind, data in found]
        return Table(rows, pruned_through)


@contextmanager
def naming_seed() -> Iterator[None]:
    """Print the seed, and add it to what goes wrong in the block."""
    sys.stdout.write(f"STREAMS_SEED={SEED}\n")
    try:
        yield
    except BaseException as error:
        error.add_note(f"STREAMS_SEED={SEED}")
        raise


def live(world: World) -> None:
    """Let it all happen, until there were enough events."""
    for company in ("default", "small", None):
        world.add(*world.scope(company), 0, RawReader)
        world.add(*world.scope(company), None, ClientReader)
    doings = [world.add_batch] * 14 + [world.add_jobs, world.add_jobs, world.cancel, world.join_in, world.join_in, world.die]
    while world.highest() < EVENTS:
        for doing in world.random.sample(doings, len(doings)):  # all of them, so that no seed leaves one out
            doing()
            world.course.advance()


def test_whatever_happens_every_reader_is_told_everything_once(home: Path, forge: Forge) -> None:
    program = ForkedProgram(home, environment={"NEXUSD_RUNNING_JOBS_PER_TYPE": '{"other": 0}'}, forge=forge)
    with naming_seed(), closing(World(program, SEED)) as world, program:
        world.prepare()
        live(world)
        target = world.finish()
        table = world.read_table()
        for reader in world.readers:
            complaints = list(examine(reader.scope, reader.story, table, up_to=target))
            assert not complaints, f"{reader.name}: {len(complaints)} complaints: {complaints[:3]}"
        assert len(table.rows) >= EVENTS
        assert program.stop() == 0
        assert "Traceback" not in program.log
