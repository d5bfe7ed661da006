"""Waiting for a job's end without asking again and again: woken by the feed, as its streams are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from nexusd.service.views import JobView

if TYPE_CHECKING:
    from nexusd.contract.jobs import Job
    from nexusd.service.companies import CompanyService
    from nexusd.service.feed import Feed
    from nexusd.service.jobs import JobService
    from nexusd.service.topics import Place


class WaitService:
    """Waits for the jobs of all companies."""

    def __init__(self, feed: Feed, companies: CompanyService, jobs: JobService) -> None:
        self._feed = feed
        self._companies = companies
        self._jobs = jobs

    async def wait(self, company: str, job_id: str, seconds: float) -> Job | None:
        """Return the job as soon as it is over; None when it is not after so long, or when the daemon stops.

        Raises NotFound.
        """
        view = JobView((await self._companies.get(company)).id, job_id)
        with self._feed.subscribe(view.scope) as place:
            job = await self._jobs.get(company, job_id)  # after the subscription: an end that is not in it wakes us
            with trio.move_on_after(seconds):
                while not (job.status.is_terminal or self._feed.is_over):
                    await self._wait_news(place)
                    job = await self._jobs.get(company, job_id)
        return job if job.status.is_terminal else None

    async def _wait_news(self, place: Place) -> None:
        """Return when the job has ended, or when the feed cannot tell any more."""
        while not (place.has_ended or place.is_cut or self._feed.is_over):
            place.skip()
            await place.wait()
        place.skip()
