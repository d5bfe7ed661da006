"""Which job or asset is meant: by its id, by a part of it, or by `-`.

Ids are UUIDs of version 7: they begin with the time, so young ones are told apart by their endings. Any beginning is taken, and
any ending of six hexadecimal digits or more, as long as it fits one alone; case and dashes do not matter. Endings are looked
for among the newest 20,000. `-` is the newest of the company, whoever submitted it: nothing is remembered between two commands.

Invariant: a whole id costs no question. Anything else that cannot be part of an id is left to the daemon, which says that there
is none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from nexusctl.client import calls
from nexusctl.errors import Ambiguous, Refused
from nexusctl.output.text import clean_line
from nexusd.contract.assets import Asset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from nexusctl.client.calls import Call
    from nexusctl.client.nexus import Nexus
    from nexusctl.output.screen import Screen
    from nexusd.contract.jobs import JobSummary

NEWEST: Final = "-"
SHOWN_MAX: Final = 5
_WHOLE: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_PART: Final = re.compile(r"[0-9a-f-]{1,36}", re.IGNORECASE)


def name_job(nexus: Nexus, screen: Screen, text: str) -> str:
    """Return the id of the job that is meant. Raises Ambiguous, or Refused when there is none."""
    return _name("job", text, lambda: find_jobs(nexus, text), screen)


def name_jobs(nexus: Nexus, screen: Screen, texts: Iterable[str]) -> list[str]:
    """Return the ids of several jobs, each once."""
    return list(dict.fromkeys(name_job(nexus, screen, text) for text in texts))


def name_asset(nexus: Nexus, screen: Screen, text: str) -> str:
    """Return the id of the asset that is meant. Raises Ambiguous, or Refused when there is none."""
    return _name("asset", text, lambda: find_assets(nexus, text), screen)


def is_certain(text: str) -> bool:
    """Whether the text is a whole id, or cannot be part of one: then it stands for itself."""
    return text != NEWEST and (_WHOLE.fullmatch(text) is not None or _PART.fullmatch(text) is None)


def find_jobs(nexus: Nexus, text: str) -> Sequence[JobSummary]:
    """Return the jobs that may be meant, newest first, one more than are shown."""
    page: Call[Any] = calls.list_jobs(nexus.company, **_wanted(text))
    return list(nexus.call(page).items)


def find_assets(nexus: Nexus, text: str) -> Sequence[Asset]:
    """Return the assets that may be meant, newest first, one more than are shown."""
    page: Call[Any] = calls.list_assets(nexus.company, **_wanted(text))
    return list(nexus.call(page).items)


def describe_job(job: JobSummary) -> str:
    """Return a job on one line, for who has to choose."""
    return clean_line(f"{job.id} job, {job.job_type} {job.status} {job.source_task_id or ''}")


def describe_asset(asset: Asset) -> str:
    """Return an asset on one line, for who has to choose."""
    return clean_line(f"{asset.id} asset, {asset.content_type} {asset.original_filename or ''}")


def choose(kind: str, text: str, found: Sequence[JobSummary | Asset]) -> JobSummary | Asset:
    """Return the one there is. Raises Refused when there is none, Ambiguous when there are several."""
    if not found:
        reason = f"there is no {kind} yet" if text == NEWEST else f"there is no {kind} whose id begins or ends with {text}"
        raise Refused(reason, slug="not-found", status=404, hint="nexusctl ls lists the jobs, nexusctl asset ls the assets")
    if len(found) > 1:
        lines = [_describe(each) for each in found[:SHOWN_MAX]]
        more = ["and more; give more of the id"] if len(found) > SHOWN_MAX else []
        raise Ambiguous(f"{text} may be any of several:", hint="\n".join(lines + more))
    return found[0]


def _name(kind: str, text: str, find: Callable[[], Sequence[JobSummary | Asset]], screen: Screen) -> str:
    if is_certain(text):
        return text.lower() if _WHOLE.fullmatch(text) else text
    chosen = choose(kind, text, find())
    if text == NEWEST:
        screen.note(f"- is {_describe(chosen)}")
    return chosen.id


def _describe(found: JobSummary | Asset) -> str:
    return describe_asset(found) if isinstance(found, Asset) else describe_job(found)


def _wanted(text: str) -> dict[str, Any]:
    return {"limit": 1} if text == NEWEST else {"id_part": text, "limit": SHOWN_MAX + 1}
