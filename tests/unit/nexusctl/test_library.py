"""The library as it is imported and as type checkers see it: cheap, complete, and without Any where a type is known.

What mypy makes of the calls below is checked with everything else; at run time they are only defined.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import assert_type

import pytest

import nexusctl
from nexusctl import (
    AsyncNexus,
    AsyncRendered,
    AsyncStream,
    JobNotDone,
    Nexus,
    NexusctlError,
    Rendered,
    Stream,
    StreamEvent,
    TimedOut,
)
from nexusd.contract.assets import Asset
from nexusd.contract.jobs import CancelAnswer, Job, JobAccepted, JobSummary
from nexusd.contract.logs import LogEvent
from nexusd.contract.status import Renderer, Status
from nexusd.contract.why import Why


def synchronous_types(nexus: Nexus, asset: Asset) -> None:
    job = assert_type(nexus.submit("diagram", {"source": "a"}, priority=1, key="k"), JobAccepted)
    assert_type(nexus.job(job), Job)
    assert_type(nexus.wait(job, timeout_seconds=1), Job)
    assert_type(nexus.cancel("id"), CancelAnswer)
    assert_type(nexus.retry(nexus.job(job)), JobAccepted)
    assert_type(nexus.why(job), Why)
    assert_type(nexus.jobs(status="done"), Stream[JobSummary])
    assert_type(nexus.follow(job), Stream[StreamEvent])
    assert_type(nexus.log(job, follow=True), Stream[LogEvent])
    assert_type(nexus.assets(), Stream[Asset])
    assert_type(nexus.upload(b""), Asset)
    assert_type(nexus.download(asset, "x"), Path)
    assert_type(nexus.content(asset), Stream[bytes])
    assert_type(nexus.renderers(), list[Renderer])
    assert_type(nexus.render("x.d2", format="png"), Rendered)
    assert_type(nexus.render("x.d2").save("x"), Path)
    for event in nexus.events():
        assert_type(event.id, int | None)
    nexus.job()  # type: ignore[call-arg]
    nexus.submit("diagram", {}, prioriti=1)  # type: ignore[call-arg]
    nexus.upload(3)  # type: ignore[arg-type]


async def asynchronous_types(nexus: AsyncNexus, asset: Asset) -> None:
    assert_type(await nexus.job("id"), Job)
    assert_type(await nexus.status(), Status)
    assert_type(nexus.follow("id"), AsyncStream[StreamEvent])
    made = assert_type(await nexus.render("x.d2"), AsyncRendered)
    assert_type(await made.save("x"), Path)
    assert_type(await made.read(), bytes)
    assert_type(await nexus.download(asset, "x"), Path)
    async for job in nexus.jobs():
        assert_type(job, JobSummary)


def test_every_name_is_there_and_no_other() -> None:
    assert sorted(nexusctl.__all__) == nexusctl.__all__
    for name in nexusctl.__all__:
        assert getattr(nexusctl, name).__name__ == name
        assert name in dir(nexusctl)
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        nexusctl.Nonsense  # noqa: B018
    assert issubclass(JobNotDone, NexusctlError)
    assert issubclass(TimedOut, TimeoutError)


def test_methods_tell_what_they_do() -> None:
    assert Nexus.job.__doc__ == "Return one job in full."
    assert Nexus.follow.__doc__ is not None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "imported"),
    [
        ("import nexusctl", ""),
        ("from nexusctl import NexusctlError", ""),
        ("from nexusctl import Nexus", "pydantic httpx"),
        ("from nexusctl import AsyncNexus", "pydantic httpx anyio"),
    ],
)
def test_what_importing_costs(program: str, imported: str) -> None:
    heavy = ("pydantic", "httpx", "anyio", "trio", "sqlmodel", "fastapi", "typer", "markdown_it")
    code = f"{program}; import sys; print(*[name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == imported
