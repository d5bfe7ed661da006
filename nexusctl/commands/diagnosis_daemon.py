"""Checks that a running daemon answers: its version, its database, its files, how it holds children, what it can render."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from nexusctl.client import calls
from nexusctl.commands.findings import failed, ok, skipped, warning
from nexusctl.commands.versions import advise
from nexusctl.errors import BadAnswer, Refused
from nexusctl.output.text import clean_line
from nexusd import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nexusctl.client.nexus import Nexus
    from nexusd.contract.doctor import Check, Examination
    from nexusd.contract.status import Status
    from nexusd.contract.storage import Finding

EXAMINATION_SECONDS: Final = 20.0
CLOCK_TOLERANCE: Final = timedelta(minutes=1)
NEEDS_DAEMON: Final = "only a running nexusd can tell; start one with: nexusd"
_SHOWN_MAX: Final = 5


def ask_status(nexus: Nexus) -> Status | None:
    """Return what the daemon says about itself; None when it cannot be understood."""
    try:
        return nexus.call(calls.status())
    except (BadAnswer, Refused):
        return None


def ask_examination(nexus: Nexus) -> Examination | None:
    """Return what the daemon finds in itself; None when it is too old to look."""
    try:
        return nexus.call(calls.examine(EXAMINATION_SECONDS))
    except (BadAnswer, Refused):
        return None


def compare_versions(status: Status | None) -> Iterator[Check]:
    """Whether daemon and client are of one version."""
    if status is None:
        yield failed("version", f"nexusd answers what nexusctl {__version__} cannot read", "upgrade the older of the two")
    elif (advice := advise(status.version)) is not None:
        both, _, what = advice.partition(": ")
        yield warning("version", both, what)
    else:
        yield ok("version", f"nexusd and nexusctl are {__version__}")


def look_at_database(examination: Examination | None, status: Status | None) -> Iterator[Check]:
    """Whether the database is sound, of the schema that the daemon works with, and not of the future."""
    if examination is None:
        yield skipped("database", "this nexusd cannot look at it while it runs", "upgrade nexusd; or end it, and ask again")
        return
    found = examination.database
    if found.sound is None:
        yield skipped("database", f"nothing wrong was found in {EXAMINATION_SECONDS:g} s, which were not enough for all of it")
    elif found.sound:
        yield ok("database", "SQLite finds it sound")
    else:
        yield damaged(found.problems)
    if status is not None and found.schema_revision is not None:
        if found.schema_revision == status.schema_revision:
            yield ok("schema", f"the database has schema {found.schema_revision}, that of nexusd")
        else:
            yield failed(
                "schema", f"the database has schema {found.schema_revision}, nexusd {status.schema_revision}", "restart nexusd"
            )
    yield judge_clock(found.latest_event_at)


def damaged(problems: list[str]) -> Check:
    """The database is not sound."""
    told = "".join(f"\n{clean_line(problem)}" for problem in problems[:_SHOWN_MAX])
    advice = "stop nexusd, move its state directory away, and restore a backup: nexusctl restore DIR"
    return failed("database", f"SQLite finds damage:{told}", advice)


def judge_clock(latest_event_at: datetime | None) -> Check:
    """Whether the clock goes after what the database says has happened."""
    now = datetime.now(UTC)
    if latest_event_at is not None and latest_event_at > now + CLOCK_TOLERANCE:
        return failed(
            "clock",
            f"it is {now:%Y-%m-%d %H:%M} UTC here, and the newest event is of {latest_event_at:%Y-%m-%d %H:%M}",
            "set the clock: timedatectl",
        )
    return ok("clock", f"it is {now:%Y-%m-%d %H:%M} UTC, after all that has happened")


def compare_files(nexus: Nexus | None, *, deep: bool) -> Iterator[Check]:
    """Whether every asset has its file and every file its asset; with `deep` whether they hold what they should."""
    name = "stored files"
    if nexus is None:
        yield skipped(name, NEEDS_DAEMON)
        return
    checked, after = 0, None
    found: list[Finding] = []
    while True:
        page = nexus.call(calls.verify_storage(after=after, quick=not deep))
        checked, found, after = checked + page.checked, found + page.findings, page.next_after
        if after is None:
            break
    how = "hashes" if deep else "sizes; their hashes were not looked at"
    foreign = [each for each in found if each.kind == "foreign"]
    lost = [each for each in found if each.kind != "foreign"]
    if lost:
        told = "".join(f"\n{each.kind} {each.asset_id or '-'}: {clean_line(each.message)}" for each in lost[:_SHOWN_MAX])
        yield failed(name, f"{len(lost)} of {checked} assets have no whole file:{told}", "see all with: nexusctl asset verify")
    if foreign:
        yield warning(
            name, f"{len(foreign)} files have no asset", "see them with: nexusctl gc --dry-run, nexusctl asset verify"
        )
    if not found:
        yield ok(name, f"{checked} assets agree with their files in their {how}")


def look_at_sandbox(status: Status | None) -> Iterator[Check]:
    """How children are held, and why not better."""
    if status is None:
        yield skipped("sandbox", NEEDS_DAEMON)
        return
    held = status.containment
    reasons = "".join(f"\nnot {level}: {clean_line(reason)}" for level, reason in held.refused.items())
    message = f"children are held by {clean_line(held.level)}{reasons}"
    if held.level == "bubblewrap":
        yield ok("sandbox", message)
    else:
        yield warning("sandbox", message, "allow user namespaces, or install bubblewrap; then restart nexusd")


def look_at_renderers(nexus: Nexus | None) -> Iterator[Check]:
    """What can be rendered, and what to install for the rest."""
    if nexus is None:
        yield skipped("renderers", NEEDS_DAEMON)
        return
    document = json.loads(nexus.send(calls.list_renderers()))
    able = [clean_line(each["jobType"]) for each in document["items"] if each["available"]]
    for each in document["items"]:
        if not each["available"]:
            reason = clean_line(each.get("unavailableReason") or "nobody knows why")
            yield warning("renderers", f"{clean_line(each['jobType'])} is not available", reason)
    for problem in document.get("problems", []):
        yield warning("renderers", f"the plug-in {clean_line(problem['name'])} was left out", clean_line(problem["reason"]))
    if able:
        yield ok("renderers", f"{', '.join(able)}: available")
