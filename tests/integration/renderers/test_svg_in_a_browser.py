"""What a browser does with drawings that attack it: as they are (so that the test sees what it looks for), and made safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nexusd.renderers.engines.svg_safety import make_safe
from nexusd.renderers.job import InvalidInput
from tests.support.browser import open_forwarder, open_page
from tests.support.svg_attacks import ATTACKS, document

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.browser import Page

SEEN = """new Promise(resolve => setTimeout(() => resolve([
  document.documentElement.hasAttribute('data-hit'),
  performance.getEntriesByType('resource').length,
]), 0))"""


def look(page: Page, path: Path, svg: str) -> tuple[bool, bool]:
    """Return whether a script ran, and whether something was asked for."""
    path.write_text(svg, "utf-8")
    page.visit(f"file://{path}")
    hit, fetched = page.run(SEEN)
    return hit, fetched > 0


@pytest.mark.debian
@pytest.mark.slow
def test_a_browser_runs_and_fetches_nothing(tmp_path: Path) -> None:
    with open_forwarder(tmp_path / "nothing") as forwarder, open_page(tmp_path, forwarder) as page:
        before = [look(page, tmp_path / f"{number}.svg", document(body)) for number, body in enumerate(ATTACKS)]
        assert sum(hit for hit, _ in before) >= 5
        assert sum(fetched for _, fetched in before) >= 10
        for number, body in enumerate(ATTACKS):
            try:
                safe = make_safe(document(body), name="a.svg")
            except InvalidInput:
                continue
            assert look(page, tmp_path / f"safe-{number}.svg", safe) == (False, False), body
