"""What a daemon would start with, found out without starting one: `nexusd --check`.

Reads the settings and looks at the disk. Makes nothing, opens nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nexusd import __version__
from nexusd.contract.doctor import DiskRoom, Setup
from nexusd.errors import InvalidSettings
from nexusd.settings import config_file, load_settings
from nexusd.storage.room import Room
from nexusd.store.schema import KNOWN_REVISIONS

if TYPE_CHECKING:
    from pathlib import Path


def describe_setup(**overrides: object) -> Setup:
    """Return what the settings come to, or why they are refused; `overrides` as for `load_settings`."""
    try:
        settings = load_settings(**overrides)
    except InvalidSettings as refused:
        return Setup(version=__version__, config_file=str(config_file()), reason=str(refused))
    return Setup(
        version=__version__,
        config_file=str(config_file()),
        socket=str(settings.socket),
        state_directory=str(settings.state_directory),
        known_revisions=list(KNOWN_REVISIONS),
        disk=_measure(settings.state_directory, settings.min_free_bytes),
    )


def _measure(directory: Path, min_free_bytes: int | None) -> DiskRoom | None:
    """Look at the disk on which the directory is, or would be."""
    nearest = next((place for place in (directory, *directory.parents) if place.exists()), directory)
    found = Room(nearest, min_free_bytes).measure()
    return None if found is None else DiskRoom(free_bytes=found.free_bytes, needed_bytes=found.needed_bytes)
