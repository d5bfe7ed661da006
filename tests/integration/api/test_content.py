"""The bytes of an asset: ranges of them, how a browser is told to treat them, and what was promised of them on their way in."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio

from tests.support.daemons import ASSETS, Daemon, check_problem, open_daemon, take_stock, wait_until
from tests.support.forms import FORM_TYPE, field, file_part, form, part

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.slow

CONTENT: Final = bytes(range(256)) * 8192
"""Two mebibytes: several chunks."""


async def put(daemon: Daemon, content: bytes, content_type: str = "application/octet-stream") -> tuple[str, str]:
    """Upload; return where the content is, and its ETag."""
    answer = await daemon.client.post(ASSETS, content=content, headers={"Content-Type": content_type})
    assert answer.status_code == 201, answer.text
    asset: dict[str, Any] = answer.json()
    return f"{ASSETS}/{asset['id']}/content", f'"{asset["sha256"]}"'


async def test_a_range_of_the_bytes_is_exactly_that(home: Path) -> None:
    async with open_daemon(home) as daemon:
        path, etag = await put(daemon, CONTENT, "text/plain")
        size = len(CONTENT)
        edge = 512 * 1024
        for text, start, stop in (
            ("bytes=0-0", 0, 1),
            (f"bytes={edge - 1}-{edge}", edge - 1, edge + 1),
            (f"bytes={edge}-{3 * edge - 1}", edge, 3 * edge),
            ("bytes=5-", 5, size),
            ("bytes=-3", size - 3, size),
            (f"bytes=-{size + 5}", 0, size),
            (f"bytes=9-{size * 9}", 9, size),
        ):
            for condition in ({}, {"If-Range": etag}):
                answer = await daemon.client.get(path, headers={"Range": text, **condition})
                assert answer.status_code == 206
                assert answer.content == CONTENT[start:stop]
                assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
                assert answer.headers["content-length"] == str(stop - start)
                assert (answer.headers["etag"], answer.headers["content-type"]) == (etag, "text/plain")
                assert answer.headers["x-content-type-options"] == "nosniff"
        for headers in (
            {"Range": "bytes=0-1,4-5"},
            {"Range": "lines=0-1"},
            {"Range": "bytes=2-1"},
            {"Range": "bytes=0-1", "If-Range": '"other"'},
            {"Range": "bytes=0-1", "If-Range": f"W/{etag}"},
        ):
            answer = await daemon.client.get(path, headers=headers)
            assert (answer.status_code, answer.content) == (200, CONTENT), headers
            assert "content-range" not in answer.headers
        for text in (f"bytes={size}-", "bytes=-0"):
            answer = await daemon.client.get(path, headers={"Range": text})
            check_problem(answer, 416, "range-not-satisfiable")
            assert answer.headers["content-range"] == f"bytes */{size}"
        unchanged = await daemon.client.get(path, headers={"Range": "bytes=0-1", "If-None-Match": etag})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        head = await daemon.client.head(path, headers={"Range": "bytes=0-1"})
        assert (head.status_code, head.headers["content-length"], head.content) == (200, str(size), b"")
        empty, _ = await put(daemon, b"")
        assert (await daemon.client.get(empty, headers={"Range": "bytes=-5"})).status_code == 200
        check_problem(await daemon.client.get(empty, headers={"Range": "bytes=0-"}), 416, "range-not-satisfiable")


async def test_a_fetch_that_was_cut_off_is_taken_up_again(home: Path) -> None:
    async with open_daemon(home) as daemon:
        path, etag = await put(daemon, CONTENT)
        async with await trio.open_unix_socket(str(daemon.settings.socket)) as connection:
            await connection.send_all(f"GET {path} HTTP/1.1\r\nHost: nexusd\r\n\r\n".encode())
            answer = b""
            while len(answer) < 700_000:
                answer += await connection.receive_some()
        got = answer.partition(b"\r\n\r\n")[2]
        rest = await daemon.client.get(path, headers={"Range": f"bytes={len(got)}-", "If-Range": etag})
        assert rest.status_code == 206
        assert got + rest.content == CONTENT


async def test_what_a_browser_would_run_is_saved_unless_it_is_asked_for(home: Path) -> None:
    async with open_daemon(home) as daemon:
        for content_type, kind in (
            ("image/svg+xml", "attachment"),
            ("text/html", "attachment"),
            ("application/xhtml+xml", "attachment"),
            ("text/xml", "attachment"),
            ("image/png", "inline"),
            ("text/plain", "inline"),
        ):
            path, _ = await put(daemon, b"<svg onload='alert(1)'/>", content_type)
            cases = {"": kind, "?inline=1": "inline", "?inline=0": kind, "?download=1": "attachment"}
            for query, shown in (cases | {"?inline=1&download=1": "attachment"}).items():
                for method in ("GET", "HEAD"):
                    answer = await daemon.client.request(method, path + query)
                    assert answer.headers["content-disposition"].split("; ")[0] == shown, (content_type, query)
                    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
                    assert answer.headers["x-content-type-options"] == "nosniff"
                    assert answer.headers["content-type"] == content_type
        check_problem(await daemon.client.get(f"{path}?inline=maybe"), 422, "invalid-request", ["?inline"])


def digest(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


async def test_a_digest_is_held_against_what_comes(home: Path) -> None:
    async with open_daemon(home) as daemon:
        content = CONTENT[:100_000]
        right, wrong = digest(content), digest(b"another")
        body = form(file_part(content, "a", f"Content-Digest: sha-256=:{right}:"))
        damaged = form(file_part(content, "a", f"Content-Digest: sha-256=:{wrong}:"))
        for sent, headers in (
            (content, {"Content-Digest": f"sha-256=:{right}:"}),
            (content, {"Digest": f"sha-256={right}"}),
            (body, FORM_TYPE),
            (body, FORM_TYPE | {"Content-Digest": f"sha-256=:{digest(body)}:"}),
        ):
            assert (await daemon.client.post(ASSETS, content=sent, headers=headers)).status_code == 201
        before = take_stock(daemon.state)
        for sent, headers in (
            (content, {"Content-Digest": f"sha-256=:{wrong}:"}),
            (content[:-1], {"Digest": f"sha-256={right}"}),
            (damaged, FORM_TYPE),
            (body, FORM_TYPE | {"Content-Digest": f"sha-256=:{right}:"}),
        ):
            check_problem(await daemon.client.post(ASSETS, content=sent, headers=headers), 422, "digest-mismatch")
        malformed = await daemon.client.post(ASSETS, content=content, headers={"Content-Digest": right})
        check_problem(malformed, 400, "malformed-request")
        unknown = await daemon.client.post(ASSETS, content=content, headers={"Digest": "md5=AAAA"})
        check_problem(unknown, 422, "invalid-request", ["Digest"])
        assert take_stock(daemon.state) == before


LIMIT: Final = 200_000


async def test_a_form_is_stored_like_a_body(home: Path) -> None:
    async with open_daemon(home, attachment_max_bytes=LIMIT) as daemon:
        content = CONTENT[:LIMIT]
        fields = [field("sourceTaskId", "t"), field("namespace", "themes"), field("filename", "dark.svg")]
        file = file_part(content, "x.svg", "Content-Type: image/svg+xml")
        for body in (form(file, *fields), form(*fields, file), form(fields[0], file, *fields[1:])):
            answer = await daemon.client.post(ASSETS, content=body, headers=FORM_TYPE)
            assert answer.status_code == 201, answer.text
            asset = answer.json()
            wanted = {
                "originalFilename": "dark.svg",
                "namespace": "themes",
                "sourceTaskId": "t",
                "contentType": "image/svg+xml",
            }
            assert {name: asset[name] for name in wanted} == wanted
            assert asset["sha256"] == hashlib.sha256(content).hexdigest()
            assert (await daemon.client.get(f"{ASSETS}/{asset['id']}/content")).content == content
        as_httpx_does = await daemon.client.post(
            ASSETS, files={"anything": ("pä.txt", b"words", "text/plain")}, data={"sourceTaskId": "ü"}
        )
        asset = as_httpx_does.json()
        assert (asset["originalFilename"], asset["sourceTaskId"], asset["contentType"]) == ("pä.txt", "ü", "text/plain")


async def unannounced(body: bytes) -> AsyncIterator[bytes]:
    """Yield without saying how much there will be."""
    for start in range(0, len(body), 4096):
        yield body[start : start + 4096]


async def test_a_form_that_cannot_be_stored_leaves_nothing(home: Path) -> None:
    async with open_daemon(home, attachment_max_bytes=LIMIT) as daemon:
        before = take_stock(daemon.state)
        file, large = file_part(b"x"), file_part(bytes(LIMIT - 1))  # what follows comes when much of that is stored
        for body, status, slug, names in (
            (form(file_part(bytes(LIMIT + 1))), 413, "payload-too-large", []),
            (form(file_part(bytes(LIMIT + 100_000))), 413, "payload-too-large", []),
            (unannounced(form(file_part(bytes(LIMIT + 1)))), 413, "payload-too-large", []),
            (form(file, field("namespace", "generated/x")), 422, "invalid-request", ["?namespace"]),
            (form(large, field("namespace", "generated/x")), 422, "invalid-request", ["?namespace"]),
            (form(large, field("sourceTaskId", "")), 422, "invalid-request", ["sourceTaskId"]),
            (form(field("namespace", "/generated/./x"), file), 422, "invalid-request", ["?namespace"]),
            (form(file, field("colour", "red")), 422, "invalid-request", ["colour"]),
            (form(file, file), 422, "invalid-request", ["file"]),
            (form(), 422, "invalid-request", ["file"]),
            (form(part('name="namespace"', b"\xff"), file), 422, "invalid-request", ["namespace"]),
            (file, 400, "malformed-request", []),
            (b"no form", 400, "malformed-request", []),
        ):
            answer = await daemon.client.post(ASSETS, content=body, headers=FORM_TYPE)
            check_problem(answer, status, slug, names)
        answer = await daemon.client.post(
            f"{ASSETS}?namespace=a", content=form(file, field("namespace", "a")), headers=FORM_TYPE
        )
        check_problem(answer, 422, "invalid-request", ["namespace"])
        assert take_stock(daemon.state) == before


async def test_a_form_is_refused_by_its_head_and_dropped_when_its_sender_goes(home: Path) -> None:
    async with open_daemon(home, attachment_max_bytes=LIMIT) as daemon:
        before = take_stock(daemon.state)
        head = f"POST {ASSETS} HTTP/1.1\r\nHost: nexusd\r\nContent-Type: {FORM_TYPE['Content-Type']}\r\nContent-Length: "
        async with await trio.open_unix_socket(str(daemon.settings.socket)) as connection:
            await connection.send_all(f"{head}{LIMIT + 65_537}\r\n\r\n".encode())  # and not a byte of its body
            assert (await connection.receive_some()).startswith(b"HTTP/1.1 413 ")
        async with await trio.open_unix_socket(str(daemon.settings.socket)) as connection:
            await connection.send_all(f"{head}{LIMIT}\r\n\r\n".encode() + file_part(bytes(1000))[:-2])
            await wait_until(lambda: any((daemon.state / "assets" / ".incoming").iterdir()))
        await wait_until(lambda: take_stock(daemon.state) == before)
