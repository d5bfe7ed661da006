"""nexusd's control client: the program `nexusctl`, and as a library `Nexus` and `AsyncNexus`.

Nothing is imported until it is used, so that `nexusctl version` stays cheap. The names below are the library; what they tell is
made of the models in `nexusd.contract`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nexusctl.client.async_driver import AsyncStream
    from nexusctl.client.async_nexus import AsyncNexus
    from nexusctl.client.driver import Stream
    from nexusctl.client.frames import StreamEvent
    from nexusctl.client.nexus import Nexus
    from nexusctl.client.rendered import AsyncRendered, Rendered
    from nexusctl.errors import BadAnswer, JobNotDone, NexusctlError, Refused, TimedOut, Unreachable, UsageError

_PLACES = {
    "AsyncNexus": "client.async_nexus",
    "AsyncRendered": "client.rendered",
    "AsyncStream": "client.async_driver",
    "BadAnswer": "errors",
    "JobNotDone": "errors",
    "Nexus": "client.nexus",
    "NexusctlError": "errors",
    "Refused": "errors",
    "Rendered": "client.rendered",
    "Stream": "client.driver",
    "StreamEvent": "client.frames",
    "TimedOut": "errors",
    "Unreachable": "errors",
    "UsageError": "errors",
}

__all__ = [
    "AsyncNexus",
    "AsyncRendered",
    "AsyncStream",
    "BadAnswer",
    "JobNotDone",
    "Nexus",
    "NexusctlError",
    "Refused",
    "Rendered",
    "Stream",
    "StreamEvent",
    "TimedOut",
    "Unreachable",
    "UsageError",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*globals(), *__all__]
