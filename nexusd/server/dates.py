"""The Date header, computed once a second.

Source: RFC 9110 §6.6.1.
"""

from __future__ import annotations

import time
from email.utils import formatdate


class DateHeader:
    """The current Date value; one instance serves every connection."""

    def __init__(self) -> None:
        self._second = -1
        self._value = b""

    def now(self) -> bytes:
        """Return the value for this second."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._value = formatdate(second, usegmt=True).encode("ascii")
        return self._value
