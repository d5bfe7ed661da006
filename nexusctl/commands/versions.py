"""A daemon and a client of different versions: told when they do not understand each other, and which to upgrade.

Nothing is asked while all goes well: the versions are compared only for an error that another version would explain.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from nexusctl.errors import BadAnswer, NexusctlError, Refused
from nexusd import __version__

if TYPE_CHECKING:
    from nexusctl.client.nexus import Nexus

_UNKNOWN_HERE: Final = ("there is nothing at", "not valid:")
"""How the daemon begins its refusals of a path, and of a parameter, that it does not know."""


def explain(nexus: Nexus, error: BadAnswer | Refused) -> None:
    """Say in the error's hint which of the two to upgrade, when the daemon's version differs and may be the reason."""
    if isinstance(error, Refused) and not str(error).startswith(_UNKNOWN_HERE):
        return
    if (advice := advise(_ask_version(nexus))) is not None:
        error.hint = advice if error.hint is None or isinstance(error, BadAnswer) else f"{error.hint}\n{advice}"


def advise(daemons: str | None) -> str | None:
    """Return what to do about a daemon of that version; None when it is ours, or unknown."""
    if daemons is None or daemons == __version__:
        return None
    both = f"nexusd is {daemons}, nexusctl is {__version__}"
    if _as_numbers(daemons) > _as_numbers(__version__):
        return f"{both}: upgrade nexusctl"
    return f"{both}: upgrade nexusd, and restart it"


def _ask_version(nexus: Nexus) -> str | None:
    from nexusctl.client import calls

    try:
        version = json.loads(nexus.send(calls.status()))["version"]
    except (NexusctlError, ValueError, KeyError, TypeError):  # the error that is being explained matters more
        return None
    return version if isinstance(version, str) else None


def _as_numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("+")[0].split(".") if part.isdecimal())
