"""The answers that the transport gives by itself, as RFC 9457 problem documents.

Owns the refusals that need no application: unreadable, too slow, too large, too many. Leaves out every answer that knows
what a request means. They are written by hand, not by h11, because most of them answer what h11 could not read.

Invariant: each of these answers closes its connection.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

PROBLEM_TYPE_PREFIX: Final = "urn:nexusd:problem:"

_SLUGS: Final = {
    400: ("malformed-request", "The request cannot be read"),
    408: ("request-timeout", "The request took too long"),
    414: ("uri-too-long", "The request target is too long"),
    417: ("expectation-failed", "The expectation cannot be met"),
    431: ("headers-too-large", "The request header is too large"),
    500: ("internal", "Internal error"),
    501: ("not-implemented", "Not implemented"),
    503: ("too-many-connections", "Too many connections"),
    505: ("http-version-not-supported", "Only HTTP/1.1 and HTTP/1.0 are spoken here"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal; `status` decides slug and title, `detail` is for people."""

    status: int
    detail: str

    def to_bytes(self, date: bytes, *, with_body: bool = True) -> bytes:
        """Return the whole response; `with_body` is False for HEAD."""
        slug, title = _SLUGS[self.status]
        document = {"type": PROBLEM_TYPE_PREFIX + slug, "title": title, "status": self.status, "detail": self.detail}
        body = json.dumps(document).encode()
        retry_after = b"retry-after: 1\r\n" if self.status == 503 else b""
        head = (
            b"HTTP/1.1 %d %s\r\ncontent-type: application/problem+json\r\ncontent-length: %d\r\n"
            b"connection: close\r\ndate: %s\r\n%s\r\n"
        ) % (self.status, HTTPStatus(self.status).phrase.encode(), len(body), date, retry_after)
        return head + body if with_body else head


class Refused(Exception):
    """The request cannot be served; `problem` is the answer."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.problem = Problem(status, detail)
