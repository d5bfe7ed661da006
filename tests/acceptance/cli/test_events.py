"""`nexusctl events`: what happened, from any place, and what happens, whatever becomes of the daemon."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Final

import pytest

from nexusd.contract.events import AssetEvent, EventType, JobEvent, ProgressEvent
from tests.acceptance.cli.home import Home, finish, open_gate, wait_line

if TYPE_CHECKING:
    from pydantic import BaseModel

pytestmark = pytest.mark.slow


MODELS: Final[dict[str, type[BaseModel]]] = {
    EventType.JOB_PROGRESS.value: ProgressEvent,
    EventType.ASSET_CREATED.value: AssetEvent,
}


def check(lines: list[str]) -> list[int]:
    """Read every line by the contract's models; return the ids."""
    numbers = []
    for line in lines:
        event = json.loads(line)
        model = MODELS.get(event["event"], JobEvent)
        model.model_validate(event)
        numbers.append(event["id"])
    return numbers


def test_what_happened_is_listed_from_any_place(home: Home) -> None:
    first = home.run("submit", "diagram", "-F", "source=a", "--wait", "-q").stdout.strip()
    second = home.run("submit", "diagram", "-F", "source=b", "--wait", "-q").stdout.strip()
    numbers = check(home.run("events", "--json").stdout.splitlines())
    last = len(numbers)
    assert numbers == list(range(1, last + 1))
    assert last >= 8, "queued, running, asset.created and done of each, and what progress was told before the end"
    assert check(home.run("events", "--json", "--since", str(last - 3)).stdout.splitlines()) == [last - 2, last - 1, last]
    assert home.run("events", "--since", str(last)).stdout == home.run("events", "--since", "2200-01-01").stdout == ""
    listed = home.result("ls")["items"]
    begun = home.run("events", "--since", listed[0]["createdAt"], "--format", "{event} {jobId}").stdout.splitlines()
    assert begun[0] == f"content_job.queued {second}"
    assert len(home.run("events", "--since", "1h").stdout.splitlines()) == last
    done = home.run("events", "--types", "job.done,asset.created", "--format", "{event} {jobId}", "--job", first)
    assert done.stdout.splitlines() == [f"asset.created {first}", f"content_job.done {first}"]
    assert home.run("company", "add", "other").returncode == 0
    assert home.run("events", "--company", "other").stdout == ""
    _, narrow = home.run_in_terminal("events", "--since", str(last - 2), columns=40, NO_COLOR="1")
    assert second in narrow
    assert max(map(len, narrow.splitlines())) <= 40


def test_what_happens_is_followed_over_the_death_of_the_daemon(home: Home) -> None:
    gate = home.new_gate()
    home.run("ls")
    following = home.start("events", "-f", "--since", "0", "--json")
    job_id = home.submit_gate(gate)
    lines = wait_line(following, "at the gate", stdout=True)
    home.kill_daemon()
    wait_line(following, "started nexusd")
    open_gate(gate)
    lines += wait_line(following, "content_job.done", stdout=True)
    following.send_signal(signal.SIGINT)
    code, _, err = finish(following)
    numbers = check(lines)
    assert numbers == list(range(1, len(numbers) + 1))
    assert code == 130
    assert f"go on with: nexusctl events --follow --since {numbers[-1]}" in err
    assert home.run("events", "-f", "--job", job_id).stdout == ""  # it is over: there is nothing to come
    again = home.run("events", "-f", "--job", job_id, "--since", "0", "--types", "job.queued", "--format", "{event}")
    assert set(again.stdout.split()) == {"content_job.queued"}


def test_a_place_that_cannot_be_gone_on_from_is_told(shared: Home) -> None:
    following = shared.start("events", "-f", "--since", "999999999")
    wait_line(following, "reset some events are gone (future)", stdout=True)
    following.send_signal(signal.SIGINT)
    assert finish(following)[0] == 130


def test_what_cannot_be_meant_is_refused(home: Home) -> None:
    for arguments in (["--types", "nope"], ["--since", "yesterday"], ["--since", ""], ["--job", ""]):
        done = home.run("events", *arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
    assert home.run("events", "--no-start").returncode == 3
    assert not home.socket.exists()
