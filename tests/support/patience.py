"""How long a test waits for what should come: bounds that only a fault reaches, on a busy machine too.

What takes how long is for the benchmarks to say. A test that must tell "at once" from "at the deadline" gives the deadline a
minute or more.
"""

from __future__ import annotations

from typing import Final

HANG_SECONDS: Final = 60.0
"""For what comes after any amount of work: longer than that, and it never comes."""
PROMPT_SECONDS: Final = 8.0
"""For what comes at once: so much may a busy machine add. Below the shortest deadline of the server, ten seconds."""
