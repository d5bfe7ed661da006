"""Digests of bodies: understood or refused, and true to the byte."""

from __future__ import annotations

import base64
import hashlib
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from nexusd.api.digests import checked, find_digests
from nexusd.errors import DigestMismatch, InvalidRequest, MalformedRequest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

CONTENT = b"the whole body"


def encode(name: str, content: bytes = CONTENT) -> str:
    return base64.b64encode(hashlib.new(name, content).digest()).decode()


async def pieces() -> AsyncGenerator[bytes, None]:
    for start in range(0, len(CONTENT), 5):
        yield CONTENT[start : start + 5]


async def read(headers: dict[str, str]) -> bytes:
    async with aclosing(checked(pieces(), find_digests(headers))) as chunks:
        return b"".join([chunk async for chunk in chunks])


RIGHT, WRONG = encode("sha256"), encode("sha256", b"another")
SHA_512, MD5 = encode("sha512"), encode("md5")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-digest": f"sha-256=:{RIGHT}:"},
        {"content-digest": f"sha-512=:{SHA_512}:, sha-256=:{RIGHT}:"},
        {"content-digest": f"sha-256=:{RIGHT}:;q=1"},
        {"repr-digest": f"sha-512=:{SHA_512}:"},
        {"digest": f"SHA-256={RIGHT}"},
        {"digest": f"md5={MD5},sha-256={RIGHT}"},
        {"digest": f"sha-256={RIGHT}", "content-digest": f"sha-256=:{RIGHT}:"},
    ],
)
async def test_a_right_digest_lets_the_body_through(headers: dict[str, str]) -> None:
    assert await read(headers) == CONTENT


@pytest.mark.parametrize(
    "headers",
    [
        {"content-digest": f"sha-256=:{WRONG}:"},
        {"content-digest": f"sha-256=:{RIGHT}:, sha-512=:{encode('sha512', b'x')}:"},
        {"content-digest": f"sha-256=:{RIGHT}:, sha-256=:{WRONG}:"},
        {"repr-digest": f"sha-256=:{WRONG}:"},
        {"digest": f"sha-256={WRONG}"},
        {"digest": f"sha-256={WRONG}", "content-digest": f"sha-256=:{RIGHT}:"},
    ],
)
async def test_a_wrong_digest_comes_in_the_place_of_the_end(headers: dict[str, str]) -> None:
    with pytest.raises(DigestMismatch, match="send it again"):
        await read(headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"content-digest": ""},
        {"content-digest": f"sha-256={RIGHT}"},
        {"content-digest": f"sha-256=:{RIGHT}"},
        {"content-digest": f"sha-256={RIGHT}:"},
        {"content-digest": f"sha-256=:{RIGHT[:-5]}:"},
        {"content-digest": f"sha-256=:{RIGHT}:,"},
        {"content-digest": f"sha-512=:{RIGHT}:"},
        {"content-digest": "sha-256=:!:"},
        {"content-digest": "sha-256"},
        {"digest": f"sha-256=:{RIGHT}:"},
        {"digest": f"sha-256={hashlib.sha256(CONTENT).hexdigest()}"},
    ],
)
def test_what_is_no_digest_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(MalformedRequest, match="sha-256="):
        find_digests(headers)


@pytest.mark.parametrize("headers", [{"content-digest": f"md5=:{MD5}:"}, {"digest": f"md5={MD5}"}])
def test_a_digest_that_cannot_be_checked_is_not_passed_over(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        find_digests(headers)
    assert [param.pointer.lower() for param in refused.value.params] == list(headers)
