"""What nexusctl is told about itself, from where, and what counts.

Order, the first wins: the option; what the profile of `--profile` says; the variable NEXUSCTL_*; what the profile says that
NEXUSCTL_PROFILE or the file names; the file outside of its profiles; the default. So a profile that was asked for by name goes
before a variable that lies in the environment, and one that is merely the usual does not.

The file is `$XDG_CONFIG_HOME/nexusctl/config.toml`. It is read at every start and checked whole: what is wrong in it is a
UsageError that names file, line and key. Contacts nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nexusctl.errors import UsageError
from nexusd.contract.paths import default_socket_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

COLOURS: Final = ("auto", "always", "never")
TIMES: Final = ("relative", "iso", "unix")
PREVIEWS: Final = ("auto", "kitty", "iterm2", "sixel", "never")
PROFILE: Final = "profile"
PROFILES: Final = "profiles"
DEFAULT: Final = "default"


def _path(value: Any) -> Path:
    return Path(_text(value)).expanduser()


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a text that is not empty")
    return value


def _seconds(value: Any) -> float:
    try:
        seconds = float(value) if not isinstance(value, bool) else -1.0
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise ValueError("must be a number of seconds, 0 or more")
    return seconds


def _one_of(*known: str) -> Callable[[Any], str]:
    def choose(value: Any) -> str:
        if value not in known:
            raise ValueError(f"must be one of {', '.join(known)}")
        return str(value)

    return choose


KEYS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "socket": _path,
    "company": _text,
    "timeout": _seconds,
    "color": _one_of(*COLOURS),
    "time": _one_of(*TIMES),
    "opener": _text,
    "preview": _one_of(*PREVIEWS),
}
"""Every setting, and how it is read. All but the last two are options too."""


@dataclass(frozen=True, slots=True)
class Given:
    """The global options as they stand on the command line."""

    options: Mapping[str, str] = field(default_factory=dict)
    verbose: bool = False
    no_start: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """A value, and who said it."""

    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something wrong in the file. `line` is 0 when it cannot be told."""

    line: int
    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class File:
    """The file, as far as it can be read."""

    path: Path
    document: Mapping[str, Any] = field(default_factory=dict)
    exists: bool = False
    wrong: tuple[Wrong, ...] = ()

    def check(self) -> None:
        """Raise UsageError for the first thing that is wrong."""
        for wrong in self.wrong:
            place = f"{self.path}, line {wrong.line}" if wrong.line else str(self.path)
            key = f"{wrong.key}: " if wrong.key else ""
            raise UsageError(f"{place}: {key}{wrong.reason}", hint="see all of it with: nexusctl config check")


def config_path(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where the file is, or would be."""
    base = environment.get("XDG_CONFIG_HOME", "")
    return Path(
        base if base.startswith("/") else Path(environment.get("HOME") or "~").expanduser() / ".config",
        "nexusctl",
        "config.toml",
    )


def resolve(given: Given, environment: Mapping[str, str] = os.environ, file: File | None = None) -> dict[str, Setting]:
    """Return every setting that anybody has said anything about, and `profile`, if one is in use. Raises UsageError."""
    file = file or read_file(config_path(environment))
    file.check()
    origins = list(_origins(given, environment, file))
    found = {}
    for key in (PROFILE, *KEYS):
        for values, origin in origins:
            if key in values:
                found[key] = Setting(_read(key, values[key], origin), origin.format(key=key, KEY=key.upper()))
                break
    return found


def with_defaults(settings: Mapping[str, Setting]) -> dict[str, Setting]:
    """Return every setting, with the defaults of those that nobody has said anything about, but for what has none."""
    defaults: dict[str, Any] = {"socket": default_socket_path(), "company": DEFAULT}
    defaults |= {"color": COLOURS[0], "time": TIMES[0], "preview": PREVIEWS[0]}
    return {key: Setting(value, DEFAULT) for key, value in defaults.items()} | dict(settings)


def _origins(given: Given, environment: Mapping[str, str], file: File) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Yield who says anything, in the order in which they count."""
    variables = {key: value for key in (PROFILE, *KEYS) if (value := environment.get(f"NEXUSCTL_{key.upper()}"))}
    yield given.options, "--{key}"
    if (named := given.options.get(PROFILE)) is not None:
        yield _profile(named, "--profile", file), f"profile {named}"
    yield variables, "NEXUSCTL_{KEY}"
    usual = variables.get(PROFILE) or file.document.get(PROFILE)
    if named is None and usual is not None:
        origin = "NEXUSCTL_PROFILE" if PROFILE in variables else f"{file.path}, {PROFILE}"
        yield _profile(usual, origin, file), f"profile {usual}"
    yield {key: value for key, value in file.document.items() if key != PROFILES}, str(file.path)


def _profile(name: str, origin: str, file: File) -> Mapping[str, Any]:
    profiles: Mapping[str, Any] = file.document.get(PROFILES, {})
    if name not in profiles:
        known = f"there are: {', '.join(profiles)}" if profiles else f"write one in {file.path}: [{PROFILES}.{name}]"
        raise UsageError(f"there is no profile {name} ({origin})", hint=known)
    found: Mapping[str, Any] = profiles[name]
    return found


def _read(key: str, value: Any, origin: str) -> Any:
    try:
        read: Callable[[Any], Any] = KEYS.get(key) or _text
        return read(value)
    except ValueError as error:
        raise UsageError(f"{origin.format(key=key, KEY=key.upper())} {error}: {value!r}") from None


def read_file(path: Path) -> File:
    """Read the file and find all that is wrong in it. A file that is not there says nothing."""
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        return File(path)
    except OSError as error:
        return File(path, exists=True, wrong=(Wrong(0, "", f"cannot be read: {error.strerror}"),))
    except UnicodeDecodeError as error:
        return File(path, exists=True, wrong=(Wrong(error.object.count(b"\n", 0, error.start) + 1, "", "is not UTF-8 text"),))
    from nexusctl.commands.config_files import check_document, parse

    document, wrong = parse(text)
    return File(path, document, exists=True, wrong=tuple(wrong) or tuple(check_document(document, text)))
