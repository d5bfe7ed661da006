"""A real terminal: a shell in tmux, typed into and looked at.

Nothing polls: what the pane is sent is copied into a pipe, and each look waits for more of it. The server is this
test's own and ends with it.
"""

from __future__ import annotations

import os
import select
import shlex
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.support.patience import HANG_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PROMPT: Final = "ready>"


class Terminal:
    """One pane with a shell in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._output = -1

    def tmux(self, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        """Run a command of tmux; return what it prints."""
        done = subprocess.run(
            ["tmux", "-S", str(self._folder / "tmux"), "-f", "/dev/null", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=HANG_SECONDS,
            check=True,
        )
        return done.stdout

    def open(self, environment: Mapping[str, str], columns: int, lines: int) -> None:
        """Start the shell, and wait for it."""
        os.mkfifo(self._folder / "output")
        variables = {**environment, "TERM": "xterm-256color"}
        variables.pop("TMUX", None)
        size = ("-x", str(columns), "-y", str(lines))
        self.tmux("new-session", "-d", *size, "/bin/sh", environment=variables)
        self.tmux("pipe-pane", "-O", f"exec cat > {shlex.quote(str(self._folder / 'output'))}")
        self._output = os.open(self._folder / "output", os.O_RDONLY)
        self.enter(f"PS1='{PROMPT} '; clear")
        self.wait(lambda text: text.startswith(PROMPT))

    def close(self) -> None:
        """End the server, and all that runs in it."""
        if self._output >= 0:
            os.close(self._output)
        self.tmux("kill-server")

    def type(self, *keys: str) -> None:
        """Press keys, by tmux's names of them: `Up`, `C-c`, `Enter`; others as they are."""
        self.tmux("send-keys", *keys)

    def enter(self, command: str) -> None:
        """Type a command line."""
        self.tmux("send-keys", "-l", command)
        self.tmux("send-keys", "Enter")

    def resize(self, columns: int, lines: int) -> None:
        """Make the window larger or smaller."""
        self.tmux("resize-window", "-x", str(columns), "-y", str(lines))

    def look(self, *, escapes: bool = False) -> str:
        """Return what there is to see, with `escapes` in its colours."""
        return self.tmux("capture-pane", "-p", *(["-e"] if escapes else []))

    def state(self) -> tuple[bool, bool]:
        """Return whether the alternate screen is on, and whether the cursor is to be seen."""
        alternate, cursor = self.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag}").split()
        return alternate == "1", cursor == "1"

    def foreground(self) -> int:
        """Return the pid of the one program that the shell runs."""
        shell = self.tmux("display-message", "-p", "#{pane_pid}").strip()
        [pid] = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        return int(pid)

    def wait(self, test: Callable[[str], bool]) -> str:
        """Wait until what there is to see passes the test; return it."""
        while not test(text := self.look()):
            ready, _, _ = select.select([self._output], [], [], HANG_SECONDS)
            assert ready, f"it never came:\n{text}"
            assert os.read(self._output, 65536), f"the terminal is gone:\n{text}"
        return text

    def wait_text(self, *parts: str) -> str:
        """Wait until all of these are to be seen."""
        return self.wait(lambda text: all(part in text for part in parts))


@contextmanager
def open_terminal(environment: Mapping[str, str], *, columns: int = 80, lines: int = 24) -> Iterator[Terminal]:
    """Give a shell in a terminal of its own."""
    folder = Path(tempfile.mkdtemp(prefix="nx-tmux-"))
    terminal = Terminal(folder)
    try:
        terminal.open(environment, columns, lines)
        yield terminal
    finally:
        terminal.close()
        shutil.rmtree(folder)
