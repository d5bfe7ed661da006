"""Which local files a document refers to, and that none outside of its folder is ever sent along."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from nexusctl.client.references import find_references, markdown_images, typst_paths

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("markdown", "targets"),
    [
        ("![a](a.png)", ["a.png"]),
        ('![a](a.png "title")', ["a.png"]),
        ("![a](<a b.png>)", ["a%20b.png"]),
        ("![a][pic]\n\n[pic]: img/a.png", ["img/a.png"]),
        ("![pic]\n\n[pic]: a.png", ["a.png"]),
        ("[![a](a.png)](https://x.org)", ["a.png"]),
        ('<img src="a.png" alt="x">', ["a.png"]),
        ("text <IMG alt=x SRC='a.png'/> text", ["a.png"]),
        ('<p align="center">\n<img src="a&amp;b.png">\n</p>', ["a&b.png"]),
        ("| a |\n|---|\n| ![x](a.png) |", ["a.png"]),
        ("> - # ![x](a.png)", ["a.png"]),
        ("`![a](a.png)`", []),
        ("    ![a](a.png)", []),
        ("```\n![a](a.png)\n```", []),
        ("<!-- <img src='a.png'> -->", []),
        ("[a](a.png)", []),
        (r"\![a](a.png)", []),
    ],
)
def test_images_of_markdown_are_found_wherever_they_may_stand(markdown: str, targets: list[str]) -> None:
    assert list(markdown_images(markdown)) == targets


@pytest.mark.parametrize(
    ("language", "source", "paths"),
    [
        ("vega-lite", '{"data": {"url": "sales.csv"}, "mark": "bar"}', ["sales.csv"]),
        ("vega-lite", '{"layer": [{"data": {"url": "./a/b.json"}}, {"data": {"url": "a/b.json"}}]}', ["a/b.json"]),
        ("vega-lite", '{"transform": [{"lookup": "id", "from": {"data": {"url": "t.csv"}}}]}', ["t.csv"]),
        ("vega-lite", '{"mark": "image", "encoding": {"url": {"value": "a.png"}}}', ["a.png"]),
        ("vega-lite", '{"encoding": {"url": {"field": "picture"}}}', []),
        ("vega-lite", '{"data": {"values": [{"url": "a.csv"}]}, "datasets": {"x": [{"url": "a.csv"}]}}', []),
        ("vega", '{"data": [{"name": "a", "url": "a.csv"}, {"name": "b", "url": {"signal": "x"}}]}', ["a.csv"]),
        (
            "storyboard",
            '{"audio": "a.mp3", "slides": [{"image": "a.png"}, {"image": {"$asset": "x"}}, {}, 5]}',
            ["a.mp3", "a.png"],
        ),
        ("storyboard", '{"audio": 5, "slides": {"image": "a.png"}}', []),
        *((language, text, []) for language in ("vega", "storyboard") for text in ("", "{", "[]", "null", "[" * 100_000)),
    ],
)
def test_files_of_charts_and_storyboards_are_found(tmp_path: Path, language: str, source: str, paths: list[str]) -> None:
    for path in ("sales.csv", "a/b.json", "t.csv", "a.png", "a.csv", "a.mp3"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    found = find_references(language, source, tmp_path)
    assert (list(found.files), found.skipped) == (paths, [])


def test_data_that_is_elsewhere_stays_there(tmp_path: Path) -> None:
    source = '{"layer": [{"data": {"url": "https://x.org/a.csv"}}, {"data": {"url": "../a.csv"}}, {"data": {"url": "no.csv"}}]}'
    found = find_references("vega-lite", source, tmp_path)
    assert found.files == {}
    assert [line.rpartition(": ")[2] for line in found.skipped] == [
        "not a local file",
        "outside of the document's folder",
        "no such file",
    ]


@pytest.mark.parametrize(
    ("typst", "paths"),
    [
        ('#image("a.png")', ["a.png"]),
        ('#figure(image(\n  "img/a.png", width: 80%))', ["img/a.png"]),
        (r'#image("a \"b\" \u{e4}.png")', ['a "b" ä.png']),
        ('#let d = csv("d.csv"); #json("x.json") #read("n.txt") #bibliography("r.bib")', ["d.csv", "x.json", "n.txt", "r.bib"]),
        ('#include "part.typ"\n#import "lib.typ": *', ["part.typ", "lib.typ"]),
        ('#import "@preview/cetz:0.3.1"', []),
        ('// #image("a.png")', []),
        ('https://x.org #image("a.png")', ["a.png"]),
        ('#my-image-of("a.png")', []),
        ("#image(path)", []),
    ],
)
def test_paths_of_typst_are_found(typst: str, paths: list[str]) -> None:
    assert list(typst_paths(typst)) == paths


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with pictures in it, a secret beside it, and links of all kinds."""
    folder = tmp_path / "doc"
    (folder / "img").mkdir(parents=True)
    for name in ("a.png", "a b.png", "img/c.png", "ä.png"):
        (folder / name).write_bytes(name.encode())
    (tmp_path / "secret").write_text("secret")
    (folder / "out.png").symlink_to(tmp_path / "secret")
    (folder / "in.png").symlink_to("img/c.png")
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "up").symlink_to("..")
    os.mkfifo(folder / "pipe.png")
    return folder


@pytest.mark.parametrize(
    ("target", "key"),
    [
        ("a.png", "a.png"),
        ("./a.png", "a.png"),
        ("a%20b.png", "a b.png"),
        ("%C3%A4.png", "ä.png"),
        ("ä.png", "ä.png"),
        ("img/c.png", "img/c.png"),
        ("img/../img/./c.png", "img/c.png"),
        ("in.png", "in.png"),
    ],
)
def test_a_file_below_the_folder_is_sent_under_its_normal_path(folder: Path, target: str, key: str) -> None:
    found = find_references("markdown", f"![x](<{target}>)", folder)
    assert (list(found.files), found.skipped) == ([key], [])
    assert found.files[key].is_relative_to(folder.resolve())


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("../secret", "outside"),
        ("../doc/a.png", "outside"),
        ("%2e%2e/secret", "outside"),
        ("img/../../secret", "outside"),
        ("/etc/passwd", "outside"),
        ("out.png", "outside"),
        ("up/secret", "outside"),
        ("no.png", "no such file"),
        ("a.png/b.png", "cannot be read"),
        ("loop.png", "cannot be read"),
        ("pipe.png", "not a regular file"),
        ("img", "not a regular file"),
        ("x" * 300, "cannot be read"),
        ("a%0Ab.png", "control"),
        ("a%5Cb.png", "backslash"),
        ("https://x.org/a.png", "not a local file"),
        ("//x.org/a.png", "not a local file"),
        ("file:///etc/passwd", "not a local file"),
    ],
)
def test_what_must_not_be_sent_is_named_and_left_out(folder: Path, target: str, reason: str) -> None:
    found = find_references("markdown", f'<img src="{target}">', folder)
    assert found.files == {}
    assert reason in found.skipped[0]


def test_a_picture_in_the_text_itself_needs_no_word(folder: Path) -> None:
    found = find_references("markdown", "![x](data:image/png;base64,AAAA)", folder)
    assert (found.files, found.skipped) == ({}, [])


def test_a_file_is_taken_once_and_a_missing_one_named_once(folder: Path) -> None:
    found = find_references("markdown", "![](a.png) ![](./a.png) ![](no.png) ![](no.png)", folder)
    assert (list(found.files), len(found.skipped)) == (["a.png"], 1)


def test_typst_sources_are_followed_from_where_they_are(folder: Path) -> None:
    (folder / "img" / "part.typ").write_text('#image("c.png") #image("/a.png") #include "part.typ"')
    found = find_references("typst", '#include "img/part.typ"', folder)
    assert (list(found.files), found.skipped) == (["img/part.typ", "img/c.png", "a.png"], [])


def test_typst_may_not_leave_the_folder_either(folder: Path) -> None:
    found = find_references("typst", '#read("../secret") #read("/../secret") #read("up/secret")', folder)
    assert found.files == {}
    assert len(found.skipped) == 3


def test_a_diagram_has_no_files(folder: Path) -> None:
    assert find_references("d2", "x: {icon: a.png}", folder).files == {}


def test_a_folder_reached_by_a_link_is_still_the_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert list(find_references("markdown", "![](a.png)", tmp_path / "link").files) == ["a.png"]
