"""What `render` and `submit` send, checked before anything is contacted."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from nexusctl.client.submitting import MANY_KEY_MAX_LENGTH, checked_key, make_submission, reasons_of
from nexusctl.commands.given import parse_value, refuse_constant
from nexusctl.errors import UsageError
from nexusd.contract.jobs import JobSubmission

if TYPE_CHECKING:
    from collections.abc import Sequence

STDIN: Final = "-"


@dataclass(frozen=True, slots=True)
class Batch:
    """Jobs to submit, and the key that makes that safe to repeat. One that is not of `many` is sent by itself."""

    submissions: Sequence[JobSubmission]
    key: str | None = None
    is_many: bool = False


@dataclass(frozen=True, slots=True)
class Fields:
    """What the command line says of an input: the whole, fields as JSON, and fields as text."""

    whole: str | None = None
    values: Sequence[str] = ()
    texts: Sequence[str] = ()


def read_batch(job_type: str, fields: Fields, given: dict[str, Any], key: str | None) -> Batch:
    """Return one job, or where the job type is `-` or `@FILE` those of its lines. Raises UsageError."""
    if key is not None:
        checked_key(key, MANY_KEY_MAX_LENGTH)
    if not job_type.startswith((STDIN, "@")):
        return Batch([make_submission(job_type, compose_input(fields), given)], key)
    if fields != Fields(None, [], []):
        raise UsageError("each of many jobs has its own input", hint="leave out --input and the fields, or name a job type")
    return Batch(read_jobs(job_type, given), key, is_many=True)


def read_jobs(where: str, given: dict[str, Any]) -> list[JobSubmission]:
    """Return the jobs of standard input, or of a file, one a line; `given` is for fields that a line has not.

    Raises UsageError that names the line.
    """
    name, content = _read("standard input" if where == STDIN else where[1:], None if where == STDIN else where[1:])
    defaults = {JobSubmission.model_fields[field].alias or field: value for field, value in given.items()}
    found = []
    for number, line in enumerate(content.split(b"\n"), 1):
        if line.strip():
            document = _parse_object(f"{name}, line {number},", line, 'a line is a job: {"jobType": …, "input": {…}}')
            try:
                found.append(JobSubmission.model_validate({**defaults, **document}))
            except ValidationError as error:
                raise UsageError(f"{name}, line {number}, is no valid job", hint=reasons_of(error)) from None
    if not found:
        raise UsageError(f"{name} holds no job", hint='a line is a job: {"jobType": …, "input": {…}}')
    return found


def compose_input(fields: Fields) -> dict[str, Any]:
    """Return the input that `--input`, `--field` and `--raw-field` make together. Raises UsageError."""
    if fields == Fields(None, [], []):
        raise UsageError("a job has an input", hint="give --input INPUT, or its fields with --field NAME=VALUE")
    found = {} if fields.whole is None else read_input(fields.whole)
    for assignment in fields.values:
        name, value = _split(assignment, "--field")
        found[name] = _read_value(value)
    return found | dict(_split(assignment, "--raw-field") for assignment in fields.texts)


def _split(assignment: str, option: str) -> tuple[str, str]:
    name, equals, value = assignment.partition("=")
    if not name or not equals:
        raise UsageError(f"{option} {assignment!r} is not NAME=VALUE")
    return name, value


def read_input(text: str) -> dict[str, Any]:
    """Return the object that `--input` names. Raises UsageError."""
    hint = "--input takes @FILE, - or a JSON object"
    if text == STDIN:
        where, content = _read("standard input", None)
    elif text.startswith("@"):
        where, content = _read(text[1:], text[1:], hint)
    else:
        where, content = "--input", text.encode("utf-8", "surrogateescape")
    return _parse_object(where, content, hint)


def _read_value(text: str) -> Any:
    """Return a field's value: the text of a file, JSON, or else the text itself."""
    if text.startswith("@"):
        where, content = _read(text[1:] if text != "@-" else "standard input", text[1:] if text != "@-" else None)
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise UsageError(f"{where} is not UTF-8 text", hint="store it with: nexusctl asset put") from None
    return parse_value(text)


def _read(name: str, path: str | None, hint: str | None = None) -> tuple[str, bytes]:
    if path is None:
        return name, sys.stdin.buffer.read()
    try:
        return name, Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}", hint=hint) from None


def _parse_object(where: str, content: bytes, hint: str) -> dict[str, Any]:
    try:
        value = json.loads(content.decode("utf-8-sig"), parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where} is not JSON: {error}", hint=hint) from None
    if not isinstance(value, dict):
        raise UsageError(f"{where} holds no JSON object", hint=hint)
    return value
