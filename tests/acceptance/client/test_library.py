"""Every method of the library, with each of its clients, against a daemon as it is."""

from __future__ import annotations

import hashlib
import io
import json
import uuid
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from nexusctl import BadAnswer, JobNotDone, Nexus, Refused, TimedOut, UsageError
from nexusd.contract.events import JobEvent, ProgressEvent, SnapshotEndEvent
from nexusd.contract.jobs import JobSubmission
from tests.acceptance.client.faces import open_client
from tests.support.daemons import ASSETS
from tests.support.pictures import png
from tests.support.scripted import DONE, scripted

if TYPE_CHECKING:
    from pathlib import Path

    from nexusctl.client.submitting import RenderOptions
    from tests.support.daemons import Program
    from tests.support.scripted import Gate

pytestmark = pytest.mark.slow


def steps(*these: tuple[object, ...]) -> dict[str, object]:
    """The input of a scripted job."""
    given: dict[str, object] = scripted(*these)["input"]
    return given


def task() -> str:
    """A conversation task of this test's own."""
    return uuid.uuid4().hex


def test_a_text_is_rendered_and_saved(nexus: Nexus, tmp_path: Path) -> None:
    told: list[str] = []
    made = nexus.render("a -> b", type="d2", source_task_id=task(), on_event=lambda event: told.append(event.name))
    assert (made.job.status, made.job.job_type) == ("done", "diagram")
    assert [asset.id for asset in made.assets] == [made.asset.id]
    assert "status" in told
    path = made.save(tmp_path / "flow.svg")
    assert path == tmp_path / "flow.svg"
    assert path.read_bytes() == made.read() == nexus.read(made.asset)
    assert b"<svg" in path.read_bytes()
    kept = made.save(tmp_path)
    assert kept.parent == tmp_path
    assert kept.name == made.asset.original_filename
    assert {entry.name for entry in tmp_path.iterdir()} == {"flow.svg", kept.name}


def test_a_file_is_rendered_with_the_pictures_it_uses(nexus: Nexus, tmp_path: Path) -> None:
    picture = f'<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><!-- {task()} --></svg>'
    (tmp_path / "p.svg").write_text(picture)
    (tmp_path / "a.md").write_text("# Title\n\n![](p.svg)\n")
    made = nexus.render(tmp_path / "a.md")
    assert made.asset.content_type == "application/pdf"
    assert made.job.input["files"].keys() == {"p.svg"}
    again = nexus.render(str(tmp_path / "a.md"))
    assert again.job.input == made.job.input, "what the daemon has is not sent twice"
    given = nexus.render("![](q.svg)\n", type="markdown", files={"q.svg": picture.encode()})
    stored = given.job.input["files"]["q.svg"]
    assert stored == made.job.input["files"]["p.svg"]
    both = nexus.render(
        "![](q.svg)\n", type="markdown", files={"q.svg": picture.encode()}, options={"files": {"r.svg": stored}}
    )
    assert both.job.input["files"] == {"q.svg": stored, "r.svg": stored}


RED = png((8, 8), (b"\0" + b"\xff\x00\x00" * 8) * 8, depth=8, kind=2)
STORYBOARD = {"width": 64, "height": 36, "fps": 5, "slides": [{"durationSeconds": 0.4, "image": "p.png"}]}
CHART = {"data": {"url": "d.csv"}, "mark": "point", "encoding": {"x": {"field": "a"}, "y": {"field": "b"}}}
FAMILY_FILES = {
    "a.dot": b"digraph { a -> b }",
    "a.mmd": b"flowchart LR\n  a --> b\n",
    "a.typ": b'#image("p.png")',
    "a.vl.json": json.dumps(CHART).encode(),
    "a.storyboard.json": json.dumps(STORYBOARD).encode(),
    "d.csv": b"a,b\n1,2\n",
    "p.png": RED,
}


@pytest.mark.parametrize(
    ("file", "options", "sent", "content_type"),
    [
        ("a.dot", {}, {}, "image/svg+xml"),
        ("a.mmd", {"format": "png", "options": {"scale": 2}}, {}, "image/png"),
        ("a.typ", {}, {"p.png"}, "application/pdf"),
        ("a.vl.json", {"format": "PNG"}, {"d.csv"}, "image/png"),
        ("p.png", {"format": "jpg"}, {}, "image/jpeg"),
        ("p.png", {"type": "theme", "options": {"format": "css"}}, {}, "text/css"),
        ("a.storyboard.json", {"format": "gif"}, {"p.png"}, "image/gif"),
    ],
)
def test_every_family_is_rendered(
    shared: Program, tmp_path: Path, file: str, options: RenderOptions, sent: set[str], content_type: str
) -> None:
    for name, content in FAMILY_FILES.items():
        (tmp_path / name).write_bytes(content)
    with Nexus(shared.socket, start=False) as nexus:
        made = nexus.render(tmp_path / file, **options)
    assert made.asset.content_type.startswith(content_type)
    assert made.job.input.get("files", {}).keys() == set(sent)
    is_text = file != "p.png"
    assert isinstance(made.job.input["source"], str) == is_text
    assert made.job.input.items() >= options.get("options", {}).items()
    assert made.job.input.keys() >= {"format"}


def test_bytes_and_options_alone_are_rendered_too(nexus: Nexus) -> None:
    icon = nexus.render(RED, type="image", format="ico", options={"sizes": [16]})
    assert icon.asset.content_type in ("image/x-icon", "image/vnd.microsoft.icon")
    assert set(icon.job.input["source"]) == {"$asset"}
    drawn = nexus.render('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>', type="image", format="png")
    assert set(drawn.job.input["source"]) == {"$asset"}, "a picture is never a text"
    theme = nexus.render(None, type="theme", options={"seed": "teal"})
    assert len(theme.assets) > 1
    assert theme.job.input["source"] is None


def test_a_renderer_that_is_not_built_in_is_found_by_asking(nexus: Nexus, shared: Program, tmp_path: Path) -> None:
    (tmp_path / "a.twice").write_text("ab")
    made = nexus.render(tmp_path / "a.twice", options={"mark": "!"})
    assert (made.job.job_type, made.read()) == ("twice", b"abab!")
    assert made.job.input == {"source": "ab", "mark": "!", "files": {}}
    with pytest.raises(UsageError, match="a twice has no formats"):
        nexus.render(tmp_path / "a.twice", format="pdf")


def test_a_format_must_be_one_that_there_is(nexus: Nexus) -> None:
    with pytest.raises(UsageError, match="must be named") as unnamed:
        nexus.render(RED, type="image")
    with pytest.raises(UsageError, match="an image cannot be made as docx") as unknown:
        nexus.render(RED, type="image", format="docx")
    for caught in (unnamed, unknown):
        assert "webp" in str(caught.value.hint)


def test_a_source_that_is_too_large_for_a_body_goes_as_an_asset(nexus: Nexus) -> None:
    made = nexus.render("hello\n" + "<!-- " + "x" * 1_000_000 + " -->\n", type="markdown")
    assert set(made.job.input["source"]) == {"$asset"}


def test_a_render_that_fails_tells_why(nexus: Nexus) -> None:
    with pytest.raises(JobNotDone) as caught:
        nexus.render("a -> {", type="d2")
    assert caught.value.slug == "invalid_input"
    assert caught.value.job is not None
    assert caught.value.job.status == "failed"
    assert str(caught.value.job.error_message) in str(caught.value)


@pytest.mark.parametrize("name", ["a.nothing", "a"])
def test_what_cannot_be_told_from_its_name_is_a_usage_error(nexus: Nexus, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot tell"):
        nexus.render(tmp_path / name)
    with pytest.raises(UsageError, match="no type"):
        nexus.render("text", type="novel")


def test_a_file_that_is_missing_or_no_text_or_may_be_a_text_is_said_so(nexus: Nexus, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        nexus.render(tmp_path / "missing.d2")
    with pytest.raises(FileNotFoundError):
        nexus.upload(tmp_path / "missing")
    (tmp_path / "a.d2").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="not UTF-8"):
        nexus.render(tmp_path / "a.d2")
    with pytest.raises(UsageError, match="may be a file or a text"):
        nexus.render(str(tmp_path / "a.d2"), type="d2")


def test_a_job_is_submitted_once_for_each_key(nexus: Nexus) -> None:
    key = task()
    first = nexus.submit("scripted", steps(DONE), key=key, priority=3, source_task_id=key)
    again = nexus.submit(JobSubmission(job_type="scripted", input=steps(DONE), priority=3, source_task_id=key), key=key)
    other = nexus.submit("scripted", steps(DONE), source_task_id=key)
    assert first.job_id == again.job_id != other.job_id
    assert nexus.job(first).priority == 3
    ended = nexus.wait(first)
    assert (ended.status, ended.id) == ("done", first.job_id)
    assert nexus.why(ended).status == "done"


def test_a_submission_that_cannot_be_right_is_a_usage_error_or_refused(nexus: Nexus) -> None:
    with pytest.raises(UsageError) as wrong:
        nexus.submit("Not a type", {})
    assert wrong.value.hint is not None
    with pytest.raises(UsageError, match="idempotency key"):
        nexus.submit("scripted", steps(DONE), key="a\nb")
    with pytest.raises(UsageError, match="says everything itself"):
        nexus.submit(JobSubmission(job_type="scripted", input={}), priority=1)
    with pytest.raises(Refused) as refused:
        nexus.submit("scripted", {"steps": 3})
    assert (refused.value.status, refused.value.slug) == (422, "invalid-request")
    assert refused.value.hint is not None
    assert "/input/steps" in refused.value.hint
    with pytest.raises(Refused) as missing:
        nexus.job("no-such-job")
    assert missing.value.status == 404
    for name in ("job", "cancel", "why", "wait", "retry"):
        with pytest.raises(UsageError, match="empty"):
            getattr(nexus, name)("")


def test_many_jobs_are_submitted_once_for_each_key(nexus: Nexus) -> None:
    mine = task()
    jobs = [JobSubmission(job_type="scripted", input=steps(("exit", 65)), source_task_id=mine) for _ in range(1001)]
    with pytest.raises(UsageError, match="idempotency key"):
        nexus.submit_many(jobs, key="x" * 251)
    wrong = JobSubmission(job_type="scripted", input={"steps": 3}, source_task_id=mine)
    with pytest.raises(Refused):
        nexus.submit_many([jobs[0], wrong], key=f"{mine}-wrong")
    assert list(nexus.jobs(source_task_id=mine)) == [], "all or none"
    assert nexus.submit_many([]) == []
    ids = [accepted.job_id for accepted in nexus.submit_many(jobs, key=mine)]
    assert len(set(ids)) == 1001
    assert [accepted.job_id for accepted in nexus.submit_many(iter(jobs), key=mine)] == ids
    assert [job.id for job in nexus.jobs(source_task_id=mine, limit=2)] == ids[:-3:-1]
    for job in nexus.jobs(source_task_id=mine, status="queued"):
        with suppress(Refused):  # it ended meanwhile
            nexus.cancel(job)


def test_assets_are_pinned_and_deleted(nexus: Nexus) -> None:
    stored = nexus.upload(task().encode())
    assert nexus.pin(stored).pinned_at is not None
    with pytest.raises(Refused) as refused:
        nexus.delete(stored)
    assert refused.value.slug == "asset-pinned"
    assert nexus.unpin(stored.id).pinned_at is None
    assert nexus.delete(stored.id) is None
    with pytest.raises(Refused) as gone:
        nexus.delete(stored)
    assert gone.value.status == 404


def test_companies_are_listed_and_added(nexus: Nexus, shared: Program, kind: str) -> None:
    slug = task()
    made = nexus.add_company(slug, "Of a test")
    assert (made.slug, made.name) == (slug, "Of a test")
    assert [company.slug for company in nexus.companies(limit=1)] == ["default"]
    assert made in list(nexus.companies())
    with pytest.raises(Refused):
        nexus.add_company(slug)
    with pytest.raises(UsageError) as wrong:
        nexus.add_company("No Slug")
    assert "slug" in str(wrong.value.hint)
    with open_client(kind, shared.socket, company=slug, start=False) as theirs:
        assert list(theirs.jobs()) == []


def test_jobs_and_assets_are_listed_over_pages(nexus: Nexus) -> None:
    mine = task()
    ids = [nexus.submit("scripted", steps(("exit", 65)), source_task_id=mine).job_id for _ in range(3)]
    for job_id in ids:
        nexus.wait(job_id)
    assert [job.id for job in nexus.jobs(source_task_id=mine)] == ids[::-1]
    assert [job.id for job in nexus.jobs(source_task_id=mine, status="failed", limit=2)] == ids[:0:-1]
    assert list(nexus.jobs(source_task_id=mine, status="done")) == []
    assert list(nexus.jobs(limit=0)) == []
    page = nexus.list_jobs(source_task_id=mine, limit=2)
    assert [job.id for job in nexus.list_jobs(source_task_id=mine, cursor=page.next_cursor).items] == ids[:1]
    assets = [nexus.upload(bytes([number]), source_task_id=mine).id for number in range(3)]
    assert [asset.id for asset in nexus.assets(source_task_id=mine)] == assets[::-1]
    assert len(list(islice(nexus.assets(source_task_id=mine), 2))) == 2
    with pytest.raises(UsageError, match="negative"):
        list(nexus.jobs(limit=-1))


@pytest.fixture(scope="module")
def many(shared: Program) -> tuple[str, list[str]]:
    """A conversation task with more assets than a page has."""
    with shared.client() as client:
        mine = task()
        answers = [client.post(ASSETS, params={"sourceTaskId": mine}, content=b"%d" % number) for number in range(130)]
    return mine, [answer.json()["id"] for answer in answers][::-1]


def test_a_list_is_walked_over_any_number_of_pages(nexus: Nexus, many: tuple[str, list[str]]) -> None:
    mine, ids = many
    assert [asset.id for asset in nexus.assets(source_task_id=mine)] == ids
    assert [asset.id for asset in nexus.assets(source_task_id=mine, limit=120)] == ids[:120]


def test_a_job_is_followed_to_its_end(nexus: Nexus, gate: Gate) -> None:
    accepted = nexus.submit("scripted", steps(("progress", 0.5, "half"), ("wait", gate.path), DONE))
    events = []
    for event in nexus.follow(accepted):
        events.append(event)
        if isinstance(event.data, ProgressEvent):
            assert (event.data.progress, event.data.message) == (0.5, "half")
            gate.let_through()
    assert isinstance(events[-1].data, JobEvent)
    assert events[-1].data.job.status == "done"
    ids = [event.id for event in events if event.id is not None]
    assert ids == sorted(set(ids))
    rest = [event.id for event in nexus.follow(nexus.job(accepted), after=ids[0])]
    assert rest == ids[1:]


def test_a_job_is_cancelled_and_retried(nexus: Nexus, gate: Gate) -> None:
    accepted = nexus.submit("scripted", steps(("progress", 0.1, "here"), ("wait", gate.path), DONE))
    with nexus.follow(accepted) as events:
        next(event for event in events if isinstance(event.data, ProgressEvent))
    assert nexus.cancel(accepted).outcome == "cancelling"
    assert nexus.wait(accepted).status == "cancelled"
    with pytest.raises(Refused) as over:
        nexus.cancel(accepted)
    assert (over.value.status, over.value.slug) == (409, "already-finished")
    key = task()
    again = nexus.retry(accepted, key=key)
    assert nexus.retry(accepted, key=key).job_id == again.job_id
    other = nexus.retry(accepted)
    assert other.job_id != again.job_id
    gate.let_through(2)
    assert [nexus.wait(job).retry_of for job in (again, other)] == [accepted.job_id] * 2


def test_a_wait_has_an_end(nexus: Nexus, gate: Gate) -> None:
    accepted = nexus.submit("scripted", steps(("wait", gate.path), DONE))
    with pytest.raises(TimedOut) as caught:
        nexus.wait(accepted, timeout_seconds=0.05)
    assert isinstance(caught.value, TimeoutError)
    assert accepted.job_id in str(caught.value)
    gate.let_through()
    assert nexus.wait(accepted, timeout_seconds=60).status == "done"


def test_the_events_of_a_company_begin_with_what_is_not_over(nexus: Nexus, gate: Gate) -> None:
    accepted = nexus.submit("scripted", steps(("wait", gate.path), DONE))
    mine = []
    with nexus.events(snapshot=True) as events:
        for event in events:
            if isinstance(event.data, SnapshotEndEvent):
                gate.let_through()
            if isinstance(event.data, JobEvent) and event.data.job_id == accepted.job_id:
                mine.append((event.name, event.data.job.status.value))
                if event.data.job.status.is_terminal:
                    break
    assert mine[0][0] == "snapshot"
    assert mine[-1] == ("content_job.done", "done")
    seen = events_after(nexus, accepted.job_id)
    assert seen == ["content_job.queued", "content_job.running", "content_job.done"]


def events_after(nexus: Nexus, job_id: str) -> list[str]:
    """What all companies were told of one job, by type and from the beginning."""
    types = ["content_job.queued", "content_job.running", "content_job.done"]
    told = []
    for event in nexus.events(after=0, types=types, all_companies=True):
        if isinstance(event.data, JobEvent) and event.data.job_id == job_id:
            told.append(event.name)
            if event.name == "content_job.done":
                break
    return told


def test_a_log_is_read_and_followed(nexus: Nexus, gate: Gate) -> None:
    accepted = nexus.submit("scripted", steps(("say", "ä first"), ("wait", gate.path), ("say", "last"), DONE))
    text = ""
    for piece in nexus.log(accepted, follow=True):
        assert piece.attempt == 1
        assert piece.offset == len(text.encode())
        text += piece.text
        if text == "ä first\n":
            gate.let_through()
    assert text == "ä first\nlast\n"
    assert "".join(piece.text for piece in nexus.log(nexus.job(accepted))) == text
    assert "".join(piece.text for piece in nexus.log(accepted, attempt=1)) == text


def test_bytes_files_and_paths_are_uploaded_and_come_back(nexus: Nexus, tmp_path: Path) -> None:
    path = tmp_path / "ä b.png"
    path.write_bytes(b"\x89PNG" + b"x" * 700_000)
    stored = nexus.upload(path)
    assert (stored.original_filename, stored.content_type, stored.namespace) == ("ä b.png", "image/png", "attachments")
    assert stored.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    with path.open("rb") as file:
        file.seek(4)
        rest = nexus.upload(file, filename="rest.bin", source_task_id="chat-1", namespace="attachments/rest")
        assert not file.closed
    assert rest.byte_size == 700_000
    assert (rest.content_type, rest.source_task_id, rest.namespace) == (
        "application/octet-stream",
        "chat-1",
        "attachments/rest",
    )
    small = nexus.upload(io.BytesIO(b"small"), content_type="text/plain")
    assert nexus.read(small.id) == b"small"
    assert nexus.asset(small.id) == small
    assert b"".join(nexus.content(stored)) == path.read_bytes()
    target = tmp_path / "down"
    target.write_bytes(b"before")
    assert nexus.download(stored.id, target) == target
    assert target.read_bytes() == path.read_bytes()
    assert nexus.download(rest, str(tmp_path)).name == "rest.bin"


def test_a_download_is_whole_or_not_at_all(nexus: Nexus, shared: Program, tmp_path: Path) -> None:
    stored = nexus.upload(b"what it was")
    target = tmp_path / "target"
    target.write_bytes(b"before")
    with pytest.raises(FileNotFoundError):
        nexus.download(stored, tmp_path / "missing" / "target")
    (shared.state / "assets" / stored.object_key).write_bytes(b"WHAT IT WAS")
    for call in (lambda: nexus.download(stored, target), lambda: nexus.read(stored)):
        with pytest.raises(BadAnswer, match="damaged"):
            call()
    assert target.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["target"]


def test_a_download_into_a_folder_stays_there(nexus: Nexus, tmp_path: Path) -> None:
    for name in ("../../evil", "..", "-rf", ".hidden"):
        stored = nexus.upload(b"x", filename=name)
        assert nexus.download(stored, tmp_path).parent == tmp_path
    assert not [entry.name for entry in tmp_path.iterdir() if entry.name.startswith((".", "-"))]


def test_the_daemon_tells_of_itself(nexus: Nexus, shared: Program) -> None:
    assert nexus.status().pid == shared.pid
    assert nexus.health().ready
    assert {"diagram", "document"} <= {renderer.job_type for renderer in nexus.renderers()}
    assert "source" in nexus.renderer("diagram").input_schema["properties"]
    with pytest.raises(Refused):
        nexus.renderer("nothing")
    assert nexus.pause_queue("other", "a rest").paused[0].reason == "a rest"
    assert nexus.queue().paused
    assert nexus.resume_queue("other").paused == []


def test_many_streams_and_calls_at_once(nexus: Nexus, gate: Gate) -> None:
    jobs = [nexus.submit("scripted", steps(("wait", gate.path), DONE)) for _ in range(4)]
    streams = [nexus.follow(job) for job in jobs]
    assert all(isinstance(next(events).data, JobEvent) for events in streams)
    gate.let_through(4)
    assert {nexus.wait(job).status.value for job in jobs} == {"done"}
    for events in streams:
        *_, last = events
        assert isinstance(last.data, JobEvent)
        assert last.data.job.status == "done"
