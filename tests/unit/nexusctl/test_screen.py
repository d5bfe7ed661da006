"""What is known of the streams, and what is written to which."""

from __future__ import annotations

import io
import sys

import pytest

from nexusctl.errors import Refused, UsageError
from nexusctl.output.progress import Bar, Lines, Silence, open_display
from nexusctl.output.screen import Screen, style_of, write_error
from tests.unit.nexusctl.documents import frame, progress_frame, status_frame


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.mark.parametrize(
    ("terminal", "variables", "colour"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
        (False, {"FORCE_COLOR": "1"}, True),
        (True, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (False, {"FORCE_COLOR": "0"}, False),
        (False, {"CLICOLOR_FORCE": "1"}, True),
        (False, {"CLICOLOR_FORCE": "0"}, False),
        (True, {"CLICOLOR": "0"}, False),
        (True, {"CLICOLOR": "1"}, True),
        (False, {"CLICOLOR": "1"}, False),
        (False, {"CLICOLOR": "0", "FORCE_COLOR": "1"}, True),
    ],
)
def test_colour_follows_the_stream_and_the_conventions(
    terminal: bool, variables: dict[str, str], colour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert style_of(Terminal() if terminal else io.StringIO()).colour is colour


def test_who_says_so_has_it_against_all_conventions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert style_of(io.StringIO(), "always").colour
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR")
    assert not style_of(Terminal(), "never").colour


def test_the_width_is_the_terminals_and_unlimited_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert style_of(Terminal()).width == 40
    assert style_of(io.StringIO()).width is None


def test_errors_say_what_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    write_error(UsageError("no such file", hint="check\nthe name"), verbose=False)
    write_error(Refused("not \x1b[31mfound", slug="not-found", status=404), verbose=True)
    said = capsys.readouterr()
    assert said.err == "nexusctl: no such file\n  check\n  the name\nnexusctl: not found [not-found]\n"
    assert said.out == ""


def test_notes_are_quiet_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(quiet=True).note("x")
    Screen().note("started\x07")
    assert capsys.readouterr().err == "nexusctl: started\n"


def test_json_is_compact_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().write_json('{"a": ["ä", 1]}')
    assert capsys.readouterr().out == '{"a":["ä",1]}\n'


def test_json_is_ascii_where_the_stream_is_not_utf_8(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="latin-1"))
    Screen().write_json('{"a": "漢"}')
    sys.stdout.flush()
    assert raw.getvalue() == b'{"a":"\\u6f22"}\n'


def test_the_display_suits_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(open_display(Screen(), "t", print)) is Lines
    assert type(open_display(Screen(quiet=True), "t", print)) is Silence
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert type(open_display(Screen(), "t", print)) is Bar
    monkeypatch.setenv("TERM", "dumb")
    assert type(open_display(Screen(), "t", print)) is Lines


def test_plain_lines_are_few() -> None:
    from nexusctl.client.following import Following

    lines: list[str] = []
    stream = status_frame(1, "queued") + status_frame(2, "running")
    stream += b"".join(progress_frame(3 + number, number / 100, "drawing") for number in range(101))
    stream += status_frame(200, "done", resultAssetId="a-1")
    with Lines(Screen(), lines.append) as display:
        for event in Following().receive(stream):
            display.show(event.data)
    assert lines[:3] == ["queued", "running", "  0% drawing"]
    assert lines[-2:] == ["100% drawing", "done asset a-1"]
    assert len(lines) == 14


def test_frames_about_the_stream_do_not_disturb_the_display(monkeypatch: pytest.MonkeyPatch) -> None:
    from nexusctl.client.following import Following

    monkeypatch.setattr(sys, "stderr", Terminal())
    stream = b"".join(
        [
            status_frame(1, "running"),
            frame("lagging", {"cursor": 1, "behind": 9}, 1),
            frame("reset", {"reason": "pruned", "requested": 1, "resumedFrom": 7, "oldestAvailable": 5}, 7),
            frame("snapshot.end", {"jobs": 0, "complete": True, "resumedFrom": 7}, 7),
            frame("novelty", {"x": 1}, 7),
            frame("server.stopping", {"retryAfterSeconds": 1}),
            status_frame(8, "done"),
        ]
    )
    lines: list[str] = []
    with Lines(Screen(), lines.append) as plain, Bar("t", 80) as bar:
        events = list(Following().receive(stream))
        for event in events:
            plain.show(event.data)
            bar.show(event.data)
    names = ["status", "lagging", "reset", "snapshot.begin", "snapshot.end", "server.stopping", "status"]
    assert [event.name for event in events] == names
    assert lines == ["running", "some events are gone (pruned), going on from what is kept", "done"]


@pytest.mark.parametrize("width", [20, 40, 80])
def test_a_bar_fits_and_leaves_the_terminal_as_it_was(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from nexusctl.client.following import Following

    monkeypatch.setenv("COLUMNS", str(width))
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    stream = status_frame(1, "running") + progress_frame(2, 0.5, "drawing \x1b[31m" + "x" * 100) + status_frame(3, "queued")

    def show_all() -> None:
        with Bar("a-long-name.d2", width) as display:
            for event in Following().receive(stream):
                display.show(event.data)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        show_all()
    written = terminal.getvalue()
    assert "\x1b[31mx" not in written
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")
