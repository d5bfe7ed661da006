"""`python -m tests.benchmarks.huey_queue DIRECTORY JOBS WORKERS PROGRAM …`: drains a huey queue and prints jobs a second."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import Any

from huey import SqliteHuey


def main(directory: str, jobs: str, workers: str, *argv: str) -> None:
    """Put the jobs in, then start the workers and wait for the last."""
    huey: Any = SqliteHuey(filename=f"{directory}/huey.db", fsync=True)
    left = int(jobs)
    over = threading.Event()
    lock = threading.Lock()

    def work() -> None:
        nonlocal left
        subprocess.run(argv, check=True)
        with lock:
            left -= 1
            if not left:
                over.set()

    task = huey.task()(work)
    for _ in range(left):
        task()
    consumer = huey.create_consumer(workers=int(workers), periodic=False, initial_delay=0.01, max_delay=0.05)
    began = time.perf_counter()
    consumer.start()
    over.wait()
    print(int(jobs) / (time.perf_counter() - began))
    consumer.stop(graceful=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
