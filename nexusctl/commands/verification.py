"""Verifying page by page: what is found goes to standard output as it is found, how far it is to standard error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from nexusctl.client import calls
from nexusctl.errors import AssetsDamaged, Interrupted
from nexusctl.output.present import format_size
from nexusctl.output.text import clean_line

if TYPE_CHECKING:
    from nexusctl.client.nexus import Nexus
    from nexusctl.commands.session import Session
    from nexusctl.output.screen import Screen
    from nexusd.contract.storage import Finding


def verify(session: Session, nexus: Nexus, screen: Screen, after: str | None, *, as_json: bool) -> None:
    """Verify everything after an asset. Raises AssetsDamaged when something is wrong, Interrupted on Ctrl-C."""
    checked = read = wrong = 0
    try:
        while True:
            call = calls.verify_storage(after=after)
            body = nexus.send(call)
            page = call.parse(body)
            checked, read, wrong = checked + page.checked, read + page.bytes_read, wrong + len(page.findings)
            if as_json:
                screen.write_json_line(json.loads(body))
            else:
                for finding in page.findings:
                    screen.write(_line(finding))
            if page.next_after is None:
                break
            after = page.next_after
            screen.note(f"{checked} assets, {format_size(read)}")
    except KeyboardInterrupt:
        arguments = ("asset", "verify", *(() if after is None else ("--after", after)))
        raise Interrupted(
            f"{checked} assets were verified, {wrong} things are wrong", hint=f"go on with: {session.suggest(*arguments)}"
        ) from None
    if wrong:
        raise AssetsDamaged(f"{wrong} things are wrong with {checked} assets, {format_size(read)}")
    screen.note(f"{checked} assets, {format_size(read)}: all as it should be")


def _line(finding: Finding) -> str:
    return clean_line(f"{finding.kind} {finding.asset_id or '-'} {finding.object_key}: {finding.message}")
