"""A user without any rights: every renderer works for them, however children are held."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from nexusd.renderers.registry import BUILT_IN
from tests.support.daemons import open_pidfd
from tests.support.strangers import NOBODY, as_stranger, give

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

EXAMPLES = [{"jobType": spec.job_type, "input": dict(example)} for spec in BUILT_IN for example in spec.examples.values()]
PATIENCE_SECONDS = 200


def nexusctl(home: Path, level: str, *arguments: str, given: str = "") -> str:
    """Run nexusctl as the stranger, and return what it prints."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home / "run"),
        "NEXUSD_SANDBOX": level,
        "NEXUSD_STATE_DIRECTORY": str(home / "state"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    argv = as_stranger([sys.executable, "-m", "nexusctl", *arguments])
    options = {"capture_output": True, "text": True, "timeout": PATIENCE_SECONDS, "check": False}
    done = subprocess.run(argv, input=given, env=environment, cwd="/", **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


@pytest.mark.parametrize("level", ["bubblewrap", "landlock", "limits"])
def test_every_renderer_works_without_rights(home: Path, level: str) -> None:
    (home / "run").mkdir(0o700)
    give(home)
    lines = "".join(json.dumps(job) + "\n" for job in EXAMPLES)
    nexusctl(home, level, "submit", "--wait", "-", given=lines)
    status = json.loads(nexusctl(home, level, "status", "--json"))
    try:
        assert status["containment"]["level"] == level
        assert status["jobs"]["done"] == len(EXAMPLES)
        if os.geteuid() == 0:
            assert os.stat(f"/proc/{status['pid']}").st_uid == NOBODY
    finally:
        with open_pidfd(status["pid"]) as ended:
            os.kill(status["pid"], signal.SIGTERM)
            assert select.select([ended], [], [], PATIENCE_SECONDS)[0]
