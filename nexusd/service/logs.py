"""Logs: what the process of an attempt wrote to stdout and stderr, a page at a time.

The runner writes the files, `{log directory}/{job id}/{attempt}.log`. A page is read in a thread, into memory that the query
bounds. Following a log as it grows is not done here.
"""

from __future__ import annotations

import codecs
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from nexusd.contract.logs import LogPage
from nexusd.errors import NotFound
from nexusd.store import queries

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.contract.logs import LogQuery
    from nexusd.service.companies import CompanyService
    from nexusd.store.database import Database


@dataclass(frozen=True, slots=True)
class RawPage:
    """A part of a log as bytes; `attempt` is None while there was none."""

    job_id: str
    attempt: int | None
    offset: int
    body: bytes
    complete: bool

    @property
    def next_offset(self) -> int:
        """Where to go on."""
        return self.offset + len(self.body)


class LogService:
    """The logs of all attempts."""

    def __init__(self, database: Database, companies: CompanyService, directory: Path) -> None:
        self._database = database
        self._companies = companies
        self._directory = directory

    async def read_raw(self, company: str, job_id: str, query: LogQuery) -> RawPage:
        """Return a page of the log as it is; an empty one where there is nothing, yet or any more.

        Raises NotFound.
        """
        attempt, has_ended = await self._find_attempt(company, job_id, query.attempt)  # before the file: its end is final then
        if attempt is None:
            return RawPage(job_id, None, query.offset, b"", has_ended)
        path = os.path.join(job_id, f"{attempt}.log")
        body, size = await trio.to_thread.run_sync(read_part, self._directory, path, query.offset, query.limit)
        return RawPage(job_id, attempt, query.offset, body, has_ended and query.offset + len(body) >= size)

    async def read(self, company: str, job_id: str, query: LogQuery) -> LogPage:
        """Return a page of the log as text. A character that is cut at the end is left for the next page.

        Raises NotFound.
        """
        raw = await self.read_raw(company, job_id, query)
        text, used = await trio.to_thread.run_sync(decode_part, raw.body, raw.complete)
        return LogPage(
            job_id=job_id,
            attempt=raw.attempt,
            offset=raw.offset,
            next_offset=raw.offset + used,
            complete=raw.complete,
            text=text,
        )

    async def _find_attempt(self, company: str, job_id: str, wanted: int | None) -> tuple[int | None, bool]:
        """Return the number of the attempt, None when there was none, and whether it, or the job without one, is over."""
        job = await self._database.read(queries.get, (await self._companies.get(company)).id, job_id)
        ended = {attempt.number: attempt.finished_at is not None for attempt in job.attempts}
        if wanted is None:
            latest = max(ended, default=None)
            return latest, job.status.is_terminal if latest is None else ended[latest]
        if wanted not in ended:
            raise NotFound(f"job {job_id} has no attempt {wanted}; it has had {len(ended)}")
        return wanted, ended[wanted]


def read_part(directory: Path, path: str, offset: int, limit: int) -> tuple[bytes, int]:
    """Return up to `limit` bytes of the file at `path` below `directory`, and its size; nothing when there is no such file.

    Blocks. Only plain files are read, and links are not followed: neither the last part of the path nor its folder may be one.
    """
    folder, name = os.path.split(path)
    try:
        parent = os.open(directory / folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
        finally:
            os.close(parent)
    except OSError:  # it was never written, or is gone; a link is none of ours
        return b"", 0
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or offset >= found.st_size:
            return b"", 0
        return os.pread(file, min(limit, found.st_size - offset), offset), found.st_size
    finally:
        os.close(file)


def decode_part(body: bytes, is_end: bool) -> tuple[str, int]:
    """Return bytes as text, what is no UTF-8 as U+FFFD, and how many were used: all but a character that is still to come."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(body, final=is_end)
    return text, len(body) - len(decoder.getstate()[0])
