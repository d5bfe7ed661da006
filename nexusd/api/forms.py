"""Uploads as `multipart/form-data`: one file, and text fields that say the same as the query can, in whatever order.

Owns the reading of such a body as it comes: memory is a chunk of the file and the few bytes of the fields. Leaves out storing.

The key of the stored file is made of what was said before the file; its row has everything. All that is not the file may have
64 KiB: part heads, fields, what stands before and after.

Source: RFC 7578, RFC 2046 §5.1.1.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from nexusd.api.bodies import BINARY, media_type
from nexusd.api.digests import checked, find_digests
from nexusd.contract.assets import UPLOAD_FIELDS, AssetUpload
from nexusd.contract.validation import invalid_params
from nexusd.errors import InvalidParam, InvalidRequest, MalformedRequest, PayloadTooLarge, UnsupportedMediaType

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

BESIDE_MAX_BYTES: Final = 64 * 1024
HEADERS_MAX: Final = 16
HEADER_MAX_BYTES: Final = 16 * 1024
FILE_FIELD: Final = "file"
PLAIN_ENCODINGS: Final = frozenset({"7bit", "8bit", "binary"})


class FormUpload:
    """A form with one file. `details` and `content_type` are what is known so far; all is known when the chunks have ended."""

    def __init__(
        self, given: Mapping[str, str], content_type: str, announced_bytes: int, body: AsyncGenerator[bytes, None]
    ) -> None:
        """`given` is what the query says. Raises UnsupportedMediaType without a boundary."""
        boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
        self._form = Form(boundary, given)
        self.least_bytes = max(0, announced_bytes - BESIDE_MAX_BYTES)
        self.body = body
        self._received = 0

    @property
    def details(self) -> AssetUpload:
        """What is said about the file. Raises InvalidRequest when that cannot be."""
        return self._form.details()

    @property
    def content_type(self) -> str:
        """What the file's part says it is."""
        return self._form.content_type

    async def begin(self) -> None:
        """Read up to the file.

        Raises MalformedRequest, InvalidRequest, UnsupportedMediaType, PayloadTooLarge.
        """
        while self._form.file_headers is None:
            try:
                chunk = await anext(self.body)
            except StopAsyncIteration:
                self._form.finish()
                wrong = InvalidParam(FILE_FIELD, "the form must have one part that is a file")
                raise InvalidRequest("the form has no file", (wrong,)) from None
            self._feed(chunk)

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """Return the bytes of the file; at their end the rest of the form was read and found right.

        Raises as `begin` does, and DigestMismatch.
        """
        return checked(self._read_on(), find_digests(self._form.file_headers or {}))

    async def _read_on(self) -> AsyncGenerator[bytes, None]:
        while True:
            for piece in self._form.take_pieces():
                yield piece
            try:
                chunk = await anext(self.body)
            except StopAsyncIteration:
                break
            self._feed(chunk)
        self._form.finish()

    def _feed(self, chunk: bytes) -> None:
        self._received += len(chunk)
        self._form.feed(chunk)
        if self._received - self._form.file_bytes > BESIDE_MAX_BYTES:
            raise PayloadTooLarge(f"a form may have {BESIDE_MAX_BYTES} bytes beside its file")


class Form:
    """The state of the parsing, fed with bytes."""

    def __init__(self, boundary: bytes, given: Mapping[str, str]) -> None:
        self.file_headers: dict[str, str] | None = None
        self.file_bytes = 0
        self.content_type = BINARY
        self._given = given
        self._fields: dict[str, str] = {}
        self._file_name = ""
        self._pieces: list[bytes] = []
        self._headers: dict[str, str] = {}
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._field: str | None = None
        self._text = bytearray()
        self._is_complete = False
        self._parser = _make_parser(boundary, self)

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body. Raises MalformedRequest, InvalidRequest, UnsupportedMediaType."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise MalformedRequest(f"the body is no multipart/form-data: {error}") from None

    def take_pieces(self) -> list[bytes]:
        """Return the bytes of the file that came since the last time."""
        pieces, self._pieces = self._pieces, []
        return pieces

    def finish(self) -> None:
        """See whether the form is whole, and right. Raises MalformedRequest, InvalidRequest."""
        if not self._is_complete:
            raise MalformedRequest("the body ends before the last boundary of its form")
        self.details()

    def details(self) -> AssetUpload:
        """Return what was said about the file so far. Raises InvalidRequest."""
        named = {"filename": self._file_name} if self._file_name else {}
        values = {**named, **self._given, **self._fields}
        try:
            return AssetUpload.model_validate(values)
        except ValidationError as error:
            params = invalid_params(error, values)
            names = ", ".join(param.pointer.removeprefix("/") for param in params)
            wrong = tuple(InvalidParam(param.pointer.removeprefix("/"), param.reason) for param in params)
            raise InvalidRequest(f"not valid: {names}", wrong) from None

    def on_part_begin(self) -> None:
        """A part comes."""
        self._headers = {}
        self._field = None

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        """Some of the name of a header."""
        self._header_name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        """Some of its value."""
        self._header_value += data[start:end]

    def on_header_end(self) -> None:
        """A header is complete."""
        name = self._header_name.decode("latin-1").lower()
        if name in self._headers:
            raise MalformedRequest(f"a part of the form has two headers {name}")
        self._headers[name] = self._header_value.decode("latin-1")
        self._header_name.clear()
        self._header_value.clear()

    def on_headers_finished(self) -> None:
        """The head of a part is complete: it is the file, or a field that is known and new."""
        kind, options = parse_options_header(self._headers.get("content-disposition"))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if kind != b"form-data" or not name:
            raise MalformedRequest("each part of a form needs Content-Disposition: form-data with a name")
        if self._headers.get("content-transfer-encoding", "binary").strip().lower() not in PLAIN_ENCODINGS:
            raise UnsupportedMediaType("the parts of a form must come as they are, without a Content-Transfer-Encoding")
        if b"filename" in options or name == FILE_FIELD:
            self._open_file(name, options.get(b"filename", b"").decode("utf-8", "replace"))
            return
        if name not in UPLOAD_FIELDS:
            known = ", ".join(sorted(UPLOAD_FIELDS))
            self._refuse(name, f"is not one of {known}, nor a file")
        if name in self._given or name in self._fields:
            self._refuse(name, "is said twice")
        self._field = name

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """Some of what is in a part."""
        if self._field is None:
            self.file_bytes += end - start
            self._pieces.append(data[start:end])
        else:
            self._text += data[start:end]

    def on_part_end(self) -> None:
        """A part is complete."""
        if self._field is not None:
            try:
                self._fields[self._field] = self._text.decode()
            except UnicodeDecodeError:
                self._refuse(self._field, "is not UTF-8")
            self._text.clear()

    def on_end(self) -> None:
        """The form is complete; what may follow means nothing."""
        self._is_complete = True

    def _open_file(self, name: str, file_name: str) -> None:
        if self.file_headers is not None:
            self._refuse(name, "is a second file: send each in a request of its own")
        self.file_headers = self._headers
        self._file_name = file_name
        self.content_type = media_type(self._headers.get("content-type", BINARY))

    def _refuse(self, name: str, reason: str) -> None:
        raise InvalidRequest(f"the form's field {name} {reason}", (InvalidParam(name, reason),))


def _make_parser(boundary: bytes, form: Form) -> MultipartParser:
    if not boundary:
        raise UnsupportedMediaType("the Content-Type of a form must name its boundary")
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": form.on_part_begin,
                "on_header_field": form.on_header_field,
                "on_header_value": form.on_header_value,
                "on_header_end": form.on_header_end,
                "on_headers_finished": form.on_headers_finished,
                "on_part_data": form.on_part_data,
                "on_part_end": form.on_part_end,
                "on_end": form.on_end,
            },
            max_header_count=HEADERS_MAX,
            max_header_size=HEADER_MAX_BYTES,
        )
    except FormParserError as error:
        raise UnsupportedMediaType(f"the boundary of the form cannot be used: {error}") from None
    parser.logger = logging.Logger(__name__, logging.CRITICAL)  # what is wrong with a form is told to who sent it
    return parser
