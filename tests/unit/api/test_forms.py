"""Forms: the file comes out as it went in, however the bytes are cut; what is no such form is refused, and named."""

from __future__ import annotations

import os
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nexusd.api.forms import BESIDE_MAX_BYTES, FormUpload
from nexusd.errors import DigestMismatch, InvalidRequest, MalformedRequest, NexusdError, PayloadTooLarge, UnsupportedMediaType
from tests.support.forms import BOUNDARY, FORM_TYPE, field, file_part, form, part

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from nexusd.contract.assets import AssetUpload

SAID = {"filename": "b.svg", "namespace": "themes/x", "sourceTaskId": "t 1", "createdByAgentId": "ä", "createdByUserId": "u"}


async def cut(body: bytes, size: int) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def read(body: bytes, size: int = 65536, given: dict[str, str] | None = None) -> tuple[bytes, AssetUpload, str]:
    """Return what a form comes to."""
    upload = FormUpload(given or {}, FORM_TYPE["Content-Type"], len(body), cut(body, size))
    async with aclosing(upload.body):
        await upload.begin()
        async with aclosing(upload.chunks()) as chunks:
            content = b"".join([chunk async for chunk in chunks])
    return content, upload.details, upload.content_type


@pytest.mark.parametrize("size", [1, 2, 7, 64, 65536])
@pytest.mark.parametrize("first", [0, 2, len(SAID)])
async def test_fields_may_come_before_the_file_and_after_it(size: int, first: int) -> None:
    fields = [field(name, value) for name, value in SAID.items()]
    body = form(*fields[:first], file_part(b"the file", "a.bin", "Content-Type: Image/SVG+xml; charset=x"), *fields[first:])
    content, details, content_type = await read(body, size)
    assert (content, content_type) == (b"the file", "image/svg+xml")
    assert details.model_dump(by_alias=True) == SAID


TAIL = b"\r\n--" + BOUNDARY


@given(
    st.lists(st.sampled_from([b"\r", b"\n", b"-", b"--", TAIL[:-1], TAIL[2:], b"x", b"\0\xff", b"\r\n--"])), st.integers(1, 40)
)
@example([TAIL[:-1]] * 5, 3)
async def test_a_file_may_look_like_the_boundary(pieces: list[bytes], size: int) -> None:
    content = b"".join(pieces)
    while TAIL in content:
        content = content.replace(TAIL, b"")
    if content.startswith(TAIL[2:]):
        content = b"." + content
    assert (await read(form(file_part(content), field("namespace", "n")), size))[0] == content


async def test_what_is_not_said_is_as_it_is_without_a_form() -> None:
    for disposition in ('name="file"', 'name="file"; filename=""', 'name="upload"; filename=""'):
        content, details, content_type = await read(b"\r\n" + form(part(disposition, b"")) + b"epilogue")
        assert (content, content_type) == (b"", "application/octet-stream")
        assert details.model_dump(exclude_none=True) == {"filename": "file", "namespace": "attachments"}
    named = form(file_part(b"", 'näme;=\\"x.png'))
    assert (await read(named))[1].filename == 'näme;="x.png'
    assert (await read(named, given={"filename": "q", "sourceTaskId": "t"}))[1].model_dump(exclude_none=True) == {
        "filename": "q",
        "namespace": "attachments",
        "source_task_id": "t",
    }


FILE = file_part(b"x")
WRONG: dict[str, tuple[bytes, type[NexusdError], list[str]]] = {
    "no file": (form(field("namespace", "n")), InvalidRequest, ["file"]),
    "nothing": (form(), InvalidRequest, ["file"]),
    "two files": (form(FILE, file_part(b"y")), InvalidRequest, ["file"]),
    "unknown field": (form(field("colour", "red"), FILE), InvalidRequest, ["colour"]),
    "unknown field, late": (form(FILE, field("source_task_id", "t")), InvalidRequest, ["source_task_id"]),
    "said twice": (form(field("namespace", "a"), FILE, field("namespace", "a")), InvalidRequest, ["namespace"]),
    "empty field": (form(FILE, field("namespace", "")), InvalidRequest, ["namespace"]),
    "field with a control character": (form(field("sourceTaskId", "a\nb"), FILE), InvalidRequest, ["sourceTaskId"]),
    "field not UTF-8": (form(FILE, part('name="namespace"', b"\xff")), InvalidRequest, ["namespace"]),
    "long name": (form(file_part(b"", "x" * 1025)), InvalidRequest, ["filename"]),
    "not a form": (b"just a file", MalformedRequest, []),
    "empty": (b"", MalformedRequest, []),
    "another boundary": (form(FILE).replace(BOUNDARY, b"other"), MalformedRequest, []),
    "cut in the head": (form(FILE)[:40], MalformedRequest, []),
    "cut in the file": (FILE[:-1], MalformedRequest, []),
    "cut after the file": (FILE, MalformedRequest, []),
    "cut in the last boundary": (form(FILE)[:-3], MalformedRequest, []),
    "no disposition": (form(FILE.replace(b"Content-Disposition", b"Content-Nothing")), MalformedRequest, []),
    "no name": (form(part("filename=x", b"")), MalformedRequest, []),
    "another disposition": (form(FILE.replace(b"form-data", b"attachment")), MalformedRequest, []),
    "two heads": (form(file_part(b"x", "a", "Content-Disposition: form-data; name=b")), MalformedRequest, []),
    "a long head": (form(file_part(b"x", "a", "X: " + "y" * 20_000)), MalformedRequest, []),
    "many heads": (form(file_part(b"x", "a", *[f"X-{n}: y" for n in range(20)])), MalformedRequest, []),
    "a type that is none": (form(file_part(b"x", "a", "Content-Type: nonsense")), UnsupportedMediaType, []),
    "a form in a form": (form(file_part(b"x", "a", "Content-Type: multipart/mixed; boundary=a")), UnsupportedMediaType, []),
    "base64": (form(file_part(b"eA==", "a", "Content-Transfer-Encoding: base64")), UnsupportedMediaType, []),
    "much before": (b"\r\n" * 40_000 + form(FILE), PayloadTooLarge, []),
    "much behind": (form(FILE) + bytes(70_000), PayloadTooLarge, []),
    "much beside": (form(*[field("namespace", "x" * 10_000)], FILE, field("filename", "y" * 60_000)), PayloadTooLarge, []),
    "the part's digest": (form(file_part(b"x", "a", "Digest: sha-256=" + "A" * 43 + "=")), DigestMismatch, []),
}


@pytest.mark.parametrize("size", [3, 65536])
@pytest.mark.parametrize("name", WRONG)
async def test_what_is_wrong_is_refused_and_named(name: str, size: int, caplog: pytest.LogCaptureFixture) -> None:
    body, kind, names = WRONG[name]
    with pytest.raises(kind) as refused:
        await read(body, size)
    assert [param.pointer for param in getattr(refused.value, "params", ())] == names
    assert not caplog.records, "what a client does wrong is its own business"


async def test_a_field_that_the_query_has_too_is_said_twice() -> None:
    with pytest.raises(InvalidRequest, match="twice"):
        await read(form(field("namespace", "n"), FILE), given={"namespace": "n"})


@pytest.mark.parametrize("parameters", ["", "; boundary=", f"; boundary={'x' * 300}"])
async def test_without_a_boundary_there_is_no_form(parameters: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="boundary"):
        FormUpload({}, f"multipart/form-data{parameters}", 0, cut(b"", 1))


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
async def test_memory_is_constant_whatever_the_size() -> None:
    count, chunk = 3000, bytes(65_536)
    before = resident_bytes()
    most = 0

    async def body() -> AsyncGenerator[bytes, None]:
        yield FILE[:-2]
        for _ in range(count):
            yield chunk
        yield b"\r\n" + form()

    upload = FormUpload({}, FORM_TYPE["Content-Type"], count * len(chunk) + BESIDE_MAX_BYTES, body())
    assert upload.least_bytes == count * len(chunk)
    received = 0
    async with aclosing(upload.body):
        await upload.begin()
        async with aclosing(upload.chunks()) as chunks:
            async for piece in chunks:
                received += len(piece)
                most = max(most, resident_bytes())
    assert received == count * len(chunk) + 1
    assert most - before < 10 * 1024 * 1024
