"""A look at a picture, below what a verb says: in a terminal that can show it, and nothing at all elsewhere.

Shown is the PNG that the daemon has, as it is. An SVG is shown by a PNG that the same job made, if there is one: nothing is
rendered here.

Invariants: a preview never changes how a verb ends, and costs at most PREVIEW_MAX_BYTES of transfer; standard output that is no
terminal gets none.
"""

from __future__ import annotations

import hashlib
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from nexusctl.errors import NexusctlError
from nexusctl.output.pictures import Protocol, columns_of, encode_iterm2, encode_kitty, png_size, scale_to
from nexusctl.output.terminals import find_protocol, find_room, write_escape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nexusctl.client.nexus import Nexus
    from nexusctl.commands.session import Session
    from nexusctl.output.pictures import Room
    from nexusctl.output.screen import Screen
    from nexusd.contract.assets import Asset

PREVIEW_MAX_BYTES: Final = 4 * 1024 * 1024
PNG: Final = "image/png"
SVG: Final = "image/svg+xml"
_NEVER: Final = "never"
_BY_ITSELF: Final = "auto"


def show_preview(session: Session, nexus: Nexus, screen: Screen, assets: Sequence[Asset], chosen: str | None) -> None:
    """Show one of a job's assets, if it is a picture and the terminal can."""
    protocol = choose_protocol(session, screen)
    if protocol is None:
        return
    asset = find_picture(assets, chosen)
    content = None if asset is None else _fetch(nexus, asset)
    text = None if content is None else encode(content, protocol, find_room(sys.stdout.fileno()))
    if text is not None:
        write_escape(text)


def show_preview_of(session: Session, nexus: Nexus, screen: Screen, asset: Asset) -> None:
    """Show an asset, if it is a picture and the terminal can."""
    if choose_protocol(session, screen) is None:
        return
    assets = [asset]
    if asset.content_type == SVG and asset.job_id is not None:
        with suppress(NexusctlError):
            assets += nexus.get_job(asset.job_id).assets
    show_preview(session, nexus, screen, assets, asset.id)


def choose_protocol(session: Session, screen: Screen) -> Protocol | None:
    """Return how to show a picture on standard output, None for not at all."""
    if screen.quiet or not screen.style.is_terminal or session.preview == _NEVER:
        return None
    return find_protocol(os.environ) if session.preview == _BY_ITSELF else Protocol(session.preview)


def find_picture(assets: Sequence[Asset], chosen: str | None) -> Asset | None:
    """Return the asset to show: the one that is chosen, or for an SVG the first PNG beside it."""
    asset = next((asset for asset in assets if asset.id == chosen), None)
    if asset is not None and asset.content_type == SVG:
        asset = next((other for other in assets if other.content_type == PNG), None)
    is_shown = asset is not None and asset.content_type == PNG and asset.byte_size <= PREVIEW_MAX_BYTES
    return asset if is_shown else None


def encode(content: bytes, protocol: Protocol, room: Room) -> str | None:
    """Return what draws a PNG; None when it is none."""
    size = png_size(content)
    if size is None:
        return None
    if protocol is Protocol.SIXEL:
        from nexusctl.output.sixel import png_to_sixel

        return png_to_sixel(content, scale_to(size, room))
    return (encode_kitty if protocol is Protocol.KITTY else encode_iterm2)(content, columns_of(size, room))


def _fetch(nexus: Nexus, asset: Asset) -> bytes | None:
    """Return the content, None when it is not what its row says or does not come."""
    content = bytearray()
    with suppress(NexusctlError):
        for chunk in nexus.download_asset(asset.id):
            content += chunk
            if len(content) > asset.byte_size:
                return None
        return bytes(content) if hashlib.sha256(content).hexdigest() == asset.sha256 else None
    return None
