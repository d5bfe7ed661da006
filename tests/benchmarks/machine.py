"""The machine under the benchmark: what it is, and which core does what."""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

PROCESS_CLOCK: Final = 2
"""CPUCLOCK_SCHED of the kernel."""


def describe() -> str:
    """Return date, cores, memory and versions in one line, with how busy the machine was before we began."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {len(os.sched_getaffinity(0))} cores ({_processor()}), {memory:.0f} GiB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"load average at the start {os.getloadavg()[0]:.2f}"
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def server_cores() -> set[int]:
    """Return where a server under load runs: the first core; every core when there is but one."""
    return {min(os.sched_getaffinity(0))}


def client_cores() -> set[int]:
    """Return where its load comes from: any core but the server's, when there is another."""
    return os.sched_getaffinity(0) - server_cores() or server_cores()


def resident_mebibytes(pid: int) -> float:
    """Return the memory a process has in use, shared pages included (VmRSS)."""
    return _kibibytes(Path(f"/proc/{pid}/status"), "VmRSS:") / 1024


def proportional_mebibytes(pid: int) -> float:
    """Return the memory a process has in use, each shared page divided by those that share it (Pss)."""
    return _kibibytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") / 1024


def _kibibytes(path: Path, field: str) -> int:
    return next(int(line.split()[1]) for line in path.read_text().splitlines() if line.startswith(field))


def cpu_seconds(pid: int) -> float:
    """Return how long a process was on a core, threads that are gone included: to the nanosecond, unlike /proc/PID/stat.

    Source: clock_getcpuclockid(3), which makes such a clock of a pid.
    """
    return time.clock_gettime(~pid << 3 | PROCESS_CLOCK)
