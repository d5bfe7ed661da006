"""What a stream is about, and how it begins: the present state and the cursor of the same moment, as frames.

What a view reads is of one transaction, and so of one moment. It is encoded in the thread that read it.

Invariant: a frame that is told before the present state is complete carries no id, so that a client which loses its connection
there is given all of it again. A job's stream needs no such care for its one frame, which is its state.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from nexusd.contract.events import JobEvent, ResetEvent, SnapshotEndEvent
from nexusd.contract.sse import encode_frame
from nexusd.store import events, queries
from nexusd.store.events import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nexusd.contract.jobs import JobSummary
    from nexusd.store.database import Database
    from nexusd.store.events import Bounds
    from nexusd.store.queries import Snapshot

SNAPSHOT_MAX_JOBS: Final = 10_000
PIECE_MAX_BYTES: Final = 64 * 1024


class Packed:
    """Bytes that are held small until they are taken, piece by piece.

    Whoever follows may be slow to take a snapshot of thousands of jobs, and many may be. What it says is mostly the same over
    and over, so that a tenth of it is held.
    """

    def __init__(self, frames: Iterable[bytes]) -> None:
        packing = zlib.compressobj(zlib.Z_BEST_SPEED)
        self._packed = b"".join([*map(packing.compress, frames), packing.flush()])

    def __iter__(self) -> Iterator[bytes]:
        unpacking = zlib.decompressobj()
        rest = self._packed
        while piece := unpacking.decompress(rest, PIECE_MAX_BYTES):
            rest = unpacking.unconsumed_tail
            yield piece


@dataclass(frozen=True, slots=True)
class Beginning:
    """The present state in pieces, and the cursor after it. `is_over`: nothing can come after it."""

    pieces: Iterable[bytes]
    cursor: int
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class JobView:
    """The stream of one job."""

    company_id: str
    job_id: str

    @property
    def scope(self) -> Scope:
        """Which events it is about."""
        return Scope(job_id=self.job_id)

    async def begin(self, database: Database, refused: int | None) -> Beginning:
        """Return the job as it stands, after a `reset` when the cursor `refused` was asked for.

        Raises NotFound.
        """
        return await database.read(
            lambda connection: self._encode(queries.get_snapshot(connection, self.company_id, self.job_id), refused)
        )

    def _encode(self, found: Snapshot, refused: int | None) -> Beginning:
        cursor = found.bounds.highest
        reset = [] if refused is None else [encode_frame(None, "reset", _describe_reset(found.bounds, refused))]
        status = encode_frame(cursor, "status", _describe_job(found.job))
        return Beginning([b"".join([*reset, status])], cursor, found.job.status.is_terminal)


@dataclass(frozen=True, slots=True)
class CompanyView:
    """The stream of a company, or of all; one that is not told otherwise begins with nothing but where it begins."""

    company_id: str | None
    types: frozenset[str] | None
    with_snapshot: bool
    snapshot_max_jobs: int

    @property
    def scope(self) -> Scope:
        """Which events it is about."""
        return Scope(company_id=self.company_id, types=self.types)

    async def begin(self, database: Database, refused: int | None) -> Beginning:
        """Return every job that is not over if that was asked for, or after a `reset` since `refused` was asked for."""
        if refused is None and not self.with_snapshot:
            highest = await database.read(events.highest_id)
            return Beginning([encode_frame(highest)], highest)
        return await database.read(
            lambda connection: self._pack(
                events.get_bounds(connection), queries.iter_active(connection, self.company_id), refused
            )
        )

    def _pack(self, bounds: Bounds, jobs: Iterator[JobSummary], refused: int | None) -> Beginning:
        return Beginning(Packed(self._encode(bounds, jobs, refused)), bounds.highest)

    def _encode(self, bounds: Bounds, jobs: Iterator[JobSummary], refused: int | None) -> Iterator[bytes]:
        if refused is not None:
            yield encode_frame(None, "reset", _describe_reset(bounds, refused))
        told = 0
        for told, job in enumerate(islice(jobs, self.snapshot_max_jobs), 1):  # noqa: B007 - how many there were
            yield encode_frame(None, "snapshot", _describe_job(job))
        complete = next(jobs, None) is None
        end = SnapshotEndEvent(jobs=told, complete=complete, resumed_from=bounds.highest)
        yield encode_frame(bounds.highest, "snapshot.end", end.model_dump_json(by_alias=True))


View = JobView | CompanyView


def _describe_reset(bounds: Bounds, refused: int) -> str:
    """What was the future a moment ago may have come since; it is told as it was."""
    event = ResetEvent(
        reason=bounds.refusal(refused) or "future",
        requested=refused,
        resumed_from=bounds.highest,
        oldest_available=bounds.pruned_through + 1,
    )
    return event.model_dump_json(by_alias=True)


def _describe_job(job: JobSummary) -> str:
    return JobEvent(company_id=job.company_id, job_id=job.id, created_at=job.updated_at, job=job).model_dump_json(by_alias=True)
