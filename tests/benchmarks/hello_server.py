"""FastAPI's hello behind a server: `python -m tests.benchmarks.hello_server ours|stock SOCKET`. Ends on SIGTERM."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import trio
from fastapi import FastAPI

OFF: Any = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False}
app = FastAPI(telemetry=OFF)  # the same for both servers


@app.get("/hello")
async def hello() -> dict[str, str]:
    """Say hello."""
    return {"hello": "world"}


async def serve_ours(path: Path) -> None:
    """Serve by the daemon's own server."""
    from nexusd.server import Activity, Limits, bind_unix, serve

    with bind_unix(path) as listener:
        await serve(app, [listener], limits=Limits(), admit=lambda peer: True, activity=Activity(), stopping=trio.Event())


async def serve_stock(path: Path) -> None:
    """Serve by Hypercorn as it comes."""
    from hypercorn.config import Config
    from hypercorn.trio import serve

    config = Config()
    config.bind = [f"unix:{path}"]
    config.keep_alive_max_requests = 1_000_000_000  # it would close each connection after a thousand
    application: Any = app
    await serve(application, config)


async def run(which: str, path: Path) -> None:
    """Serve until SIGTERM."""
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon({"ours": serve_ours, "stock": serve_stock}[which], path)
            async for _ in signals:
                nursery.cancel_scope.cancel()
                return


if __name__ == "__main__":
    trio.run(run, sys.argv[1], Path(sys.argv[2]))
