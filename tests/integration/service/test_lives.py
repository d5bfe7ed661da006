"""Rows and files always agree, whatever is done in whatever order, at once, and whenever the daemon dies over it.

Stories of several lives of the store, made up by Hypothesis and held against a model: a dictionary of what was acknowledged.
Negative controls: the same stories told of a store that does things in a wrong order must be found out.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from nexusd import failpoints
from nexusd.contract.base import utc_now
from nexusd.errors import AlreadyFinished, AssetInUse, AssetPinned, InvalidRequest, NotFound
from nexusd.failpoints import InjectedFault
from nexusd.storage import WorkFile
from nexusd.store import assets, jobs
from tests.support.shelves import COMPANY, WRONG, Died, Life, Mortal, find_disagreements, open_life
from tests.support.stores import Store, make_asset, new_job

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nexusd.contract.assets import Asset

pytestmark = pytest.mark.slow

CONTENTS: Final = (b"same", b"same", b"other", b"x" * 3000, b"")
Step = tuple[Any, ...]

numbers = st.integers(0, 5)
simple = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(CONTENTS)),
    st.tuples(st.just("render"), st.sampled_from(CONTENTS)),
    st.tuples(st.just("delete"), numbers),
    st.tuples(st.just("pin"), numbers),
    st.tuples(st.just("unpin"), numbers),
    st.tuples(st.just("need"), numbers),
    st.tuples(st.just("release")),
    st.tuples(st.just("collect")),
    st.tuples(st.just("retire"), st.sampled_from([1, 8, 3000])),
)
one_at_a_time = st.one_of(
    simple,
    st.tuples(st.just("restart")),
    st.tuples(st.just("die"), st.integers(0, 12), simple),
    st.tuples(st.just("fail"), simple),
)
steps = st.one_of(one_at_a_time, st.tuples(st.just("at once"), st.lists(simple, min_size=2, max_size=4)))


class Disagreement(AssertionError):
    """Rows and files do not agree."""


@dataclass
class Teller:
    """Tells one story: carries out its steps and keeps the model of what must be there."""

    directory: Path
    wrong: str | None
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    known: dict[str, bool] = field(default_factory=dict)
    """The assets that are there, each with whether it is pinned."""
    needed: dict[str, str] = field(default_factory=dict)
    """Jobs that are not over, each with the asset it needs."""
    calls: Mortal = field(default_factory=Mortal)
    is_alone: bool = True
    """Whether one thing is done at a time: only then the model knows what must come of it."""

    @property
    def store(self) -> Store:
        """The store of this life."""
        return self.life.store

    async def begin(self) -> None:
        """Begin the next life."""
        await self.stack.aclose()
        self.calls = Mortal()
        self.life: Life = await self.stack.enter_async_context(open_life(self.directory, self.calls, self.wrong))

    async def tell(self, story: Sequence[Step]) -> None:
        """Tell all of it; at the end, sweep, and everything must agree."""
        async with self.stack:
            await self.begin()
            for step in story:
                await self.take(step)
                self.check()
            await self.begin()
            await self.sweep()

    async def take(self, step: Step) -> None:
        match step:
            case ("restart",):
                await self.begin()
                await self.sweep()
            case ("at once", at_once):
                self.is_alone = False
                async with trio.open_nursery() as nursery:
                    for one in at_once:
                        nursery.start_soon(self.do, one)
                self.is_alone = True
                self.learn()
            case ("die", count, one):
                self.calls.deadline = self.calls.count + count
                with suppress(Died):
                    await self.do(one)
                await self.begin()
                self.look_again(may_vanish=one[0] == "retire")
            case ("fail", one):
                with failpoints.armed("store.commit.before", "raise", only=1), suppress(InjectedFault):
                    await self.do(one)
                self.look_again()
            case _:
                await self.do(step)

    async def do(self, step: Step) -> None:
        match step:
            case ("put", content):
                self.known[(await self.life.upload(content)).id] = False
            case ("render", content):
                self.known[(await self.render(content)).id] = False
            case ("collect",):
                await self.life.storage.collect()
            case ("retire", max_bytes):
                await self.life.retire(max_bytes)
                self.look_again(may_vanish=True)
            case ("release",):
                for job_id in list(self.needed):
                    await self.release(job_id)
            case (verb, number) if self.known:
                await self.do_with(verb, sorted(self.known)[number % len(self.known)])

    async def do_with(self, verb: str, asset_id: str) -> None:
        service = self.life.assets
        try:
            match verb:
                case "pin":
                    await service.pin(COMPANY, asset_id)
                    self.known[asset_id] = True
                case "unpin":
                    await service.unpin(COMPANY, asset_id)
                    self.known[asset_id] = False
                case "need":
                    [job_id] = await self.store.submit(new_job(references=[("/input/a", asset_id)]))
                    self.needed[job_id] = asset_id
                case "delete":
                    await self.delete(asset_id)
        except (AssetInUse, AssetPinned):
            assert verb == "delete"
        except NotFound:
            assert self.store.ask("SELECT deleted_at IS NULL FROM assets WHERE id = ?", asset_id) == [(0,)]
        except InvalidRequest:  # a submission that names what was deleted just before
            assert verb == "need"

    async def delete(self, asset_id: str) -> None:
        await self.life.assets.delete(COMPANY, asset_id)
        assert self.is_refused_alone(asset_id) is False
        self.known.pop(asset_id, None)

    def is_refused_alone(self, asset_id: str) -> bool:
        """Whether nobody else is at work, and the model says that this must not be deleted."""
        return self.is_alone and (self.known[asset_id] or asset_id in self.needed.values())

    async def release(self, job_id: str) -> None:
        with suppress(AlreadyFinished):
            await self.store.database.write(jobs.request_cancel, self.store.company_id, job_id, utc_now())
        self.needed.pop(job_id, None)

    async def render(self, content: bytes) -> Asset:
        """Store a file as an attempt does: what a child left is taken over, then its row is written."""
        work = Path(tempfile.mkdtemp(dir=self.directory))
        (work / "a.bin").write_bytes(content)
        stored = await self.life.disk.put_file(
            company=COMPANY,
            namespace="generated/x",
            filename="a.bin",
            content_type="text/plain",
            source=WorkFile(work, "a.bin"),
            max_bytes=None,
            now=utc_now(),
        )
        found = {"object_key": stored.object_key, "sha256": stored.sha256, "byte_size": stored.byte_size}
        asset = make_asset(self.store.company_id, created_at=utc_now(), **found)
        await self.store.database.write(assets.add, asset)
        return asset

    def look_again(self, *, may_vanish: bool = False) -> None:
        """Take over what is there after a step of which nobody knows how far it came: one asset more or less, or any that
        retention may delete."""
        before, kept = set(self.known), {asset_id for asset_id, is_pinned in self.known.items() if is_pinned}
        kept |= set(self.needed.values())
        self.learn()
        lost, found = before - self.known.keys(), self.known.keys() - before
        if self.is_alone:
            assert not lost & kept
            assert may_vanish or len(lost) + len(found) <= 1

    def learn(self) -> None:
        """Take over what is there."""
        self.known = self.read()
        waiting = self.store.ask("SELECT id FROM content_jobs WHERE status = 'queued'")
        named = dict(self.store.ask("SELECT job_id, asset_id FROM job_asset_references"))
        self.needed = {job_id: named[job_id] for (job_id,) in waiting}

    def read(self) -> dict[str, bool]:
        """Return which assets are there, each with whether it is pinned."""
        rows = self.store.ask("SELECT id, pinned_at IS NOT NULL FROM assets WHERE deleted_at IS NULL")
        return {asset_id: bool(is_pinned) for asset_id, is_pinned in rows}

    def check(self) -> None:
        """Hold what is there against the model."""
        self.compare(is_collected=False)
        assert self.read() == self.known
        assert not set(self.needed.values()) - self.known.keys()

    def compare(self, *, is_collected: bool) -> None:
        """Hold rows and files against each other."""
        if wrong := find_disagreements(self.directory, self.store, is_collected=is_collected):
            raise Disagreement(wrong)

    async def sweep(self) -> None:
        """Sweep as a start does: then each file has a row, and each blob a file."""
        await self.life.storage.collect()
        self.compare(is_collected=True)
        assert (await self.life.storage.verify(None, 500)).findings == []
        self.check()


def make_stories(
    empty_database: Path, kinds: st.SearchStrategy[Step], count: int, wrong: str | None = None
) -> Callable[[], None]:
    """Return the property: so many stories, each in a directory of its own."""

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        phases=[Phase.generate] if wrong else [Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.lists(kinds, min_size=5, max_size=30))
    def stories(story: list[Step]) -> None:
        with tempfile.TemporaryDirectory() as directory:
            shutil.copy(empty_database, directory)
            trio.run(Teller(Path(directory), wrong).tell, story)

    return stories


def test_rows_and_files_agree_whatever_is_done(empty_database: Path) -> None:
    make_stories(empty_database, steps, 100)()


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_order_is_found_out(empty_database: Path, wrong: str) -> None:
    with pytest.raises(Disagreement):
        make_stories(empty_database, one_at_a_time, 500, wrong)()
