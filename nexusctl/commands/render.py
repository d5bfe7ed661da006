"""`nexusctl render`: a file in, the finished asset out."""

import hashlib
import json
import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nexusctl.commands.options import Json, NoPreview, Quiet, SourceTask

if TYPE_CHECKING:
    from nexusctl.client.nexus import Nexus
    from nexusctl.commands.references import References
    from nexusctl.commands.session import Session
    from nexusctl.commands.source import Kind
    from nexusctl.output.files import Target
    from nexusctl.output.screen import Screen
    from nexusd.contract.assets import Asset
    from nexusd.contract.jobs import Job, JobSubmission, JobSummary

INLINE_MAX_BYTES = 900 * 1024
"""What a source may take in the body, encoded; the daemon takes bodies up to 1 MiB."""

_HASH_CHUNK_BYTES = 1024 * 1024

SHORT_HELP = "Render a file and write the result."
EXAMPLES = (
    "nexusctl render README.md -o readme.pdf",
    "nexusctl render flow.d2",
    "cat flow.d2 | nexusctl render - --type d2 -o - > flow.svg",
)


def run(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="What to render; - is standard input.", show_default=False)],
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", metavar="OUT", help="Where the result goes; - is standard output. Default: beside FILE."),
    ] = None,
    job_type: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="diagram, document, or a language: d2, markdown, typst.")
    ] = None,
    result_format: Annotated[
        str | None, typer.Option("--format", metavar="FORMAT", help="svg, png or pdf. Default: what OUT ends in.")
    ] = None,
    source_task: SourceTask = None,
    as_json: Json = False,
    quiet: Quiet = False,
    no_preview: NoPreview = False,
) -> None:
    """Render a file and write the result.

    Starts a daemon when none answers, sends local images that the document uses, follows the job, and prints the path of
    the result; a PNG is shown too, where the terminal can. Ctrl-C detaches; the job goes on.
    """
    from nexusctl.commands.source import check_file, choose_target, infer_format, infer_kind, read_source
    from nexusctl.commands.submission import make_submission
    from nexusctl.errors import UsageError
    from nexusctl.output.screen import Screen

    session: Session = context.obj.without_preview() if no_preview else context.obj
    screen = Screen(quiet=quiet)
    check_file(file)
    kind = infer_kind(file, job_type)
    if as_json and out == "-":
        raise UsageError("--json and -o - both want standard output", hint="name a file with -o FILE")
    wanted = infer_format(kind.job_type, result_format, out)
    target = choose_target(file, out, wanted)
    source = read_source(file)
    references = _find_references(kind, source, file, screen)
    given = {} if source_task is None else {"source_task_id": source_task}
    make_submission(kind.job_type, {}, given)  # a wrong option is refused before anything is contacted
    with session.connect(screen) as nexus:
        job_input = _prepare(nexus, kind, source, wanted, file, references)
        submission = make_submission(kind.job_type, job_input, given)
        job = _submit_and_follow(session, nexus, screen, submission, title=Path(file).name)
        _finish(session, nexus, screen, job, target, as_json=as_json)


def _find_references(kind: "Kind", source: str, file: str, screen: "Screen") -> "References":
    from nexusctl.commands.references import find_references

    folder = Path(file).parent if file != "-" else Path()
    references = find_references(kind.language, source, folder)
    for line in references.skipped:
        screen.note(f"not sent along: {line}")
    return references


def _prepare(nexus: "Nexus", kind: "Kind", source: str, wanted: str, file: str, references: "References") -> dict[str, Any]:
    """Upload what must be uploaded, and return the job's input."""
    from nexusctl.commands.source import CONTENT_TYPES
    from nexusd.contract.assets import ASSET_REFERENCE_KEY

    job_input: dict[str, Any] = {"language": kind.language, "source": source, "format": wanted}
    if len(json.dumps(source, ensure_ascii=False).encode()) > INLINE_MAX_BYTES:
        asset = _have_asset(nexus, source.encode(), Path(file).name, CONTENT_TYPES[kind.language])
        job_input["source"] = {ASSET_REFERENCE_KEY: asset.id}
    if references.files:
        job_input["files"] = {
            key: {ASSET_REFERENCE_KEY: _have_asset(nexus, path, Path(key).name, _content_type(key)).id}
            for key, path in references.files.items()
        }
    return job_input


def _have_asset(nexus: "Nexus", body: bytes | Path, filename: str, content_type: str) -> "Asset":
    """Return an asset with that content: one the daemon has already, else a new one."""
    from nexusctl.errors import Refused

    existing = nexus.find_assets(sha256=_sha256(body)).items
    if existing:
        return existing[0]
    try:
        return nexus.upload_asset(body, filename=filename, content_type=content_type)
    except Refused as refused:
        raise Refused(
            f"cannot send {filename}: {refused}", slug=refused.slug, status=refused.status, hint=refused.hint
        ) from None


def _sha256(body: bytes | Path) -> str:
    digest = hashlib.sha256()
    if isinstance(body, bytes):
        digest.update(body)
    else:
        with body.open("rb") as file:
            while chunk := file.read(_HASH_CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()


def _content_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _submit_and_follow(
    session: "Session", nexus: "Nexus", screen: "Screen", submission: "JobSubmission", *, title: str
) -> "JobSummary":
    import uuid

    from nexusctl.commands.following import follow
    from nexusctl.errors import Interrupted

    try:
        accepted = nexus.submit(submission, key=str(uuid.uuid4()))
    except KeyboardInterrupt:
        hint = f"it may have been submitted; look with: {session.suggest('ls')}"
        raise Interrupted("interrupted while submitting", hint=hint) from None
    if not screen.note_style.is_terminal:
        screen.note(f"submitted job {accepted.job_id}")
    return follow(session, nexus, screen, accepted.job_id, title=title, write=screen.note, tell_end=False)


def _finish(
    session: "Session", nexus: "Nexus", screen: "Screen", ended: "JobSummary", target: "Target", *, as_json: bool
) -> None:
    """Write the result, and print where it is, or the job."""
    from nexusctl.client import calls
    from nexusctl.commands.following import require_done
    from nexusctl.errors import JobNotDone

    call = calls.get_job(nexus.company, ended.id)
    body = nexus.send(call)
    job: Job = call.parse(body)
    if as_json and ended.status != "done":
        screen.write_json(body)
    require_done(session, ended)
    if ended.result_asset_id is None:
        raise JobNotDone(f"job {ended.id} is done, but has no result", slug="no_output")
    _save(session, nexus, ended.result_asset_id, target)
    if as_json:
        screen.write_json(body)
    elif target.path is not None:
        screen.write(str(target.path))
    others = [asset for asset in job.assets if asset.id != ended.result_asset_id]
    if others:
        screen.note(f"{len(others)} more made by the same job; see: {session.suggest('show', ended.id)}")
    if target.path is not None and not as_json:
        from nexusctl.commands.preview import show_preview

        show_preview(session, nexus, screen, job.assets, job.result_asset_id)


def _save(session: "Session", nexus: "Nexus", asset_id: str, target: "Target") -> None:
    from nexusctl.errors import Interrupted, JobLost

    asset = nexus.get_asset(asset_id)
    again = f"get it with: {session.suggest('asset', 'get', asset_id, '-o', str(target.path or '-'))}"
    try:
        target.save(nexus.download_asset(asset_id), sha256=asset.sha256, byte_size=asset.byte_size)
    except JobLost as error:
        raise JobLost(str(error), hint=f"the result is asset {asset_id}; {again}") from None
    except KeyboardInterrupt:
        raise Interrupted("interrupted; the job is done, its result was not written", hint=again) from None
