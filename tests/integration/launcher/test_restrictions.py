"""What a program may do at level landlock, by trying; the same at level limits shows that trying would succeed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from nexusd.launcher import seccomp
from tests.support.launchers import LEVELS, READ, landlock_version, open_launched, python_argv

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RESTRICTED = [level for level in LEVELS if level == "landlock"]
READING = [word for path in READ for word in ("--read", path)]
TRY = """
import ctypes, errno, socket, stat
outside, pid = INPUT["outside"], INPUT["pid"]
libc = ctypes.CDLL(None, use_errno=True)
def call(function, *values):
    ctypes.set_errno(0)
    answer = getattr(libc, function)(*(ctypes.c_long(value) for value in values))
    if answer == -1:
        raise OSError(ctypes.get_errno(), function)
    return answer
def attempt():
{code}
try:
    attempt()
    tell(1, "")
except OSError as error:
    tell(0, errno.errorcode[error.errno])
"""

OUTSIDE = {
    "read a file of the home": 'open(outside + "/home/.ssh/id_rsa").read()',
    "read a database": 'open(outside + "/nexusd.db", "rb").read()',
    "list a folder": "os.listdir(outside)",
    "write to a file": 'open(outside + "/nexusd.db", "r+b").write(b"x")',
    "make a file": 'open(outside + "/new", "x")',
    "truncate by opening": 'open(outside + "/nexusd.db", "wb")',
    "truncate by the path": 'os.truncate(outside + "/nexusd.db", 0)',
    "unlink": 'os.unlink(outside + "/nexusd.db")',
    "rename within": 'os.rename(outside + "/nexusd.db", outside + "/other")',
    "move in": 'os.rename(outside + "/nexusd.db", "out/stolen")',
    "move out": 'put("x"); os.rename("out/x", outside + "/x")',
    "exchange by a link": 'os.link(outside + "/nexusd.db", "out/stolen")',
    "link out": 'put("x"); os.link("out/x", outside + "/x")',
    "make a symbolic link": 'os.symlink("/", outside + "/x")',
    "read through a symbolic link": 'os.symlink(outside + "/nexusd.db", "way"); open("way").read()',
    "make a folder": 'os.mkdir(outside + "/x")',
    "remove a folder": 'os.rmdir(outside + "/empty")',
    "make a pipe": 'os.mkfifo(outside + "/x")',
    "run a program": 'os.waitpid(os.posix_spawn(outside + "/program", ["x"], {}), 0)',
    "read another's environment": 'open(f"/proc/{pid}/environ", "rb").read()',
    "read another's memory map": 'open(f"/proc/{pid}/maps", "rb").read()',
    "write to /proc": 'open("/proc/self/oom_score_adj", "w").write("500")',
    "write to a file that may be read": 'open(outside + "/readable", "a")',
}
SOCKETS = {
    "TCP": "socket.socket(socket.AF_INET, socket.SOCK_STREAM)",
    "TCP, version 6": "socket.socket(socket.AF_INET6, socket.SOCK_STREAM)",
    "UDP": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "listening": 'socket.create_server(("127.0.0.1", 0))',
    "connecting": 'socket.create_connection(("127.0.0.1", INPUT["port"]))',
    "netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
}
UNIX = {
    "a daemon's socket": 'socket.socket(socket.AF_UNIX).connect(outside + "/s")',
    "a datagram": 'socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"x", outside + "/d")',
    "a pair that can be sent elsewhere": 'socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b"x", outside + "/d")',
}
CALLS = {
    "ptrace": 'call("ptrace", 0, 0, 0, 0)',
    "unshare": 'call("unshare", 0x10000000)',
    "clone into a namespace": """
    number = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
    call("syscall", number, 0x10000011, 0, 0, 0, 0) or os._exit(0)""",
    "read another's memory": """
    import subprocess
    room = ctypes.create_string_buffer(8)
    class Piece(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]
    piece = Piece(ctypes.addressof(room), 8)
    if libc.process_vm_readv(os.getpid(), ctypes.byref(piece), 1, ctypes.byref(piece), 1, 0) < 0:
        raise OSError(ctypes.get_errno(), "readv")""",
    "limit another": "import resource; resource.prlimit(os.getppid(), resource.RLIMIT_CORE, (0, 0))",
}
if landlock_version() >= 6:
    CALLS["signal another"] = "os.kill(pid, 0)"
if os.geteuid() == 0:
    CALLS["make a device"] = 'os.mknod("null", stat.S_IFCHR | 0o600, os.makedev(1, 3))'
REFUSED = OUTSIDE | SOCKETS | UNIX | CALLS
ERRORS = {"EACCES", "EPERM", "EXDEV", "EAFNOSUPPORT"}

ALLOWED = {
    "files of the work directory": """
    put("a")
    os.mkdir("sub")
    os.rename("out/a", "sub/b")
    os.link("sub/b", "out/c")
    os.symlink("c", "out/d")
    os.truncate("out/d", 1)
    assert open("out/c").read() == "m"
    os.mkfifo("pipe")
    for name in ("pipe", "sub/b", "out/c", "out/d"):
        os.unlink(name)
    os.rmdir("sub")""",
    "a program of the work directory": """
    put("x", b"#!/bin/sh\\nexit 0\\n")
    os.chmod("out/x", 0o700)
    assert os.waitpid(os.posix_spawn("out/x", ["x"], {}), 0)[1] == 0""",
    "devices": """
    open("/dev/null", "w").write("x")
    assert open("/dev/zero", "rb").read(1) == b"\\0"
    assert len(open("/dev/urandom", "rb").read(8)) == len(os.urandom(8))""",
    "its own /proc": 'assert open("/proc/self/status").read(); assert os.listdir("/proc/self/fd")',
    "a connected pair": """
    one, other = socket.socketpair()
    one.send(b"x")
    assert other.recv(1) == b"x" """,
    "a pair that keeps records": "socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)",
    "threads": """
    import threading
    done = []
    thread = threading.Thread(target=done.append, args=(1,))
    thread.start()
    thread.join()
    assert done""",
    "the shell": 'assert os.system("echo x | /bin/cat > out/y") == 0; assert open("out/y").read() == "x\\n"',
    "Python": 'assert os.waitpid(os.posix_spawn(sys.executable, ["x", "-I", "-c", "import json"], {}), 0)[1] == 0',
    "its children": """
    import resource
    child = os.posix_spawn("/bin/sleep", ["sleep", "600"], {})
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.prlimit(os.getppid(), resource.RLIMIT_CORE)""",
    "a file that may be read": 'assert open(outside + "/readable").read() == "told"',
    "a folder that may be read": """
    assert os.listdir(outside + "/folder") == ["x"]
    assert open(outside + "/folder/x").read() == "told" """,
}


@pytest.fixture
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a program has nothing to do with, but for `readable` and `folder`."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "home" / ".ssh").mkdir(parents=True)
    (folder / "home" / ".ssh" / "id_rsa").write_text("secret")
    (folder / "nexusd.db").write_text("rows")
    (folder / "empty").mkdir()
    (folder / "program").write_text("#!/bin/sh\n")
    (folder / "program").chmod(0o700)
    (folder / "readable").write_text("told")
    (folder / "folder").mkdir()
    (folder / "folder" / "x").write_text("told")
    return folder


@pytest.fixture
def port() -> Iterator[int]:
    """A TCP port that is listened on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def attempt(workdir: Path, outside: Path, level: str, code: str, port: int = 0, *options: str) -> str:
    """Return the name of the error that a program meets, or nothing."""
    (workdir / "input.json").write_text(json.dumps({"outside": str(outside), "pid": os.getpid(), "port": port}))
    lines = code if code.startswith("\n") else f"    {code}"
    granted = ("--read", str(outside / "readable"), "--read", str(outside / "folder"), "--read", str(outside / "missing"))
    argv = python_argv(TRY.replace("{code}", lines))
    with contextlib.ExitStack() as stack:
        for kind, name in ((socket.SOCK_STREAM, "s"), (socket.SOCK_DGRAM, "d")):
            server = stack.enter_context(socket.socket(socket.AF_UNIX, kind))
            (outside / name).unlink(missing_ok=True)
            with contextlib.chdir(outside):  # the whole path may be too long for a socket
                server.bind(name)
            if name == "s":
                server.listen()
        launched = stack.enter_context(open_launched(workdir, argv, level, *READING, *granted, *options))
        assert launched.run()["status"] == 0
        return launched.message()


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_at_level_landlock_succeeds_without(tmp_path: Path, outside: Path, port: int, name: str) -> None:
    for level in reversed(LEVELS):
        (tmp_path / level).mkdir()
        error = attempt(tmp_path / level, outside, level, REFUSED[name], port)
        assert error in (ERRORS if level == "landlock" else {""}), level


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ALLOWED)
def test_what_a_renderer_needs_is_allowed(tmp_path: Path, outside: Path, name: str, level: str) -> None:
    assert attempt(tmp_path, outside, level, ALLOWED[name]) == ""


@pytest.mark.parametrize("level", RESTRICTED)
@pytest.mark.parametrize("name", SOCKETS)
def test_with_the_network_its_sockets_are_allowed(tmp_path: Path, outside: Path, port: int, name: str, level: str) -> None:
    assert attempt(tmp_path, outside, level, SOCKETS[name], port, "--network") == ""


@pytest.mark.parametrize("level", RESTRICTED)
@pytest.mark.parametrize("name", UNIX)
def test_with_the_network_the_daemon_stays_out_of_reach(tmp_path: Path, outside: Path, name: str, level: str) -> None:
    assert attempt(tmp_path, outside, level, UNIX[name], 0, "--network") in ERRORS


@pytest.mark.parametrize("level", RESTRICTED)
def test_clone3_sends_the_c_library_back_to_clone(tmp_path: Path, outside: Path, level: str) -> None:
    assert attempt(tmp_path, outside, level, 'call("syscall", 435, 0, 0)') == "ENOSYS"


@pytest.mark.parametrize("level", RESTRICTED)
def test_the_work_directory_must_be_there(tmp_path: Path, level: str) -> None:
    with open_launched(
        tmp_path, ["/usr/bin/touch", "ran"], level, "--workdir", str(tmp_path / "missing"), *READING
    ) as launched:
        launched.main()
        assert launched.told() == {"errno": errno.ENOENT, "what": "landlock"}
        assert launched.end()["status"] != 0
        assert not (tmp_path / "ran").exists()


WITHOUT = """
import os, sys
sys.path.append(sys.argv[1])
from nexusd.launcher import kernel, seccomp
steps = [seccomp._load(0), *seccomp._refuse_if(0x15, 444 + int(sys.argv[2]), int(sys.argv[3])), seccomp._return(0x7fff0000)]
kernel.prctl(38, 1, 0, 0, 0)
seccomp.restrict(b"".join(steps))
os.execv(sys.argv[4], sys.argv[4:])
"""


@pytest.mark.parametrize("level", RESTRICTED)
@pytest.mark.parametrize("call", [0, 1, 2])
@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_kernel_without_landlock_runs_nothing(tmp_path: Path, level: str, call: int, number: int) -> None:
    root = seccomp.__file__.removesuffix("nexusd/launcher/seccomp.py")
    kernel = [sys.executable, "-I", "-S", "-c", WITHOUT, root, str(call), str(number)]
    with open_launched(tmp_path, ["/usr/bin/touch", "ran"], level, *READING, wrapper=kernel) as launched:
        launched.main()
        with contextlib.suppress(BrokenPipeError):
            launched.go()
        assert launched.told() == {"errno": number, "what": "landlock"}
        assert launched.end()["status"] != 0
        assert not (tmp_path / "ran").exists()
