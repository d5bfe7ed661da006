"""Documents of the API for tests: complete, and changed by keyword."""

from __future__ import annotations

import json
from typing import Any

MOMENT = "2026-11-21T12:00:00.000Z"
JOB_ID = "01985c1e-7f3a-7c52-9d43-0242ac120002"
ASSET_ID = "01985c1e-8000-7c52-9d43-0242ac120002"
COMPANY_ID = "01985c1e-0000-7c52-9d43-0242ac120002"


def summary(status: str = "queued", **changes: Any) -> dict[str, Any]:
    """A job as lists and events show it."""
    job = {
        "id": JOB_ID,
        "companyId": COMPANY_ID,
        "jobType": "diagram",
        "status": status,
        "createdAt": MOMENT,
        "updatedAt": MOMENT,
    }
    return {**job, **changes}


def job(status: str = "queued", **changes: Any) -> dict[str, Any]:
    """A job in full."""
    return summary(status, **{"input": {"source": "a -> b"}, **changes})


def asset(**changes: Any) -> dict[str, Any]:
    """An asset's row."""
    row = {
        "id": ASSET_ID,
        "companyId": COMPANY_ID,
        "namespace": "generated",
        "provider": "local_disk",
        "objectKey": "k",
        "contentType": "image/svg+xml",
        "byteSize": 5,
        "sha256": "0" * 64,
        "createdAt": MOMENT,
    }
    return {**row, **changes}


def status_event(status: str = "queued", **changes: Any) -> dict[str, Any]:
    """The data of a `status` frame."""
    return {"companyId": COMPANY_ID, "jobId": JOB_ID, "createdAt": MOMENT, "job": summary(status, **changes)}


def progress_event(progress: float, message: str | None = None) -> dict[str, Any]:
    """The data of a `progress` frame."""
    return {
        "companyId": COMPANY_ID,
        "jobId": JOB_ID,
        "createdAt": MOMENT,
        "attempt": 1,
        "progress": progress,
        "message": message,
    }


def problem(slug: str, status: int, detail: str = "no", **more: Any) -> dict[str, Any]:
    """A problem document."""
    return {"type": f"urn:nexusd:problem:{slug}", "title": "T", "status": status, "detail": detail, **more}


def frame(event: str, data: dict[str, Any], number: int | None = None) -> bytes:
    """One SSE frame."""
    head = f"id: {number}\n" if number is not None else ""
    return f"{head}event: {event}\ndata: {json.dumps(data)}\n\n".encode()


def status_frame(number: int, status: str, **changes: Any) -> bytes:
    """A `status` frame."""
    return frame("status", status_event(status, **changes), number)


def progress_frame(number: int, progress: float, message: str | None = None) -> bytes:
    """A `progress` frame."""
    return frame("progress", progress_event(progress, message), number)
