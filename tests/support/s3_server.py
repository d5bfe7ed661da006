"""`python -m tests.support.s3_server`: moto's S3 server on a free port of loopback, which it says on stdout.

In front of it stands what a test can break: `PUT /_faults` with `{"pattern", "status", "is_done", "times"}` has so many
requests whose line matches answered with that status, before moto has seen them, or (`is_done`) after they were carried out;
`DELETE /_faults` ends it. `GET /_seen` gives the lines of all requests.
"""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Faults:
    """A WSGI application around moto's."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application
        self._fault: dict[str, Any] | None = None
        self._seen: list[str] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
        if path == "/_faults":
            length = int(environ.get("CONTENT_LENGTH") or 0)
            self._fault = json.loads(environ["wsgi.input"].read(length)) if length else None
            return _answer(start_response, "200 OK", b"")
        if path == "/_seen":
            return _answer(start_response, "200 OK", json.dumps(self._seen).encode())
        line = f"{environ['REQUEST_METHOD']} {path}?{query} {environ.get('HTTP_RANGE', '')}".rstrip(" ?")
        self._seen.append(line)
        fault = self._fault
        if fault is None or not fault["times"] or not re.search(fault["pattern"], line):
            return self._application(environ, start_response)
        fault["times"] -= 1
        if fault["is_done"]:
            list(self._application(environ, lambda *_: None))
        else:
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        return _answer(start_response, f"{fault['status']} Injected", b"")


def _answer(start_response: Callable[..., Any], status: str, body: bytes) -> Iterable[bytes]:
    start_response(status, [("Content-Length", str(len(body)))])
    return [body]


def main() -> None:
    """Serve until killed."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, Faults(DomainDispatcherApplication(create_backend_app)), threaded=True)
    print(server.server_port, flush=True)  # noqa: T201 - this is how it says that it is ready
    server.serve_forever()


if __name__ == "__main__":
    main()
