"""A renderer to measure with, installed as a third party would: it runs one small program of the system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.benchmarks.client import Connection, compose

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

JOBS: Final = "/v1/companies/default/content-jobs"
METADATA: Final = "Metadata-Version: 2.1\nName: nexusd-probe\nVersion: 1\n"
ENTRY_POINTS: Final = "[nexusd.renderers]\nprobe = nexusd_probe:PROBE\n"
PLUG_IN: Final = '''
"""A renderer that does what a benchmark wants."""

from nexusd.contract.base import Request
from nexusd.renderers.spec import RendererSpec

ARGV = {argv!r}


class Nothing(Request):
    """No input."""


PROBE = RendererSpec(
    job_type="probe",
    description="Probe.",
    input_model=Nothing,
    outputs={{".txt": "text/plain"}},
    command=lambda _: ARGV,
    reads={reads!r},
)
'''
STREAM_END: Final = b"\r\n0\r\n\r\n"


def install(folder: Path, argv: Sequence[str], reads: Sequence[str] = ()) -> dict[str, str]:
    """Make the renderer, and return the settings with which a daemon finds it."""
    distribution = folder / "nexusd_probe-1.dist-info"
    distribution.mkdir(parents=True)
    (distribution / "METADATA").write_text(METADATA)
    (distribution / "entry_points.txt").write_text(ENTRY_POINTS)
    (folder / "nexusd_probe.py").write_text(PLUG_IN.format(argv=list(argv), reads=tuple(reads)))
    return {"PYTHONPATH": str(folder)}


def wait_over(path: Path, job_id: str, status: str = "done") -> None:
    """Return when a job is over. Raises RuntimeError when it did not end as it should."""
    with Connection(path).socket as stream:
        stream.sendall(compose("GET", f"{JOBS}/{job_id}/events"))
        said = b""
        while not said.endswith(STREAM_END):
            said += stream.recv(65536)
        if f'"status":"{status}"'.encode() not in said:
            raise RuntimeError(f"the probe did not end well: {said!r}")
