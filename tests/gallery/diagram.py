"""Diagrams as people draw them: every kind that Mermaid has, DOT in its engines, D2 in its looks."""

from __future__ import annotations

from typing import Any

from tests.gallery.case import Case


def mermaid(name: str, *texts: str, **options: Any) -> Case:
    """Return a case whose language is told by its text."""
    return Case(f"mermaid-{name}", "diagram", {"source": {"$text": f"{name}.mmd"}, "format": "svg", **options}, texts)


def dot(file: str, *texts: str, **options: Any) -> Case:
    """Return a case whose language is told by its file's extension."""
    stem = file.partition(".")[0]
    return Case(f"dot-{stem}", "diagram", {"source": {"$file": file}, "format": "pdf", **options}, texts)


def d2(name: str, *texts: str, count: int = 1, **options: Any) -> Case:
    """Return a case in D2."""
    given = {"source": {"$text": f"{name}.d2"}, "language": "d2", "format": "svg", **options}
    return Case(f"d2-{name}", "diagram", given, texts, count)


CASES: list[Case] = [
    mermaid("flowchart", "Order fulfilment", "Reserve items", "Köln"),
    mermaid("sequence", "Auth server", "until the token ends"),
    mermaid("gantt", "Website relaunch", "Wireframes", theme="forest"),
    mermaid("er", "LINE_ITEM", "customer_id", format="pdf"),
    mermaid("state", "Queued", "attempts left"),
    mermaid("class", "Canvas", "abstract", theme="neutral"),
    mermaid("pie", "Compilation", format="png"),
    mermaid("timeline", "From idea to standard", "Growth", format="pdf"),
    mermaid("gitgraph", "develop", "v1.0", theme="dark"),
    mermaid("journey", "Talk to the doctor"),
    mermaid("quadrant", "Single sign-on", format="pdf"),
    mermaid("sankey", "Industry"),
    mermaid("c4", "Online banking", format="pdf"),
    mermaid("kanban", "Cache thumbnails"),
    mermaid("block", "Postgres", theme="base"),
    mermaid("packet", "Destination port"),
    mermaid("mindmap", "Changelog", sketch=True),
    mermaid("requirement", "Functional Requirement"),
    mermaid("xychart", "Visits and orders", format="png", scale=3),
    mermaid("architecture", "Object storage"),
    mermaid("radar", "Operations"),
    mermaid("treemap", "Packages", format="pdf"),
    dot("calls.dot", "parse_request", "borrow"),
    dot("clusters.dot", "PostgreSQL", "Application zone", theme="dark"),
    dot("records.dot", "value: 42"),
    dot("tables.dot", "customer_id", "größe & gewicht", format="svg"),
    dot("network.gv", "printer", format="png"),
    dot("ring.dot", "regression", engine="circo", background="transparent", format="svg"),
    d2("architecture", "Shop architecture", "API gateway", layout="elk"),
    d2("tables", "created_at", "Invoice", theme="cool-classics", format="pdf"),
    d2("boards", "executor", count=3),
    d2("protocol", "key share", theme="dark", format="pdf"),
    d2("sketch", "Größe", sketch=True, format="png"),
]
