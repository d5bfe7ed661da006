"""A real S3 server as a process of its own, with buckets for tests, a look behind the provider's back, and faults."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import httpx

from tests.support.daemons import ROOT
from tests.support.patience import HANG_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

CREDENTIALS: Final = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "secret"}
SIGNED: Final = {"Authorization": "AWS4-HMAC-SHA256 Credential=tests/20260102/us-east-1/s3/aws4_request, Signature=none"}
PREFIX: Final = "of/nexusd"


@dataclass
class ObjectServer:
    """A moto server. It checks no credentials, but for one started with `is_strict`, which knows of none at all."""

    is_strict: bool = False
    port: int = 0
    process: subprocess.Popen[bytes] = field(init=False)

    def __enter__(self) -> ObjectServer:
        # the bucket of a strict server is made before it begins to look at credentials
        free = {"INITIAL_NO_AUTH_ACTION_COUNT": "1"} if self.is_strict else {}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.s3_server"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **free},
            stdin=subprocess.PIPE,  # its end is the server's: it outlives no test run, however that ended
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(self, *_failure: object) -> None:
        self.process.kill()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(HANG_SECONDS)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def make_bucket(self) -> str:
        """Make an empty bucket, and return its name."""
        name = f"bucket-{uuid4()}"
        self.ask("PUT", name)
        return name

    def ask(self, method: str, path: str, content: bytes = b"") -> httpx.Response:
        """Send one request, with a signature that nobody looks at."""
        answer = httpx.request(method, f"{self.url}/{path}", content=content, headers=SIGNED, timeout=HANG_SECONDS)
        assert answer.is_success, (answer.status_code, answer.text)
        return answer

    def keys(self, bucket: str) -> list[str]:
        """Return the keys of every object, with the prefix."""
        return sorted(re.findall(r"<Key>([^<]+)</Key>", self.ask("GET", f"{bucket}?list-type=2").text))

    def uploads(self, bucket: str) -> list[str]:
        """Return the key of every multipart upload that was begun and neither completed nor aborted."""
        return re.findall(r"<Upload>.*?<Key>([^<]+)</Key>", self.ask("GET", f"{bucket}?uploads").text)

    def seen(self, bucket: str) -> list[str]:
        """Return the requests about the objects of a bucket so far, as `PUT key?query range`."""
        start = re.compile(rf"(?<= )/{bucket}/(?:{PREFIX}/)?")
        return [start.sub("", line) for line in self.ask("GET", "_seen").json() if start.search(line)]

    @contextmanager
    def failing(self, pattern: str, status: int = 500, *, is_done: bool = False, times: int = 1000) -> Iterator[None]:
        """Have requests that match answered with an error for the length of the block; `is_done`: after they were done."""
        fault = {"pattern": pattern, "status": status, "is_done": is_done, "times": times}
        httpx.put(f"{self.url}/_faults", json=fault)
        try:
            yield
        finally:
            httpx.delete(f"{self.url}/_faults")

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Have it answer nothing for the length of the block, as a machine does whose network is gone."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


def use_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process know these credentials, and nothing of this machine's own settings for such stores."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
