"""Reads one request head: where it ends, whether it is sound, and the ASGI scope it makes.

Owns the rules on a request's first bytes. h11 parses; what it forgives for the sake of old clients is refused here first:
bare LF, folded fields, control characters, repeated or contradictory framing. Leaves out which `Host` is welcome: the
application's to decide.

Invariants: pure, no I/O; whatever is wrong raises `Refused`, nothing else; a head that is accepted leaves no doubt where its
body ends.

Source: RFC 9112 §2.2, §3, §5, §6; RFC 9110 §5.5, §10.1.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes

import h11

from nexusd.server.problems import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nexusd.server.asgi import Scope
    from nexusd.server.limits import Limits

_HEAD_END: Final = b"\r\n\r\n"
_BLANK_LINES: Final = re.compile(rb"(?:\r\n)*")
_FORBIDDEN: Final = re.compile(rb"(?<!\r)\n|\r[^\n]|\n[ \t]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_REQUEST_LINE: Final = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+ [\x21-\x7e]+ HTTP/([0-9]\.[0-9])\r\n")
_ABSOLUTE_TARGET: Final = re.compile(rb"https?://([^/?#@]+)((?:/[^?#]*)?)(\?[^#]*)?", re.IGNORECASE)
_DIGITS: Final = re.compile(rb"[0-9]{1,18}")
_CONTENT_LENGTH_FIELD: Final = re.compile(rb"\ncontent-length:[ \t]*([^\r]*?)[ \t]*\r", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Head:
    """One request head. `content_length` is None for a chunked body and 0 without a body."""

    machine: h11.Connection
    method: bytes
    scope: Scope
    content_length: int | None


def skip_blank_lines(buffer: bytes) -> bytes:
    """Return `buffer` without the empty lines that a client may send between requests."""
    blank = _BLANK_LINES.match(buffer)
    return buffer[blank.end() :] if blank and blank.end() else buffer


def find_head_end(buffer: bytes, limits: Limits) -> int:
    """Return the length of the head at the start of `buffer`, or 0 while it is incomplete.

    A head that can no longer become a sound one is refused at once, not when its deadline has passed.
    """
    end = buffer.find(_HEAD_END, 0, limits.header_max_bytes) + len(_HEAD_END)
    complete = end >= len(_HEAD_END)
    if _FORBIDDEN.search(buffer, 0, end if complete else limits.header_max_bytes):
        raise Refused(400, "The request header holds a control character, a bare line feed or a folded field.")
    if not complete and len(buffer) >= limits.header_max_bytes:
        status = 431 if b"\r\n" in buffer[: limits.header_max_bytes] else 414
        raise Refused(status, f"Request line and header may be {limits.header_max_bytes} bytes long together.")
    if complete or b"\r\n" in buffer:
        _check_request_line(buffer)
    if not complete:
        return 0
    if buffer.count(b"\r\n", 0, end) > limits.header_count_max + 2:
        raise Refused(431, f"A request may have {limits.header_count_max} header fields.")
    return end


def _check_request_line(buffer: bytes) -> None:
    line = _REQUEST_LINE.match(buffer)
    if line is None:
        raise Refused(400, "The request line is not `METHOD target HTTP/1.1`.")
    if line[1] not in (b"1.1", b"1.0"):
        raise Refused(505, "Ask again with HTTP/1.1.")


def parse_head(data: bytes, limits: Limits, base_scope: Mapping[str, Any]) -> Head:
    """Return the head that `data`, sound as far as `find_head_end` can tell, says."""
    machine = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.header_max_bytes)
    machine.receive_data(data)
    try:
        request = machine.next_event()
    except h11.RemoteProtocolError as error:
        raise Refused(501 if error.error_status_hint == 501 else 400, _readable(error)) from error
    if not isinstance(request, h11.Request):
        raise Refused(400, "The request header is incomplete.")
    headers = [(name.lower(), value) for name, value in request.headers.raw_items()]
    content_length = _body_length(headers, data, request.http_version)
    authority, path, query = _split_target(request.method, request.target)
    if authority is not None:
        # RFC 9112 §3.2.2: the authority of an absolute target replaces Host, whatever that says.
        headers = [(b"host", authority), *(field for field in headers if field[0] != b"host")]
    scope: Scope = {
        **base_scope,
        "http_version": request.http_version.decode("ascii"),
        "method": request.method.decode("ascii"),
        "path": _decode_path(path),
        "raw_path": path,
        "query_string": query,
        "headers": headers,
        "state": {},
    }
    return Head(machine, request.method, scope, content_length)


def _readable(error: h11.RemoteProtocolError) -> str:
    text = str(error).encode("ascii", "backslashreplace").decode("ascii")
    return f"The request header is malformed: {text[:200]}."


def _body_length(headers: list[tuple[bytes, bytes]], data: bytes, http_version: bytes) -> int | None:
    chunked = has_length = False
    for name, value in headers:
        if name == b"transfer-encoding":
            chunked = True
        elif name == b"content-length":
            has_length = True
        elif name == b"expect" and http_version == b"1.1" and value.lower() != b"100-continue":
            raise Refused(417, "Only `Expect: 100-continue` can be met.")
    if chunked:
        if has_length or http_version != b"1.1":
            raise Refused(400, "Transfer-Encoding goes neither with Content-Length nor with HTTP/1.0.")
        return None
    return _content_length(data) if has_length else 0


def _content_length(data: bytes) -> int:
    # h11 merges fields that agree, so the raw head is asked.
    values = _CONTENT_LENGTH_FIELD.findall(data)
    if len(values) != 1 or not _DIGITS.fullmatch(values[0]):
        raise Refused(400, "Content-Length must be one number, once.")
    return int(values[0])


def _split_target(method: bytes, target: bytes) -> tuple[bytes | None, bytes, bytes]:
    """Return authority (None but for the absolute form), path and query."""
    if method == b"CONNECT":
        raise Refused(501, "This is not a proxy.")
    if b"#" in target:
        raise Refused(400, "A request target has no fragment.")
    if target.startswith(b"/"):
        path, _, query = target.partition(b"?")
        return None, path, query
    if target == b"*" and method == b"OPTIONS":
        return None, target, b""
    absolute = _ABSOLUTE_TARGET.fullmatch(target)
    if absolute is None:
        raise Refused(400, "The request target is neither a path nor an http URI.")
    return absolute[1], absolute[2] or b"/", (absolute[3] or b"")[1:]


def _decode_path(path: bytes) -> str:
    if b"%" not in path:
        return path.decode("ascii")
    try:
        decoded = unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(400, "The path is not UTF-8.") from error
    if "\0" in decoded:
        raise Refused(400, "The path holds a NUL.")
    return decoded
