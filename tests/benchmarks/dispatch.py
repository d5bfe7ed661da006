"""From a submission to its child's first act.

The child is `/bin/sh`, whose first act is to write one byte into a named pipe that this process holds open. The clock starts
before the request is sent and stops when the byte has arrived here, both read in this process: so a figure holds the request,
two commits (the job, the claim), the work directory, the spawn, the shell's own start and this process's waking. The floor
is a bare `posix_spawn` of the same program to the same byte. The daemon is at rest before each submission. Nothing is
pinned to a core.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from statistics import quantiles
from typing import TYPE_CHECKING, Final

from tests.benchmarks.client import Connection, compose
from tests.benchmarks.programs import open_daemon
from tests.benchmarks.report import Line, Samples, Target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.benchmarks.programs import Scratch

JOBS_A_ROUND: Final = 25
REST_SECONDS: Final = 0.02
METADATA: Final = "Metadata-Version: 2.1\nName: nexusd-probe\nVersion: 1\n"
ENTRY_POINTS: Final = "[nexusd.renderers]\nprobe = nexusd_probe:PROBE\n"
PLUG_IN: Final = '''
"""A renderer that says that it was started."""

from nexusd.contract.base import Request
from nexusd.renderers.spec import RendererSpec

ARGV = {argv!r}


class Nothing(Request):
    """No input."""


PROBE = RendererSpec(
    job_type="probe", description="Probe.", input_model=Nothing, outputs={{".txt": "text/plain"}}, command=lambda _: ARGV
)
'''
STREAM_END: Final = b"\r\n0\r\n\r\n"


def run(scratch: Scratch, rounds: int, seconds: float) -> Iterator[Line]:
    """Submit → child started, one job at a time; the number of jobs is fixed, `seconds` is not used."""
    home = scratch.make_home()
    argv = ["/bin/sh", "-c", f"echo >{home}/started; echo 1 >out/x.txt 2>&-; exit 0"]
    settings = {"PYTHONPATH": _install_plug_in(home / "probe", argv)}
    dispatched: list[list[float]] = []
    spawned: list[list[float]] = []
    with _open_pipe(home / "started") as pipe, open_daemon(scratch, home, settings=settings) as daemon:
        client = Connection(daemon.socket)
        for _ in range(rounds + 1):
            pairs = [(_dispatch(client, daemon.socket, pipe), _spawn(argv, pipe)) for _ in range(JOBS_A_ROUND)]
            dispatched.append([pair[0] * 1000 for pair in pairs])
            spawned.append([pair[1] * 1000 for pair in pairs])
    del dispatched[0], spawned[0]  # the first round warms up
    for name, index, target in (("p50", 49, Target(at_most=6)), ("p99", 98, None)):
        yield Line(
            Samples(f"submit → child started, {name}", "ms", [quantiles(times, n=100)[index] for times in dispatched]),
            Samples("bare posix_spawn", "ms", [quantiles(times, n=100)[index] for times in spawned]),
            target,
        )


def _install_plug_in(folder: Path, argv: list[str]) -> str:
    """Make a renderer as a third party would, and return the path to find it on."""
    distribution = folder / "nexusd_probe-1.dist-info"
    distribution.mkdir(parents=True)
    (distribution / "METADATA").write_text(METADATA)
    (distribution / "entry_points.txt").write_text(ENTRY_POINTS)
    (folder / "nexusd_probe.py").write_text(PLUG_IN.format(argv=argv))
    return str(folder)


@contextlib.contextmanager
def _open_pipe(path: Path) -> Iterator[int]:
    """Hold both ends open, so that no writer waits and no reader sees an end."""
    os.mkfifo(path, 0o600)
    pipe = os.open(path, os.O_RDWR)
    try:
        yield pipe
    finally:
        os.close(pipe)


def _dispatch(client: Connection, path: Path, pipe: int) -> float:
    time.sleep(REST_SECONDS)
    body = json.dumps({"jobType": "probe", "input": {}, "maxAttempts": 1}).encode()
    client.ask(compose("POST", "/v1/companies/default/content-jobs", body))
    os.read(pipe, 1)
    seconds = time.perf_counter() - client.asked_at
    while (answer := client.read()) is None:
        pass
    _wait_over(path, json.loads(answer.partition(b"\r\n\r\n")[2])["jobId"])
    return seconds


def _wait_over(path: Path, job_id: str) -> None:
    """Return when the job is over: its end must not disturb the next one."""
    following = Connection(path)
    with following.socket as stream:
        stream.sendall(compose("GET", f"/v1/companies/default/content-jobs/{job_id}/events"))
        said = b""
        while not said.endswith(STREAM_END):
            said += stream.recv(65536)
        if b'"status":"done"' not in said:
            raise RuntimeError(f"the probe did not end well: {said!r}")


def _spawn(argv: list[str], pipe: int) -> float:
    began = time.perf_counter()
    nothing = [(os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
    pid = os.posix_spawn(argv[0], argv, {}, file_actions=nothing)
    os.read(pipe, 1)
    seconds = time.perf_counter() - began
    os.waitpid(pid, 0)
    return seconds
