"""An asset as a file that an application can open, and the application.

Owns the cache: `$XDG_CACHE_HOME/nexusctl/open/ASSET/NAME`, closed to others. A copy that is whole is used again: assets never
change.

Invariant: nothing is opened that the desktop might run instead of show. Files come from uploads and renderers, and carry the
names that those chose.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nexusctl.commands.asset_get import safe_name
from nexusctl.commands.naming import NEWEST, choose, find_assets, find_jobs, is_certain, name_job
from nexusctl.errors import JobNotDone, Refused, UsageError
from nexusctl.output.files import Target
from nexusd.contract.assets import Asset

if TYPE_CHECKING:
    from nexusctl.client.nexus import Nexus
    from nexusctl.commands.session import Session
    from nexusctl.output.screen import Screen
    from nexusd.contract.jobs import JobSummary

_RUNNABLE: Final = ".desktop .sh .bash .py .pl .rb .jar .run .appimage .exe .bat .com"
MAY_RUN: Final = frozenset(_RUNNABLE.split(" "))
OPENER_SECONDS: Final = 5.0
"""How long an opener may take to say that it cannot; most end at once, some stay as long as the application."""
_NOT_FOUND: Final = "not-found"


def find_asset(session: Session, nexus: Nexus, screen: Screen, text: str) -> Asset:
    """Return the asset that is meant: itself, or the result of a job. Raises Refused, Ambiguous, JobNotDone."""
    if is_certain(text):
        try:
            return nexus.get_asset(text)
        except Refused as refused:
            if refused.slug != _NOT_FOUND:
                raise
        return _result_of(session, nexus, _get_job(nexus, text))
    if text == NEWEST:
        return _result_of(session, nexus, _get_job(nexus, name_job(nexus, screen, text)))
    chosen = choose("job or asset", text, [*find_jobs(nexus, text), *find_assets(nexus, text)])
    return nexus.get_asset(chosen.id) if isinstance(chosen, Asset) else _result_of(session, nexus, chosen)


def _get_job(nexus: Nexus, job_id: str) -> JobSummary:
    try:
        return nexus.get_job(job_id)
    except Refused as refused:
        if refused.slug == _NOT_FOUND:
            raise Refused(f"there is no job and no asset {job_id} in this company", slug=_NOT_FOUND, status=404) from None
        raise


def _result_of(session: Session, nexus: Nexus, job: JobSummary) -> Asset:
    if job.result_asset_id is not None:
        return nexus.get_asset(job.result_asset_id)
    if job.status.is_terminal:
        hint = f"see why with: {session.suggest('why', job.id)}"
        what = "was cancelled" if job.status == "cancelled" else str(job.status)
        raise JobNotDone(f"job {job.id} {what} and has no result", slug=str(job.error_code or "no_output"), hint=hint)
    hint = f"wait for it with: {session.suggest('wait', job.id)}"
    raise JobNotDone(f"job {job.id} is {job.status}, so there is nothing to open yet", slug="not-finished", hint=hint)


def fetch(nexus: Nexus, asset: Asset) -> Path:
    """Return the path of a private copy, which is fetched when there is none."""
    folder = cache_folder() / asset.id
    path = folder / (safe_name(asset.original_filename) or asset.id)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        cache_folder().chmod(0o700)
    except OSError as error:
        hint = "set XDG_CACHE_HOME to a folder of yours"
        raise UsageError(f"cannot make the folder {folder}: {error.strerror}", hint=hint) from None
    if not _is_whole(path, asset):
        target = Target(path)
        target.check()
        target.save(nexus.download_asset(asset.id), sha256=asset.sha256, byte_size=asset.byte_size)
    return path


def cache_folder() -> Path:
    """Return where the copies are."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return Path(base if base.startswith("/") else Path("~/.cache").expanduser(), "nexusctl", "open")


def _is_whole(path: Path, asset: Asset) -> bool:
    if path.is_symlink() or not path.is_file() or path.stat().st_size != asset.byte_size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == asset.sha256


def open_file(path: Path, opener: str | None, screen: Screen) -> None:
    """Hand a file to its application; without a display do nothing. Raises UsageError when there is no such program."""
    command = find_command(opener)
    if not command:
        screen.note("there is no display to open it on")
        return
    if path.suffix.lower() in MAY_RUN and not opener:
        screen.note(f"not opened: files of the kind {path.suffix} may be run instead of shown")
        return
    nowhere = subprocess.DEVNULL
    try:
        started = subprocess.Popen([*command, str(path)], stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True)
    except OSError as error:
        hint = "name another with NEXUSCTL_OPENER, or the setting opener"
        raise UsageError(f"cannot start {command[0]}: {error.strerror}", hint=hint) from None
    try:
        exit_code = started.wait(OPENER_SECONDS)
    except subprocess.TimeoutExpired:
        started.returncode = 0  # it shows the file, and outlives us
        return
    if exit_code:
        raise UsageError(f"{shlex.join(command)} could not open {path}: exit code {exit_code}", hint="open it yourself")


def find_command(opener: str | None) -> list[str]:
    """Return the program that opens files, with its arguments; none where nothing can be shown."""
    if opener:
        try:
            return shlex.split(opener)
        except ValueError as error:
            raise UsageError(f"the opener {opener!r} cannot be read: {error}") from None
    if sys.platform == "darwin":
        return ["open"]
    has_display = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")
    return ["xdg-open"] if has_display and shutil.which("xdg-open") else []
