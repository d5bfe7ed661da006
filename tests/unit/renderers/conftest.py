"""Engines as they are called in a child, here in the process of the tests."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what a render does to the environment of its process, which is a child of its own elsewhere, to the test."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
