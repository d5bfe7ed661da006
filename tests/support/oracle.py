"""The oracle: what must be true of a state directory after whatever happened to the daemon. It reads files, not our code.

The rules are numbered as in RELIABILITY's list of invariants; `examine` returns a sentence for each one that is broken, so that
tests of the oracle itself can look at them. It takes from the daemon's code the table of legal transitions and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from nexusd.domain.states import TERMINAL, TRANSITIONS, JobStatus
from tests.support.processes import find_marked

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

STATUSES: Final = {f"content_job.{status}": status for status in JobStatus}
STEPS: Final = {(start, end) for (start, _), end in TRANSITIONS.items()}
CANCELLING: Final = "content_job.cancelling"
PROGRESS: Final = "content_job.progress"


@dataclass(frozen=True)
class Told:
    """What clients were told. `acknowledged` are the ids of 202s; `cancels` are job ids with the outcome or the status that a
    cancel was answered with; `events` are (id, type, data) as streams sent them."""

    acknowledged: Collection[str] = ()
    cancels: Sequence[tuple[str, str]] = ()
    events: Collection[tuple[int, str, Any]] = ()


@dataclass
class Found:
    """The rows of a database, all of one moment."""

    jobs: dict[str, sqlite3.Row]
    attempts: list[sqlite3.Row]
    assets: list[sqlite3.Row]
    events: list[sqlite3.Row]
    highest_given: int
    pruned_through: int
    complaints: list[str] = field(default_factory=list)

    def history(self, job_id: str) -> list[sqlite3.Row]:
        """Return what the events tell of a job, oldest first, without its assets."""
        return [event for event in self.events if event["job_id"] == job_id and event["asset_id"] is None]


def check(state: Path, told: Told | None = None, *, at_rest: bool = True, is_collected: bool = False) -> None:
    """Fail when anything is wrong; see `examine`."""
    complaints = examine(state, told or Told(), at_rest=at_rest, is_collected=is_collected)
    assert not complaints, "\n".join(complaints)


def examine(state: Path, told: Told, *, at_rest: bool = True, is_collected: bool = False) -> list[str]:
    """Return what is wrong. `at_rest`: no attempt is meant to be running, so that no folder of one may be left.

    `is_collected`: garbage was collected since, so that each file has a row, and each blob a file.

    The processes of an attempt that has ended are dead in any case: they were before its end was stored.
    """
    found = read(state / "nexusd.db")
    complaints = [*found.complaints, *_check_events(found), *_check_assets(found, state / "assets"), *_check_told(found, told)]
    for job_id in found.jobs:
        complaints += _check_history(found, job_id)
        complaints += _check_attempts(found, job_id)
        complaints += _check_results(found, job_id)
    ended = [row["id"] for row in found.attempts if at_rest or row["outcome"] is not None]
    if left := find_marked(ended):
        complaints.append(f"I7: processes {sorted(left)} outlived their attempts")
    if at_rest:
        complaints += _check_rest(found, state)
    if is_collected:
        complaints += _check_garbage(found, state / "assets")
    return complaints


def read(path: Path) -> Found:
    """Read a database that others may be writing to."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")

        def ask(sql: str) -> list[sqlite3.Row]:
            return connection.execute(sql).fetchall()

        found = Found(
            jobs={row["id"]: row for row in ask("SELECT * FROM content_jobs ORDER BY id")},
            attempts=ask("SELECT * FROM job_attempts ORDER BY job_id, number"),
            assets=ask("SELECT * FROM assets ORDER BY id"),
            events=ask("SELECT * FROM events ORDER BY id"),
            highest_given=next((row[0] for row in ask("SELECT seq FROM sqlite_sequence WHERE name = 'events'")), 0),
            pruned_through=ask("SELECT pruned_through FROM event_retention")[0][0],
        )
        if (said := [tuple(row) for row in ask("PRAGMA integrity_check")]) != [("ok",)]:
            found.complaints.append(f"I8: integrity_check says {said}")
        if said := [tuple(row) for row in ask("PRAGMA foreign_key_check")]:
            found.complaints.append(f"I8: foreign_key_check says {said}")
    return found


def _check_events(found: Found) -> Iterator[str]:
    if found.events and found.events[-1]["id"] > found.highest_given:
        yield "I5: an event's id is above the highest that was ever given: it will be given again"
    for event in found.events:
        if event["id"] <= found.pruned_through and STATUSES.get(event["type"]) not in TERMINAL:
            yield f"I5: event {event['id']} ({event['type']}) is still there; {found.pruned_through} and all before are pruned"
        data = json.loads(event["data"])
        if event["job_id"] is not None and event["job_id"] not in found.jobs:
            yield f"I2: event {event['id']} tells of a job that does not exist"
        if (event["type"] in STATUSES or event["type"] == CANCELLING) and data["job"]["id"] != event["job_id"]:
            yield f"I2: event {event['id']} is filed under another job than it tells of"


def _check_history(found: Found, job_id: str) -> Iterator[str]:
    job, history = found.jobs[job_id], found.history(job_id)
    if found.pruned_through == 0:
        yield from _check_path(job, history)
    ends = [event["type"] for event in history if STATUSES.get(event["type"]) in TERMINAL]
    if len(ends) > 1:
        yield f"I3: job {job_id} has {len(ends)} terminal events: {ends}"
    if (job["status"] in TERMINAL) != (len(ends) == 1) and len(ends) < 2:
        yield f"I2: job {job_id} is {job['status']}, its terminal events are {ends}"
    if (job["status"] in TERMINAL) != (job["finished_at"] is not None):
        yield f"I2: job {job_id} is {job['status']} and its finished_at is {job['finished_at']}"


def _check_path(job: sqlite3.Row, history: Sequence[sqlite3.Row]) -> Iterator[str]:
    path = [STATUSES[event["type"]] for event in history if event["type"] in STATUSES]
    if path[:1] != [JobStatus.QUEUED]:
        yield f"I2: job {job['id']} does not begin with being queued: {path}"
    for step in pairwise(path):
        if step not in STEPS:
            yield f"I2: job {job['id']} went from {step[0]} to {step[1]}: {path}"
    if path[-1:] != [job["status"]]:
        yield f"I2: job {job['id']} is {job['status']}, its events end with {path[-1:]}"
    if (starts := path.count(JobStatus.RUNNING)) != job["attempt"]:
        yield f"I3: job {job['id']} was started {starts} times by its events, {job['attempt']} by its row"
    yield from _check_between(job, history)


def _check_between(job: sqlite3.Row, history: Sequence[sqlite3.Row]) -> Iterator[str]:
    """Progress and a cancel come only while an attempt is live, and no attempt starts once a cancel was asked for."""
    status, attempt, is_cancelling = None, 0, False
    for event in history:
        data = json.loads(event["data"])
        if event["type"] in STATUSES:
            status = STATUSES[event["type"]]
            attempt = data["job"]["attempt"]
            if is_cancelling and status not in TERMINAL:
                yield f"promise 7: job {job['id']} became {status} again after a cancel was answered `cancelling`"
        elif status is not JobStatus.RUNNING:
            yield f"I2: job {job['id']} was {status} when event {event['id']} told of {event['type']}"
        elif event["type"] == CANCELLING:
            is_cancelling = True
        elif event["type"] == PROGRESS and data["attempt"] != attempt:
            yield f"I3: progress of attempt {data['attempt']} of job {job['id']} while attempt {attempt} was live"


def _check_attempts(found: Found, job_id: str) -> Iterator[str]:
    job = found.jobs[job_id]
    attempts = [row for row in found.attempts if row["job_id"] == job_id]
    if [row["number"] for row in attempts] != list(range(1, job["attempt"] + 1)):
        yield f"I3: job {job_id} is at attempt {job['attempt']} and has rows {[row['number'] for row in attempts]}"
    live = [row["number"] for row in attempts if row["finished_at"] is None]
    if live != ([job["attempt"]] if job["status"] == JobStatus.RUNNING else []):
        yield f"I3: job {job_id} is {job['status']} and its live attempts are {live}"
    for row in attempts:
        if (row["finished_at"] is None) != (row["outcome"] is None):
            yield f"I3: attempt {row['number']} of job {job_id} ended at {row['finished_at']} with outcome {row['outcome']}"
    done = [row["number"] for row in attempts if row["outcome"] == "done"]
    if done != ([job["attempt"]] if job["status"] == JobStatus.DONE else []):
        yield f"I3: job {job_id} is {job['status']}, and attempts {done} of it are done"


def _check_results(found: Found, job_id: str) -> Iterator[str]:
    job = found.jobs[job_id]
    results = {row["id"] for row in found.assets if row["job_id"] == job_id}
    if (job["status"] == JobStatus.DONE) != bool(results):
        yield f"I3: job {job_id} is {job['status']} and has {len(results)} results"
    if job["result_asset_id"] is not None and job["result_asset_id"] not in results:
        yield f"I6: the result of job {job_id} is no asset of it"


def _check_assets(found: Found, root: Path) -> Iterator[str]:
    for row in found.assets:
        told = [event["type"] for event in found.events if event["asset_id"] == row["id"]]
        if found.pruned_through == 0 and told.count("asset.created") != 1:
            yield f"I2: asset {row['id']} has the events {told}"
        path = root / row["object_key"]
        if row["deleted_at"] is not None:
            continue
        if not path.is_file():
            yield f"I6: asset {row['id']} has no file at {row['object_key']}"
        elif _measure(path) != (row["byte_size"], row["sha256"]):
            yield f"I6: the file of asset {row['id']} is not what its row says"


def _measure(path: Path) -> tuple[int, str]:
    content = path.read_bytes()
    return len(content), hashlib.sha256(content).hexdigest()


def _check_told(found: Found, told: Told) -> Iterator[str]:
    for job_id in told.acknowledged:
        if job_id not in found.jobs:
            yield f"I1: job {job_id} was acknowledged and is lost"
    stored = {event["id"]: (event["type"], json.loads(event["data"])) for event in found.events}
    for event_id, kind, data in told.events:
        if event_id > found.pruned_through and stored.get(event_id) != (kind, data):
            yield f"I4: a client saw event {event_id} ({kind}); the database has {stored.get(event_id)}"
    for job_id, answer in told.cancels:
        yield from _check_cancel(found, job_id, answer)


def _check_cancel(found: Found, job_id: str, answer: str) -> Iterator[str]:
    """Hold a cancel to its answer. That nothing starts after `cancelling` is held by the path of the events."""
    job = found.jobs.get(job_id)
    if job is None:
        yield f"I12: a cancel of job {job_id} was answered {answer}; there is no such job"
    elif answer == "cancelling":
        if job["cancel_requested_at"] is None or CANCELLING not in [event["type"] for event in found.history(job_id)]:
            yield f"promise 7: the cancel of job {job_id} was answered `cancelling` and is forgotten"
        if job["status"] == JobStatus.QUEUED:
            yield f"promise 7: the cancel of job {job_id} was answered `cancelling`, and it waits to run again"
    elif job["status"] != answer:
        yield f"promise 7: a cancel of job {job_id} was answered {answer}, and the job is {job['status']}"


def _check_rest(found: Found, state: Path) -> Iterator[str]:
    for job_id, job in found.jobs.items():
        if job["status"] == JobStatus.RUNNING:
            yield f"I2: job {job_id} is running, and nothing is"
    for folder in (state / "work", state / "assets" / ".incoming"):
        if folder.exists() and (names := sorted(entry.name for entry in folder.iterdir())):
            yield f"I7: {names} are left in {folder.name}"


def _check_garbage(found: Found, root: Path) -> Iterator[str]:
    live = {row["object_key"] for row in found.assets if row["deleted_at"] is None}
    for path in root.rglob("*"):
        name = path.relative_to(root)
        if path.is_dir():
            continue
        if name.parts[0] == ".blobs":
            if path.stat().st_nlink == 1:
                yield f"I6: no file has the blob {name}"
        elif str(name) not in live:
            yield f"I6: the file {name} has no row"


def highest_committed(path: Path) -> int:
    """Return the highest event id that is on disk."""
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        highest: int = connection.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()[0]
    return highest
