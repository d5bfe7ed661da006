"""Starts renderer children as the runner does: work directory, almost no environment, a pipe for progress."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nexusd.renderers.assets import place

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nexusd.renderers.spec import RendererSpec

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


@dataclass(frozen=True)
class Ended:
    """How a child ended and what it left."""

    code: int
    log: str
    files: dict[str, bytes]
    progress: list[dict[str, Any]]


def render(
    spec: RendererSpec,
    given: dict[str, Any],
    workdir: Path,
    assets: dict[str, bytes] | None = None,
    environment: dict[str, str] | None = None,
    before: Sequence[str] = (),
) -> Ended:
    """Validate an input, place its assets, run the child, and return how it ended. `before` is a program that starts it."""
    workdir.mkdir(parents=True, exist_ok=True)
    placed = spec.input_model.model_validate(given).model_dump(by_alias=True, mode="json")
    paths = {}
    for asset_id, content in (assets or {}).items():
        paths[asset_id] = f"assets/{asset_id}-file"
        (workdir / "assets").mkdir(exist_ok=True)
        (workdir / paths[asset_id]).write_bytes(content)
        (workdir / paths[asset_id]).chmod(0o400)
    (workdir / "input.json").write_text(json.dumps(place(placed, paths)), "utf-8")
    return run([*before, *spec.command(placed)], workdir, environment or {})


def run(argv: Sequence[str], workdir: Path, environment: dict[str, str]) -> Ended:
    """Run one child in `workdir`."""
    reader, writer = os.pipe()
    child = subprocess.Popen(
        argv,
        cwd=workdir,
        env={**ENVIRONMENT, **environment, "NEXUSD_PROGRESS_FD": str(writer)},
        pass_fds=[writer],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    os.close(writer)
    log = child.communicate(timeout=60)[0].decode()
    with os.fdopen(reader) as lines:
        progress = [json.loads(line) for line in lines]
    out = workdir / "out"
    files = {path.name: path.read_bytes() for path in sorted(out.iterdir())} if out.is_dir() else {}
    return Ended(child.returncode, log, files, progress)


def python(code: str) -> str:
    """Return what a shut-off Python prints."""
    return subprocess.run(
        [sys.executable, "-I", "-c", code], env=ENVIRONMENT, capture_output=True, check=True, text=True
    ).stdout
