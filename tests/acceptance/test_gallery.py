"""The gallery: real-world inputs of every family, rendered by a daemon in its sandbox and read by tools that are not ours."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageDraw

from tests.gallery.exhibits import FAMILIES, Gallery, cases
from tests.gallery.inspection import inspect
from tests.support.daemons import Program, make_home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


pytestmark = [pytest.mark.slow, pytest.mark.debian]

CASES = {f"{case.job_type}: {case.name}": case for case in cases()}
AT_LEAST = 60


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gallery, dict[str, str]]]:
    """Submit every case to one daemon; yield the gallery and the ids of the jobs."""
    environment = {"NEXUSD_SANDBOX": "bubblewrap"}
    with make_home() as home, Program(home, module="nexusd", environment=environment) as program:
        program.start()
        with program.client() as client:
            found = Gallery(client, tmp_path_factory.mktemp("gallery"))
            yield found, {name: found.submit(case) for name, case in CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_what_comes_out_can_be_read_by_others(gallery: tuple[Gallery, dict[str, str]], name: str) -> None:
    rooms, jobs = gallery
    case = CASES[name]
    exhibit = rooms.fetch(case, jobs[name])
    assert len(exhibit.files) == case.count, [file.name for file in exhibit.files]
    inspect(exhibit.files, case.texts)


def test_there_are_enough_of_every_family() -> None:
    counts = Counter(case.job_type for case in CASES.values())
    assert set(counts) == set(FAMILIES)
    assert min(counts.values()) >= 5
    assert len(CASES) >= AT_LEAST
    assert len(CASES) == len(list(cases())), "two cases of a family have the same name"


def test_the_inspection_sees_what_is_wrong(tmp_path: Path) -> None:
    blank = tmp_path / "blank.png"
    Image.new("RGB", (40, 40), "white").save(blank)
    torn = tmp_path / "torn.png"
    torn.write_bytes(blank.read_bytes()[:40])
    empty, fetching = tmp_path / "empty.svg", tmp_path / "fetching.svg"
    empty.write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    fetching.write_text('<svg xmlns="http://www.w3.org/2000/svg"><image href="http://a.example/b.png"/></svg>')
    page = tmp_path / "page.pdf"
    picture = Image.new("RGB", (40, 40), "white")
    ImageDraw.Draw(picture).line((0, 0, 40, 40), "black")
    picture.save(page)
    inspect([page])
    for wrong, texts in ((blank, ()), (torn, ()), (empty, ()), (fetching, ()), (page, ("words that are not there",))):
        with pytest.raises((AssertionError, OSError)):
            inspect([wrong], texts)
