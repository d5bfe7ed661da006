"""The four ways in which a check can end."""

from __future__ import annotations

from nexusd.contract.doctor import Check


def ok(name: str, message: str, advice: str | None = None) -> Check:
    """All as it should be."""
    return Check(name=name, outcome="ok", message=message, advice=advice)


def warning(name: str, message: str, advice: str | None = None) -> Check:
    """Something works, but not as it should."""
    return Check(name=name, outcome="warning", message=message, advice=advice)


def failed(name: str, message: str, advice: str | None = None) -> Check:
    """Something does not work."""
    return Check(name=name, outcome="failed", message=message, advice=advice)


def skipped(name: str, message: str, advice: str | None = None) -> Check:
    """It could not be looked at, and why."""
    return Check(name=name, outcome="skipped", message=message, advice=advice)
