"""One life of the launcher: its options, the child it makes of itself, and the wait for its end.

See `program`. Invariants: the program runs as restricted as was asked or not at all. Whatever needs memory or
descriptors is done before the child is made known, since from then on the limits that are set on it are the program's.
"""

import _signal  # type: ignore[import-not-found]  # what `signal` is made of; that takes nine milliseconds to import
import posix

from nexusd.launcher import kernel
from nexusd.launcher.reaper import Reaper

EIO, ENOMEM = 5, 12
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
        _tell(options.report, f'{{"errno": {errno_of(error)}, "what": "fork"}}')
        posix._exit(NOT_RUN)
    if child == 0:
        Child(options, environment, launcher).run()
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


class Child:
    """What the forked process does until it is the program. `step` is what it is about, for the report of a failure."""

    def __init__(self, options: Options, environment: dict[bytes, bytes], launcher: int) -> None:
        self.step = "exec"
        self._options = options
        self._environment = environment
        self._launcher = launcher
        self._ruleset = -1
        self._filter = b""

    def run(self) -> None:
        """Run the program, or tell why not. Does not return."""
        try:
            self._detach()
            if kernel.die_with(self._launcher, _signal.SIGKILL):
                self._become_program()
        except Exception as error:
            _tell(self._options.report, f'{{"errno": {errno_of(error)}, "what": "{self.step}"}}')
        finally:
            posix._exit(NOT_RUN)

    def _detach(self) -> None:
        posix.setsid()
        for number in _signal.valid_signals():
            if number not in _NEVER_HANDLED:
                _signal.signal(number, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())

    def _become_program(self) -> None:
        restricted = self._options.level == "landlock"
        nothing = posix.open("/dev/null", posix.O_RDONLY)
        try:
            if restricted:
                self._prepare()
        finally:
            _tell(self._options.report, f'{{"main": {posix.getpid()}}}')
        if not _wait_go():
            return
        posix.dup2(nothing, 0)
        posix.umask(UMASK)
        kernel.forbid_new_privileges()
        if restricted:
            self._restrict()
        posix.execve(self._options.argv[0], self._options.argv, self._environment)

    def _prepare(self) -> None:
        self.step = "landlock"
        from nexusd.launcher import landlock, seccomp

        version = landlock.abi()
        self._ruleset = landlock.open_ruleset(version, self._options.workdir, self._options.read, self._options.network)
        self.step = "seccomp"
        self._filter = seccomp.assemble(seccomp.machine(), self._options.network, version >= landlock.TRUNCATES_SINCE)
        self.step = "exec"

    def _restrict(self) -> None:
        from nexusd.launcher import landlock, seccomp

        self.step = "landlock"
        kernel.drop_capabilities()
        landlock.restrict(self._ruleset)
        self.step = "seccomp"
        seccomp.restrict(self._filter)
        self.step = "exec"


def errno_of(error: Exception) -> int:
    """Return the number that tells best of a failure."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    return ENOMEM if isinstance(error, MemoryError) else EIO


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


def _tell(report: int, line: str) -> None:
    try:  # noqa: SIM105 - as above
        posix.write(report, line.encode() + b"\n")
    except OSError:
        pass  # nobody listens any more: what has to be ended is ended all the same
