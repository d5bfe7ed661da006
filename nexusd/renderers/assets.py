"""`{"$asset": id}` inside an input: find the references, and put the paths of their files in.

Pure. A reference is an object whose only key is `$asset`. Whether the asset exists and belongs to the company is the service's
business, copying the file the runner's; both use `find_references`, so they cannot disagree on what a reference is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from nexusd.contract.assets import ASSET_REFERENCE_KEY
from nexusd.errors import InvalidParam, InvalidRequest
from nexusd.renderers.job import ASSETS_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME_MAX_LENGTH: Final = 100
DEPTH_MAX: Final = 100
UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")


def find_references(value: Any, pointer: str = "", depth: int = 0) -> list[tuple[str, str]]:
    """Return (JSON pointer, asset id) of every reference in an input, in the order of the document.

    `pointer` goes in front of each pointer. Raises InvalidRequest when an object with the key `$asset` is not a reference, and
    when the input is nested so deeply that walking it could fail.
    """
    if isinstance(value, dict):
        if ASSET_REFERENCE_KEY in value:
            return [(pointer, reference_id(value, pointer))]
        items = [(f"{pointer}/{escape_pointer(str(key))}", item) for key, item in value.items()]
    elif isinstance(value, list):
        items = [(f"{pointer}/{index}", item) for index, item in enumerate(value)]
    else:
        return []
    if depth > DEPTH_MAX:
        raise InvalidRequest("the input is nested too deeply", (InvalidParam(pointer, f"more than {DEPTH_MAX} levels deep"),))
    return [found for below, item in items for found in find_references(item, below, depth + 1)]


def place(value: Any, paths: Mapping[str, str]) -> Any:
    """Return the input with `path` added to every reference. Raises KeyError when `paths` lacks an id."""
    if isinstance(value, dict):
        if ASSET_REFERENCE_KEY in value:
            return {**value, "path": paths[value[ASSET_REFERENCE_KEY]]}
        return {key: place(item, paths) for key, item in value.items()}
    if isinstance(value, list):
        return [place(item, paths) for item in value]
    return value


def asset_path(asset_id: str, filename: str | None) -> str:
    """Return where the file of an asset goes, relative to the work directory: `assets/<id>-<safe name>`, any bytes tamed."""
    name = UNSAFE.sub("_", filename or "file")
    if len(name) > NAME_MAX_LENGTH:
        name = name[-NAME_MAX_LENGTH:]  # the end, which holds the extension
    return f"{ASSETS_NAME}/{UNSAFE.sub('_', asset_id)[:NAME_MAX_LENGTH]}-{name}"


def reference_id(value: dict[str, Any], pointer: str) -> str:
    """Return the id in a reference. Raises InvalidRequest that points at what is wrong."""
    asset_id = value[ASSET_REFERENCE_KEY]
    if not isinstance(asset_id, str) or not asset_id:
        reason, place_ = "must be the id of an asset", f"{pointer}/{ASSET_REFERENCE_KEY}"
    elif len(value) > 1:
        reason, place_ = "must hold nothing beside $asset", pointer
    else:
        return asset_id
    raise InvalidRequest("an asset reference is not valid", (InvalidParam(place_, reason),))


def escape_pointer(key: str) -> str:
    """Return a key as a part of a JSON pointer. Source: RFC 6901."""
    return key.replace("~", "~0").replace("/", "~1")
