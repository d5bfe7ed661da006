"""One life of the launcher: its options, the child it makes of itself, and the wait for its end.

Part of `launcher`, see there. Invariants: the program runs as restricted as was asked or not at all. Whatever needs memory,
a descriptor or the file system is done before the go, since the limits that are set by then are the program's.
"""

import _signal  # type: ignore[import-not-found]  # what `signal` is made of; that takes nine milliseconds to import
import posix

from nexusd.runner import kernel
from nexusd.runner.reaper import Reaper

ENOMEM = 12
MISUSED = 2
NOT_RUN = 125
LEVELS = ("landlock", "limits")
UMASK = 0o077
_NEVER_HANDLED = (_signal.SIGKILL, _signal.SIGSTOP)


class Options:
    """The command line. Raises ValueError when it is not as `launcher` says."""

    def __init__(self, words: list[str]) -> None:
        self.level = self.attempt = self.workdir = ""
        self.parent = self.report = -1
        self.network = False
        self.keep: list[int] = []
        self.read: list[str] = []
        self.argv: list[str] = []
        rest = iter(words)
        for word in rest:
            if word == "--":
                self.argv = list(rest)
            elif word == "--network":
                self.network = True
            else:
                self._take(word, next(rest, ""))
        if (
            self.level not in LEVELS
            or not self.argv
            or not self.attempt
            or not self.workdir
            or min(self.parent, self.report) < 0
        ):
            raise ValueError("--level, --attempt, --parent, --report, --workdir and a program are needed")

    def _take(self, name: str, value: str) -> None:
        if name in ("--level", "--attempt", "--workdir"):
            setattr(self, name[2:], value)
        elif name in ("--parent", "--report"):
            setattr(self, name[2:], int(value))
        elif name == "--keep":
            self.keep.append(int(value))
        elif name == "--read":
            self.read.append(value)
        else:
            raise ValueError(f"there is no option {name}")


class StepError(Exception):
    """A step before the program's start failed."""

    def __init__(self, what: str, errno: int) -> None:
        super().__init__(what, errno)
        self.what = what
        self.errno = errno


def main(words: list[str]) -> None:
    """Start the program, wait for its end, end what it left behind, and tell. Does not return."""
    try:
        options = Options(words)
    except ValueError as error:
        posix.write(2, f"launcher: {error}\n".encode())
        posix._exit(MISUSED)
    _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)  # where it is ignored, nobody can be waited for
    if not kernel.die_with(options.parent, _signal.SIGTERM):
        posix._exit(NOT_RUN)
    kernel.become_subreaper()
    environment = _environment(options.attempt)
    _inherit_only(options.keep)
    launcher = posix.getpid()
    try:
        child = posix.fork()
    except OSError as error:
        _tell_failure(options.report, "fork", error.errno or 0)
        posix._exit(NOT_RUN)
    if child == 0:
        _be_child(options, environment, launcher)
    for descriptor in (0, 1, *options.keep):  # a pipe of the program must not stay open for us
        posix.close(descriptor)
    posix._exit(_supervise(child, options.report))


def _supervise(child: int, report: int) -> int:
    reaper = Reaper(child)
    while reaper.reap() and reaper.status is None:
        if _signal.sigwait((_signal.SIGTERM, _signal.SIGCHLD)) == _signal.SIGTERM:
            break
    reaper.end_all()
    _tell(report, f'{{"status": {reaper.status}, "peak_kib": {reaper.peak_kib}, "cpu_seconds": {reaper.cpu_seconds:.6f}}}')
    return 0


def _be_child(options: Options, environment: dict[bytes, bytes], launcher: int) -> None:
    """Run the program, or tell why not. Does not return."""
    try:
        posix.setsid()
        for number in _signal.valid_signals():
            if number not in _NEVER_HANDLED:
                _signal.signal(number, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
        if kernel.die_with(launcher, _signal.SIGKILL):
            _tell(options.report, f'{{"main": {posix.getpid()}}}')
            _run(options, environment)
    except StepError as error:
        _tell_failure(options.report, error.what, error.errno)
    except OSError as error:
        _tell_failure(options.report, "exec", error.errno or 0)
    finally:
        posix._exit(NOT_RUN)


def _run(options: Options, environment: dict[bytes, bytes]) -> None:
    """Become the program at the go. Raises StepError."""
    restricted = options.level == "landlock"
    try:
        step = "landlock"
        if restricted:
            from nexusd.runner import landlock, seccomp

            version = landlock.abi()
            ruleset = landlock.open_ruleset(version, options.workdir, options.read, options.network)
            step = "seccomp"
            program = seccomp.assemble(seccomp.machine(), options.network, version >= 3)
        step = "exec"
        nothing = posix.open("/dev/null", posix.O_RDONLY)
        if not _wait_go():
            return
        posix.dup2(nothing, 0)
        posix.umask(UMASK)
        kernel.forbid_new_privileges()
        if restricted:
            step = "landlock"
            kernel.drop_capabilities()
            landlock.restrict(ruleset)
            step = "seccomp"
            seccomp.restrict(program)
            step = "exec"
        posix.execve(options.argv[0], options.argv, environment)
    except OSError as error:
        raise StepError(step, error.errno or 0) from error
    except MemoryError as error:
        raise StepError(step, ENOMEM) from error


def _wait_go() -> bool:
    while said := posix.read(0, 1):
        if said == b"\n":
            return True
    return False


def _environment(attempt: str) -> dict[bytes, bytes]:
    """Return the program's environment. Not from our own copy: to that the interpreter may have added a locale."""
    with open("/proc/self/environ", "rb", 0) as file:
        variables = file.read().split(b"\0")
    found = dict(variable.split(b"=", 1) for variable in variables if b"=" in variable)
    return {**found, b"NEXUSD_ATTEMPT": attempt.encode()}


def _inherit_only(keep: list[int]) -> None:
    for name in posix.listdir("/proc/self/fd"):
        descriptor = int(name)
        try:  # noqa: SIM105 - importing contextlib takes two milliseconds
            posix.set_inheritable(descriptor, descriptor <= 2 or descriptor in keep)
        except OSError:
            pass  # the one that the list was read by


def _tell_failure(report: int, what: str, errno: int) -> None:
    _tell(report, f'{{"errno": {errno}, "what": "{what}"}}')


def _tell(report: int, line: str) -> None:
    try:  # noqa: SIM105 - as above
        posix.write(report, line.encode() + b"\n")
    except OSError:
        pass  # nobody listens any more: what has to be ended is ended all the same
