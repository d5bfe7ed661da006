"""The values that a word of a command line may have, by kind: jobs, assets, companies, … of the daemon that runs.

Owns the time that may pass: what has not come `LONGEST_SECONDS` after the start of this process is done without. Starts no
daemon.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from nexusctl.commands.session import Session
    from nexusctl.commands.settings import Given

FILES: Final = "files"
DIRECTORIES: Final = "directories"
LONGEST_SECONDS: Final = 0.3
"""Of a whole completion, from the start of the process."""
LAST_WORDS_SECONDS: Final = 0.04
"""What it takes to read the answer, print and end."""
VARIABLE: Final = "NEXUSCTL_COMPLETION_SECONDS"
_NEWEST: Final = 100
_ABOUT_MAX_LENGTH: Final = 60
_BY_OPTION: Final = {"--task": "source task", "--source-task": "source task", "--profile": "profile", "--content-type": None}
_BY_METAVAR: Final = {
    "JOB": "job",
    "JOB…": "job",
    "ASSET": "asset",
    "ASSET…": "asset",
    "JOB|ASSET": "job or asset",
    "JOB_TYPE": "job type",
    "TYPE": "job type",
    "COMPANY": "company",
    "SOURCE_TASK_ID": "source task",
    "STATUS": "status",
    "STYLE": "style",
    "WHEN": "colour",
    "SHELL": "shell",
    "TYPES": "event type",
    "FILE": FILES,
    "OUT": FILES,
    "PATH": FILES,
    "DIR": DIRECTORIES,
}
_FILES_BEHIND_AT: Final = frozenset({"INPUT", "NAME=VALUE"})
_FIXED: Final = {
    "status": ("queued", "running", "done", "failed", "cancelled"),
    "style": ("relative", "iso", "unix"),
    "colour": ("auto", "always", "never"),
    "shell": ("bash", "zsh", "fish"),
    "event type": (
        *(f"content_job.{what}" for what in ("queued", "running", "progress", "cancelling", "done", "failed", "cancelled")),
        *("asset.created", "asset.deleted"),
    ),
}
_STATUSES: Final = {"cancel": ("queued", "running"), "retry": ("done", "failed", "cancelled")}
"""Verbs that only some jobs are of use to."""


class Candidate(NamedTuple):
    """A word, and what it stands for."""

    word: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A value of which kind is wanted, what has been typed of it, and the global options."""

    kind: str
    typed: str
    given: Given


def kind_of(options: Iterable[str], metavar: str | None, typed: str, verb: str = "") -> str | None:
    """Return of which kind the values of an option or an argument are; None when nobody can know them."""
    for name in options:
        if name in _BY_OPTION:
            return _BY_OPTION[name]
    if metavar in _FILES_BEHIND_AT:
        return FILES if "@" in typed else None
    kind = _BY_METAVAR.get((metavar or "").strip("[]"))
    return f"job of {verb}" if kind == "job" and verb in _STATUSES else kind


def find_candidates(question: Question) -> list[Candidate]:
    """Return the values that fit, as far as they can be had in time."""
    if question.kind in _FIXED:
        return [Candidate(word) for word in _FIXED[question.kind]]
    if question.kind == "profile":
        return list(_profiles())
    return list(_ask(question))


def _profiles() -> Iterator[Candidate]:
    from nexusctl.commands.settings import PROFILES, config_path, read_file

    for name, values in read_file(config_path()).document.get(PROFILES, {}).items():
        yield Candidate(name, str(values.get("socket", "")))


def _ask(question: Question) -> Iterator[Candidate]:
    from nexusctl.client.quick import NoAnswer, get
    from nexusctl.commands.session import open_session

    session = open_session(question.given)
    deadline = answer_deadline()
    for target, read in _sources(question, session):
        try:
            items = json.loads(get(session.socket.absolute(), target, deadline))["items"]
        except NoAnswer:
            return
        yield from read(items)


def _sources(question: Question, session: Session) -> Iterator[tuple[str, Callable[[list[Any]], Iterator[Candidate]]]]:
    """Yield what to ask the daemon, and how to read what it answers."""
    from urllib.parse import quote

    company = f"/v1/companies/{quote(session.company, safe='')}"
    kind, _, verb = question.kind.partition(" of ")
    statuses = "".join(f"&status={status}" for status in _STATUSES.get(verb, ()))
    if kind in ("job", "job or asset"):
        yield f"{company}/content-jobs?limit={_NEWEST}{statuses}", _jobs
    if kind in ("asset", "job or asset"):
        yield f"{company}/assets?limit={_NEWEST}", _assets
    if kind == "source task":
        yield f"{company}/content-jobs?limit=500", _source_tasks
    if kind == "company":
        yield "/v1/companies?limit=500", _companies
    if kind == "job type":
        yield "/v1/renderers", _job_types


def _jobs(items: list[Any]) -> Iterator[Candidate]:
    for job in items:
        yield Candidate(job["id"], _about(job["jobType"], job["status"], _age(job["createdAt"]), job.get("sourceTaskId")))


def _assets(items: list[Any]) -> Iterator[Candidate]:
    for asset in items:
        yield Candidate(asset["id"], _about(asset["contentType"], _age(asset["createdAt"]), asset.get("originalFilename")))


def _source_tasks(items: list[Any]) -> Iterator[Candidate]:
    newest = {job["sourceTaskId"]: job for job in reversed(items) if job.get("sourceTaskId")}
    for task, job in sorted(newest.items(), key=lambda each: str(each[1]["createdAt"]), reverse=True):
        if task.isprintable():
            yield Candidate(task, _about(job["jobType"], job["status"], _age(job["createdAt"])))


def _companies(items: list[Any]) -> Iterator[Candidate]:
    for company in items:
        yield Candidate(company["slug"], _about(company.get("name")))


def _job_types(items: list[Any]) -> Iterator[Candidate]:
    for renderer in items:
        yield Candidate(renderer["jobType"], _about(renderer["description"]))


def _about(*parts: str | None) -> str:
    from nexusctl.output.text import clean_line, shorten

    return shorten(clean_line(", ".join(part for part in parts if part)), _ABOUT_MAX_LENGTH)


def _age(moment: str) -> str:
    from datetime import datetime

    from nexusctl.output.times import format_age

    return f"{format_age(datetime.fromisoformat(moment))} ago"


def answer_deadline() -> float:
    """Return until when, by time.monotonic, an answer must have come."""
    longest = float(os.environ.get(VARIABLE) or LONGEST_SECONDS)
    with open("/proc/self/stat", "rb") as file:
        ticks = int(file.read().rsplit(b")", 1)[1].split()[19])
    begun_ago = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return time.monotonic() + longest - LAST_WORDS_SECONDS - begun_ago
