"""The daemon as a program with its files in a bucket: everything a client does is the same."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from nexusd.storage.bucket import OWNER_KEY
from tests.support.daemons import ASSETS, JOBS, Program, check_problem
from tests.support.object_stores import CREDENTIALS, PREFIX, ObjectServer
from tests.support.patience import HANG_SECONDS
from tests.support.scripted import scripted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

pytestmark = pytest.mark.slow
MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectServer]:
    """Return a server that runs as long as the module's tests."""
    with ObjectServer() as server:
        yield server


def settings(server: ObjectServer, bucket: str) -> dict[str, str]:
    """Return the environment of a daemon that uses this bucket."""
    return {
        "NEXUSD_STORAGE_PROVIDER": "s3",
        "NEXUSD_S3_BUCKET": bucket,
        "NEXUSD_S3_ENDPOINT": server.url,
        "NEXUSD_S3_PREFIX": PREFIX,
        "NEXUSD_ATTACHMENT_MAX_BYTES": str(64 * MEBIBYTE),
        **CREDENTIALS,
    }


def upload(client: httpx.Client, content: bytes) -> dict[str, Any]:
    """Upload a file; return its row."""
    answer = client.post(ASSETS, params={"filename": "logo.svg"}, content=content, headers={"Content-Type": "image/svg+xml"})
    assert answer.status_code == 201, answer.text
    asset: dict[str, Any] = answer.json()
    return asset


def submit(client: httpx.Client, asset: dict[str, Any], *steps: tuple[Any, ...]) -> str:
    """Submit a job whose input names an asset; return its id."""
    body = scripted(*steps, maxAttempts=1)
    body["input"]["extra"] = {"logo": {"$asset": asset["id"]}}
    answer = client.post(JOBS, json=body)
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["jobId"]
    return job_id


def test_uploads_jobs_and_contents_are_as_ever(server: ObjectServer, home: Path) -> None:
    bucket = server.make_bucket()
    content = os.urandom(20 * MEBIBYTE)
    with Program(home, environment=settings(server, bucket)) as program:
        program.start()
        with program.client() as client:
            uploaded = upload(client, content)
            job = program.follow_until(submit(client, uploaded, ("write", "a.txt", "made"), ("write", "b.txt", "too")))
            assert job["status"] == "done", job
            made = client.get(f"{JOBS}/{job['id']}").json()["assets"]
            assert {asset["provider"] for asset in [uploaded, *made]} == {"s3"}
            keys = [OWNER_KEY, *(asset["objectKey"] for asset in [uploaded, *made])]
            assert server.keys(bucket) == sorted(f"{PREFIX}/{key}" for key in keys)
            for asset, held in zip([uploaded, *made], [content, b"made", b"too"], strict=True):
                answer = client.get(f"{ASSETS}/{asset['id']}/content")
                assert (answer.status_code, answer.content) == (200, held)
                assert asset["sha256"] == hashlib.sha256(held).hexdigest()
            server.ask("DELETE", f"{bucket}/{PREFIX}/{uploaded['objectKey']}")
            check_problem(client.get(f"{ASSETS}/{uploaded['id']}/content"), 404, "not-found")
            server.ask("DELETE", f"{bucket}/{PREFIX}/{made[0]['objectKey']}")
        assert program.stop() == 0
        assert "Traceback" not in program.log
        assert not (program.state / "assets").exists()


def test_a_daemon_with_another_provider_says_where_the_files_are(server: ObjectServer, home: Path) -> None:
    bucket = server.make_bucket()
    with Program(home) as program:
        program.start()
        with program.client() as client:
            on_disk = upload(client, b"<svg/>")
        program.stop()
        program.environment = settings(server, bucket)
        program.start()
        with program.client() as client:
            problem = check_problem(client.get(f"{ASSETS}/{on_disk['id']}/content"), 503, "storage-unavailable")
            assert "local_disk, and this daemon uses s3; set storage_provider back to local_disk" in problem["detail"]
            assert client.get(f"{ASSETS}/{on_disk['id']}").json() == on_disk
            job = program.follow_until(submit(client, on_disk, ("write", "a.txt", "made")))
            assert (job["status"], job["errorCode"]) == ("failed", "interrupted")
            assert "set storage_provider back to local_disk" in job["errorMessage"]
        program.stop()
        program.environment = {}
        program.start()
        with program.client() as client:
            assert client.get(f"{ASSETS}/{on_disk['id']}/content").content == b"<svg/>"
        assert program.stop() == 0
        assert "Traceback" not in program.log


def test_a_store_that_is_gone_is_a_problem_and_no_end(server: ObjectServer, home: Path) -> None:
    bucket = server.make_bucket()
    with Program(home, environment=settings(server, bucket)) as program:
        program.start()
        with program.client() as client:
            uploaded = upload(client, b"<svg/>")
            with server.failing(".", 503):
                refused = client.post(ASSETS, params={"filename": "b"}, content=b"x")
                check_problem(refused, 503, "storage-unavailable")
                check_problem(client.get(f"{ASSETS}/{uploaded['id']}/content"), 503, "storage-unavailable")
                assert client.get(f"{ASSETS}/{uploaded['id']}").json() == uploaded
            assert client.get(f"{ASSETS}/{uploaded['id']}/content").content == b"<svg/>"
            assert [asset["id"] for asset in client.get(ASSETS).json()["items"]] == [uploaded["id"]]
        assert program.stop() == 0
        assert "Traceback" not in program.log


def test_a_stop_does_not_wait_for_a_store_that_is_stalled(server: ObjectServer, home: Path) -> None:
    with Program(home, environment=settings(server, server.make_bucket())) as program:
        program.start()
        with server.stalled(), closing(socket.socket(socket.AF_UNIX)) as peer:
            peer.settimeout(HANG_SECONDS)
            peer.connect(str(program.socket))
            peer.sendall(f"POST {ASSETS}?filename=a HTTP/1.1\r\nHost: nexusd\r\nContent-Length: 5\r\n\r\nhello".encode())
            with program.client() as client:
                while client.get("/v1/status").json()["requestsOpen"] < 2:
                    assert program.process is not None
                    assert program.process.poll() is None
            begun = time.monotonic()
            assert program.stop() == 0
            assert time.monotonic() - begun < 10
