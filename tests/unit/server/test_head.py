"""Whatever the bytes, a head is incomplete, refused with a status, or sound, however the bytes came."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nexusd.server import Limits
from nexusd.server.head import find_head_end, parse_head, skip_blank_lines
from nexusd.server.problems import Refused

LIMITS = Limits(header_max_bytes=400, header_count_max=8)
VALID = b"POST /a%20b?c HTTP/1.1\r\nHost: nexusd\r\nContent-Length: 3\r\nX-A: b\r\n\r\nabc"

_SEPARATORS = [b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b":", b",", b"%", b"%00", b"%ff", b"\xff", "ü".encode()]
_PARTS = [b"GET ", b"*", b"/", b"http://x", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"A" * 50, b"\r\n\r\n"]
_FIELDS = [b"Host: x\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n"]
FRAGMENTS = st.sampled_from([*_SEPARATORS, *_PARTS, *_FIELDS])


def verdict(data: bytes) -> tuple[str, int]:
    """What the server makes of `data`: `incomplete`, `refused` with its status, or `sound` with its length."""
    try:
        buffer = skip_blank_lines(data)
        end = find_head_end(buffer, LIMITS)
        if not end:
            return "incomplete", 0
        head = parse_head(buffer[:end], LIMITS, {})
    except Refused as refused:
        return "refused", refused.problem.status
    assert head.content_length is None or head.content_length >= 0
    assert all(name == name.lower() for name, _ in head.scope["headers"])
    assert not any(character in part for _, part in head.scope["headers"] for character in b"\r\n\0")
    return "sound", end


def mutate(position: int, removed: int, inserted: bytes) -> bytes:
    return VALID[:position] + inserted + VALID[position + removed :]


@given(st.lists(FRAGMENTS | st.binary(max_size=8), max_size=30).map(b"".join))
@example(b"")
@example(VALID)
def test_no_bytes_are_a_fault_of_the_server(data: bytes) -> None:
    kind, value = verdict(data)
    assert kind != "refused" or value in {400, 414, 417, 431, 501, 505}


@given(st.builds(mutate, st.integers(0, len(VALID)), st.integers(0, 4), FRAGMENTS | st.binary(max_size=3)))
def test_neither_is_anything_close_to_a_sound_request(data: bytes) -> None:
    verdict(data)


@given(st.builds(mutate, st.integers(0, len(VALID)), st.integers(0, 4), FRAGMENTS))
def test_how_the_bytes_are_cut_does_not_matter(data: bytes) -> None:
    """Byte by byte, the first verdict that is not `incomplete` is that of the whole, or an earlier refusal of the same."""
    whole = verdict(data)
    for length in range(1, len(data) + 1):
        part = verdict(data[:length])
        if part[0] != "incomplete":
            assert part[0] == whole[0]
            assert whole[0] == "refused" or part == whole
            return
    assert whole[0] == "incomplete"


def test_the_cap_is_exact() -> None:
    rest = len(b"GET / HTTP/1.1\r\nHost: x\r\nX: \r\n\r\n")
    for surplus, expected in ((0, ("sound", 400)), (1, ("refused", 431))):
        assert verdict(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * (400 - rest + surplus) + b"\r\n\r\n") == expected


@pytest.mark.parametrize(("fields", "expected"), [(8, "sound"), (9, "refused")])
def test_so_is_the_number_of_fields(fields: int, expected: str) -> None:
    assert verdict(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * (fields - 1) + b"\r\n")[0] == expected


@pytest.mark.parametrize(
    ("target", "path", "raw_path", "query"),
    [
        (b"/", "/", b"/", b""),
        (b"/a%2Fb", "/a/b", b"/a%2Fb", b""),
        (b"/%C3%A9?%C3%A9", "/é", b"/%C3%A9", b"%C3%A9"),
        (b"/a?b?c", "/a", b"/a", b"b?c"),
        (b"//a/../b", "//a/../b", b"//a/../b", b""),
        (b"/100%", "/100%", b"/100%", b""),
        (b"http://h", "/", b"/", b""),
        (b"HTTP://h?q", "/", b"/", b"q"),
        (b"https://h:1/a?q", "/a", b"/a", b"q"),
    ],
)
def test_targets(target: bytes, path: str, raw_path: bytes, query: bytes) -> None:
    scope = parse_head(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n", LIMITS, {"type": "http"}).scope
    assert (scope["path"], scope["raw_path"], scope["query_string"], scope["type"]) == (path, raw_path, query, "http")
