"""A pool that runs, on a real store and a real disk. It is followed as clients follow it: by the hub."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import trio

from nexusd.contract.base import utc_now
from nexusd.domain.schedule import Limits
from nexusd.renderers.assets import find_references
from nexusd.renderers.registry import Registry
from nexusd.runner.containment import Containment, Level
from nexusd.runner.pool import Pool
from nexusd.runner.recovery import recover
from nexusd.runner.spares import SpareRules, Spares
from nexusd.runner.workshop import AttemptLimits, Workshop
from nexusd.storage import LocalDisk
from nexusd.store import assets, jobs, pauses, queries, submissions
from tests.support.patience import HANG_SECONDS
from tests.support.processes import find_marked
from tests.support.stores import NOON, Store, make_asset, new_job, open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping
    from pathlib import Path

    from nexusd.contract.assets import Asset
    from nexusd.contract.jobs import CancelAnswer, Job
    from nexusd.renderers.spec import RendererSpec

UNCONFINED: Final = Containment(Level.LIMITS)
"""Children that are held, but see the machine as it is: most tests have them tell pids and meet at files."""
SPARE_RULES: Final = SpareRules(idle_seconds=60, memory_max_bytes=1 << 30)


@dataclass(frozen=True, slots=True)
class Runner:
    """A pool that runs in `directory`."""

    directory: Path
    store: Store
    workshop: Workshop
    spares: Spares
    stopping: trio.Event
    stopped: trio.Event
    hurrying: trio.Event = field(default_factory=trio.Event)

    async def submit(self, **fields: Any) -> str:
        """Submit one job; `input` is an object."""
        fields["input"] = json.dumps(fields.get("input", {}))
        [job] = await self.store.database.write(submissions.create, self.store.company_id, [new_job(**fields)], None, utc_now())
        return job.job_id

    async def cancel(self, job_id: str) -> CancelAnswer:
        """Ask for the end of a job."""
        told = await self.store.database.write(jobs.request_cancel, self.store.company_id, job_id, utc_now())
        self.store.hub.publish_queue()
        return told

    async def pause(self, job_type: str | None = None) -> None:
        """Let no job of a type start, or none at all."""
        await self.store.database.write(pauses.pause, job_type, None, utc_now())

    async def resume(self, job_type: str | None = None) -> None:
        """Lift that pause, and say so."""
        await self.store.database.write(pauses.resume, job_type)
        self.store.hub.publish_queue()

    async def wait(self, job_id: str, condition: Callable[[Job], bool] = lambda job: job.status.is_terminal) -> Job:
        """Return the job as soon as the condition holds: when it is over, if none is given."""
        with trio.fail_after(HANG_SECONDS):
            while True:
                cursor = self.store.hub.highest_event_id
                job = await self.store.database.read(queries.get, self.store.company_id, job_id)
                if condition(job):
                    return job
                await self.store.hub.wait_newer(cursor)

    async def wait_told(self, job_id: str) -> list[int]:
        """Return the numbers in the first message of a job's progress: the pids it wants us to know."""
        job = await self.wait(job_id, lambda job: bool(job.progress_message) or job.status.is_terminal)
        assert job.progress_message, job
        return [int(number) for number in job.progress_message.split()]

    async def run(self, **fields: Any) -> Job:
        """Submit one job, and return it when it is over."""
        return await self.wait(await self.submit(**fields))

    async def stop(self) -> None:
        """Stop the pool, and return when it has."""
        self.stopping.set()
        with trio.fail_after(HANG_SECONDS):
            await self.stopped.wait()

    def find_processes(self) -> set[int]:
        """Return the living processes of all attempts there ever were."""
        return find_marked(attempt_id for (attempt_id,) in self.store.ask("SELECT id FROM job_attempts"))

    def log(self, job_id: str, attempt: int = 1) -> bytes:
        """Return the log of an attempt."""
        return (self.workshop.log_directory / job_id / f"{attempt}.log").read_bytes()

    def stored(self, object_key: str) -> Path:
        """Return the path of a stored file."""
        return self.directory / "assets" / object_key


def make_workshop(
    directory: Path,
    store: Store,
    *specs: RendererSpec,
    containment: Containment = UNCONFINED,
    network_job_types: Iterable[str] = (),
    **limits: Any,
) -> Workshop:
    """Return what attempts work with; `limits` replace those of AttemptLimits."""
    known = {"terminate_grace_seconds": 5, "drain_seconds": 2, "log_max_bytes": 1 << 20, "output_max_bytes": None}
    return Workshop(
        database=store.database,
        storage=LocalDisk(directory / "assets"),
        registry=Registry(specs),
        work_directory=directory / "work",
        log_directory=directory / "logs",
        limits=AttemptLimits(**{**known, **limits}),
        containment=containment,
        network_job_types=frozenset(network_job_types),
    )


@asynccontextmanager
async def open_runner(
    directory: Path,
    *specs: RendererSpec,
    total: int = 2,
    per_job_type: Mapping[str, int] | None = None,
    running: Limits | None = None,
    store: Store | None = None,
    stop_drain_seconds: float = 0,
    spare_rules: SpareRules = SPARE_RULES,
    **limits: Any,
) -> AsyncIterator[Runner]:
    """Run a pool in `directory`, on a store of its own or the one given; on leaving, stop it.

    `running` are all the limits of the pool, where `total` and `per_job_type` do not say enough.
    """
    running = running or Limits(total, per_job_type or {})
    if store is None:
        async with (
            open_store(directory / "nexusd.db") as own,
            open_runner(
                directory,
                *specs,
                running=running,
                store=own,
                stop_drain_seconds=stop_drain_seconds,
                spare_rules=spare_rules,
                **limits,
            ) as runner,
        ):
            yield runner
        return
    workshop = make_workshop(directory, store, *specs, **limits)
    await recover(store.database, workshop.work_directory)
    spares = Spares(workshop, spare_rules)
    pool = Pool(workshop, spares, store.hub, running, stop_drain_seconds)
    runner = Runner(directory, store, workshop, spares, trio.Event(), trio.Event())

    async def run_pool(*, task_status: trio.TaskStatus[None]) -> None:
        await pool.run(runner.stopping, runner.hurrying, task_status=task_status)
        runner.stopped.set()

    async with trio.open_nursery() as nursery:
        await nursery.start(spares.run)
        await nursery.start(run_pool)
        yield runner
        runner.stopping.set()
        await runner.stopped.wait()
        nursery.cancel_scope.cancel()


async def upload(runner: Runner, content: bytes, filename: str) -> Asset:
    """Store a file and its row, as the service does."""

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    storage = runner.workshop.storage
    stored = await storage.put_file(
        company="default",
        namespace="attachments",
        filename=filename,
        content_type="text/plain",
        source=chunks(),
        max_bytes=None,
        now=NOON,
    )
    fields = {"object_key": stored.object_key, "sha256": stored.sha256, "byte_size": stored.byte_size}
    asset = make_asset(runner.store.company_id, original_filename=filename, **fields)
    await runner.store.database.write(assets.add, asset)
    return asset


def referring(*asset_ids: str) -> dict[str, Any]:
    """Return the fields of a submission whose input names these assets."""
    job_input = {"files": [{"$asset": asset_id} for asset_id in asset_ids]}
    return {"input": job_input, "references": find_references(job_input, "/input")}
