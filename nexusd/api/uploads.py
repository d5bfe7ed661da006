"""Bodies that are files: the file itself, or a form with the file and what is said about it.

Owns what an upload looks like to the service, and which one a request is. Leaves out the parsing of forms (`forms`), limits and
storing. Nothing is read before the service asks, so that what can be refused by its head is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nexusd.api.bodies import BINARY, announced_bytes, media_type
from nexusd.api.digests import checked, find_digests
from nexusd.api.forms import FormUpload

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.requests import Request

    from nexusd.contract.assets import AssetUpload

FORM: Final = "multipart/form-data"


class RawUpload:
    """A body that is the file. Its Content-Type is the file's."""

    def __init__(self, details: AssetUpload, content_type: str, least_bytes: int, body: AsyncGenerator[bytes, None]) -> None:
        self.details = details
        self.content_type = content_type
        self.least_bytes = least_bytes
        self.body = body

    async def begin(self) -> None:
        """All is known from the head."""

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """Return the body."""
        return self.body


def open_upload(request: Request, details: AssetUpload) -> RawUpload | FormUpload:
    """Return what the request uploads; whoever asked closes its `body`.

    Raises UnsupportedMediaType, MalformedRequest, InvalidRequest.
    """
    sent_type = request.headers.get("content-type", BINARY)
    body = checked(request.stream(), find_digests(request.headers))
    if sent_type.partition(";")[0].strip().lower() == FORM:
        return FormUpload(dict(request.query_params), sent_type, announced_bytes(request) or 0, body)
    return RawUpload(details, media_type(sent_type), announced_bytes(request) or 0, body)
