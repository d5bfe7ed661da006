"""What a child says: the log, bounded and kept as it came, and progress, which no garbage can spoil."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from nexusd.domain.states import JobStatus
from nexusd.runner.capture import MESSAGE_MAX_LENGTH, REFUSALS_MAX
from tests.support.renderers import python, shell
from tests.support.runners import open_runner

if TYPE_CHECKING:
    from pathlib import Path

LOG_MAX = 10_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "total"),
    [
        ("yes 2>/dev/null | head -c 5000000; echo end >&2", 5_000_004),
        ("head -c 5000000 /dev/zero", 5_000_000),
        (f"head -c {LOG_MAX} /dev/zero", LOG_MAX),
    ],
)
async def test_a_log_is_capped_and_says_how_much_was_cut(tmp_path: Path, code: str, total: int) -> None:
    async with open_runner(tmp_path, shell(code + "; echo x > out/x.txt"), log_max_bytes=LOG_MAX) as runner:
        job = await runner.run()
        assert job.status is JobStatus.DONE, job
        log = runner.log(job.id)
    marker = f"\n[nexusd: {total - LOG_MAX} more bytes were cut]\n".encode() if total > LOG_MAX else b""
    assert log[LOG_MAX:] == marker
    assert log[:LOG_MAX] == (b"y\n" * LOG_MAX if code.startswith("yes") else bytes(LOG_MAX))[:LOG_MAX]


async def test_a_log_keeps_the_bytes_and_the_message_is_clean_text(tmp_path: Path) -> None:
    said = b"\xff\xfe\x00 \x1b[1mbold\x1b[0m caf\xc3\xa9 \xf0\x9f\r\nlast \x1b]0;evil\x07line\n\n\n"
    spec = python(f"os.write(1, {said!r}); os.write(2, b''); sys.exit(65)")
    async with open_runner(tmp_path, spec) as runner:
        job = await runner.run()
        assert runner.log(job.id) == said
        assert job.error_message == "\ufffd\ufffd bold caf\u00e9 \ufffd\nlast line"


async def test_only_the_last_lines_become_the_message(tmp_path: Path) -> None:
    async with open_runner(tmp_path, python("[print('line', n) for n in range(5000)]; sys.exit(1)")) as runner:
        job = await runner.run()
        assert str(job.error_message).split("\n") == [f"line {number}" for number in range(4980, 5000)]


GARBAGE = [
    "",
    "garbage",
    "{",
    "[]",
    "null",
    "0.5",
    '"progress"',
    "{}",
    '{"progress": null}',
    '{"progress": "much"}',
    '{"progress": NaN}',
    '{"progress": Infinity}',
    '{"progress": 1e999}',
    '{"progress": %s}' % ("9" * 5000),
    '{"progress": []}',
    '{"progress": 0.5, "message": 5}',
    '{"progress": 0.5, "message": {"a": 1}}',
    '{"progress": ' + "[" * 2000 + "}",
    "\x00" * 10,
    "\x1b[31m",
]
BOMBS = "b'[' * 1_000_000, b'x' * 1_000_000 + b'{\"progress\": 0.99}', b'\\xff' * 100"


async def test_garbage_is_put_into_the_log_and_changes_nothing(tmp_path: Path) -> None:
    spec = python(f"""
tell(0.25, "before")
for line in [*(line.encode() for line in {GARBAGE!r}), {BOMBS}]:
    line += b"\\n"
    while line:
        line = line[os.write(PROGRESS, line):]
tell(0.5, "after \\ud800 \\x1b[31m \\n " + "x" * 500)
os.write(PROGRESS, b'{{"progress": 0.75}}')  # a line that is never complete
""")
    async with open_runner(tmp_path, spec) as runner:
        job_id = await runner.submit()
        job = await runner.wait(job_id)
        assert (job.error_code, job.status) == ("no_output", JobStatus.FAILED), job
        told = [json.loads(data) for (data,) in runner.store.ask("SELECT data FROM events WHERE type LIKE '%progress'")]
        assert {(event["progress"], str(event["message"])[:6]) for event in told} <= {(0.25, "before"), (0.5, "after ")}
        notes = runner.log(job_id).decode().splitlines()
    assert len(notes) == len(GARBAGE) + 3
    assert all(note.startswith("[nexusd: not a progress line: b") and len(note) < 500 for note in notes)


@pytest.mark.slow
async def test_a_flood_of_garbage_is_counted(tmp_path: Path) -> None:
    spec = python("""
flood = b"\\n" * 65536
for _ in range(2):
    left = flood
    while left:
        left = left[os.write(PROGRESS, left):]
put("x.txt")
""")
    async with open_runner(tmp_path, spec) as runner:
        job = await runner.run()
        assert job.status is JobStatus.DONE
        *notes, last = runner.log(job.id).decode().splitlines()
    assert notes == ["[nexusd: not a progress line: b'']"] * REFUSALS_MAX
    assert last == f"[nexusd: {2 * 65536 - REFUSALS_MAX} more lines were no progress lines]"


@pytest.mark.slow
async def test_progress_is_clamped_never_goes_back_and_comes_five_times_a_second(tmp_path: Path) -> None:
    spec = python("""
for value in [-1, -1e308, 0.3, 0.1, True, 0.2, 1e308, 0.9]:
    tell(value, f"said {value} " + "\\ud800\\x1b[31m\\n" + "x" * 500)
while not os.path.exists("enough"):
    tell(0.5, "again")
put("x.txt")
""")
    progress = "SELECT data FROM events WHERE type LIKE '%progress' ORDER BY id"
    async with open_runner(tmp_path, spec) as runner:
        job_id = await runner.submit()
        await runner.wait(job_id, lambda job: len(runner.store.ask(progress)) >= 5 or job.status.is_terminal)
        [workdir] = (tmp_path / "work").iterdir()
        (workdir / "enough").touch()
        job = await runner.wait(job_id)
        assert job.status is JobStatus.DONE
        told = [json.loads(data) for (data,) in runner.store.ask(progress)]
    fractions = [event["progress"] for event in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert told[-1]["message"] == "again"
    for event in told:
        assert len(event["message"]) <= MESSAGE_MAX_LENGTH
        assert event["message"].isprintable()
    times = [datetime.fromisoformat(event["createdAt"]) for event in told]
    gaps = [(after - before).total_seconds() for before, after in pairwise(times)]
    assert min(gaps) >= 0.19
