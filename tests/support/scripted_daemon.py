"""`python -m tests.support.scripted_daemon`: nexusd as it is, with the renderers of the tests beside its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from nexusd.__main__ import main
from nexusd.renderers.registry import BUILT_IN, Registry
from tests.support.scripted import OTHER, SCRIPTED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nexusd.renderers.spec import RendererSpec


def load(own: Iterable[RendererSpec] = ()) -> Registry:
    """Return them all, and those of the settings."""
    return Registry([*BUILT_IN, SCRIPTED, OTHER, *own])


Registry.load = load  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(main())
