"""What a child finds around it: a private folder, its input and its assets, named variables, limits, and nothing else."""

from __future__ import annotations

import json
import os
import resource
import signal
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from nexusd.domain.caps import Caps
from nexusd.domain.states import JobStatus
from tests.support.disks import small_disk
from tests.support.renderers import python, shell
from tests.support.runners import open_runner, referring, upload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


LOOK = """
import resource
umask = os.umask(0)
FD = "/proc/self/fd/"
mode = lambda path: oct(os.stat(path).st_mode & 0o7777)
found = {
    "environment": dict(os.environ),
    "stdin": os.readlink("/proc/self/fd/0"),
    "descriptors": {n: os.readlink(FD + n) for n in os.listdir(FD) if os.path.lexists(FD + n)},
    "cwd": os.getcwd(),
    "pid": os.getpid(), "session": os.getsid(0), "group": os.getpgrp(),
    "umask": umask,
    "modes": {path: mode(path) for path in (".", "out", "tmp")},
    "entries": sorted(os.listdir(".")),
    "limits": {name: resource.getrlimit(getattr(resource, "RLIMIT_" + name)) for name in ("CORE", "NOFILE", "DATA", "FSIZE")},
    "blocked": open("/proc/self/status").read().split("SigBlk:")[1].split()[0],
    "input": INPUT,
}
put("found.txt", json.dumps(found).encode())
"""


@contextmanager
def careless_descriptors() -> Iterator[None]:
    """Have a file open, and another one as our input, that a careless spawn would pass on."""
    before = os.dup(0)
    with open("/dev/zero") as file:
        os.set_inheritable(file.fileno(), True)
        os.dup2(file.fileno(), 0)
        try:
            yield
        finally:
            os.dup2(before, 0)
            os.close(before)


async def test_the_surroundings_of_a_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    monkeypatch.setenv("LD_PRELOAD_NOT", "x")
    # limits come just after the exec, so the child looks after it was told to go on
    spec = python("hold()\n" + LOOK, memory_max_bytes=2**30)
    job_input = {"text": "ü \U0001f600", "deep": [{"a": None}]}
    with careless_descriptors():
        async with open_runner(tmp_path, spec, output_max_bytes=2**20) as runner:
            job_id = await runner.submit(input=job_input)
            [pid] = await runner.wait_told(job_id)
            os.kill(pid, signal.SIGUSR1)
            job = await runner.wait(job_id)
            assert job.status is JobStatus.DONE, job
            found = json.loads(runner.stored(job.assets[0].object_key).read_bytes())
            workdir = str(tmp_path / "work" / job.attempts[0].id)
    progress = found["environment"]["NEXUSD_PROGRESS_FD"]
    assert found["environment"] == {
        "NEXUSD_ATTEMPT": job.attempts[0].id,
        "NEXUSD_PROGRESS_FD": progress,
        "NEXUSD_CAPS": json.dumps(Caps()._asdict()),
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": workdir,
        "TMPDIR": workdir + "/tmp",
        **({"LC_CTYPE": "C.UTF-8"} if "LC_CTYPE" in found["environment"] else {}),  # Python's own doing
    }
    assert found["stdin"] == "/dev/null"
    assert sorted(found["descriptors"], key=int) == sorted({"0", "1", "2", progress}, key=int)
    assert found["descriptors"]["1"] == found["descriptors"]["2"]
    assert found["cwd"] == workdir
    assert found["session"] == found["group"] == found["pid"] == pid
    assert found["umask"] == 0o077
    assert found["modes"] == {".": "0o700", "out": "0o700", "tmp": "0o700"}
    assert found["entries"] == ["input.json", "out", "tmp"]
    assert found["input"] == job_input
    assert found["blocked"] == "0000000000000200"  # what `hold` blocks, and nothing of ours
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = 1024 if hard == resource.RLIM_INFINITY else min(1024, hard)
    assert found["limits"] == {
        "CORE": [0, 0],
        "NOFILE": [files, files],
        "DATA": [2**30, 2**30],
        "FSIZE": [2**20, 2**20],
    }
    assert os.listdir(tmp_path / "work") == []


VANDAL = """
for number, reference in enumerate(INPUT["files"]):
    path = reference["path"]
    put(f"{number}.txt", open(path, "rb").read() + oct(os.stat(path).st_mode & 0o777).encode())
    os.chmod(path, 0o600)
    with open(path, "wb") as file:
        file.write(b"vandalised")
    if number:
        os.unlink(path)
"""


async def test_an_asset_is_there_to_be_read_and_safe_from_its_reader(tmp_path: Path) -> None:
    async with open_runner(tmp_path, python(VANDAL)) as runner:
        first, second = await upload(runner, b"first", "../a b.txt"), await upload(runner, b"second" * 500_000, "ü.txt")
        job = await runner.run(**referring(first.id, second.id))
        assert job.status is JobStatus.DONE, job
        made = [runner.stored(asset.object_key).read_bytes() for asset in job.assets]
        assert made == [b"first0o400", b"second" * 500_000 + b"0o400"]
        for asset, content in [(first, b"first"), (second, b"second" * 500_000)]:
            file = runner.stored(asset.object_key)
            assert file.read_bytes() == content
            assert stat.S_IMODE(file.stat().st_mode) == 0o400


async def test_an_asset_that_was_deleted_meanwhile_makes_the_input_invalid(tmp_path: Path) -> None:
    async with open_runner(tmp_path, shell(":")) as runner:
        asset, kept = await upload(runner, b"x", "x"), await upload(runner, b"y", "y")
        runner.store.ask("UPDATE assets SET deleted_at = created_at WHERE id = ?", asset.id)
        job = await runner.run(input=referring(asset.id, kept.id)["input"])  # as if it had been submitted before
        assert (job.status, job.error_code) == (JobStatus.FAILED, "invalid_input")
        assert asset.id in str(job.error_message)
        assert "KeyError" not in str(job.error_message)
        runner.stored(kept.object_key).unlink()
        job = await runner.run(**referring(kept.id))
        assert (job.status, job.error_code) == (JobStatus.FAILED, "invalid_input")
        assert "missing" in str(job.error_message)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk that is full")
@pytest.mark.parametrize(("full", "options"), [("work", "nr_inodes=2"), ("logs", "nr_inodes=2"), ("assets", "size=8k")])
async def test_a_full_disk_is_called_so(tmp_path: Path, full: str, options: str) -> None:
    with small_disk(tmp_path / full, options):
        async with open_runner(tmp_path, shell("head -c 100000 /dev/zero > out/x.txt")) as runner:
            job = await runner.run(max_attempts=1)
    assert (job.status, job.error_code) == (JobStatus.FAILED, "storage_full"), job
