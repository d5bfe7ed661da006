"""kill -9 at every point that has a name, and after each unit of work by name: the next life makes it good.

What is killed where is a table; a point or a unit of work that is in no row of it is an error. Also here: kill -9 during the
recovery and the migration, again and again, and an answer that is lost after its commit.
"""

from __future__ import annotations

import itertools
import signal
from typing import TYPE_CHECKING, Final

import pytest

from nexusd.failpoints import POINTS
from tests.support.connections import follow
from tests.support.daemons import ASSETS, DEFAULT, JOBS
from tests.support.lives import Story, open_story
from tests.support.scripted import DONE, scripted
from tests.support.sites import find_units

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.forks import Forge

pytestmark = pytest.mark.slow

NESTED: Final = 20


def start(story: Story, failpoint: str) -> None:
    """The first start of all."""
    story.spawn(failpoint)


def render(story: Story, failpoint: str) -> None:
    """A job from its submission to its end, and somebody who watches."""
    story.start(failpoint)
    with story.watching():
        story.submit(("progress", 0.5, None), DONE)


def watch(story: Story, failpoint: str) -> None:
    """Somebody who asks how things stand and what comes next."""
    story.start(failpoint)
    story.submit(DONE)
    for _ in follow(story.program.socket, f"{DEFAULT}/events?snapshot=active"):
        pass


def cancel(story: Story, failpoint: str) -> None:
    """A cancel of a job that runs."""
    story.start(failpoint)
    story.cancel(story.submit_held())


def time_out(story: Story, failpoint: str) -> None:
    """A job whose time is over."""
    story.start(failpoint)
    story.submit(("wait", story.gate.path), DONE, timeoutSeconds=0.01)


def fill(story: Story, failpoint: str) -> None:
    """A job that writes more than it may and goes on."""
    story.program.environment["NEXUSD_WORK_MAX_BYTES"] = "100000"
    story.start(failpoint)
    story.submit(("write", "b.txt", "x" * 200_000), ("wait", story.gate.path), DONE)


def pause(story: Story, failpoint: str) -> None:
    """A pause, lifted again."""
    story.start(failpoint)
    story.post_json("/v1/queue/pause", {"jobType": "other"})
    story.post_json("/v1/queue/resume", {"jobType": "other"})
    story.post_json("/v1/queue/resume", {"all": True})


def stop(story: Story, failpoint: str) -> None:
    """A stop while a job runs."""
    story.start(failpoint)
    story.submit_held()
    story.program.send(signal.SIGTERM)


def claim(story: Story, failpoint: str) -> None:
    """A start with a job that waits: the first look of the pool claims it."""
    story.program.environment["NEXUSD_RUNNING_JOBS_PER_TYPE"] = '{"scripted": 0}'
    story.start()
    story.submit(DONE)
    assert story.program.stop() == 0
    del story.program.environment["NEXUSD_RUNNING_JOBS_PER_TYPE"]
    story.spawn(failpoint)


def recover(story: Story, failpoint: str) -> None:
    """A start after a crash."""
    story.start()
    story.submit_held()
    story.program.kill()
    story.spawn(failpoint)


def upload(story: Story, failpoint: str) -> None:
    """An upload."""
    story.start(failpoint)
    story.upload()


def delete(story: Story, failpoint: str) -> None:
    """The end of an asset by hand, after it was pinned and let go."""
    story.start(failpoint)
    asset = f"{ASSETS}/{story.upload()}"
    for method, path in (("PUT", f"{asset}/pin"), ("DELETE", f"{asset}/pin"), ("DELETE", asset)):
        if story.send(method, path) is None:
            return


def collect(story: Story, failpoint: str) -> None:
    """The start's sweep of what a death left: a file without a row."""
    story.start("store.commit.before:add=kill9")
    story.upload()
    story.wait_killed()
    story.spawn(failpoint)


def retire(story: Story, failpoint: str) -> None:
    """The end of an asset by retention."""
    story.start()
    for content in (b"older", b"newer"):
        story.upload(content)
    assert story.program.stop() == 0
    story.program.environment["NEXUSD_ASSETS_MAX_BYTES"] = "5"
    story.spawn(failpoint)


def add_company(story: Story, failpoint: str) -> None:
    """A new company."""
    story.start(failpoint)
    story.post_json("/v1/companies", {"slug": "acme"})


def expire(story: Story, failpoint: str) -> None:
    """A start with more events than are kept."""
    story.start()
    job_id = story.submit(DONE)
    assert job_id is not None
    story.program.follow_until(job_id)
    assert story.program.stop() == 0
    story.program.environment["NEXUSD_EVENT_RETENTION_COUNT"] = "1"
    story.spawn(failpoint)


def back_up(story: Story, failpoint: str) -> None:
    """A backup: what a killed one leaves is none, and hinders nobody."""
    story.start(failpoint)
    story.upload()
    story.post_json("/v1/backup", {"directory": str(story.program.home / "backup")}, Idempotency_Key="k")
    assert not (story.program.home / "backup" / "backup.json").exists()


def both(*stems: str) -> list[str]:
    """Return the two points of each stem."""
    return [f"{stem}.{side}" for stem in stems for side in ("before", "after")]


def commits(*units: str) -> list[str]:
    """Return the points of the commits of these units of work."""
    return [f"store.commit.{side}:{unit}" for unit in units for side in ("before", "after")]


STORAGE: Final = both("storage.fsync", "storage.link", "storage.directory-fsync")
KILLS: Final[dict[Callable[[Story, str], None], list[str]]] = {
    start: [*both("migration", "store.commit", "storage.folder-fsync"), *commits("ensure_default")],
    render: [
        *both("service.submit", "hub.publish", "server.answer", "runner.spawn", "runner.results", "runner.settle"),
        *("runner.child-exit.after", "runner.tree-dead.after"),
        *commits("create", "record_process", "report_progress", "settle"),
        *STORAGE,
    ],
    watch: ["service.snapshot.after"],
    claim: ["runner.claim.after", *commits("take_turn")],
    cancel: [*both("service.cancel", "runner.cancel"), *commits("request_cancel", "settle")],
    time_out: ["runner.timeout.after"],
    fill: ["runner.quota.after"],
    pause: commits("pause", "resume", "resume_all"),
    stop: [*both("runner.stop"), *commits("settle")],
    recover: [*both("recovery.kill", "recovery.settle"), "recovery.clear.after", *commits("settle_orphans")],
    upload: [*STORAGE, *commits("add")],
    delete: [*both("service.delete", "storage.unlink"), *commits("pin", "unpin", "delete")],
    collect: both("storage.collect"),
    retire: [*both("storage.unlink"), *commits("retire")],
    add_company: commits("create"),
    back_up: ["backup.database.after", "backup.files.after"],
    expire: commits("prune"),
}
ENDS: Final[dict[Callable[[Story, str], None], str]] = {cancel: "cancelled", time_out: "failed", fill: "failed"}
"""How a job may end beside `done`: what had begun before the death may hold."""
ROWS: Final = [(scene, name) for scene, names in KILLS.items() for name in names]


@pytest.mark.parametrize(("scene", "name"), ROWS, ids=[f"{scene.__name__}-{name}" for scene, name in ROWS])
def test_the_next_life_makes_it_good(home: Path, forge: Forge, scene: Callable[[Story, str], None], name: str) -> None:
    with open_story(home, forge) as story:
        scene(story, f"{name}=kill9")
        story.wait_killed()
        jobs = story.finish()
        assert {job["status"] for job in jobs.values()} <= {"done", ENDS.get(scene, "done")}


def test_every_point_and_every_unit_of_work_is_killed_at() -> None:
    named = {name for _, name in ROWS}
    assert named >= POINTS.keys()
    assert named >= set(commits(*find_units()))


def test_an_answer_that_is_lost_after_its_commit_is_given_again(home: Path, forge: Forge) -> None:
    with open_story(home, forge) as story:
        story.start("store.commit.after:create=kill9")
        assert story.submit(DONE, key="the key") is None
        story.wait_killed()
        [(stored,)] = story.program.query("SELECT id FROM content_jobs")
        story.start()
        assert story.submit(DONE, key="the key") == stored
        answer = story.post_json(JOBS, scripted(("exit", 1)), Idempotency_Key="the key")
        assert answer is not None
        assert answer[0] == 409
        assert story.program.stop() == 0
        assert list(story.finish()) == [stored]


def test_a_recovery_that_is_killed_again_and_again_converges(home: Path, forge: Forge) -> None:
    undone = ["recovery.kill.before", "recovery.kill.after", "recovery.settle.before", "store.commit.before:settle_orphans"]
    done = ["store.commit.after:settle_orphans", "recovery.settle.after", "recovery.clear.after"]
    with open_story(home, forge) as story:
        story.start()
        story.submit_held(("progress", 0.7, None), DONE)
        story.program.kill()
        for name in [*itertools.islice(itertools.cycle(undone), NESTED - 6), *done, *done]:
            story.spawn(f"{name}=kill9")
            story.wait_killed()
        [job] = story.finish().values()
        assert [attempt["outcome"] for attempt in job["attempts"]] == ["crashed", "done"]
        assert job["attemptsUsed"] == 1


def test_a_migration_that_is_killed_again_and_again_converges(home: Path, forge: Forge) -> None:
    names = ["migration.before", "migration.after", "store.commit.before:ensure_default"]
    with open_story(home, forge) as story:
        for name in itertools.islice(itertools.cycle(names[:2]), NESTED - 1):
            story.spawn(f"{name}=kill9")
            story.wait_killed()
            assert story.program.query("SELECT name FROM sqlite_schema") == []
        story.spawn(f"{names[2]}=kill9")
        story.wait_killed()
        assert story.finish() == {}
