"""Shapes that the inputs of several renderers share: a source in the body or in an asset, files beside it.

Owns what can be refused by looking at the input alone. Whether an asset exists is the service's business.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints

from nexusd.contract.assets import ASSET_REFERENCE_KEY
from nexusd.contract.base import Request

FILES_MAX_COUNT: Final = 500
PATH_MAX_LENGTH: Final = 512
SEGMENT_MAX_BYTES: Final = 255  # what Linux file systems take


class AssetReference(Request):
    """`{"$asset": id}`: the file of that asset, placed in the work directory before the render."""

    asset: Annotated[str, StringConstraints(min_length=1, max_length=255)] = Field(alias=ASSET_REFERENCE_KEY)


def check_relative_path(path: str) -> str:
    """Return the path when it stays below the folder it is relative to. Raises ValueError that says why not."""
    if "\\" in path:
        raise ValueError("must use / between folders, not a backslash")
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in path):
        raise ValueError("must not hold control characters")
    if path.startswith("/"):
        raise ValueError("must be relative, not absolute")
    for segment in path.split("/"):
        if segment in ("", ".", ".."):
            raise ValueError("must not hold an empty, '.' or '..' part")
        if len(segment.encode("utf-8", "surrogatepass")) > SEGMENT_MAX_BYTES:
            raise ValueError(f"must not hold a name above {SEGMENT_MAX_BYTES} bytes")
    return path


def check_folders(files: dict[str, AssetReference]) -> dict[str, AssetReference]:
    """Return the files when none of them would have to be the folder of another. Raises ValueError."""
    for path in files:
        for end in (position for position, character in enumerate(path) if character == "/"):
            if path[:end] in files:
                raise ValueError(f"{path[:end]!r} cannot be a file and the folder of {path!r}")
    return files


RelativePath = Annotated[str, StringConstraints(min_length=1, max_length=PATH_MAX_LENGTH), AfterValidator(check_relative_path)]
Source = Annotated[str | AssetReference, Field(description="The text itself, or the asset that holds it, in UTF-8.")]
Files = Annotated[
    dict[RelativePath, AssetReference],
    Field(max_length=FILES_MAX_COUNT, description="Files that the source refers to, by the relative path it uses."),
]
