"""Assets over HTTP: uploaded as they come, served so that nothing of them runs, named by jobs."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import pytest
import trio

from nexusd.contract.problems import PROBLEM_CONTENT_TYPE
from tests.support.daemons import ASSETS, DEFAULT, JOBS, check_problem, open_daemon, take_stock, wait_until
from tests.support.scripted import DONE, Gate, scripted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.slow

LIMIT: Final = 100_000


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    """Yield without saying how much there will be."""
    for start in range(0, len(content), 4096):
        yield content[start : start + 4096]


async def test_an_upload_is_stored_as_it_came_and_can_be_found(home: Path) -> None:
    async with open_daemon(home, attachment_max_bytes=LIMIT) as daemon:
        query = {
            "filename": "../../etc/pass\nwd.png",
            "namespace": "attachments/../x",
            "sourceTaskId": "t/1",
            "createdByAgentId": "agent",
            "createdByUserId": "user",
        }
        content = bytes(range(256)) * 300
        answer = await daemon.client.post(
            ASSETS, params=query, content=pieces(content), headers={"Content-Type": "Image/PNG; charset=x"}
        )
        assert answer.status_code == 201, answer.text
        asset = answer.json()
        wanted = {
            "originalFilename": query["filename"],
            "namespace": query["namespace"],
            "sourceTaskId": "t/1",
            "createdByAgentId": "agent",
            "createdByUserId": "user",
            "jobId": None,
            "provider": "local_disk",
            "contentType": "image/png",
            "byteSize": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        assert {name: asset[name] for name in wanted} == wanted
        assert answer.headers["location"] == f"{ASSETS}/{asset['id']}"
        assert (await daemon.client.get(answer.headers["location"])).json() == asset
        stored = daemon.state / "assets" / asset["objectKey"]
        assert stored.resolve().is_relative_to(daemon.state / "assets" / "default")
        assert stored.read_bytes() == content
        empty = (await daemon.client.post(ASSETS)).json()
        assert (empty["byteSize"], empty["contentType"], empty["originalFilename"]) == (0, "application/octet-stream", "file")
        full = await daemon.client.post(ASSETS, content=bytes(LIMIT))
        assert full.status_code == 201
        cases: list[tuple[dict[str, str], list[str]]] = [
            ({}, [full.json()["id"], empty["id"], asset["id"]]),
            ({"sha256": asset["sha256"]}, [asset["id"]]),
            ({"sha256": "0" * 64}, []),
            ({"sourceTaskId": "t/1", "contentType": "image/png"}, [asset["id"]]),
            ({"namespace": "attachments/../x"}, [asset["id"]]),
            ({"jobId": asset["id"]}, []),
        ]
        for narrowed, ids in cases:
            page = (await daemon.client.get(ASSETS, params=narrowed)).json()
            assert [found["id"] for found in page["items"]] == ids, narrowed


async def test_what_is_too_large_or_cut_short_leaves_neither_file_nor_row(home: Path) -> None:
    async with open_daemon(home, attachment_max_bytes=LIMIT) as daemon:
        before = take_stock(daemon.state)
        too_large = bytes(LIMIT + 1)
        check_problem(await daemon.client.post(ASSETS, content=too_large), 413, "payload-too-large")
        check_problem(await daemon.client.post(ASSETS, content=pieces(too_large)), 413, "payload-too-large")
        for content_type in ("multipart/mixed; boundary=x", "multipart/form-data", "nonsense", "a/b/c", "text/ä", "text/"):
            headers = {b"Content-Type": content_type.encode()}
            answer = await daemon.client.post(ASSETS, content=b"x", headers=headers)
            check_problem(answer, 415, "unsupported-media-type")
        head = f"POST {ASSETS} HTTP/1.1\r\nHost: nexusd\r\n"
        for framing in ("Content-Length: 50000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n3e8\r\n"):
            for ends_in_order in (True, False):
                connection = await trio.open_unix_socket(str(daemon.settings.socket))
                async with connection:
                    await connection.send_all((head + framing).encode() + b"x" * 500)
                    await wait_until(lambda: any((daemon.state / "assets" / ".incoming").iterdir()))
                    if ends_in_order:
                        await connection.send_eof()
                        told = b""
                        while chunk := await connection.receive_some(65536):
                            told += chunk
                        assert told.startswith(b"HTTP/1.1 400 ")
                        assert PROBLEM_CONTENT_TYPE.encode() in told
                await wait_until(lambda: take_stock(daemon.state) == before)
        assert (await daemon.client.get("/v1/health")).status_code == 200


NAMES: Final = (
    'quo"te\\d.png',
    "new\r\nSet-Cookie: a=b.png",
    "\u202egnp.exe",
    "日本語 ü.png",
    "semi;colon=1, 'x'.png",
    "%41%0d.png",
    "a" * 1024,
    "..",
)


async def test_content_is_served_so_that_nothing_of_it_runs(home: Path) -> None:
    async with open_daemon(home) as daemon:
        for number, name in enumerate(NAMES):
            for content_type, kind in (("image/png", "inline"), ("image/svg+xml", "attachment"), ("text/html", "attachment")):
                content = f"{number} {content_type}".encode()
                headers = {"Content-Type": content_type}
                answer = await daemon.client.post(ASSETS, params={"filename": name}, content=content, headers=headers)
                asset = answer.json()
                assert asset["originalFilename"] == name
                path = f"{ASSETS}/{asset['id']}/content"
                get, head = await daemon.client.get(path), await daemon.client.head(path)
                assert (get.status_code, get.content, head.status_code, head.content) == (200, content, 200, b"")
                assert [*get.headers.multi_items()][:-1] == [*head.headers.multi_items()][:-1]  # the last is the date
                assert get.headers["content-type"] == content_type
                assert get.headers["content-length"] == str(len(content))
                assert get.headers["x-content-type-options"] == "nosniff"
                assert get.headers["content-security-policy"] == "sandbox; default-src 'none'"
                assert get.headers["accept-ranges"] == "bytes"
                assert get.headers["cache-control"] == "private, no-cache"
                assert "set-cookie" not in get.headers
                disposition = get.headers["content-disposition"]
                shown, plain, encoded = disposition.split("; ")
                assert shown == kind
                assert disposition.isascii()
                assert plain.count('"') == 2
                assert unquote(encoded.removeprefix("filename*=UTF-8''")) == name
                etag = f'"{asset["sha256"]}"'
                assert get.headers["etag"] == etag
                for tag, is_same in (
                    (etag, True),
                    (f'"x", W/{etag}', True),
                    ("*", True),
                    ('"x"', False),
                    (etag[:-2] + '"', False),
                ):
                    answer = await daemon.client.get(path, headers={"If-None-Match": tag})
                    assert answer.status_code == (304 if is_same else 200), tag
                    assert answer.content == (b"" if is_same else content)
                    assert answer.headers["etag"] == etag


async def test_a_job_gets_the_assets_it_names(home: Path) -> None:
    async with open_daemon(home) as daemon:
        with Gate(home / "gate") as gate:
            asset = (await daemon.client.post(ASSETS, params={"filename": "p\u00e4.png"}, content=b"picture")).json()
            body = scripted(("progress", 0.5, None), ("wait", gate.path), DONE)
            body["input"]["extra"] = {"a/b": [{"$asset": asset["id"]}], "again": {"$asset": asset["id"]}}
            job_id = await daemon.submit(body)
            await daemon.wait_job(job_id, lambda job: job["progress"] == 0.5)
            [workdir] = (daemon.state / "work").iterdir()
            [placed] = (workdir / "assets").iterdir()
            assert placed.read_bytes() == b"picture"
            assert placed.stat().st_mode & 0o777 == 0o400
            gate.let_through()
            job = await daemon.wait_status(job_id)
            assert job["status"] == "done"
            assert job["input"]["extra"] == body["input"]["extra"]
            assert not list((daemon.state / "work").iterdir())
            generated = (await daemon.client.get(ASSETS, params={"jobId": job_id})).json()["items"]
            assert generated == job["assets"]
            assert generated[0]["namespace"].split("/")[0] == "generated"


async def test_an_upload_may_have_ten_mebibytes_unless_a_setting_says_otherwise(home: Path) -> None:
    async with open_daemon(home) as daemon:
        content = bytes(10 * 1024 * 1024)
        asset = (await daemon.client.post(ASSETS, content=content)).json()
        got = await daemon.client.get(f"{ASSETS}/{asset['id']}/content")
        assert hashlib.sha256(got.content).hexdigest() == asset["sha256"]
        check_problem(await daemon.client.post(ASSETS, content=content + b"x"), 413, "payload-too-large")


async def test_a_missing_file_is_a_404_and_not_a_lie(home: Path) -> None:
    async with open_daemon(home) as daemon:
        asset = (await daemon.client.post(ASSETS, content=b"x")).json()
        (daemon.state / "assets" / asset["objectKey"]).unlink()
        check_problem(await daemon.client.get(f"{ASSETS}/{asset['id']}/content"), 404, "not-found")


def as_reference(asset: dict[str, Any]) -> dict[str, str]:
    return {"$asset": asset["id"]}


PIXEL: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


async def test_real_renderers_end_to_end(home: Path) -> None:
    from nexusd.renderers.registry import BUILT_IN

    async with open_daemon(home, specs=BUILT_IN) as daemon:
        picture = (await daemon.client.post(ASSETS, params={"filename": "dot.png"}, content=PIXEL)).json()
        markdown = "# Title\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n![dot](img/dot.png)\n"
        cases: list[tuple[str, dict[str, Any], str, bytes]] = [
            ("diagram", {"source": "client -> server: ask\n"}, "image/svg+xml", b"<"),
            ("diagram", {"source": "a -> b", "format": "png"}, "image/png", b"\x89PNG"),
            ("document", {"source": markdown, "files": {"img/dot.png": as_reference(picture)}}, "application/pdf", b"%PDF-"),
        ]
        for job_type, job_input, content_type, magic in cases:
            job_id = await daemon.submit({"jobType": job_type, "input": job_input})
            job = await daemon.wait_status(job_id)
            assert job["status"] == "done", job["errorMessage"]
            [asset] = job["assets"]
            assert asset["contentType"] == content_type
            content = (await daemon.client.get(f"{DEFAULT}/assets/{asset['id']}/content")).content
            assert content.startswith(magic)
            assert len(content) == asset["byteSize"]
        wrong: list[tuple[str, dict[str, Any], str]] = [
            ("diagram", {"source": "a -> b\nc -> {\n"}, "2"),
            ("document", {"language": "typst", "source": "ok\n\n#nothing()\n"}, "3"),
        ]
        for job_type, job_input, line in wrong:
            job = await daemon.wait_status(await daemon.submit({"jobType": job_type, "input": job_input}))
            assert (job["status"], job["errorCode"], job["attemptsUsed"]) == ("failed", "invalid_input", 1)
            assert line in job["errorMessage"]
            assert "Traceback" not in job["errorMessage"]
        before = take_stock(daemon.state)
        by_python_name = {"source": "x", "files": {"a.png": {"asset": picture["id"]}}}
        answer = await daemon.client.post(JOBS, json={"jobType": "document", "input": by_python_name})
        check_problem(answer, 422, "invalid-request", ["/input/files/a.png/$asset", "/input/files/a.png/asset"])
        assert take_stock(daemon.state) == before
        listed = (await daemon.client.get("/v1/renderers")).json()["items"]
        assert [(found["jobType"], found["available"]) for found in listed] == sorted(
            (spec.job_type, True) for spec in BUILT_IN
        )
        for found in listed:
            assert (await daemon.client.get(f"/v1/renderers/{found['jobType']}")).json() == found
            assert found["inputSchema"]["type"] == "object"
