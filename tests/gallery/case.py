"""One input of the gallery: what is rendered, and what must be found in what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Case:
    """`input` is a job's input, in which `{"$file": NAME}` stands for an asset made of that file of the family's folder, and
    `{"$text": NAME}` for its text. `texts` must be found in the result by an independent reader, where it can hold text.
    `count` is how many files come out."""

    name: str
    job_type: str
    input: dict[str, Any]
    texts: tuple[str, ...] = ()
    count: int = 1
