"""Checks of the systemd user units: whether they are installed, as they were shipped, enabled, and lead to a program.

Asks no service manager: all of it stands in files, which are there also where no user manager runs.

Source: systemd.unit(5), loginctl(1).
"""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nexusctl.commands.findings import failed, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nexusd.contract.doctor import Check

UNITS: Final = ("nexusd.service", "nexusd.socket")
LINGER: Final = Path("/var/lib/systemd/linger")
_ENABLE: Final = "systemctl --user daemon-reload && systemctl --user enable --now nexusd.socket"


def look_at_units(environment: Mapping[str, str] = os.environ, shipped: Path | None = None) -> Iterator[Check]:
    """Whether a service manager will start nexusd, and with the right program."""
    name = "units"
    folders = list(_folders(environment))
    found = {unit: path for unit in UNITS if (path := _find(unit, folders)) is not None}
    if not found:
        yield ok(name, "no systemd user units are installed; nexusctl starts nexusd when a verb needs it")
        return
    for unit in UNITS:
        if unit not in found:
            yield failed(name, f"{unit} is missing beside {next(iter(found.values()))}", "install both: see README")
    ours = shipped or _find_shipped()
    for unit, path in found.items():
        if ours is not None and _said(path) != _said(ours / unit):
            yield warning(
                name, f"{path} is not the one that this nexusd ships", f"install -m 644 {ours / unit} {path}; {_ENABLE}"
            )
    if "nexusd.service" in found:
        yield from _look_at_program("nexusd.service", folders, environment)
    if not any(os.path.lexists(folder / "sockets.target.wants/nexusd.socket") for folder in folders):
        yield warning(name, "nexusd.socket is installed, but not enabled", _ENABLE)
        return
    user = pwd.getpwuid(os.getuid()).pw_name
    stays = "also after you log out" if (LINGER / user).exists() else "while you are logged in"
    advice = None if (LINGER / user).exists() else f"to have it run on after a logout: loginctl enable-linger {user}"
    yield ok(name, f"nexusd.socket is enabled: nexusd starts at the first request, {stays}", advice)


def _folders(environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield where user units may be, what counts more first."""
    home = Path(environment.get("HOME") or "~").expanduser()
    for variable, usual in (("XDG_CONFIG_HOME", ".config"), ("XDG_DATA_HOME", ".local/share")):
        base = environment.get(variable, "")
        yield Path(base if base.startswith("/") else home / usual, "systemd", "user")
        if variable == "XDG_CONFIG_HOME":
            yield Path("/etc/systemd/user")
    yield from map(Path, ("/usr/local/lib/systemd/user", "/usr/lib/systemd/user"))


def _find(unit: str, folders: list[Path]) -> Path | None:
    return next((folder / unit for folder in folders if (folder / unit).is_file()), None)


def _find_shipped() -> Path | None:
    """Return the folder of the units that came with this program: of a checkout, or of an installed package."""
    places = (Path(__file__).parents[2] / "systemd", Path(sys.prefix, "share", "nexusd", "systemd"))
    return next((place for place in places if all((place / unit).is_file() for unit in UNITS)), None)


def _said(path: Path) -> list[str]:
    """Return the lines of a unit that say something."""
    lines = path.read_text("utf-8", "replace").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith(("#", ";"))]


def _look_at_program(unit: str, folders: list[Path], environment: Mapping[str, str]) -> Iterator[Check]:
    """Whether the program of a unit, drop-ins counted, is there."""
    paths = [path for path in (_find(unit, folders),) if path is not None]
    paths += sorted((path for folder in folders for path in (folder / f"{unit}.d").glob("*.conf")), key=lambda path: path.name)
    commands = [line.partition("=")[2].strip() for path in paths for line in _said(path) if line.startswith("ExecStart=")]
    words = commands[-1].split() if commands else []
    program = words[0].lstrip("@-:+!").replace("%h", environment.get("HOME", "")) if words else ""
    if not os.access(program, os.X_OK):
        advice = f"systemctl --user edit {unit}: [Service], ExecStart=, ExecStart={Path(sys.prefix, 'bin', 'nexusd')}"
        yield failed("units", f"{unit} starts {program or 'nothing'}, which is not there", advice)
