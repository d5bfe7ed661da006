"""Renderers that are small programs: what a child does is written in the test that needs it."""

from __future__ import annotations

import sys
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from nexusd.renderers.spec import RendererSpec
from tests.support.stores import JOB_TYPE

PRELUDE: Final = """
import json, os, signal, sys, time

PROGRESS = int(os.environ["NEXUSD_PROGRESS_FD"])
INPUT = json.load(open("input.json"))

def tell(fraction, message=None):
    os.write(PROGRESS, json.dumps({"progress": fraction, "message": message}).encode() + b"\\n")

def put(name, content=b"made"):
    with open("out/" + name, "wb") as file:
        file.write(content)

def ignore_term():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

def hide(*, session=True, do=lambda: time.sleep(600)):
    # a grandchild that nobody waits for; in a session of its own, with its parent gone
    said, say = os.pipe()
    if os.fork() == 0:
        if session:
            os.setsid()
        if os.fork() == 0:
            os.write(say, str(os.getpid()).encode())
            do()
        os._exit(0)
    os.wait()
    return int(os.read(said, 20))

def hold():
    # until the test sends USR1 to the pid that it is told
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    tell(0.5, str(os.getpid()))
    signal.sigwait([signal.SIGUSR1])

def wait():
    while True:
        time.sleep(600)
"""


class AnyInput(BaseModel):
    """Takes everything."""

    model_config = ConfigDict(extra="allow")


def python(code: str, job_type: str = JOB_TYPE, **fields: Any) -> RendererSpec:
    """Return a renderer that runs this Python code, with PRELUDE before it."""
    return program([sys.executable, "-I", "-S", "-c", PRELUDE + code], job_type, **fields)


def shell(code: str, job_type: str = JOB_TYPE, **fields: Any) -> RendererSpec:
    """Return a renderer that runs this shell code."""
    return program(["/bin/sh", "-c", code], job_type, **fields)


def program(argv: list[str], job_type: str = JOB_TYPE, **fields: Any) -> RendererSpec:
    """Return a renderer that runs a program."""
    known = {"description": "a test", "input_model": AnyInput, "outputs": {".txt": "text/plain", ".bin": "application/x-made"}}
    return RendererSpec(job_type=job_type, command=lambda _input: argv, **{**known, **fields})
