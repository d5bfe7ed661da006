"""Rows and files always agree, whatever is done in whatever order, at once, and whenever the daemon dies over it.

Stories of several lives of the store, made up by Hypothesis and held against a model: a dictionary of what was acknowledged.
Negative controls: the same stories told of a store that does things in a wrong order must be found out.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from nexusd import failpoints
from nexusd.contract.base import utc_now
from nexusd.errors import AssetInUse, AssetPinned, NotFound
from nexusd.failpoints import InjectedFault
from nexusd.storage import WorkFile
from nexusd.store import assets, jobs
from tests.support.shelves import COMPANY, WRONG, Died, Life, Mortal, find_disagreements, open_life
from tests.support.stores import make_asset, new_job

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nexusd.contract.assets import Asset

pytestmark = pytest.mark.slow

CONTENTS: Final = (b"", b"same", b"other", b"x" * 3000)
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
steps = st.one_of(
    simple,
    st.tuples(st.just("at once"), st.lists(simple, min_size=2, max_size=4)),
    st.tuples(st.just("restart")),
    st.tuples(st.just("die"), st.integers(0, 12), simple),
    st.tuples(st.just("fail"), simple),
)


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
                async with trio.open_nursery() as nursery:
                    for one in at_once:
                        nursery.start_soon(self.do, one)
            case ("die", count, one):
                self.calls.deadline = self.calls.count + count
                try:
                    await self.do(one)
                except Died:
                    pass
                await self.begin()
                self.look_again()
            case ("fail", one):
                with failpoints.armed("store.commit.before", "raise", only=1):
                    try:
                        await self.do(one)
                    except InjectedFault:
                        pass
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
                planned = await self.life.storage.collect(dry_run=True)
                assert not planned.files or not self.known.keys() & {file.object_key for file in planned.files}
                await self.life.storage.collect()
            case ("retire", max_bytes):
                await self.life.retire(max_bytes)
                self.look_again(may_vanish=True)
            case ("release",):
                for job_id in list(self.needed):
                    await self.life.store.database.write(jobs.request_cancel, self.life.store.company_id, job_id, utc_now())
                    self.needed.pop(job_id, None)
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
                    [job_id] = await self.life.store.submit(new_job(references=[("/input/a", asset_id)]))
                    self.needed[job_id] = asset_id
                case "delete":
                    await self.delete(asset_id)
        except (NotFound, AssetInUse, AssetPinned) as error:
            self.check_refusal(error, asset_id)
        except Exception as error:  # a submission that names what was deleted at the same moment
            assert verb == "need", error
            assert "does not exist" in str(error)

    async def delete(self, asset_id: str) -> None:
        await self.life.assets.delete(COMPANY, asset_id)
        self.known.pop(asset_id, None)

    def check_refusal(self, error: Exception, asset_id: str) -> None:
        """A refusal must have been true; at once with others, it may not be any more."""
        rows = self.life.store.ask("SELECT deleted_at FROM assets WHERE id = ?", asset_id)
        assert rows
        if isinstance(error, NotFound):
            assert rows != [(None,)]

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
        asset = make_asset(self.life.store.company_id, created_at=utc_now(), **found)
        await self.life.store.database.write(assets.add, asset)
        return asset

    def look_again(self, *, may_vanish: bool = False) -> None:
        """Take over what is there after a step of which nobody knows how far it came: one asset more or less, or any that
        retention may delete."""
        rows = self.life.store.ask("SELECT id, pinned_at IS NOT NULL FROM assets WHERE deleted_at IS NULL")
        found = {asset_id: bool(is_pinned) for asset_id, is_pinned in rows}
        lost = self.known.keys() - found.keys()
        kept = {asset_id for asset_id, is_pinned in self.known.items() if is_pinned} | set(self.needed.values())
        assert not lost & kept
        assert may_vanish or len(found.keys() - self.known.keys()) <= 1
        self.known = found
        waiting = self.life.store.ask("SELECT id FROM content_jobs WHERE status = 'queued'")
        named = dict(self.life.store.ask("SELECT job_id, asset_id FROM job_asset_references"))
        self.needed = {job_id: named[job_id] for (job_id,) in waiting}

    def check(self) -> None:
        """Hold what is there against the model."""
        assert find_disagreements(self.directory, self.life.store, is_collected=False) == []
        rows = self.life.store.ask("SELECT id, pinned_at IS NOT NULL FROM assets WHERE deleted_at IS NULL")
        assert {asset_id: bool(is_pinned) for asset_id, is_pinned in rows} == self.known
        assert not set(self.needed.values()) - self.known.keys()

    async def sweep(self) -> None:
        """Sweep as a start does: then each file has a row, and each blob a file."""
        await self.life.storage.collect()
        assert find_disagreements(self.directory, self.life.store, is_collected=True) == []
        assert (await self.life.storage.verify(None, 500)).findings == []
        self.check()


def make_stories(empty_database: Path, wrong: str | None, count: int) -> Callable[[], None]:
    """Return the property: so many stories, each in a directory of its own."""

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate] if wrong else [Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.lists(steps, min_size=1, max_size=25))
    def stories(story: list[Step]) -> None:
        with tempfile.TemporaryDirectory() as directory:
            shutil.copy(empty_database, directory)
            trio.run(Teller(Path(directory), wrong).tell, story)

    return stories


def test_rows_and_files_agree_whatever_is_done(empty_database: Path) -> None:
    make_stories(empty_database, None, 60)()


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_order_is_found_out(empty_database: Path, wrong: str) -> None:
    with pytest.raises(BaseException, match=r".") as found:
        make_stories(empty_database, wrong, 300)()
    assert found.group_contains(AssertionError) or isinstance(found.value, AssertionError)
