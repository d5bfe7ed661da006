"""The bounds of the transport, in one place.

Owns every number that the server waits for or buffers up to. Leaves out what is said about a request's meaning: how large
an upload may be is the application's to decide.

Invariant: every wait for a peer ends by one of these numbers.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for one server; `_seconds` and `_bytes` are what they say."""

    header_max_bytes: int = 32 * 1024
    """Request line and header fields together; beyond it 414 or 431."""
    header_count_max: int = 256
    """Header fields of one request; beyond it 431."""
    header_timeout_seconds: float = 10
    """From the first byte of a request to the end of its header; beyond it 408."""
    keep_alive_timeout_seconds: float = 60
    """How long a connection may sit without a request, the first one included; beyond it a silent close."""
    body_idle_timeout_seconds: float = 30
    """The longest wait for the next byte of a body; beyond it 408."""
    body_grace_seconds: float = 30
    """How long the server waits for body bytes in total before the minimum rate counts."""
    body_min_bytes_per_second: float = 1024
    """Average over the time spent waiting for the peer; the application's own slowness does not count."""
    send_timeout_seconds: float = 30
    """The longest that 256 KiB of an answer may take; beyond it the connection is closed."""
    drain_max_bytes: int = 64 * 1024
    """How much of a body that the application left unread is read away to keep the connection."""
    drain_timeout_seconds: float = 1
    """How long that may take, and how long a closing connection lets a peer that still uploads read its answer."""
    disconnect_grace_seconds: float = 0.25
    """How long an application may still run once its peer has gone."""
    connections_max: int = 512
    """Open connections; beyond it 503."""
    accept_backoff_seconds: float = 0.1
    """The pause after an accept that failed for want of descriptors or memory."""
    stop_grace_seconds: float = 0.8
    """How long requests in flight may go on once the server is stopping."""
    stop_grace_of_pieces_seconds: float = 0.3
    """The same for answers that are sent as pieces: those end by themselves, unless nobody takes what is left of them."""
