"""The bounds of a render: what they may be, and that the settings and the children read the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from nexusd.domain.caps import Caps
from nexusd.errors import InvalidSettings
from nexusd.renderers.job import open_job
from nexusd.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path


def test_the_settings_take_some_and_leave_the_rest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("NEXUSD_CAPS", '{"diagram_max_nodes": 7}')
    assert load_settings().caps == Caps(diagram_max_nodes=7)
    for wrong in ('{"diagram_max_nodes": 0}', '{"diagram_max_knots": 1}'):
        monkeypatch.setenv("NEXUSD_CAPS", wrong)
        with pytest.raises(InvalidSettings, match="caps"):
            load_settings()


def test_a_child_is_told_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "input.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NEXUSD_CAPS", raising=False)
    assert open_job().caps == Caps()
    monkeypatch.setenv("NEXUSD_CAPS", json.dumps(Caps(video_max_frames=9)._asdict()))
    assert open_job().caps == Caps(video_max_frames=9)
