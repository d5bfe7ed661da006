"""Waiting until somebody answers at a socket that is not there yet, or not any more: a daemon that starts, or starts anew.

For those who may not start one themselves. Nobody tells when a socket appears, so it is tried, ever less often.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from nexusctl.client.backoff import Backoff
from nexusctl.client.sockets import check_owner, check_path, is_answering

if TYPE_CHECKING:
    from pathlib import Path


def wait_answering(path: Path, timeout_seconds: float) -> bool:
    """Return whether somebody answers, as soon as somebody does or when the time is over. Raises Unreachable, UsageError."""
    check_path(path)
    backoff = Backoff()
    until = time.monotonic() + timeout_seconds
    while True:
        check_owner(path)
        if is_answering(path):
            return True
        left = until - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(left, backoff.take_seconds()))
