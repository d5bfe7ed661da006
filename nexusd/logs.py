"""The daemon's log: one line a record, on stderr.

    2026-11-21T12:00:00.000Z INFO nexusd.runner: attempt ended job=0199… outcome=done
    {"time": "2026-11-21T12:00:00.000Z", "level": "INFO", "logger": "nexusd.runner", "message": "attempt ended", …}

Owns the shape of a line. Leaves out where stderr goes (journald, a terminal, a file the client opened) and rotation.

Plain `logging`, not structlog: trio, httpx, alembic and SQLAlchemy log there, so a second system would need a bridge back;
`extra` gives us the fields, 100 lines give us the line, and nothing more is imported.

Invariants:
1. Nothing that is logged can begin a line or steer a terminal: control characters, bidirectional overrides and line separators
   are shown as escapes. The lines of a traceback begin with `  | `.
2. Under journald each line carries its priority.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO

from nexusd.contract.base import format_time

if TYPE_CHECKING:
    from collections.abc import Mapping

LogFormat = Literal["human", "json"]

_DANGEROUS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_NEEDS_QUOTES: Final = re.compile(r"[\s\"=]|^$")
_OWN_FIELDS: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}
_JSON_FIELDS: Final = frozenset({"time", "level", "logger", "message", "exception"})


def configure(level: str, log_format: LogFormat = "human", stream: TextIO | None = None) -> None:
    """Send every record of `level` and above to `stream` (stderr), and nowhere else. Replaces what was configured before."""
    target = stream or sys.stderr
    handler = logging.StreamHandler(target)
    handler.setFormatter(JsonFormatter() if log_format == "json" else HumanFormatter(for_journal=is_journal(target)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)


def is_journal(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether `stream` is journald's: JOURNAL_STREAM may be inherited by processes whose stderr is something else.

    Source: systemd.exec(5), $JOURNAL_STREAM.
    """
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def escape(text: str) -> str:
    """Return `text` with everything that could break or steer a line shown as an escape."""
    return _DANGEROUS.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)


class HumanFormatter(logging.Formatter):
    """Time, level, logger, message, fields."""

    def __init__(self, *, for_journal: bool = False) -> None:
        super().__init__()
        self._for_journal = for_journal

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line, and one more for each line of its traceback."""
        fields = "".join(f" {escape(key)}={_quote(value)}" for key, value in _extra(record).items())
        head = f"{_time(record)} {record.levelname} {escape(record.name)}: {escape(record.getMessage())}{fields}"
        lines = [head, *(f"  | {escape(line)}" for line in _traceback(self, record).split("\n") if line)]
        prefix = f"<{_priority(record.levelno)}>" if self._for_journal else ""
        return "\n".join(prefix + line for line in lines)


class JsonFormatter(logging.Formatter):
    """One JSON object; the fields stand beside time, level, logger and message. Pure ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line."""
        line = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for key, value in _extra(record).items():
            line[key + "_" if key in _JSON_FIELDS else key] = _plain(value)
        if traceback := _traceback(self, record):
            line["exception"] = traceback
        return json.dumps(line).replace("\x7f", "\\u007f")


def _time(record: logging.LogRecord) -> str:
    return format_time(datetime.fromtimestamp(record.created, UTC))


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in record.__dict__.items() if key not in _OWN_FIELDS}


def _quote(value: object) -> str:
    text = str(value)
    return escape(json.dumps(text, ensure_ascii=False) if _NEEDS_QUOTES.search(text) else text)


def _plain(value: object) -> Any:
    if isinstance(value, str | int | None) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value)


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    parts = [formatter.formatException(record.exc_info)] if record.exc_info and record.exc_info[0] else []
    if record.stack_info:
        parts.append(formatter.formatStack(record.stack_info))
    return "\n".join(parts)


def _priority(level: int) -> int:
    """Return the syslog priority of a level. Source: sd-daemon(3)."""
    return next((priority for bound, priority in ((50, 2), (40, 3), (30, 4), (20, 6)) if level >= bound), 7)
