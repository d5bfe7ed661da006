"""`python -m tests.support.scripted_daemon`: nexusd as it is, with the renderers of the tests beside its own."""

from __future__ import annotations

import sys

from nexusd.__main__ import main
from nexusd.renderers.registry import BUILT_IN, Registry
from tests.support.scripted import OTHER, SCRIPTED

Registry.load = lambda: Registry([*BUILT_IN, SCRIPTED, OTHER])  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(main())
