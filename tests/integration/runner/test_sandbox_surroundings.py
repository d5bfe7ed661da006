"""What a program finds around it at each level, from its first instruction on: no shell or Python looks for it here."""

from __future__ import annotations

import json
import os
import resource
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import pytest

from nexusd.domain.caps import Caps
from nexusd.domain.states import JobStatus
from nexusd.runner.bubblewrap import WORK
from nexusd.runner.containment import Level
from tests.support.renderers import program, python
from tests.support.runners import Runner, open_runner, referring, upload

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.contract.jobs import Job
    from nexusd.renderers.spec import RendererSpec
    from nexusd.runner.containment import Containment

pytestmark = pytest.mark.slow

NICE_FIELD: Final = 16  # of /proc/PID/stat, after the command's name
LIMITS: Final = {
    "Max core file size": 0,
    "Max open files": 1024,
    "Max data size": 2**30,
    "Max file size": 2**20,
    "Max cpu time": 60 * (os.cpu_count() or 1) + 1,
}


def cat(name: str, **fields: Any) -> RendererSpec:
    """Return a renderer that shows a file of its own in /proc, and nothing else."""
    return program(["/bin/cat", f"/proc/self/{name}"], name, **fields)


async def show(runner: Runner, name: str) -> str:
    job = await runner.run(job_type=name)
    assert job.error_code == "no_output", job
    return runner.log(job.id).decode()


async def test_limits_and_rights_are_there_from_the_first_instruction(tmp_path: Path, containment: Containment) -> None:
    names = ["limits", "status", "environ", "stat"]
    specs = [cat(name, memory_max_bytes=2**30, default_timeout_seconds=60.0, processes_max=300) for name in names]
    async with open_runner(tmp_path, *specs, containment=containment, output_max_bytes=2**20) as runner:
        told = {name: await show(runner, name) for name in names}
    found = {line[:26].strip(): line[26:].split() for line in told["limits"].splitlines()[1:]}
    for name, bound in LIMITS.items():
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1] if name == "Max open files" else resource.RLIM_INFINITY
        wanted = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        assert int(found[name][0]) == wanted, name
        assert int(found[name][1]) == (bound + 5 if name == "Max cpu time" else wanted), name
    if containment.level is Level.BUBBLEWRAP:
        assert found["Max processes"][:2] == ["300", "300"]
    status = dict(line.split(":\t", 1) for line in told["status"].splitlines())
    assert status["NoNewPrivs"] == "1"
    assert int(told["stat"].rpartition(")")[2].split()[NICE_FIELD]) == max(5, os.getpriority(os.PRIO_PROCESS, 0))
    assert (status["SigBlk"], status["SigCgt"]) == ("0" * 16, "0" * 16)
    assert int(status["SigIgn"], 16) == 0
    if containment.level is not Level.LIMITS:
        assert {status[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Amb")} == {"0" * 16}
    if containment.level is not Level.LIMITS:
        assert status["Seccomp"] == ("2" if containment.level is Level.LANDLOCK else "0")
    check_environment(told["environ"], tmp_path, containment)


def check_environment(told: str, directory: Path, containment: Containment) -> None:
    variables = dict(word.split("=", 1) for word in told.split("\0") if word)
    attempt_id, progress = variables.pop("NEXUSD_ATTEMPT"), variables.pop("NEXUSD_PROGRESS_FD")
    assert int(progress) > 2
    assert json.loads(variables.pop("NEXUSD_CAPS")) == Caps()._asdict()
    workdir = WORK if containment.level is Level.BUBBLEWRAP else str(directory / "work" / attempt_id)
    assert variables == {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": workdir, "TMPDIR": f"{workdir}/tmp"}


LOOK: Final = """
umask = os.umask(0)
FD = "/proc/self/fd/"
held = {n: os.readlink(FD + n) for n in os.listdir(FD) if os.path.lexists(FD + n)}
mode = lambda path: oct(os.stat(path).st_mode & 0o7777)
print(json.dumps([
    os.getcwd(), held, PROGRESS, umask, [mode(path) for path in (".", "out", "tmp")], sorted(os.listdir(".")),
    os.getsid(0) in (os.getpid(), 1), os.listdir("/proc/self/task") == [str(os.getpid())],
]))
"""


async def test_descriptors_and_folder(tmp_path: Path, containment: Containment) -> None:
    async with open_runner(tmp_path, python(LOOK), containment=containment) as runner:
        with ExitStack() as stack:
            careless = os.open("/dev/zero", os.O_RDONLY)
            stack.callback(os.close, careless)
            os.set_inheritable(careless, True)
            job = await runner.run()
        cwd, held, progress, umask, modes, entries, *is_right = read_log(runner, job)
        assert cwd == (WORK if containment.level is Level.BUBBLEWRAP else str(tmp_path / "work" / job.attempts[0].id))
        assert sorted(map(int, held)) == [0, 1, 2, progress]
        assert held["0"] == "/dev/null"
        assert held["1"] == held["2"]
        assert held["1"].startswith("pipe:")
        assert (umask, modes, entries) == (0o077, ["0o700"] * 3, ["input.json", "out", "tmp"])
        assert is_right == [True, True]
        assert os.listdir(tmp_path / "work") == []


def read_log(runner: Runner, job: Job) -> list[Any]:
    """Return the JSON that a renderer said."""
    assert job.error_code == "no_output", job
    said: list[Any] = json.loads(runner.log(job.id))
    return said


CONNECT: Final = """
import socket
with socket.create_connection(("127.0.0.1", INPUT["port"])):
    put("x.txt")
"""


@pytest.mark.parametrize("is_allowed", [True, False])
@pytest.mark.parametrize("asks", [True, False])
async def test_the_network_is_there_for_who_asks_and_may(
    tmp_path: Path, containment: Containment, asks: bool, is_allowed: bool
) -> None:
    allowed = ["script"] if is_allowed else ["another"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        spec = python(CONNECT, network=asks)
        async with open_runner(tmp_path, spec, containment=containment, network_job_types=allowed) as runner:
            job = await runner.run(input={"port": server.getsockname()[1]}, max_attempts=1)
    if asks and not is_allowed:
        assert (job.error_code, "network_job_types = ['script']" in str(job.error_message)) == ("renderer_unavailable", True)
    elif asks or containment.level is Level.LIMITS:  # which cannot refuse it
        assert job.status is JobStatus.DONE, job
    else:
        assert job.error_code == "renderer_failed", job


VANDAL: Final = """
import os
for number, reference in enumerate(json.load(open("input.json"))["files"]):
    path = reference["path"]
    found = os.stat(path)
    refused = 0
    for attack in (
        lambda: os.chmod(path, 0o600),
        lambda: open(path, "r+b").write(b"vandalised"),
        lambda: os.truncate(path, 0),
        lambda: os.rename(path, path + ".old"),
        lambda: os.unlink(path),
        lambda: os.link(path, f"out/{number}.taken"),
    ):
        try:
            attack()
        except OSError:
            refused += 1
    put(f"{number}.json", json.dumps([found.st_ino, found.st_size, oct(found.st_mode & 0o777), refused]).encode())
"""


async def test_a_stored_file_is_shown_where_it_lies_or_copied_and_is_safe_at_every_level(
    tmp_path: Path, containment: Containment
) -> None:
    contents = {"a b.txt": b"first", "\u00fc.txt": b"second" * 500_000}
    async with open_runner(tmp_path, python(VANDAL), containment=containment) as runner:
        kept = [await upload(runner, content, name) for name, content in contents.items()]
        inodes = [runner.stored(asset.object_key).stat().st_ino for asset in kept]
        job = await runner.run(**referring(*(asset.id for asset in kept)))
        assert job.status is JobStatus.DONE, job
        told = [json.loads(runner.stored(asset.object_key).read_bytes()) for asset in job.assets]
        for asset, content in zip(kept, contents.values(), strict=True):
            file = runner.stored(asset.object_key)
            assert (file.read_bytes(), file.stat().st_mode & 0o777) == (content, 0o400)
    assert [(size, mode) for _, size, mode, _ in told] == [(len(content), "0o400") for content in contents.values()]
    if containment.level is Level.BUBBLEWRAP:
        assert [inode for inode, *_ in told] == inodes
        assert {refused for *_, refused in told} == {6}
    else:
        assert not {inode for inode, *_ in told} & set(inodes)
