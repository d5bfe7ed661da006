"""What the keys of `top` do, and what its frames look like in any room."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexusctl.output.board import Board
from nexusctl.output.board_drawing import draw, share
from nexusctl.output.board_rows import Canvas, format_bar, format_span
from nexusctl.output.board_view import Action, View
from nexusctl.output.keys import Keyboard
from nexusctl.output.screen import Style
from nexusctl.output.text import cell_width
from nexusd.contract.jobs import Job
from tests.unit.nexusctl import documents
from tests.unit.nexusctl.test_board import NOON, job, snapshot, status, tell

SGR = re.compile(r"\x1b\[[\d;]*m")


def canvas(columns: int = 80, lines: int = 24, *, colour: bool = False) -> Canvas:
    """Some room, half a minute after noon."""
    return Canvas(columns, lines, Style(True, columns, colour), NOON + timedelta(seconds=30))


def busy() -> Board:
    """A board with jobs in every section."""
    board = Board()
    running = job(1, "running", progress=0.5, progressMessage="half way", attempt=1)
    snapshot(board, running, *(job(number) for number in range(2, 12)))
    tell(board, job(20, "failed", errorCode="timeout", errorMessage="too slow"), job(21, "done"))
    estimated = documents.job("running", id=running.id, estimatedFinishAt="2026-11-21T12:00:45Z")
    waiting = documents.job(id=job(2).id, queuePosition=7, estimatedStartAt="2026-11-21T12:01:35Z")
    board.take_answers(status(), [Job.model_validate_json(json.dumps(each)) for each in (estimated, waiting)])
    return board


def frame(board: Board, view: View, room: Canvas) -> list[str]:
    """The lines, with the choice settled."""
    view.settle(board)
    return draw(board, view, room).lines


def test_every_section_says_what_there_is_to_know() -> None:
    lines = [line.rstrip() for line in frame(busy(), View(), canvas(100))]
    assert lines[0] == "nexusd 1.2.3  3/4 slots  1 queued  3 running  2 failed  held by landlock  up 30s"
    assert lines[1].startswith("Running 1 ──")
    assert lines[2] == "> 00000001 diagram    ████████████░░░░░░░░░░░░  50%  0:29 ~0:15  half way".replace("job-", "")
    assert lines[4] == "  00000002 diagram    #7   starts in 1:05   waiting 28s"
    assert lines[5].startswith("  00000003 diagram    #2 ")
    assert "  00000020 diagram    10s  timeout: too slow" in lines
    assert "  00000021 diagram    9s   done" in lines
    assert lines[-1].startswith("q quit  ? help")


def test_at_forty_columns_and_ten_lines_all_that_matters_is_there() -> None:
    lines = frame(busy(), View(), canvas(40, 10))
    text = "\n".join(lines)
    assert len(lines) == 10
    assert "> 00000001 ███░░░  50%  0:29 ~0:15  hal…" in text
    assert "#7   starts in 1:05" in text
    assert "timeout: too slow" in text
    assert "Ended" not in text


def test_head_tells_of_trouble_first_and_of_pauses_and_disk() -> None:
    board = busy()
    board.take_answers(status(paused=[{"reason": "new\nfonts", "pausedAt": documents.MOMENT}]), [])
    board.trouble, board.free_bytes = "nexusd is not running", 3 * 1024**3
    text = "\n".join(frame(board, View(), canvas(60))[:3])
    assert text.startswith("reconnecting…  nexusd 1.2.3")
    for part in ("nexusd is not running", "paused the whole queue for 30s: new fonts", "3.0 GiB free", "held by landlock"):
        assert part in text
    assert "#7   paused" in "\n".join(frame(board, View(), canvas()))


def test_what_others_wrote_cannot_steer_the_terminal() -> None:
    board = Board()
    evil = "\x1b]0;owned\x07\x1b[2Jred\x9b31m\u202e"
    tell(
        board, job(1, "running", progressMessage=evil, jobType=evil), job(2, "failed", errorMessage=evil), job(3, jobType=evil)
    )
    board.take_answers(status(version=evil, paused=[{"reason": evil, "pausedAt": documents.MOMENT}]), [])
    board.trouble = evil
    view = View(message=evil)
    text = SGR.sub("", "\n".join(frame(board, view, canvas(200, colour=True))))
    assert "red" in text
    assert not set(text) & set("\x1b\x07\x9b\u202e")


@given(st.integers(1, 130), st.integers(1, 40), st.booleans(), st.integers(0, 13), st.booleans())
def test_no_frame_is_larger_than_its_room_and_the_choice_is_in_it(
    columns: int, lines: int, colour: bool, place: int, helps: bool
) -> None:
    board = busy()
    view = View(chosen=board.jobs()[min(place, 12)].id, shows_help=helps)
    drawn = draw(board, view, canvas(columns, lines, colour=colour))
    assert len(drawn.lines) == lines
    assert all(cell_width(SGR.sub("", line)) <= columns for line in drawn.lines)
    if not helps and lines >= 3:
        assert view.chosen in drawn.shown
        if columns > 10 and colour:
            assert f"\x1b[7m{str(view.chosen)[-8:]}" in "\n".join(drawn.lines)


def test_nothing_is_coloured_where_no_colour_is_wanted() -> None:
    assert "\x1b" not in "\n".join(frame(busy(), View(), canvas()))
    assert "\x1b" in "\n".join(frame(busy(), View(), canvas(colour=True)))
    ascii_only = frame(busy(), View(), canvas().in_ascii())
    assert "####" in "\n".join(ascii_only)
    assert "\n".join(ascii_only[:-1]).isascii()


def test_an_empty_board_says_what_to_do() -> None:
    board = Board()
    assert frame(board, View(), canvas())[1] == "…"
    snapshot(board)
    assert "nexusctl render or submit" in "\n".join(frame(board, View(), canvas()))


def test_room_is_shared_turn_by_turn() -> None:
    assert share([2, 10, 1], 20) == [2, 10, 1]
    assert share([2, 10, 3], 7) == [2, 3, 2]
    assert share([5, 5], 0) == [0, 0]


def test_a_long_queue_shows_the_part_around_the_choice() -> None:
    board, view = busy(), View(chosen=job(8).id)
    text = "\n".join(frame(board, view, canvas(80, 12)))
    assert "Queue 10, showing 6-8" in text
    assert "> 00000008" in text


def test_the_choice_moves_and_stays_on_its_job() -> None:
    board, view = busy(), View()
    for key, chosen in (("j", 2), ("down", 3), ("k", 2), ("up", 1), ("up", 1), ("G", 20), ("home", 1), ("page-down", 11)):
        view.press(key, board)
        expected = 20 if key == "G" and view.chosen == job(20).id else chosen
        assert view.chosen in (job(expected).id, job(21).id if key == "G" else None), key
    tell(board, job(1, "done"))
    view.settle(board)
    assert view.chosen == job(11).id
    tell(board, job(11, "cancelled"))
    view.settle(board)
    assert view.chosen == job(11).id
    empty = View(chosen="gone")
    empty.settle(Board())
    assert empty.chosen is None


def test_one_that_is_gone_hands_the_choice_to_what_stands_there_now() -> None:
    board, view = busy(), View(chosen=job(3).id)
    view.settle(board)
    snapshot(board, job(2), job(4))
    view.settle(board)
    assert view.chosen in {job(number).id for number in (2, 4, 20)}


def test_nothing_is_cancelled_without_a_yes() -> None:
    board, view = busy(), View()
    assert view.press("c", board) is None
    assert view.question() == "cancel job 00000001? y/n"
    assert view.press("c", board) is None
    assert (view.question(), view.message) == ("", "not cancelled")
    view.press("c", board)
    tell(board, job(0, "running"))
    assert (view.press("y", board), view.chosen) == (Action.CANCEL, job(1).id)
    assert view.press("y", board) is None
    view.press("c", board)
    snapshot(board, job(2))  # the one that was asked about is gone, and another stands in its place
    assert (view.press("y", board), view.chosen) == (Action.CANCEL, job(1).id)


@pytest.mark.parametrize(
    ("key", "number", "told"),
    [
        ("c", 20, "nothing to cancel"),
        ("r", 1, "not over"),
        ("o", 2, "nothing to open"),
        ("o", 20, "nothing to open"),
    ],
)
def test_what_cannot_be_done_is_said(key: str, number: int, told: str) -> None:
    board, view = busy(), View(chosen=job(number).id)
    assert view.press(key, board) is None
    assert told in view.message
    assert view.is_error


def test_keys_ask_for_what_they_should() -> None:
    board, view = busy(), View(chosen=job(20).id)
    assert view.press("r", board) is Action.RETRY
    assert view.press("l", board) is Action.LOG
    tell(board, job(21, "done", resultAssetId="a"))
    view.chosen = job(21).id
    assert view.press("o", board) is Action.OPEN
    assert view.press("p", board) is Action.PAUSE
    board.take_answers(status(paused=[{"pausedAt": documents.MOMENT}]), [])
    assert view.press("p", board) is Action.RESUME
    assert view.press("x", board) is None
    assert view.press("?", board) is None
    assert view.shows_help
    assert view.press("r", board) is None
    assert not view.shows_help
    assert view.press("q", board) is Action.QUIT
    assert View().press("r", Board()) is None


def test_keys_are_told_apart_however_they_are_cut() -> None:
    typed = b"j\x1b[A\x1bOB\x1b[5~\x1b[1;5C\x1b[200~\r\xc3\xa9q\x1bx"
    expected = ["j", "up", "down", "page-up", "enter", "q"]
    assert Keyboard().feed(typed) == expected
    for cut in range(len(typed)):
        if typed[cut - 1 : cut] != b"\x1b":
            keyboard = Keyboard()
            assert keyboard.feed(typed[:cut]) + keyboard.feed(typed[cut:]) == expected
    assert Keyboard().feed(b"\x1b") == ["escape"]
    assert "c" not in Keyboard().feed(b"\x1b[" + b"1" * 100 + b"c")


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "0:00"), (7.4, "0:07"), (750, "12:30"), (3723, "1:02:03"), (183_600, "2d03h")]
)
def test_spans_are_told_as_clocks_do(seconds: float, text: str) -> None:
    assert format_span(seconds) == text


def test_a_bar_is_full_only_at_the_end() -> None:
    assert format_bar(None, 4, canvas()) == "░░░░"
    assert format_bar(0.99, 4, canvas()) == "███░"
    assert format_bar(1, 4, canvas()) == "████"
