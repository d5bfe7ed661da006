"""The gallery of documents: what people write in Markdown and Typst, in every format and most looks."""

from __future__ import annotations

from typing import Final

from tests.gallery.case import Case

MONTHS: Final = {"img/months.svg": {"$file": "img/months.svg"}}
CASES: Final = [
    Case(
        "report",
        "document",
        {"source": {"$text": "report.md"}, "files": MONTHS},
        ("Lindgasse", "17 600", "def fill", "20 November"),
    ),
    Case(
        "report-archived",
        "document",
        {"source": {"$text": "report.md"}, "files": MONTHS, "pdfStandard": "a-2b", "font": "sans"},
        ("Lindgasse", "17 600"),
    ),
    Case("minutes", "document", {"source": {"$text": "minutes.md"}}, ("harbour association", "Seilwerk Nord", "fuel store")),
    Case("invoice", "document", {"source": {"$text": "invoice.md"}}, ("Invoice 2026-117", "21 012.50", "Halvorsen")),
    Case("api", "document", {"source": {"$text": "api.md"}}, ("Weatherbox", "nextCursor", "Retry-After")),
    Case("paper", "document", {"source": {"$text": "paper.md"}}, ("random walks", "Theorem", "heavy tails")),
    Case("readme", "document", {"source": {"$text": "readme.md"}}, ("Parcelbox", "tracking number", "waiting", "carriers")),
    Case("readme-as-code", "document", {"source": {"$text": "readme.md"}, "embed": False}, ("stateDiagram-v2", "digraph")),
    Case("charts", "document", {"source": {"$text": "charts.md"}}, ("Visitors", "library")),
    Case("scripts", "document", {"source": {"$text": "scripts.md"}}, ("Ελληνικά", "Русский", "Tiếng")),
    Case("letter", "document", {"language": "typst", "source": {"$text": "letter.typ"}}, ("Elif", "14 382 kWh")),
    Case("poster", "document", {"source": {"$file": "poster.typ"}, "format": "png", "ppi": 60}),
    Case("poster-svg", "document", {"source": {"$text": "poster.typ"}, "format": "svg"}),
    Case("deck", "document", {"source": {"$text": "deck.typ"}, "format": "png", "ppi": 96}, count=4),
    Case("deck-two-pages", "document", {"source": {"$text": "deck.typ"}, "format": "png", "pages": "1,4"}, count=2),
    Case("recipe", "document", {"source": {"$text": "recipe.md"}}, ("caraway", "Sourdough")),
    Case("cheatsheet", "document", {"source": {"$text": "cheatsheet.md"}, "format": "png"}),
    Case("glossary", "document", {"source": {"$text": "glossary.md"}, "pdfStandard": "ua-1"}, ("Retention", "lease_seconds")),
    Case("exam", "document", {"source": {"$text": "exam.md"}}, ("falling chain", "normal modes")),
    Case("exam-picture", "document", {"source": {"$text": "exam.md"}, "format": "png", "pages": "1", "ppi": 110}),
    Case("book", "document", {"source": {"$text": "book.md"}}, ("Unnamed Boat", "What the keeper knew")),
]
