"""Plans that read a job's log: the pages that there are now, or all that comes.

How a log that is followed goes on after a break is `streams`' and `log_following`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nexusctl.client import asking, calls, streams
from nexusctl.client.steps import Tell, consume
from nexusd.contract.logs import LogEvent, LogPage

if TYPE_CHECKING:
    from nexusctl.client.log_following import LogFrame
    from nexusctl.client.patience import Patience
    from nexusctl.client.steps import Plan, Telling


def read_pages(patience: Patience, company: str, job_id: str, attempt: int | None) -> Telling[tuple[bytes, LogPage]]:
    """Tell the pages of a log that there are now, the first at least, each as it came and as read."""
    offset = 0
    while True:
        call = calls.get_log(company, job_id, attempt=attempt, offset=offset)
        body = yield from asking.send(patience, call)
        page = call.parse(body)
        yield Tell((body, page))
        if page.complete or page.next_offset <= offset:
            return
        offset, attempt = page.next_offset, page.attempt  # a later attempt may start meanwhile


def read_pieces(patience: Patience, company: str, job_id: str, attempt: int | None) -> Telling[LogEvent]:
    """Tell what there is of a log now, as pieces."""

    def take(told: tuple[bytes, LogPage]) -> Telling[LogEvent]:
        page = told[1]
        if page.attempt is not None and page.text:
            yield Tell(LogEvent(attempt=page.attempt, offset=page.offset, next_offset=page.next_offset, text=page.text))

    return consume(read_pages(patience, company, job_id, attempt), take)


def follow_pieces(
    patience: Patience, company: str, job_id: str, attempt: int | None, silence_seconds: float
) -> Telling[LogEvent]:
    """Tell what there is of a log and what comes, as pieces, to the end of the job or of the attempt."""

    def take(frame: LogFrame) -> Telling[LogEvent]:
        if isinstance(frame.data, LogEvent):
            yield Tell(frame.data)

    return consume(streams.follow_log(patience, company, job_id, attempt, silence_seconds), take)


def read_raw(patience: Patience, company: str, job_id: str, attempt: int | None) -> Telling[bytes]:
    """Tell the bytes of a log that there are now, in pages."""
    if attempt is None:
        attempt = (yield from asking.call(patience, calls.get_job(company, job_id))).attempt or None
    offset = 0
    while body := (yield from asking.send(patience, calls.get_log(company, job_id, attempt=attempt, offset=offset, raw=True))):
        yield Tell(body)
        offset += len(body)


def read_raw_piece(patience: Patience, company: str, job_id: str, piece: LogEvent) -> Plan[bytes]:
    """Return the bytes of a piece of a log: those of its text, asked for anew where that may stand for others."""
    if "\ufffd" not in piece.text:
        return piece.text.encode()
    found = b""
    while missing := piece.next_offset - piece.offset - len(found):
        call = calls.get_log(company, job_id, attempt=piece.attempt, offset=piece.next_offset - missing, raw=True)
        if not (body := (yield from asking.send(patience, call))):  # the file is gone
            break
        found += body[:missing]
    return found
