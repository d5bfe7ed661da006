"""The end of a render: its files are written where they were wanted, and the paths are printed, or the job."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from nexusctl.client import calls
from nexusctl.commands.asset_get import safe_name
from nexusctl.commands.following import require_done
from nexusctl.commands.preview import show_preview
from nexusctl.errors import Interrupted, JobLost, JobNotDone

if TYPE_CHECKING:
    from nexusctl.client.nexus import Nexus
    from nexusctl.commands.session import Session
    from nexusctl.output.files import Target
    from nexusctl.output.screen import Screen
    from nexusd.contract.assets import Asset
    from nexusd.contract.jobs import Job, JobSummary


def finish(session: Session, nexus: Nexus, screen: Screen, ended: JobSummary, target: Target, *, as_json: bool) -> None:
    """Write the result, and print where it is, or the job. Raises JobNotDone, JobLost, Interrupted."""
    call = calls.get_job(nexus.company, ended.id)
    body = nexus.send(call)
    job: Job = call.parse(body)
    if as_json and ended.status != "done":
        screen.write_json(body)
    require_done(session, ended)
    if ended.result_asset_id is None:
        raise JobNotDone(f"job {ended.id} is done, but has no result", slug="no_output")
    saved = choose(job, target)
    for asset, place in saved:
        _save(session, nexus, asset, place)
        if not as_json and place.path is not None:
            screen.write(str(place.path))
    if as_json:
        screen.write_json(body)
    if len(job.assets) > len(saved):
        more = len(job.assets) - len(saved)
        screen.note(f"{more} more made by the same job; see: {session.suggest('show', ended.id)}, or use -o FOLDER/")
    if target.path is not None and not as_json:
        show_preview(session, nexus, screen, job.assets, job.result_asset_id)


def choose(job: Job, target: Target) -> list[tuple[Asset, Target]]:
    """Return which files go where: all of them into a folder, else one.

    That one is the job's result, unless another file is the only one with the extension that is asked for.
    """
    if target.folder is not None and len(job.assets) > 1:
        return [(asset, target.beside(safe_name(asset.original_filename) or asset.id)) for asset in job.assets]
    [result] = [asset for asset in job.assets if asset.id == job.result_asset_id]
    wanted = target.path.suffix.lower() if target.path is not None and target.folder is None else ""
    if wanted and _extension(result) != wanted:
        fitting = [asset for asset in job.assets if _extension(asset) == wanted]
        result = fitting[0] if len(fitting) == 1 else result
    if target.folder is not None and target.path is not None and not target.path.suffix:
        return [(result, target.beside(target.path.name + _extension(result)))]
    return [(result, target)]


def _extension(asset: Asset) -> str:
    return PurePath(asset.original_filename or "").suffix.lower()


def _save(session: Session, nexus: Nexus, asset: Asset, target: Target) -> None:
    again = f"get it with: {session.suggest('asset', 'get', asset.id, '-o', str(target.path or '-'))}"
    try:
        target.save(nexus.download_asset(asset.id), sha256=asset.sha256, byte_size=asset.byte_size)
    except JobLost as error:
        raise JobLost(str(error), hint=f"the result is asset {asset.id}; {again}") from None
    except KeyboardInterrupt:
        raise Interrupted("interrupted; the job is done, its result was not written", hint=again) from None
