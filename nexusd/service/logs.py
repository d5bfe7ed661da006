"""Logs: what the process of an attempt wrote to stdout and stderr, a page at a time, or followed as it grows.

A page is read in a thread, into memory that the query bounds. Owns which attempt is meant and from where; leaves out the files
(`log_files`) and the following (`log_following`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from nexusd.contract.logs import ATTEMPT_SHIFT, LogPage, split_position
from nexusd.errors import InvalidParam, InvalidRequest, NotFound
from nexusd.service.log_files import decode_part, read_part
from nexusd.service.log_following import KEEP_ALIVE_SECONDS, Follower, Place
from nexusd.store import queries

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from nexusd.contract.logs import LogQuery
    from nexusd.hub import Hub
    from nexusd.service.companies import CompanyService
    from nexusd.service.log_following import News
    from nexusd.store.database import Database
    from nexusd.store.queries import Progression


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

    def __init__(
        self,
        database: Database,
        hub: Hub,
        companies: CompanyService,
        directory: Path,
        keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
    ) -> None:
        self._database = database
        self._hub = hub
        self._companies = companies
        self._directory = directory
        self._keep_alive_seconds = keep_alive_seconds

    async def read_raw(self, company: str, job_id: str, query: LogQuery) -> RawPage:
        """Return a page of the log as it is; an empty one where there is nothing, yet or any more.

        Raises NotFound.
        """
        _, job = await self._find(company, job_id, query.attempt)  # before the file: its end is final then
        attempt = query.attempt or job.latest
        if attempt is None:
            return RawPage(job_id, None, query.offset, b"", job.status.is_terminal)
        body, size = await self._read_part(job_id, attempt, query.offset, query.limit)
        return RawPage(job_id, attempt, query.offset, body, job.ended[attempt] and query.offset + len(body) >= size)

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

    async def open_follow(
        self, company: str, job_id: str, query: LogQuery, position: int | None = None
    ) -> AsyncGenerator[News, None] | None:
        """Return what is told of a log from `position`, else from the place that the query names; None when that is all told.

        A position of an attempt that there never was is of another database: the latest attempt is told anew.

        Raises NotFound, InvalidRequest.
        """
        if query.offset >> ATTEMPT_SHIFT:
            raise InvalidRequest("not valid: offset", (InvalidParam("?offset", f"no log is as long as 2^{ATTEMPT_SHIFT}"),))
        company_id, job = await self._find(company, job_id, query.attempt)
        place = _find_place(job_id, query, position, job)
        follower = Follower(
            self._database,
            self._hub,
            self._directory,
            company_id,
            place,
            stays=query.attempt is not None,
            raw=query.raw,
            keep_alive_seconds=self._keep_alive_seconds,
        )
        if position is not None and follower.is_over(job) and not await self._is_longer(place):
            return None
        return follower.follow()

    async def _find(self, company: str, job_id: str, attempt: int | None) -> tuple[str, Progression]:
        """Return the company's id and how far the job has come. Raises NotFound, also when it has not had that attempt."""
        company_id = (await self._companies.get(company)).id
        job = await self._database.read(queries.get_progression, company_id, job_id)
        if attempt is not None and attempt not in job.ended:
            raise NotFound(f"job {job_id} has no attempt {attempt}; it has had {len(job.ended)}")
        return company_id, job

    async def _is_longer(self, place: Place) -> bool:
        body, _ = await self._read_part(place.job_id, place.attempt, place.offset, 1)
        return bool(body)

    async def _read_part(self, job_id: str, attempt: int, offset: int, limit: int) -> tuple[bytes, int]:
        return await trio.to_thread.run_sync(read_part, self._directory, job_id, attempt, offset, limit)


def _find_place(job_id: str, query: LogQuery, position: int | None, job: Progression) -> Place:
    attempt, offset = query.attempt or job.latest or 1, query.offset
    if position is not None:
        named, at = split_position(position)
        if query.attempt in (None, named):
            attempt, offset = (named, at) if named in job.ended or named == attempt else (attempt, 0)
    return Place(job_id, attempt, offset)
