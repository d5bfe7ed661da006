"""An instant is drawn as the same hour and day wherever the machine is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from nexusd.renderers.chart import CHART
from nexusd.renderers.diagram import DIAGRAM
from tests.integration.renderers.children import render

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.renderers.spec import RendererSpec

pytestmark = pytest.mark.slow

INSTANTS: Final[dict[str, Any]] = {
    "data": {"values": [{"t": "2025-12-20T22:00:00Z", "n": 1}, {"t": "2025-12-21T03:00:00Z", "n": 2}]},
    "mark": "bar",
    "encoding": {"x": {"field": "t", "type": "temporal", "timeUnit": "date"}, "y": {"field": "n", "type": "quantitative"}},
}
GANTT: Final = "gantt\n  dateFormat x\n  axisFormat %H:%M\n  Task :a, 1766268000000, 6h\n"


@pytest.mark.parametrize(
    ("spec", "given"),
    [(CHART, {"source": INSTANTS, "language": "vega-lite"}), (DIAGRAM, {"source": GANTT, "language": "mermaid"})],
    ids=["chart", "diagram"],
)
def test_the_machines_time_zone_does_not_show(tmp_path: Path, spec: RendererSpec, given: dict[str, Any]) -> None:
    drawn = [
        render(spec, given, tmp_path / str(number), environment=environment)
        for number, environment in enumerate([{}, {"TZ": "Asia/Tokyo"}, {"TZ": "America/New_York"}])
    ]
    assert [each.code for each in drawn] == [0, 0, 0], drawn[0].log
    assert drawn[0].files
    assert drawn[0].files == drawn[1].files == drawn[2].files
