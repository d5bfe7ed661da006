"""The digests that a client sends along with a body, held against what comes.

Owns their syntax and the comparison. Leaves out which bytes they are of: a whole body, or one part of a form.
A digest that cannot be understood or checked is refused, not skipped: who sends one believes to be safe.

Source: RFC 9530 (Content-Digest, Repr-Digest) and RFC 3230 (Digest), which it replaces.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nexusd.errors import DigestMismatch, InvalidParam, InvalidRequest, MalformedRequest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping

FIELDS: Final = ("Content-Digest", "Repr-Digest", "Digest")
ALGORITHMS: Final = {"sha-256": "sha256", "sha-512": "sha512"}
_MEMBER: Final = re.compile(r"\s*([A-Za-z0-9_*.-]+)=(:?)([A-Za-z0-9+/]+={0,2})(:?)\s*")


@dataclass(frozen=True, slots=True)
class Digest:
    """What a body must come to, in the words of the header that says so."""

    field: str
    algorithm: str
    value: bytes


def find_digests(headers: Mapping[str, str]) -> list[Digest]:
    """Return the digests that these headers promise. The names of `headers` are lower-case, or compared so.

    Raises MalformedRequest, or InvalidRequest when a header names none that can be checked.
    """
    found: list[Digest] = []
    for field in FIELDS:
        if (text := headers.get(field.lower())) is not None:
            known = [digest for digest in _parse(field, text) if digest.algorithm in ALGORITHMS]
            if not known:
                wrong = InvalidParam(field, f"can be checked for {' and '.join(ALGORITHMS)} only")
                raise InvalidRequest("the digest of the body cannot be checked", (wrong,))
            found += known
    return found


async def checked(chunks: AsyncGenerator[bytes, None], digests: list[Digest]) -> AsyncGenerator[bytes, None]:
    """Yield the chunks, and close them.

    Raises DigestMismatch in the place of the end, when they are not what was promised.
    """
    hashes = {digest.algorithm: hashlib.new(ALGORITHMS[digest.algorithm]) for digest in digests}
    async with aclosing(chunks):
        async for chunk in chunks:
            for running in hashes.values():
                running.update(chunk)
            yield chunk
    for digest in digests:
        came = hashes[digest.algorithm].digest()
        if came != digest.value:
            told, is_so = base64.b64encode(digest.value).decode(), base64.b64encode(came).decode()
            wrong = f"{digest.field} promises {digest.algorithm} {told}, but what came has {is_so}"
            raise DigestMismatch(f"{wrong}; nothing was stored, send it again")


def _parse(field: str, text: str) -> Iterator[Digest]:
    marks = "" if field == "Digest" else ":"
    for member in text.split(","):
        found = _MEMBER.fullmatch(member.partition(";")[0])
        try:
            if found is None or found[2] != marks or found[4] != marks:
                raise ValueError("not name=value")
            digest = Digest(field, found[1].lower(), base64.b64decode(found[3], validate=True))
            if digest.algorithm in ALGORITHMS and len(digest.value) != hashlib.new(ALGORITHMS[digest.algorithm]).digest_size:
                raise ValueError("another length")
        except (ValueError, binascii.Error):
            example = f"sha-256={marks}<the 32 bytes in base64>{marks}"
            raise MalformedRequest(f"the header {field} cannot be read: it must be like {example}") from None
        yield digest
