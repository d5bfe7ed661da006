"""How many requests are open, and whether it has been quiet for long.

Owns the count of ASGI calls in flight, streams included, and the time of the last thing that happened. Leaves out connections:
one that is kept alive without a request is not activity.

Invariant: `requests_open` is never negative, and every `request_began` has its `request_ended`.
"""

from __future__ import annotations

import trio


class Activity:
    """Counts open requests and wakes those who wait for quiet."""

    def __init__(self) -> None:
        self.requests_open = 0
        self._quiet_since = float("-inf")
        self._ended: trio.Event | None = None

    def request_began(self) -> None:
        """Count one more open request."""
        self.requests_open += 1

    def request_ended(self) -> None:
        """Count one open request less."""
        self.requests_open -= 1
        if self.requests_open == 0:
            self._quiet_since = trio.current_time()
            if self._ended is not None:
                self._ended.set()
                self._ended = None

    def note(self) -> None:
        """Note that something else happened just now that is no quiet either: the stretch begins anew."""
        self._quiet_since = trio.current_time()

    async def wait_quiet(self, seconds: float) -> None:
        """Return once no request was open and nothing noted for `seconds` in a row, counted from this call at the earliest.

        Cancellation: nothing is left behind.
        """
        called_at = trio.current_time()
        while True:
            if self.requests_open:
                if self._ended is None:
                    self._ended = trio.Event()
                await self._ended.wait()
            quiet_at = max(self._quiet_since, called_at) + seconds
            if self.requests_open == 0 and quiet_at <= trio.current_time():
                return
            # A request that comes and goes meanwhile moves `_quiet_since`, and the next turn sees it.
            await trio.sleep_until(quiet_at)
