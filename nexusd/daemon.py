"""The composition root: every part is made here, given what it needs, and ended in the reverse order.

Lexical nesting is the order of the shutdown: the server ends first, then the runner, then the store. `bind` is called before
any thread starts; `serve` is a library function that tests run as it is.
"""

from __future__ import annotations

import gc
import logging
import signal
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from nexusd import __version__, systemd
from nexusd.api.access import admit
from nexusd.api.app import create_app
from nexusd.contract import status as contract
from nexusd.contract.base import utc_now
from nexusd.contract.jobs import BATCH_MAX_BYTES, BODY_MAX_BYTES
from nexusd.domain.schedule import Limits as RunningLimits
from nexusd.errors import InvalidSettings, StartRefused
from nexusd.hub import Hub
from nexusd.privacy import hold_lock, make_private_directory
from nexusd.runner.containment import Level, find_containment
from nexusd.runner.pool import Pool
from nexusd.runner.recovery import recover
from nexusd.runner.spares import SpareRules, Spares
from nexusd.runner.workshop import AttemptLimits, Workshop
from nexusd.server import Activity, BoundListener, Limits, adopt_listener, bind_unix
from nexusd.server import serve as serve_http
from nexusd.service import Services, retention
from nexusd.service.asset_retention import Retention, RetentionRules, look_after
from nexusd.service.assets import AssetService
from nexusd.service.backups import DATABASE_NAME, BackupService
from nexusd.service.catalogue import Catalogue
from nexusd.service.companies import CompanyService
from nexusd.service.doctor import DoctorService
from nexusd.service.feed import Feed
from nexusd.service.jobs import JobService
from nexusd.service.logs import LogService
from nexusd.service.pauses import PauseService
from nexusd.service.renderers import RendererService
from nexusd.service.retention import EventLimits
from nexusd.service.source_tasks import SourceTaskService
from nexusd.service.status import StatusService
from nexusd.service.storage import StorageService
from nexusd.service.streams import StreamService
from nexusd.service.waiting import WaitService
from nexusd.service.why import WhyService
from nexusd.storage import LocalDisk
from nexusd.storage.local_disk import PROVIDER_NAME
from nexusd.storage.room import Room
from nexusd.store import companies, queries
from nexusd.store.database import open_database
from nexusd.store.outlook import Circumstances

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from nexusd.renderers.registry import Registry
    from nexusd.runner.spares import Spare
    from nexusd.settings import Settings
    from nexusd.storage import Provider
    from nexusd.store.database import Database

logger = logging.getLogger("nexusd")

COLLECTOR_THRESHOLDS: Final = (20_000, 20, 20)
"""A request makes some hundred objects and leaves no circles: looking after every 700th is a tenth of its cost."""
STOP_SIGNALS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})


@contextmanager
def bind(settings: Settings) -> Iterator[BoundListener]:
    """Take the state directory and the socket, so that this daemon is the only one; let go of both on leaving.

    Synchronous, and to be called before any thread starts: the socket's mode comes from the umask, which is the process's.
    Raises AlreadyRunning, UnsafePath, InvalidSettings.
    """
    descriptors = systemd.listen_fds()
    if len(descriptors) > 1:
        raise InvalidSettings(f"the service manager handed over {len(descriptors)} sockets; nexusd takes one")
    make_private_directory(settings.state_directory)
    with hold_lock(settings.state_directory / "nexusd.lock"):
        listener = adopt_listener(descriptors[0]) if descriptors else bind_unix(settings.socket)
        with listener:
            yield listener


async def run(settings: Settings, listener: BoundListener, registry: Registry) -> None:
    """Serve until a signal says stop: TERM, INT (Ctrl-C) or HUP (the terminal went). A second one hurries.

    Whoever started us with HUP ignored, as nohup does, means us to outlive the terminal.

    Raises StartRefused.
    """
    _spare_collector()
    stopping, hurrying = trio.Event(), trio.Event()
    refused: StartRefused | None = None

    async def watch_signals(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        outlives_terminal = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        with trio.open_signal_receiver(*(STOP_SIGNALS - {signal.SIGHUP} if outlives_terminal else STOP_SIGNALS)) as signals:
            task_status.started()
            async for number in signals:
                logger.info("told to stop", extra={"signal": signal.Signals(number).name, "again": stopping.is_set()})
                (hurrying if stopping.is_set() else stopping).set()

    async with trio.open_nursery() as nursery:
        await nursery.start(watch_signals)
        try:
            await serve(settings, listener, registry, stopping, hurrying)
        except StartRefused as error:  # raised below, where no nursery makes a group of it
            refused = error
        nursery.cancel_scope.cancel()
    if refused is not None:
        raise refused


def _spare_collector() -> None:
    """Keep the garbage collector from what the imports have made: it stays for ever, and a look through it takes 25 ms."""
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)
    gc.enable()


async def serve(
    settings: Settings,
    listener: BoundListener,
    registry: Registry,
    stopping: trio.Event,
    hurrying: trio.Event,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Be the daemon until `stopping` is set; ready when `started`. With `hurrying` running jobs get no time any more.

    A stop, in order: nothing is claimed any more and streams end; running jobs get their time to end, in which requests are
    answered as before (a cancel, for one); the rest is put back; then the server ends, then the store.
    Ordering: on return nothing runs, every job that did is queued again, and the database is closed.
    """
    hub, activity = Hub(), Activity()

    def announce(event_id: int) -> None:
        if event_id > hub.highest_event_id:
            activity.note()
        hub.publish(event_id)

    path = settings.state_directory / DATABASE_NAME
    async with open_database(path, announce, write_queue_length=settings.write_queue_length) as database:
        await database.write(companies.ensure_default, utc_now())
        workshop = await _make_workshop(settings, database, registry, hub)
        await recover(database, workshop.work_directory)
        circumstances = _find_circumstances(settings, registry)
        spares = _make_spares(settings, workshop)
        services = _make_services(settings, listener, workshop, spares, circumstances, hub, activity)
        app = create_app(services)
        pool = Pool(workshop, spares, hub, circumstances.limits, settings.stop_drain_seconds)
        drained = trio.Event()

        async def run_pool(*, task_status: trio.TaskStatus[None]) -> None:
            await pool.run(stopping, hurrying, task_status=task_status)
            drained.set()

        limits = Limits(connections_max=settings.connections, stop_grace_seconds=settings.stop_grace_seconds)
        serve_app = partial(serve_http, app, [listener], limits=limits, admit=admit, activity=activity, stopping=drained)
        async with trio.open_nursery() as around:
            around.start_soon(systemd.feed_watchdog, name="watchdog")
            around.start_soon(retention.run, database, hub, _find_event_limits(settings), name="retention")
            await around.start(services.feed.run, name="feed")
            around.start_soon(look_after, services.storage, _make_retention(settings, workshop), name="look after the storage")
            await around.start(spares.run, name="spares")
            if settings.idle_exit_seconds is not None:
                has_work = partial(database.read, queries.has_active_jobs, circumstances.job_types)
                around.start_soon(_stop_when_idle, settings.idle_exit_seconds, activity, has_work, hub, stopping, name="idle")
            async with trio.open_nursery() as running:
                await running.start(run_pool, name="pool")
                async with trio.open_nursery() as serving:
                    await serving.start(serve_app, name="server")
                    _tell_ready(listener)
                    task_status.started()
                    await stopping.wait()
                    systemd.notify("STOPPING=1", "STATUS=stopping")
                    hub.stop()
            around.cancel_scope.cancel()
    logger.info("stopped")


def _tell_ready(listener: BoundListener) -> None:
    logger.info("ready", extra={"version": __version__, "socket": str(listener.path)})
    systemd.notify("READY=1", f"STATUS=listening on {listener.path}")


def _find_circumstances(settings: Settings, registry: Registry) -> Circumstances:
    limits = RunningLimits(
        total=settings.running_jobs,
        per_job_type=settings.running_jobs_per_type,
        per_company=settings.running_jobs_per_company,
        slots_per_job_type={spec.job_type: spec.slots for spec in registry} | settings.slots_per_type,
    )
    return Circumstances(limits, frozenset(spec.job_type for spec in registry))


def _find_event_limits(settings: Settings) -> EventLimits:
    return EventLimits(settings.event_retention_seconds or None, settings.event_retention_count or None)


async def _make_workshop(settings: Settings, database: Database, registry: Registry, hub: Hub) -> Workshop:
    wanted = None if settings.sandbox == "auto" else Level(settings.sandbox)
    return Workshop(
        database=database,
        storage=await _open_storage(settings, database),
        registry=registry.adjusted(settings.timeout_seconds_per_type, settings.memory_max_bytes_per_type),
        work_directory=settings.state_directory / "work",
        log_directory=settings.state_directory / "logs",
        limits=AttemptLimits(
            terminate_grace_seconds=settings.terminate_grace_seconds,
            drain_seconds=settings.drain_seconds,
            log_max_bytes=settings.log_max_bytes,
            output_max_bytes=settings.generated_asset_max_bytes or None,
            work_max_bytes=settings.work_max_bytes or None,
        ),
        containment=await find_containment(wanted, Level(settings.sandbox_require)),
        caps=settings.caps,
        network_job_types=settings.network_job_types | {name for name, table in settings.renderers.items() if table.network},
        tell_log=hub.publish_log,
        room=Room(settings.state_directory, settings.min_free_bytes),
    )


def _make_spares(settings: Settings, workshop: Workshop) -> Spares:
    rules = SpareRules(settings.spare_idle_seconds, settings.spares_memory_max_bytes, settings.spares_per_type)
    return Spares(workshop, rules)


async def _open_storage(settings: Settings, database: Database) -> Provider:
    """Return the place for files. Raises UnsafePath, InvalidSettings, StorageRefused."""
    if settings.storage_provider == PROVIDER_NAME:
        return LocalDisk(settings.state_directory / "assets")
    if settings.s3_bucket is None:
        raise InvalidSettings("storage_provider is s3, and s3_bucket is not set")
    try:
        from nexusd.storage.s3 import Place, open_s3
    except ModuleNotFoundError as missing:
        raise InvalidSettings(f"storage_provider s3 needs {missing.name}: pip install 'nexusd[s3]'") from missing
    first = (await database.read(companies.find, 1, None)).items[0]  # made with the database, and it stays
    return await open_s3(Place(settings.s3_bucket, settings.s3_endpoint, settings.s3_region, settings.s3_prefix), first.id)


def _make_retention(settings: Settings, workshop: Workshop) -> Retention | None:
    rules = RetentionRules(
        settings.asset_max_age_seconds,
        settings.assets_max_bytes,
        settings.asset_max_age_seconds_per_company,
        settings.assets_max_bytes_per_company,
    )
    return None if rules.is_off else Retention(workshop.database, workshop.storage, rules)


def _make_services(
    settings: Settings,
    listener: BoundListener,
    workshop: Workshop,
    spares: Spares,
    circumstances: Circumstances,
    hub: Hub,
    activity: Activity,
) -> Services:
    database, catalogue = workshop.database, Catalogue(workshop.registry, workshop.network_job_types)
    known = CompanyService(database)
    feed = Feed(database, hub)
    jobs = JobService(database, known, catalogue, circumstances, hub)
    running = circumstances.limits
    held = workshop.containment
    containment = contract.Containment(level=held.level.value, processes=held.process_bound, refused=dict(held.refusals))
    return Services(
        companies=known,
        jobs=jobs,
        logs=LogService(database, hub, known, workshop.log_directory),
        source_tasks=SourceTaskService(database, known),
        why=WhyService(database, known, catalogue, circumstances, hub, workshop.room),
        assets=AssetService(database, workshop.storage, known, settings.attachment_max_bytes, workshop.room),
        storage=StorageService(database, workshop.storage),
        pauses=PauseService(database, hub, workshop.registry),
        backups=BackupService(settings.state_directory, workshop.storage if isinstance(workshop.storage, LocalDisk) else None),
        feed=feed,
        streams=StreamService(database, feed, known),
        waiting=WaitService(feed, known, jobs),
        renderers=RendererService(catalogue, running.slots_per_job_type),
        status=StatusService(
            database,
            hub,
            _describe_limits(settings, workshop, spares, running),
            containment,
            circumstances,
            listener.path,
            settings.state_directory,
            requests_open=lambda: activity.requests_open,
            list_spares=lambda: [_describe_spare(spare) for spare in spares],
        ),
        doctor=DoctorService(settings.state_directory / DATABASE_NAME, workshop.room),
    )


def _describe_limits(settings: Settings, workshop: Workshop, spares: Spares, running: RunningLimits) -> contract.Limits:
    return contract.Limits(
        running_jobs=running.total,
        running_jobs_per_company=running.per_company,
        slots_per_type={job_type: slots for job_type, slots in running.slots_per_job_type.items() if slots > 1},
        body_max_bytes=BODY_MAX_BYTES,
        batch_max_bytes=BATCH_MAX_BYTES,
        attachment_max_bytes=settings.attachment_max_bytes,
        generated_asset_max_bytes=settings.generated_asset_max_bytes,
        write_queue_length=settings.write_queue_length,
        connections=settings.connections,
        log_max_bytes=settings.log_max_bytes,
        spares_per_type={spec.job_type: bound for spec in workshop.registry if (bound := spares.bound(spec)) > 0},
        spare_idle_seconds=settings.spare_idle_seconds,
        spares_memory_max_bytes=settings.spares_memory_max_bytes,
        event_retention_seconds=settings.event_retention_seconds,
        event_retention_count=settings.event_retention_count,
    )


def _describe_spare(spare: Spare) -> contract.SpareState:
    return contract.SpareState(
        job_type=spare.kind.job_type,
        engine=spare.kind.engine,
        warm=spare.memory_bytes is not None,
        memory_bytes=spare.memory_bytes,
    )


async def _stop_when_idle(
    seconds: float, activity: Activity, has_work: Callable[[], Awaitable[bool]], hub: Hub, stopping: trio.Event
) -> None:
    """Set `stopping` after so long without a request, a stream, an event, or a job that runs or can be started one day.

    A paused job can; one whose renderer is gone cannot, and would keep the daemon for ever.
    """
    while True:
        await activity.wait_quiet(seconds)
        cursor = hub.highest_event_id  # before the look at the store: what comes meanwhile must not be missed
        if await has_work():
            await hub.wait_newer(cursor)  # its next step is an event, which begins the stretch anew
        elif not activity.requests_open and hub.highest_event_id == cursor:
            logger.info("nothing to do", extra={"seconds": seconds})
            stopping.set()
            return
