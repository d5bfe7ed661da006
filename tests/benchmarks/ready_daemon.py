"""The real daemon with one more stream, `/ready?EVENTS`: the floor of its own ones.

That stream has nothing to find out: at each wake-up of the hub it sends so many frames that were made beforehand, as large as
those of a real submission. Requests, commits, server and number of writes are the same; what is left out is the reading,
encoding, joining and passing on.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from nexusd import daemon
from nexusd.__main__ import main
from nexusd.api.app import create_app
from nexusd.contract.base import utc_now
from nexusd.contract.events import EventType, JobEvent
from nexusd.contract.jobs import JobSummary
from nexusd.contract.sse import PREAMBLE, encode_frame
from nexusd.domain.ids import new_id
from nexusd.domain.states import JobStatus
from nexusd.hub import Hub

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

hub: Final = Hub()


class Ready:
    """The application, and the ready-made stream beside it."""

    def __init__(self, services: Any) -> None:
        self._app = create_app(services)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer."""
        if scope["path"] != "/ready":
            await self._app(scope, receive, send)
            return
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": PREAMBLE, "more_body": True})
        await send({"type": "nexusd.pieces", "pieces": _follow(_FRAMES[int(scope["query_string"])])})


async def _follow(frames: bytes) -> AsyncGenerator[bytes, None]:
    cursor = hub.highest_event_id
    while not hub.is_stopping:
        cursor = await hub.wait_newer(cursor)
        yield frames


def _make_frame() -> bytes:
    now = utc_now()
    job = JobSummary(
        id=new_id(), company_id=new_id(), job_type="diagram", status=JobStatus.QUEUED, created_at=now, updated_at=now
    )
    event = JobEvent(company_id=job.company_id, job_id=job.id, created_at=now, job=job)
    return encode_frame(100_000, EventType.JOB_QUEUED, event.model_dump_json(by_alias=True))


_FRAMES: Final = {count: _make_frame() * count for count in (1, 10)}

if __name__ == "__main__":
    program: Any = daemon
    program.create_app, program.Hub = Ready, lambda: hub
    sys.exit(main())
