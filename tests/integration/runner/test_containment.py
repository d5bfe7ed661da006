"""What a renderer can reach at each level. The level `limits` refuses nothing: it shows that each probe would succeed."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from nexusd.domain.ids import new_id
from nexusd.domain.states import JobStatus
from nexusd.runner.containment import Level
from tests.support.renderers import python
from tests.support.runners import Runner, open_runner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nexusd.contract.jobs import Job
    from nexusd.runner.containment import Containment

pytestmark = pytest.mark.slow

TRY: Final = """
import ctypes, errno, socket
libc = ctypes.CDLL(None, use_errno=True)

def apart(act):
    # in a child, so that it changes nothing for what comes after it
    pid = os.fork()
    if pid == 0:
        try:
            act()
        except OSError as error:
            os._exit(error.errno)
        os._exit(0)
    number = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if number:
        raise OSError(number, os.strerror(number))

def unshare(flag):
    def act():
        if libc.unshare(int(flag, 0)):
            raise OSError(ctypes.get_errno(), "unshare")
    apart(act)

def become(uid):
    apart(lambda: os.setuid(int(uid)))

def connect(port):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream:
        stream.connect(("127.0.0.1", int(port)))

def connect_unix(address):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.connect(address)

def send(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
        datagram.sendto(b"x", ("127.0.0.1", int(port)))

def see(word):
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if word in open(f"/proc/{name}/cmdline").read():
                    return
            except OSError:
                pass
    raise ProcessLookupError(errno.ESRCH, "nobody")

def overwrite(path):
    with open(path, "a") as file:
        file.write("x")

def write_nothing(path):
    os.close(os.open(path, os.O_WRONLY))

open("mine", "w").close()
found = {}
for what, (verb, word) in INPUT["probes"].items():
    try:
        eval(verb)(word)
        found[what] = "done"
    except OSError as error:
        found[what] = errno.errorcode[error.errno]
put("found.txt", json.dumps(found).encode())
"""

READ = "lambda path: open(path, 'rb').read(1)"
PROBES: Final[dict[str, tuple[str, str, str, str]]] = {
    # what is tried: with which function, on what, how it ends under bubblewrap, how under landlock; `done` at the level limits
    "read a file of the home folder": (READ, "{home}/secret", "ENOENT", "EACCES"),
    "list the home folder": ("os.listdir", "{home}", "ENOENT", "EACCES"),
    "read the database": (READ, "{state}/nexusd.db", "ENOENT", "EACCES"),
    "list the state directory": ("os.listdir", "{state}", "ENOENT", "EACCES"),
    "list the work of other jobs": ("os.listdir", "{state}/work", "ENOENT", "EACCES"),
    "read who has an account": (READ, "/etc/passwd", "ENOENT", "EACCES"),
    "read a program of the system": (READ, "/bin/sh", "done", "done"),
    "write a new file": ("overwrite", "{home}/new", "ENOENT", "EACCES"),
    "write an old file": ("overwrite", "{home}/old", "ENOENT", "EACCES"),
    "truncate a file": ("lambda path: os.truncate(path, 1)", "{home}/long", "ENOENT", "EACCES"),
    "remove a file": ("os.unlink", "{home}/doomed", "ENOENT", "EACCES"),
    "move a file away": ("lambda path: os.rename(path, path + '-away')", "{home}/moved", "ENOENT", "EACCES"),
    "take a file in": ("lambda path: os.rename(path, 'taken')", "{home}/taken", "ENOENT", "EACCES"),
    "move a result out": ("lambda path: os.rename('mine', path)", "{home}/mine", "ENOENT", "EACCES"),
    "make a folder": ("os.mkdir", "{home}/made", "ENOENT", "EACCES"),
    "make a link": ("lambda path: os.symlink('/', path)", "{home}/link", "ENOENT", "EACCES"),
    "change a mode": ("lambda path: os.chmod(path, 0o640)", "{home}/open", "ENOENT", "done"),  # landlock knows no such right
    "write into the shared /tmp": ("overwrite", "/tmp/{name}", "done", "EACCES"),  # that of bubblewrap is its own
    "connect by TCP": ("connect", "{tcp}", "ECONNREFUSED", "EAFNOSUPPORT"),
    "send by UDP": ("send", "{udp}", "done", "EAFNOSUPPORT"),  # into the void
    "connect to an abstract socket": ("connect_unix", "\0{name}", "ECONNREFUSED", "EAFNOSUPPORT"),
    "connect to a socket": ("connect_unix", "{home}/s", "ENOENT", "EAFNOSUPPORT"),
    "see a process": ("see", "{name}", "ESRCH", "done"),
    "read a process's environment": (READ, "/proc/{stranger}/environ", "ENOENT", "EACCES"),
    "signal a process": ("lambda pid: os.kill(int(pid), 0)", "{stranger}", "ESRCH", "EPERM"),
    "make a user namespace": ("unshare", "0x10000000", "ENOSPC", "EPERM"),
}
ROOTS_PROBES: Final = {
    "make a mount namespace": ("unshare", "0x00020000", "EPERM", "EPERM"),
    "write kernel settings": ("write_nothing", "/proc/sys/kernel/printk_ratelimit", "EROFS", "EACCES"),
    "be another user": ("become", "65534", "EINVAL", "EPERM"),
}


@dataclass(frozen=True)
class Outside:
    """A home-like folder, a process, and who listens."""

    folder: Path
    listeners: list[socket.socket]
    stranger: int
    name: str

    def name_places(self, state: Path) -> dict[str, object]:
        """Return what stands between braces in the probes."""
        tcp, udp = (listener.getsockname()[1] for listener in self.listeners[:2])
        return {"home": self.folder, "state": state, "tcp": tcp, "udp": udp, "name": self.name, "stranger": self.stranger}

    def take_shared(self) -> bool:
        """Tell whether something was left in the machine's /tmp, and remove it."""
        shared = Path("/tmp", self.name)
        is_there = shared.exists()
        shared.unlink(missing_ok=True)
        return is_there

    def count_heard(self) -> int:
        """Return at how many listeners somebody came."""
        return sum(bool(select.select([listener], [], [], 0)[0]) for listener in self.listeners)


@contextmanager
def open_outside(folder: Path) -> Iterator[Outside]:
    """Make a home-like folder with files, a process, and listeners."""
    name = f"nx-{new_id()}"
    folder.mkdir()
    for file in ("secret", "old", "long", "doomed", "moved", "taken", "open"):
        (folder / file).write_text("kept")
        (folder / file).chmod(0o600)
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0)))]
        listeners.append(stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
        listeners[1].bind(("127.0.0.1", 0))
        for address in ("\0" + name, str(folder / "s")):
            listeners.append(stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)))
            listeners[-1].bind(address)
            listeners[-1].listen()
        process = stack.enter_context(subprocess.Popen([name, "600"], executable="/bin/sleep"))
        stack.callback(process.kill)
        yield Outside(folder, listeners, process.pid, name)


def take_stock(folder: Path) -> dict[str, Any]:
    """Return what a folder holds: names, contents, modes."""
    return {
        path.name: (path.read_text() if path.is_file() and not path.is_symlink() else "", path.lstat().st_mode)
        for path in folder.iterdir()
    }


def read_found(runner: Runner, job: Job) -> Any:
    """Return what a renderer left in its one result."""
    assert job.status is JobStatus.DONE, job
    return json.loads(runner.stored(job.assets[0].object_key).read_bytes())


def expect(level: Level) -> dict[str, str]:
    """Return how each probe ends at a level."""
    column = {Level.BUBBLEWRAP: 2, Level.LANDLOCK: 3}
    probes = {**PROBES, **(ROOTS_PROBES if os.geteuid() == 0 else {})}
    return {what: row[column[level]] if level in column else "done" for what, row in probes.items()}


async def test_what_a_renderer_can_reach(short: Path, containment: Containment) -> None:
    (short / "state").mkdir()
    with open_outside(short / "home") as outside:
        before = take_stock(short / "home")
        async with open_runner(short / "state", python(TRY), containment=containment) as runner:
            places = outside.name_places(short / "state")
            probes = {what: [row[0], row[1].format(**places)] for what, row in {**PROBES, **ROOTS_PROBES}.items()}
            found = read_found(
                runner, await runner.run(input={"probes": {what: probes[what] for what in expect(containment.level)}})
            )
        changed = {name for name, was in before.items() if take_stock(short / "home").get(name) != was}
        made = take_stock(short / "home").keys() - before.keys()
        assert found == expect(containment.level)
        is_free = containment.level is Level.LIMITS
        assert outside.count_heard() == (4 if is_free else 0)
        assert outside.take_shared() is is_free
    assert made == ({"new", "moved-away", "mine", "made", "link"} if is_free else set())
    assert (
        changed
        == {
            Level.BUBBLEWRAP: set(),
            Level.LANDLOCK: {"open"},
            Level.LIMITS: {"old", "long", "doomed", "moved", "taken", "open"},
        }[containment.level]
    )
