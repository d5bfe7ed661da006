"""Lines of the log: their shape, and that nothing logged can forge one."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexusd.logs import HumanFormatter, JsonFormatter, configure, escape, is_journal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIME = 1795262400.0  # 2026-11-21T12:00:00Z


def record(message: str = "hello", level: int = logging.INFO, /, **extra: Any) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "nexusd.runner", "levelno": level, "levelname": logging.getLevelName(level), **extra})
    made.msg, made.created = message, TIME
    return made


def human(*args: Any, **extra: Any) -> str:
    return HumanFormatter().format(record(*args, **extra))


def as_json(*args: Any, **extra: Any) -> Any:
    return json.loads(JsonFormatter().format(record(*args, **extra)))


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    """Give the root logger back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def test_a_line_for_people() -> None:
    assert human(job="0199", outcome="done", seconds=1.5) == (
        "2026-11-21T12:00:00.000Z INFO nexusd.runner: hello job=0199 outcome=done seconds=1.5"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("", '""'),
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ('say "x"', '"say \\"x\\""'),
        ("x\ny", '"x\\ny"'),
        ("\x1b[2J", "\\x1b[2J"),
        (None, "None"),
        ("naïve", "naïve"),
    ],
)
def test_values_are_unambiguous(value: object, shown: str) -> None:
    assert human(key=value).endswith(f" hello key={shown}")


FORGERY = "ok\r\n2026-11-21T12:00:00.000Z CRITICAL nexusd: forged \x1b[31m\x9b1m\u2028\u202e\x7f\x00"


def test_a_message_cannot_begin_a_line_or_steer_a_terminal() -> None:
    line = human(FORGERY, field=FORGERY, **{"ke\ny": 1})
    assert line.count("CRITICAL") == 2
    assert "\\r\\n2026" in line
    assert escape(line) == line


@given(st.text())
def test_whatever_is_logged_is_one_line_that_can_be_printed(text: str) -> None:
    line = human(text, field=text)
    assert len(line.splitlines()) == 1
    line.encode()
    assert not {character for character in line if ord(character) < 32 or 127 <= ord(character) < 160}
    parsed = as_json(text, field=text)
    assert (parsed["message"], parsed["field"]) == (text, text)


def raised(text: str) -> Any:
    try:
        raise ValueError(text)
    except ValueError:
        return sys.exc_info()


def test_a_traceback_is_marked_as_one() -> None:
    first, *rest = human("failed", exc_info=raised(FORGERY)).split("\n")
    assert first.endswith("failed")
    assert len(rest) > 3
    assert all(line.startswith("  | ") and escape(line) == line for line in rest)
    assert "ValueError" in as_json("failed", exc_info=raised("x"))["exception"]


@pytest.mark.parametrize(("level", "priority"), [(10, 7), (20, 6), (30, 4), (40, 3), (50, 2)])
def test_under_journald_each_line_carries_its_priority(level: int, priority: int) -> None:
    text = HumanFormatter(for_journal=True).format(record("failed", level, exc_info=raised("x")))
    assert all(line.startswith(f"<{priority}>") for line in text.split("\n"))


def test_a_line_for_programs() -> None:
    assert as_json(job="0199", seconds=1.5, ok=True, nothing=None, path=os, bad=float("nan"), level="mine") == {
        "time": "2026-11-21T12:00:00.000Z",
        "level": "INFO",
        "logger": "nexusd.runner",
        "message": "hello",
        "job": "0199",
        "seconds": 1.5,
        "ok": True,
        "nothing": None,
        "path": str(os),
        "bad": "nan",
        "level_": "mine",
    }


def test_a_program_reads_one_line_a_record_in_plain_ascii() -> None:
    line = JsonFormatter().format(record(FORGERY, field=FORGERY, exc_info=raised(FORGERY)))
    assert line.isascii()
    assert line.isprintable()


def test_configure_replaces_what_was_there_and_keeps_the_level(root_logger: logging.Logger) -> None:
    stream = io.StringIO()
    configure("debug")
    configure("info", "human", stream)
    logging.getLogger("nexusd.x").info("attempt %s", "ended", extra={"job": "0199"})
    logging.getLogger("nexusd.x").debug("unseen")
    assert len(root_logger.handlers) == 1
    assert stream.getvalue().endswith(" INFO nexusd.x: attempt ended job=0199\n")
    assert stream.getvalue().count("\n") == 1


def test_configure_json_and_warnings(root_logger: logging.Logger) -> None:
    stream = io.StringIO()
    configure("INFO", "json", stream)
    assert root_logger.level == logging.INFO
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("careful", stacklevel=1)
    assert json.loads(stream.getvalue())["logger"] == "py.warnings"


def test_journald_is_recognised_by_its_very_stream(tmp_path: Path) -> None:
    with (tmp_path / "a").open("w") as stream, (tmp_path / "b").open("w") as other:
        found = os.fstat(stream.fileno())
        environ = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        assert is_journal(stream, environ)
        assert not is_journal(other, environ)
        assert not is_journal(stream, {})
        assert not is_journal(io.StringIO(), environ)
