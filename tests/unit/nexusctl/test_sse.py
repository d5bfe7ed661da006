"""The SSE parser: the cases of the specification as a table, and its invariants as properties."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexusctl.sse import Frame, FrameTooLarge, Parser

CASES = [
    ("data only", b"data: a\n\n", [Frame("message", "a", "")]),
    ("several data lines", b"data: a\ndata: b\n\n", [Frame("message", "a\nb", "")]),
    ("event and id", b"event: status\nid: 7\ndata: {}\n\n", [Frame("status", "{}", "7")]),
    ("no space after the colon", b"data:a\n\n", [Frame("message", "a", "")]),
    ("only one space goes", b"data:  a\n\n", [Frame("message", " a", "")]),
    ("a colon in the value", b"data: a:b\n\n", [Frame("message", "a:b", "")]),
    ("a field without a colon", b"data\n\n", [Frame("message", "", "")]),
    ("two of them", b"data\ndata\n\n", [Frame("message", "\n", "")]),
    ("an unknown field", b"color: red\ndata: a\n\n", [Frame("message", "a", "")]),
    ("field names have a case", b"DATA: a\n\n", []),
    ("a comment", b": hello\n\n:\n\ndata: a\n\n", [Frame("message", "a", "")]),
    ("no data, no frame", b"event: status\nid: 3\n\n", []),
    ("the event name does not outlive its frame", b"event: x\n\ndata: a\n\n", [Frame("message", "a", "")]),
    ("the id stays", b"id: 3\ndata: a\n\ndata: b\n\n", [Frame("message", "a", "3"), Frame("message", "b", "3")]),
    ("an empty id resets", b"id: 3\ndata: a\n\nid\ndata: b\n\n", [Frame("message", "a", "3"), Frame("message", "b", "")]),
    ("an id with NUL is ignored", b"id: 3\n\nid: 4\x00\ndata: a\n\n", [Frame("message", "a", "3")]),
    ("a torn frame is dropped", b"data: a\n\ndata: b\n", [Frame("message", "a", "")]),
    ("CR", b"data: a\rdata: b\r\r", [Frame("message", "a\nb", "")]),
    ("CRLF", b"data: a\r\ndata: b\r\n\r\n", [Frame("message", "a\nb", "")]),
    ("mixed", b"data: a\rdata: b\n\r\ndata: c\n\n", [Frame("message", "a\nb", ""), Frame("message", "c", "")]),
    ("a BOM", b"\xef\xbb\xbfdata: a\n\n", [Frame("message", "a", "")]),
    ("only one BOM, only at the start", b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [Frame("message", "a", "")]),
    ("no UTF-8", b"data: \xff\n\n", [Frame("message", "�", "")]),
    ("U+2028 ends no line", "data: a\u2028b\n\n".encode(), [Frame("message", "a\u2028b", "")]),
]


@pytest.mark.parametrize(("stream", "frames"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_frames_of_a_stream_follow_the_specification(stream: bytes, frames: list[Frame]) -> None:
    assert Parser().feed(stream) == frames


@pytest.mark.parametrize(("stream", "frames"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_frames_are_the_same_byte_by_byte(stream: bytes, frames: list[Frame]) -> None:
    parser = Parser()
    assert [frame for position in range(len(stream)) for frame in parser.feed(stream[position : position + 1])] == frames


_LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [b"", b"data: x", b"id: 5", b"id: 6", b"event: e", b"retry: 10", b": c", b"data", b"\xef\xbb\xbfdata: y"]
        ),
        st.binary(max_size=12),
    ),
    max_size=20,
)
_ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])


@given(lines=_LINES, end=_ENDS, cuts=st.lists(st.integers(0, 400), max_size=12))
def test_chunking_never_changes_the_frames(lines: list[bytes], end: bytes, cuts: list[int]) -> None:
    stream = end.join([*lines, b"", b""])
    whole, cut = Parser(), Parser()
    places = sorted({0, len(stream), *(min(place, len(stream)) for place in cuts)})
    pieces = [stream[start:stop] for start, stop in pairwise(places)]
    assert [frame for piece in pieces for frame in cut.feed(piece)] == whole.feed(stream)
    assert (cut.last_event_id, cut.retry_milliseconds) == (whole.last_event_id, whole.retry_milliseconds)


@given(
    frames=st.lists(
        st.tuples(
            st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20),
            st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]), max_size=50),
            st.integers(0, 2**63),
        ),
        max_size=5,
    ),
    end=_ENDS,
)
def test_what_a_server_writes_is_what_a_client_reads(frames: list[tuple[str, str, int]], end: bytes) -> None:
    lines = []
    for event, data, number in frames:
        lines += [f"event: {event}", f"id: {number}", *(f"data: {line}" for line in data.split("\n")), ""]
    stream = b"".join(line.encode() + end for line in lines)
    assert Parser().feed(stream) == [Frame(event or "message", data, str(number)) for event, data, number in frames]


def test_a_keep_alive_moves_the_id_and_is_no_frame() -> None:
    parser = Parser()
    assert parser.feed(b"id: 9\n\n") == []
    assert parser.last_event_id == "9"


def test_the_id_of_a_torn_frame_does_not_count() -> None:
    parser = Parser()
    parser.feed(b"id: 9\ndata: a\n\nid: 10\ndata: b\n")
    assert parser.last_event_id == "9"


@pytest.mark.parametrize(
    ("value", "expected"), [("1000", 1000), ("0", 0), ("1s", None), ("-1", None), ("", None), ("٣", None), ("9" * 5000, None)]
)
def test_retry_takes_ascii_digits_only(value: str, expected: int | None) -> None:
    parser = Parser()
    parser.feed(f"retry: {value}\n\n".encode())
    assert parser.retry_milliseconds == expected


def test_a_frame_above_the_bound_is_refused() -> None:
    parser = Parser(max_frame_bytes=100)
    parser.feed(b"data: " + b"x" * 90)
    with pytest.raises(FrameTooLarge):
        parser.feed(b"x" * 20)


def test_many_frames_and_comments_below_the_bound_are_not() -> None:
    parser = Parser(max_frame_bytes=100)
    assert len(parser.feed(b"data: xxxxxxxxxx\n\n" * 50)) == 50
    parser.feed(b": a comment without an empty line\n" * 50)
    assert parser.feed(b"data: x\n\n") == [Frame("message", "x", "")]
