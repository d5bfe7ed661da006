"""TERM is for everybody: at each level it reaches the whole family, who then have their grace; and a full disk ends it too."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import pytest

from nexusd.domain.ids import new_id
from nexusd.domain.states import JobStatus
from tests.support.daemons import wait_until
from tests.support.processes import find_named
from tests.support.renderers import python
from tests.support.runners import open_runner

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.runner.containment import Containment

pytestmark = pytest.mark.slow

FAMILY_SIZE: Final = 4
HEARING: Final = """
WAIT = 'exec 3<>fifo; echo > ready-$$; read -r word <&3'
HEAR = 'trap "echo heard; echo > heard-$$; exit 0" TERM; ' + WAIT
LAST = 'trap "until [ -e heard-$3 ] && [ -e heard-$4 ] && [ -e heard-$5 ]; do :; done; echo heard; exit 0" TERM; ' + WAIT
def listen(environment):
    os.execve("/bin/sh", ["sh", "-c", HEAR, INPUT["word"]], environment)
os.mkfifo("fifo")
pids = [hide(session=False, do=lambda: listen(os.environ)), hide(do=lambda: listen({})), hide(do=lambda: listen({}))]
os.execv("/bin/sh", ["sh", "-c", LAST, INPUT["word"], "", "", *map(str, pids)])
"""


async def test_everybody_hears_of_the_end_and_may_end_by_itself(tmp_path: Path, containment: Containment) -> None:
    word = f"nx-{new_id()}"
    async with open_runner(tmp_path, python(HEARING), containment=containment, terminate_grace_seconds=60) as runner:
        job_id = await runner.submit(input={"word": word})
        await wait_until(lambda: len(list((tmp_path / "work").glob("*/ready-*"))) == FAMILY_SIZE)
        before = time.monotonic()
        await runner.cancel(job_id)
        job = await runner.wait(job_id)
        assert job.status is JobStatus.CANCELLED
        assert time.monotonic() - before < 30  # the grace is not sat out
        assert (job.attempts[0].exit_code, job.attempts[0].signal) == (0, None)
        assert find_named(word) == set()
        assert runner.log(job_id) == b"heard\n" * (FAMILY_SIZE)


WRITE: Final = {
    "many files": "for n in range(10_000): put(str(n), bytes(2**20))",
    "a folder of its own": "os.mkdir('d', 0o300); [open(f'd/{n}', 'wb').write(bytes(2**20)) for n in range(10_000)]",
}


@pytest.mark.parametrize("name", WRITE)
async def test_who_fills_the_disk_is_ended_and_the_disk_given_back(tmp_path: Path, containment: Containment, name: str) -> None:
    async with open_runner(tmp_path, python(WRITE[name]), containment=containment, work_max_bytes=2**26) as runner:
        job = await runner.run(max_attempts=1)
        assert (job.error_code, job.attempts[0].signal) == ("output_too_large", 15), job
        assert list((tmp_path / "work").iterdir()) == []
