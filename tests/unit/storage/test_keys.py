"""Keys: names are data, and whatever the data, the key stays inside."""

# ruff: noqa: RUF001 - look-alike characters are what is tested

from __future__ import annotations

import posixpath
import random
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexusd.errors import NotFound
from nexusd.storage.keys import (
    SEGMENT,
    SEGMENT_MAX_BYTES,
    id_in_key,
    object_key,
    sanitise_filename,
    sanitise_namespace,
    sanitise_segment,
    split_key,
)

ID = "0199aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def test_the_layout() -> None:
    key = object_key("default", "attachments/foo", "Report 1.PDF", NOON, ID)
    assert key == f"default/attachments/foo/2026/01/02/{ID}-Report_1.PDF"
    assert "/".join(split_key(key)) == key


def test_a_key_tells_its_id_and_no_other_name_does() -> None:
    assert id_in_key(object_key("default", "a/b", "x.png", NOON, ID)) == ID
    for foreign in (
        "",
        ID,
        "notes.txt",
        f"a/{ID[:-1]}x-a",
        f"../{ID}-a",
        f"a/{ID.upper()}-a",
        f"a//{ID}-a",
        f"a/{ID}-\udcff",
        f"{ID}/a",
    ):
        assert id_in_key(foreign) is None, foreign


def test_the_day_is_utcs() -> None:
    tokyo = datetime(2026, 1, 1, 3, tzinfo=timezone(timedelta(hours=9)))
    assert "/2025/12/31/" in object_key("default", "generated/x", "a", tokyo, ID)


@pytest.mark.parametrize("bad", [("../x", NOON), (ID.upper(), NOON), (ID, NOON.replace(tzinfo=None))])
def test_what_is_made_here_is_checked_too(bad: tuple[str, datetime]) -> None:
    with pytest.raises(ValueError, match="an id and an aware time"):
        object_key("default", "x", "a", bad[1], bad[0])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("flow.svg", "flow.svg"),
        ("Übersicht äöü.pdf", "Ubersicht_aou.pdf"),
        ("", "file"),
        ("...", "file"),
        (".pdf", "pdf"),
        ("-rf.png", "rf.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\a.png", "a.png"),
        ("a/b/", "file"),
        ("\0.png", "_.png"),
        ("／etc／passwd", "_etc_passwd"),
        ("．．／x", "_x"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1.tar.gz", "_com1.tar.gz"),
        ("LPT¹", "_LPT1"),
        ("console.log", "console.log"),
        ("\u202egnp.exe", "_gnp.exe"),
        ("图表.svg", "_.svg"),
        ("x" * 300 + ".svg", "x" * 116 + ".svg"),
        ("a.b" * 100, ("a.b" * 100)[:SEGMENT_MAX_BYTES]),
        ("a.not an extension", "a.not_an_extension"),
        ("a." + "e" * 17, "a." + "e" * 17),
    ],
)
def test_filenames(name: str, expected: str) -> None:
    assert sanitise_filename(name) == expected


@pytest.mark.parametrize(
    ("namespace", "expected"),
    [
        ("attachments/foo", "attachments/foo"),
        ("/abs//./../x/", "abs/x"),
        ("", "file"),
        ("..", "file"),
        ("a\\b", "a/b"),
        (".incoming", "incoming"),
        ("1/2/3/4/5/6/7/8/9/10", "1/2/3/4/5/6/7/8"),
        ("aux/prn.x", "_aux/_prn.x"),
    ],
)
def test_namespaces(namespace: str, expected: str) -> None:
    assert sanitise_namespace(namespace) == expected


@pytest.mark.parametrize(
    "key",
    [
        "",
        "a",
        "/a/b",
        "a//b",
        "a/../b",
        "../a",
        "a/./b",
        ".incoming/x",
        "a/-x",
        "a/b\0",
        "a/b\n",
        "a/é",
        "a/" + "x" * 121,
        "a/" * 13 + "a",
    ],
)
def test_a_key_we_cannot_have_made_is_not_found(key: str) -> None:
    with pytest.raises(NotFound):
        split_key(key)


def check(company: str, namespace: str, filename: str) -> None:
    key = object_key(company, namespace, filename, NOON, ID)
    assert posixpath.normpath(posixpath.join("/root", key)) == f"/root/{key}"
    segments = split_key(key)
    assert len(segments) <= 13
    for segment in segments:
        assert SEGMENT.fullmatch(segment), segment
        assert len(segment.encode()) <= SEGMENT_MAX_BYTES
    assert segments[-1].startswith(ID + "-")


@given(st.text(), st.text(), st.text())
@settings(deadline=None)
@pytest.mark.slow
def test_any_text_gives_a_key_that_stays_inside(company: str, namespace: str, filename: str) -> None:
    check(company, namespace, filename)


@given(st.text())
@settings(deadline=None)
def test_composed_and_decomposed_are_one_name_and_sanitising_twice_changes_nothing(text: str) -> None:
    # fewer characters than are looked at, also when decomposed
    name = text[:100]
    assert sanitise_segment(unicodedata.normalize("NFC", name)) == sanitise_segment(unicodedata.normalize("NFD", name))
    assert sanitise_segment(sanitise_segment(name)) == sanitise_segment(name)


HOSTILE = [
    *(
        "..",
        "/",
        "\\",
        ".",
        "-",
        "~",
        "\0",
        "%2e%2e",
        "%00",
        "\n",
        "\r",
        "\x1b[2J",
        " ",
        "*",
        "|",
        ";",
        "$(x)",
        "`",
        "'",
        '"',
        ":",
    ),
    *(
        "CON",
        "nul",
        "COM1",
        "lpt9",
        "AUX.",
        "．．",
        "／",
        "＼",
        "․․",
        "‥",
        "\u202e",
        "\u200b",
        "\ufeff",
        "é",
        "e\u0301",
        "ﷺ",
        "💥",
    ),
    *("\ud800", "x" * 255, "é" * 200, ".incoming", "etc/passwd", "C:", "//host/share", "a", "Z", "9", "_", ".tar.gz", ".svg"),
]


@pytest.mark.slow
def test_a_hundred_thousand_hostile_names_stay_inside() -> None:
    chance = random.Random(36)
    for _ in range(100_000):
        parts = chance.choices(HOSTILE, k=chance.randint(1, 9))
        check("".join(parts[:2]), "".join(parts[2:5]), "".join(parts))
