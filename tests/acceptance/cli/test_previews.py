"""Pictures below what `show`, `asset show` and `render` print: where a terminal can, and nowhere else."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

import pytest

from tests.unit.nexusctl.test_pictures import png, read_sixel

if TYPE_CHECKING:
    from tests.acceptance.cli.home import Home

pytestmark = pytest.mark.slow

KITTY = re.compile(r"\x1b_G[^;]*;([A-Za-z0-9+/=]*)\x1b\\")
PICTURE = re.compile(r"\x1b_G|\x1b\]1337|\x1bP")


def test_a_png_is_shown_by_each_protocol_and_an_evil_name_is_not(shared: Home) -> None:
    content = png((20, 10))
    picture = shared.file("evil\x1b]0;owned\x07.png", content)
    asset = shared.result("asset", "put", str(picture))["id"]
    code, text = shared.run_in_terminal("asset", "show", asset, TERM="xterm-kitty")
    assert code == 0
    assert base64.b64decode("".join(KITTY.findall(text))) == content
    assert "\x1b]0" not in text
    assert text.index("image/png") < text.index("\x1b_G")
    _, text = shared.run_in_terminal("asset", "show", asset, TERM_PROGRAM="iTerm.app")
    assert base64.b64encode(content).decode() in text
    _, text = shared.run_in_terminal("asset", "show", asset, NEXUSCTL_PREVIEW="sixel")
    assert read_sixel(text[text.index("\x1bP") : text.index("\x1b\\") + 2])[0] == (20, 10)


def test_a_job_is_shown_by_its_png_and_a_render_by_its_result(shared: Home) -> None:
    shared.file("flow.d2", "a -> b")
    code, text = shared.run_in_terminal("render", "flow.d2", "-o", "flow.png", TERM="xterm-kitty")
    assert code == 0
    assert base64.b64decode("".join(KITTY.findall(text))) == (shared.work / "flow.png").read_bytes()
    job = shared.result("ls", "--limit", "1")["items"][0]["id"]
    _, text = shared.run_in_terminal("show", job, TERM="xterm-kitty")
    assert base64.b64decode("".join(KITTY.findall(text))) == (shared.work / "flow.png").read_bytes()
    for arguments in (
        ("show", job, "--no-preview"),
        ("show", job, "--json"),
        ("show", job, "--format", "{id}"),
        ("render", "flow.d2", "-o", "flow.png", "-q"),
        ("render", "flow.d2", "-o", "flow.png", "--json"),
        ("render", "flow.d2", "-o", "flow.png", "--no-preview"),
        ("render", "flow.d2", "-o", "flow.svg"),
    ):
        code, text = shared.run_in_terminal(*arguments, TERM="xterm-kitty")
        assert code == 0
        assert not PICTURE.search(text), arguments


def test_terminals_that_cannot_and_pipes_get_nothing(shared: Home) -> None:
    asset = shared.result("asset", "put", str(shared.file("a.png", png())))["id"]
    for term, tmux, setting in (("xterm", "", "auto"), ("xterm-kitty", "/tmp/x,1,0", "auto"), ("xterm-kitty", "", "never")):
        _, text = shared.run_in_terminal("asset", "show", asset, TERM=term, TMUX=tmux, NEXUSCTL_PREVIEW=setting)
        assert not PICTURE.search(text)
    done = shared.run("asset", "show", asset, TERM="xterm-kitty", NEXUSCTL_PREVIEW="kitty")
    assert (done.returncode, "\x1b" in done.stdout) == (0, False)


def test_what_only_says_that_it_is_a_png_is_not_shown_and_is_no_error(shared: Home) -> None:
    broken = shared.result("asset", "put", str(shared.file("b.png", png()[:40])))["id"]
    code, text = shared.run_in_terminal("asset", "show", broken, NEXUSCTL_PREVIEW="sixel")
    assert code == 0
    assert not PICTURE.search(text)
    wrong = shared.run("asset", "show", broken, NEXUSCTL_PREVIEW="jpeg")
    assert wrong.returncode == 2
    assert "auto, kitty, iterm2, sixel, never" in wrong.stderr
