"""Ranges, as RFC 9110 has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexusd.api.ranges import find_range
from nexusd.errors import RangeNotSatisfiable

ETAG = '"abc"'


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("bytes=0-0", range(1)),
        ("bytes=0-9", range(10)),
        ("bytes=0-1000", range(10)),
        ("bytes=9-", range(9, 10)),
        ("bytes=0-", range(10)),
        ("bytes=-1", range(9, 10)),
        ("bytes=-10", range(10)),
        ("bytes=-11", range(10)),
        ("Bytes= 3-4 ", range(3, 5)),
        ("bytes=4-3", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("bytes=0-1,5-6", None),
        ("bytes=0-1,", None),
        ("lines=0-1", None),
        ("bytes=a-b", None),
        ("bytes=+1-2", None),
        ("bytes=0x1-2", None),
        ("bytes=\u0661-2", None),
        ("bytes=" + "9" * 5000 + "-", None),
        ("", None),
    ],
)
def test_one_range_of_bytes_is_honoured(text: str, wanted: range | None) -> None:
    assert find_range({"range": text}, 10, ETAG) == wanted


@pytest.mark.parametrize(("text", "byte_size"), [("bytes=10-", 10), ("bytes=10-20", 10), ("bytes=-0", 10), ("bytes=0-", 0)])
def test_what_lies_past_the_end_is_refused(text: str, byte_size: int) -> None:
    with pytest.raises(RangeNotSatisfiable):
        find_range({"range": text}, byte_size, ETAG)


def test_the_end_of_an_empty_file_is_all_of_it() -> None:
    assert find_range({"range": "bytes=-5"}, 0, ETAG) is None


@pytest.mark.parametrize(
    ("condition", "is_kept"),
    [
        (ETAG, True),
        (f" {ETAG} ", True),
        ('"other"', False),
        (f"W/{ETAG}", False),
        ("*", False),
        ("Sun, 06 Nov 1994 08:49:37 GMT", False),
    ],
)
def test_a_condition_keeps_the_range_only_when_it_is_the_same_file(condition: str, is_kept: bool) -> None:
    headers = {"range": "bytes=1-2", "if-range": condition}
    assert find_range(headers, 10, ETAG) == (range(1, 3) if is_kept else None)
    headers["range"] = "bytes=10-"
    if is_kept:
        with pytest.raises(RangeNotSatisfiable):
            find_range(headers, 10, ETAG)
    else:
        assert find_range(headers, 10, ETAG) is None


@given(st.integers(0, 12), st.none() | st.integers(0, 12), st.none() | st.integers(0, 12))
def test_it_is_what_slicing_gives(byte_size: int, first: int | None, last: int | None) -> None:
    content = bytes(range(byte_size))
    text = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    start, stop = (first, last) if first is not None else (max(0, byte_size - (last or 0)), None)
    expected = content[start : None if stop is None else stop + 1]
    try:
        wanted = find_range({"range": text}, byte_size, ETAG)
    except RangeNotSatisfiable:
        assert not expected
        return
    if wanted is None:
        assert not expected, "it is left out only when it means nothing"
    else:
        assert content[wanted.start : wanted.stop] == expected
        assert expected
