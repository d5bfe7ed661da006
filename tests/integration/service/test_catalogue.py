"""What is known of a renderer's health: looked at off the event loop, once for all who ask, and believed for some seconds."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import trio
import trio.testing

from nexusd.renderers.registry import Registry
from nexusd.service.catalogue import BELIEVED_SECONDS, Catalogue
from tests.support.renderers import shell

if TYPE_CHECKING:
    from nexusd.renderers.spec import RendererSpec


class Disk:
    """Says whether something is installed, and remembers who asked."""

    def __init__(self) -> None:
        self.missing: str | None = None
        self.askers: list[threading.Thread] = []

    def ask(self) -> str | None:
        self.askers.append(threading.current_thread())
        return self.missing

    def spec(self) -> RendererSpec:
        return shell("true", missing=self.ask, tools=("trio",))


async def test_many_ask_and_one_looks(mock_clock: trio.testing.MockClock) -> None:
    disk = Disk()
    spec = disk.spec()
    catalogue = Catalogue(Registry([spec]))
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(catalogue.look, spec)
    assert len(disk.askers) == 1
    assert disk.askers[0] is not threading.current_thread()
    assert (await catalogue.look(spec)).tools == {"trio": trio.__version__}


async def test_a_look_is_believed_for_some_seconds(mock_clock: trio.testing.MockClock) -> None:
    disk = Disk()
    spec = disk.spec()
    catalogue = Catalogue(Registry([spec]))
    assert (await catalogue.look(spec)).unavailable is None
    disk.missing = "install it"
    mock_clock.jump(BELIEVED_SECONDS - 0.001)
    assert (await catalogue.look(spec)).unavailable is None
    mock_clock.jump(0.001)
    assert (await catalogue.look(spec)).unavailable == "install it"
    assert len(disk.askers) == 2


async def test_a_network_that_is_not_allowed_is_told() -> None:
    spec = shell("true", network=True)
    assert "network_job_types = ['script']" in str((await Catalogue(Registry([spec])).look(spec)).unavailable)
    assert (await Catalogue(Registry([spec]), {"script"}).look(spec)).unavailable is None
