"""Rows and files always agree: a death at every system call of a life of the store, and what the next life makes of it.

Negative controls: lives that do the same things in another order must be found out.

Source: RELIABILITY H2.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

import pytest
import trio

from tests.support.deaths import Deaths, open_deaths, read_told
from tests.support.shelves import WRONG, find_disagreements, open_life

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.shelves import Life

pytestmark = pytest.mark.slow

CALLS_MAX: Final = 200
PARTS: Final = 4


@pytest.fixture(scope="module")
def deaths() -> Iterator[Deaths]:
    with open_deaths() as opened:
        yield opened


def find_complaints(directory: Path) -> list[str]:
    """Live on after a death; return what is wrong, then and after the sweep."""

    async def live_on() -> list[str]:
        async with open_life(directory) as life:
            wrong = find_disagreements(directory, life.store, is_collected=False)
            planned = await life.storage.collect(dry_run=True)
            swept = await life.storage.collect()
            if swept.model_dump(exclude={"dry_run"}) != planned.model_dump(exclude={"dry_run"}):
                wrong.append(f"the dry run said {planned}, the run did {swept}")
            wrong += find_disagreements(directory, life.store, is_collected=True)
            page = await life.storage.verify(None, 100)
            if page.findings != []:
                wrong.append(f"verified: {page.findings}")
            wrong += await find_broken_promises(directory, life)
            again = await life.upload(b"same")
            await life.assets.delete("default", again.id)
            return wrong + find_disagreements(directory, life.store, is_collected=True)

    return trio.run(live_on)


async def find_broken_promises(directory: Path, life: Life) -> list[str]:
    told = read_told(directory)
    by_what: dict[str, set[str]] = {}
    for line in told:
        by_what.setdefault(line["what"], set()).add(line["id"])
    live = dict(life.store.ask("SELECT id, pinned_at IS NOT NULL FROM assets WHERE deleted_at IS NULL"))
    wrong = [f"{gone} was deleted and is back" for gone in by_what.get("deleted", set()) & live.keys()]
    wrong += [f"{pinned} was pinned and is not" for pinned in by_what.get("pinned", set()) if not live.get(pinned)]
    if "retiring" not in by_what:
        kept = by_what.get("uploaded", set()) - by_what.get("deleting", set())
        wrong += [f"{lost} was acknowledged and is lost" for lost in kept - live.keys()]
    return wrong


def live_and_die(deaths: Deaths, directory: Path, empty_database: Path, deadline: int, wrong: str | None = None) -> bool:
    """Live in a fresh directory up to a system call; tell whether there were so many."""
    directory.mkdir()
    shutil.copy(empty_database, directory)
    return deaths.live(directory, deadline, wrong)


@pytest.mark.parametrize("part", range(PARTS))
def test_a_death_at_any_system_call_is_made_good(deaths: Deaths, tmp_path: Path, empty_database: Path, part: int) -> None:
    for deadline in range(part, CALLS_MAX, PARTS):
        directory = tmp_path / str(deadline)
        has_died = live_and_die(deaths, directory, empty_database, deadline)
        assert find_complaints(directory) == [], deadline
        if not has_died:
            break
    assert not has_died
    assert deadline > 60
    assert read_told(directory)[-1]["what"] == "lived"


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_order_is_found_out(deaths: Deaths, tmp_path: Path, empty_database: Path, wrong: str) -> None:
    for deadline in range(CALLS_MAX):
        directory = tmp_path / str(deadline)
        has_died = live_and_die(deaths, directory, empty_database, deadline, wrong)
        if complaints := find_complaints(directory):
            break
        assert has_died, "it was not found out"
    assert complaints
