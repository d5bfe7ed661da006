"""Sending jobs: one, or many in batches, each of which is stored whole or not at all.

Invariant: whatever fails, what was stored before is told: its ids are printed as each batch is answered.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from nexusctl.client import calls
from nexusctl.client.submitting import batches, new_key
from nexusctl.errors import NexusctlError, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nexusctl.client.calls import Call
    from nexusctl.client.nexus import Nexus
    from nexusctl.commands.submission import Batch
    from nexusctl.output.screen import Screen
    from nexusd.contract.jobs import BatchAccepted


def submit_all(nexus: Nexus, screen: Screen, batch: Batch, *, as_json: bool, silent: bool) -> list[str]:
    """Submit jobs in their order, print what the daemon answers for each, and return their ids; `silent` prints nothing."""
    key = new_key() if batch.key is None else batch.key
    if not batch.is_many:
        call = calls.submit(nexus.company, batch.submissions[0], key)
        body = nexus.send(call)
        accepted = call.parse(body)
        if not silent:
            _write(screen, [json.loads(body)], [accepted.job_id], as_json=as_json)
        return [accepted.job_id]
    ids: list[str] = []
    for many in batches(nexus.company, batch.submissions, key):
        try:
            ids += _submit_part(nexus, screen, many, as_json=as_json, silent=silent)
        except NexusctlError as error:
            _tell_position(error, len(ids), len(batch.submissions))
            raise
    return ids


def _submit_part(nexus: Nexus, screen: Screen, call: Call[BatchAccepted], *, as_json: bool, silent: bool) -> list[str]:
    body = nexus.send(call)
    ids = [accepted.job_id for accepted in call.parse(body).items]
    if not silent:
        _write(screen, json.loads(body)["items"], ids, as_json=as_json)
    return ids


def _write(screen: Screen, documents: Iterable[object], ids: Iterable[str], *, as_json: bool) -> None:
    if as_json:
        for document in documents:
            screen.write_json_line(document)
    else:
        screen.write_at_once("\n".join(ids))


def _tell_position(error: NexusctlError, stored: int, count: int) -> None:
    """Add to the error how far it went."""
    begun = f"{stored} of {count} jobs were submitted before" if stored else f"none of the {count} jobs was submitted"
    maybe = "" if isinstance(error, Refused) else ", more may have been: submit again with the same --idempotency-key"
    error.hint = "\n".join(filter(None, [error.hint, begun + maybe]))
