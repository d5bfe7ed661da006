"""Themes through real children: files, their order, the log, and the same bytes each time."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from PIL import Image
from pydantic import ValidationError

from nexusd.renderers.theme import THEME, ThemeInput
from tests.integration.renderers.children import Ended, python, render

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

ALL = [
    "design.tokens.json",
    "theme.contrast.json",
    "theme.css",
    "theme.png",
    "theme.svg",
    "theme.tailwind.css",
    "theme.tailwind.js",
]


def theme(workdir: Path, assets: dict[str, bytes] | None = None, **given: Any) -> Ended:
    return render(THEME, given, workdir, assets)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return theme(tmp_path_factory.mktemp("theme"), seed="oklch(55% 0.2 260)", name="acme")


def test_all_files_are_made_and_the_tokens_come_first(made: Ended) -> None:
    assert made.code == 0
    assert list(made.files) == ALL
    assert json.loads(made.files["design.tokens.json"])["light"]["background"]["$value"]["colorSpace"] == "srgb"


def test_the_log_sums_up_the_contrast(made: Ended) -> None:
    seed, light, dark = made.log.splitlines()
    assert seed == "seed: #1c69e3"
    report = json.loads(made.files["theme.contrast.json"])
    for line, scheme in ((light, "light"), (dark, "dark")):
        least = min(pair["ratio"] for pair in report[scheme] if pair["required"] >= 4.5)
        assert line.startswith(f"{scheme}: 51 pairs of text, least contrast {least} (")
        assert all(pair["passes"] for pair in report[scheme])


def test_the_preview_shows_both_schemes(made: Ended) -> None:
    root = ET.fromstring(made.files["theme.svg"])
    texts = ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("acme") == 2
    assert any(text.startswith("Dark scheme") for text in texts)
    with Image.open(io.BytesIO(made.files["theme.png"])) as picture:
        assert picture.size == (2400, 1624)
        assert picture.convert("RGB").getpixel((2, 2)) != picture.convert("RGB").getpixel((1300, 2))


def test_the_preview_has_its_text_when_the_machine_has_no_fonts(made: Ended, tmp_path: Path) -> None:
    (tmp_path / "fonts.conf").write_text('<?xml version="1.0"?><fontconfig></fontconfig>')
    environment = {"FONTCONFIG_FILE": str(tmp_path / "fonts.conf")}
    given = {"seed": "oklch(55% 0.2 260)", "name": "acme", "format": "png"}
    assert render(THEME, given, tmp_path / "w", environment=environment).files["theme.png"] == made.files["theme.png"]


def test_the_same_seed_gives_the_same_bytes_cold_and_warm(made: Ended, tmp_path: Path) -> None:
    again = theme(tmp_path, seed="oklch(55% 0.2 260)", name="acme")
    assert again.files == made.files
    python(
        f"""
import os, shutil; os.chdir({str(tmp_path)!r}); shutil.rmtree("out")
from nexusd.renderers.engines import theme
from nexusd.renderers.job import open_job
theme.warm(); theme.render(open_job())
"""
    )
    assert {name: (tmp_path / "out" / name).read_bytes() for name in ALL} == made.files


@pytest.mark.parametrize(
    ("form", "names"),
    [("tokens", ALL[:2]), ("css", ALL[2:3]), ("tailwind", [ALL[2], *ALL[5:]]), ("svg", ALL[4:5])],
)
def test_a_format_alone(made: Ended, tmp_path: Path, form: str, names: list[str]) -> None:
    ended = theme(tmp_path, seed="oklch(55% 0.2 260)", name="acme", format=form)
    assert list(ended.files) == names
    assert all(ended.files[name] == made.files[name] for name in names)


def test_a_picture_gives_its_colours(tmp_path: Path) -> None:
    picture = Image.new("RGB", (100, 100), "#b3261e")
    picture.paste((63, 125, 58), (0, 0, 100, 30))
    content = io.BytesIO()
    picture.save(content, "PNG")
    ended = theme(tmp_path, {"p": content.getvalue()}, source={"$asset": "p"}, format="tokens")
    assert ended.code == 0
    assert ended.log.startswith("seed: #b3261e (70%), #3f7d3a (30%)\n")
    seeds = json.loads(ended.files["design.tokens.json"])["$extensions"]["nexusd.theme"]["seeds"]
    assert seeds == [{"color": "#b3261e", "share": 0.7}, {"color": "#3f7d3a", "share": 0.3}]


@pytest.mark.parametrize(("seed", "said"), [("blurple", "seed: 'blurple' is no CSS colour"), ("#12345680", "must be opaque")])
def test_a_wrong_seed_is_told(tmp_path: Path, seed: str, said: str) -> None:
    ended = theme(tmp_path, seed=seed)
    assert (ended.code, ended.files) == (65, {})
    assert said in ended.log
    assert "Traceback" not in ended.log


def test_a_file_that_is_no_picture_is_told(tmp_path: Path) -> None:
    ended = theme(tmp_path, {"p": b"PK\x03\x04 no picture"}, source={"$asset": "p"})
    assert (ended.code, ended.log) == (65, "picture: this is no picture in PNG, JPEG, GIF, WebP or SVG\n")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"seed": "red", "source": {"$asset": "x"}},
        {"seed": " "},
        {"seed": "red", "contrast": 3},
        {"seed": "red", "contrast": 7.5},
        {"seed": "red", "name": "A b"},
        {"seed": "red", "name": "--x"},
        {"seed": "red", "format": "scss"},
        {"seed": "red", "variant": "loud"},
    ],
)
def test_what_is_no_input_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ThemeInput.model_validate(given)
