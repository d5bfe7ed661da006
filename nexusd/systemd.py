"""The service manager's side of the daemon: sockets handed over, readiness, watchdog.

Owns the environment variables of systemd's protocols. Leaves out what the sockets are (the server checks type and mode) and
when to say what (the daemon). Without a service manager every function is a cheap no-op.

Invariants: a service manager that is gone, full or wrong never ends the daemon; no child inherits a handed-over socket; a
variable meant for another process is not obeyed.

Source: sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3).
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Final

import trio

from nexusd.errors import InvalidSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

FIRST_DESCRIPTOR: Final = 3
_MICROSECONDS: Final = 1_000_000


def listen_fds(environ: MutableMapping[str, str] = os.environ) -> list[int]:
    """Take over the sockets that the service manager opened for this process, in its order; call once.

    Sets close-on-exec on each and removes the variables, so that no child takes them for its own.

    Raises InvalidSettings when the variables are meant for us and do not say what is the case.
    """
    pid, count, names = (environ.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"))
    if pid != str(os.getpid()) or not count:
        return []
    # a descriptor's number is below the soft limit; longer numbers are nonsense, and no range is made of them
    if not (count.isascii() and count.isdigit() and len(count) < 6):
        raise InvalidSettings(f"LISTEN_FDS must be a number of sockets, not {count!r}")
    if names and len(names.split(":")) != int(count):
        raise InvalidSettings(f"LISTEN_FDNAMES names {len(names.split(':'))} sockets, LISTEN_FDS says {count}")
    descriptors = list(range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + int(count)))
    for descriptor in descriptors:
        try:
            os.set_inheritable(descriptor, False)
        except OSError as error:
            raise InvalidSettings(f"LISTEN_FDS promises descriptor {descriptor}: {error.strerror}") from error
    return descriptors


def notify(*lines: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell the service manager, as `READY=1` or `STATUS=…`; say whether it was told. Never blocks, never raises OSError."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    target = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
            sender.sendto("\n".join(lines).encode(), target)
    except OSError:
        return False
    return True


def watchdog_interval_seconds(environ: Mapping[str, str] = os.environ) -> float | None:
    """Return how often to feed the watchdog: twice in the time it waits. None when there is no watchdog for this process."""
    limit = environ.get("WATCHDOG_USEC", "")
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    if not (limit.isascii() and limit.isdigit() and 0 < len(limit) < 20 and int(limit) > 0):
        return None
    return int(limit) / _MICROSECONDS / 2


async def feed_watchdog(environ: Mapping[str, str] = os.environ) -> None:
    """Feed the watchdog for as long as the event loop turns; return at once when there is none.

    Cancellation: at any time; the service manager then waits for its limit, so say `STOPPING=1` first.
    """
    interval = watchdog_interval_seconds(environ)
    if interval is None:
        return
    while True:
        notify("WATCHDOG=1", environ=environ)
        await trio.sleep(interval)
