"""Charts as people make them: the usual kinds, a map, three in Vega itself, data in every format."""

from __future__ import annotations

from typing import Any, Final

from tests.gallery.case import Case

SALES: Final = {"sales.csv": {"$file": "sales.csv"}}
LATENCY: Final = {"latency.parquet": {"$file": "latency.parquet"}}


def chart(name: str, source: str, *texts: str, **options: Any) -> Case:
    """Return a case whose spec is an asset of the gallery."""
    return Case(name, "chart", {"source": {"$file": source}, **options}, texts)


CASES: Final[list[Case]] = [
    chart("bar with labels", "bar.vl.json", "Revenue by region, 2025", "Île-de-France", files=SALES),
    chart("stacked bars", "stacked.vl.json", "Orders by month and region", "Jun", files=SALES, format="png"),
    chart("grouped bars", "grouped.vl.json", "Quarterly revenue: online against store", "Q3", files=SALES, format="pdf"),
    chart(
        "lines with bands",
        "line.vl.json",
        "Daily mean temperature",
        "Reykjavík",
        files={"weather.tsv": {"$file": "weather.tsv"}},
        format="pdf",
    ),
    chart("normalised area", "area.vl.json", "Share of revenue by region", files=SALES),
    chart(
        "scatter with a regression",
        "scatter.vl.json",
        "Heavier cars drink more",
        "Power (kW)",
        files={"cars.ndjson": {"$file": "cars.ndjson"}},
        format="png",
    ),
    chart(
        "heat map",
        "heatmap.vl.json",
        "Requests by weekday and hour",
        files={"requests.json": {"$file": "requests.json"}},
        format="png",
    ),
    chart("histogram from Parquet", "histogram.vl.json", "Response time by service", "billing", files=LATENCY, format="pdf"),
    chart("box plot from Parquet", "boxplot.vl.json", "Spread of response times", files=LATENCY),
    chart("layers with a rule", "layered.vl.json", "Revenue against the plan", "Plan: 500k → every month", files=SALES),
    chart("facets", "facets.vl.json", "Revenue by channel and region", "South", files=SALES, format="png", theme="quartz"),
    chart(
        "map with a lookup",
        "map.vl.json",
        "Population of the Eilande",
        "Südmark",
        files={name: {"$file": name} for name in ("provinces.topojson", "population.csv")},
        format="pdf",
    ),
    chart("gantt", "gantt.vl.json", "Release 2.0", "Documentation", format="png", ppi=192, locale="de-DE"),
    chart("donut in the dark", "donut.vl.json", "Where visitors come from", "Search", format="png", theme="dark"),
    chart("radial", "radial.vl.json", "Wind speed by direction", "SE"),
    chart("forces", "force.vg.json", "Services and who calls whom", "gateway"),
    chart("treemap", "treemap.vg.json", "What fills the disk (GB)", "video 910", format="pdf"),
    chart("sunburst", "sunburst.vg.json", "media", "archive", format="png", background="#faf7f0"),
    chart("a page", "stacked.vl.json", "Orders by month and region", files=SALES, format="html"),
    Case("text in the input", "chart", {"source": {"$text": "donut.vl.json"}, "format": "pdf"}, ("Where visitors come from",)),
]
