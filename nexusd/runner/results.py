"""What a child left in `out/`, as durable files and the asset rows to write for them.

The results are the plain files directly in `out/`, in the order of their names; the first is the job's result. A symlink, a
pipe, a device or a folder there is refused, not skipped: a result that vanishes in silence would be a lie.
"""

from __future__ import annotations

import hashlib
import os
import stat
from itertools import islice
from typing import TYPE_CHECKING, Final

import trio

from nexusd.contract.assets import Asset, Provenance
from nexusd.contract.base import utc_now
from nexusd.domain.ids import new_id
from nexusd.domain.states import ErrorCode
from nexusd.errors import OutputRefused
from nexusd.renderers.job import OUT_NAME
from nexusd.renderers.spec import installed_version
from nexusd.runner.contents import examine, read_head
from nexusd.storage import WorkFile

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.renderers.spec import RendererSpec
    from nexusd.storage import Provider
    from nexusd.store.jobs import Claim

RESULTS_MAX: Final = 100


def list_results(workdir: Path) -> list[str]:
    """Return the names of the results, in order.

    Raises OutputRefused: `no_output` when there is none or one is no plain file, `output_too_large` when there are too many.
    """
    try:
        entries = _list_out(workdir / OUT_NAME)
    except OSError as error:
        raise OutputRefused(f"the renderer's out folder cannot be read: {error.strerror}", ErrorCode.NO_OUTPUT) from error
    if not entries:
        raise OutputRefused("the renderer succeeded but left no file in out", ErrorCode.NO_OUTPUT)
    if len(entries) > RESULTS_MAX:
        raise OutputRefused(f"the renderer left more than {RESULTS_MAX} files", ErrorCode.OUTPUT_TOO_LARGE)
    for entry in entries:
        if not entry.is_file(follow_symlinks=False):
            raise OutputRefused(f"out/{entry.name} is not a plain file", ErrorCode.NO_OUTPUT)
    return [entry.name for entry in entries]


def _list_out(out: Path) -> list[os.DirEntry[str]]:
    """Return the entries in order; one more than are allowed when there are too many, however many that is."""
    if not stat.S_ISDIR(os.lstat(out).st_mode):
        raise OutputRefused("the renderer replaced its out folder", ErrorCode.NO_OUTPUT)
    with os.scandir(out) as found:
        return sorted(islice(found, RESULTS_MAX + 1), key=lambda entry: entry.name)


async def store_results(
    workdir: Path, claim: Claim, spec: RendererSpec, company_slug: str, storage: Provider, max_bytes: int | None
) -> list[Asset]:
    """Make every result durable and return the rows that are still to be written, the job's result first.

    Raises OutputRefused or StorageFull; what was stored by then is a file without a row, which is garbage to collect.
    """
    namespace = f"generated/{claim.job.job_type}"
    results: list[Asset] = []
    for work, content_type, provenance in await trio.to_thread.run_sync(_describe_all, workdir, claim, spec):
        now = utc_now()
        name = os.path.basename(work.name)
        stored = await storage.put_file(
            company=company_slug,
            namespace=namespace,
            filename=name,
            content_type=content_type,
            source=work,
            max_bytes=max_bytes,
            now=now,
        )
        results.append(
            Asset(
                id=new_id(),
                company_id=claim.job.company_id,
                namespace=namespace,
                provider=stored.provider,
                object_key=stored.object_key,
                content_type=content_type,
                byte_size=stored.byte_size,
                sha256=stored.sha256,
                original_filename=os.fsencode(name).decode("utf-8", "replace"),
                job_id=claim.job.id,
                source_task_id=claim.job.source_task_id,
                created_at=now,
                attempt=claim.job.attempt,
                provenance=provenance,
            )
        )
    return results


def _describe_all(workdir: Path, claim: Claim, spec: RendererSpec) -> list[tuple[WorkFile, str, Provenance]]:
    """Return each result with its content type and where it came from. Blocks: the first bytes of each are read.

    Raises OutputRefused, as `list_results` does.
    """
    versions = {name: version for name in spec.tools if (version := installed_version(name))}
    origin = Provenance(
        job_type=spec.job_type,
        renderer_version=spec.own_version,
        tools=versions,
        input_sha256=hashlib.sha256(claim.input.encode()).hexdigest(),
    )
    described: list[tuple[WorkFile, str, Provenance]] = []
    for name in list_results(workdir):
        work = WorkFile(workdir, f"{OUT_NAME}/{name}")
        content = examine(read_head(work), spec.outputs.get(os.path.splitext(name)[1].lower()))
        size = {"width": content.width, "height": content.height}
        described.append((work, content.content_type, origin.model_copy(update=size)))
    return described
