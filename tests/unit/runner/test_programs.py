"""What can be run and what cannot, with the kernel's own word for it: a bare execve says the same."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from nexusd.runner.programs import find_program

HEAD = Path(sys.executable).resolve().read_bytes()[:64]
FILES: dict[str, tuple[bytes, int, int]] = {
    # the content, the mode, the errno
    "empty": (b"", 0o700, errno.ENOEXEC),
    "text": (b"echo hello\n", 0o700, errno.ENOEXEC),
    "another machine's": (HEAD[:18] + b"\x26\x90" + HEAD[20:], 0o700, errno.ENOEXEC),
    "half a head": (HEAD[:12], 0o700, errno.ENOEXEC),
    "not to be run": (b"#!/bin/sh\n", 0o600, errno.EACCES),
    "no interpreter": (b"#!   \n", 0o700, errno.ENOEXEC),
    "an interpreter that is missing": (b"#! /no/such -x\n", 0o700, errno.ENOENT),
    "a script": (b"#! /bin/sh\nexit 0\n", 0o700, 0),
    "a script for a program's option": (b"#!/usr/bin/env -S sh\n", 0o700, 0),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_judged_as_the_kernel_does(tmp_path: Path, name: str) -> None:
    content, mode, number = FILES[name]
    file = tmp_path / "program"
    file.write_bytes(content)
    file.chmod(mode)
    assert execute(str(file)) == number
    if number:
        with pytest.raises(OSError, match=os.strerror(number)) as refused:
            find_program(str(file), "")
        assert refused.value.errno == number
    else:
        assert find_program(str(file), "") == str(file)


def execute(path: str) -> int:
    """Return what the kernel says to a program: 0 or an errno."""
    try:
        pid = os.posix_spawn(path, [path], {})
    except OSError as error:
        return error.errno or 0
    os.waitpid(pid, 0)
    return 0


def test_a_name_is_looked_for_and_a_path_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "tool").write_text("#!/bin/sh\n")
    (tmp_path / "b" / "tool").chmod(0o700)
    path = f"{tmp_path}/none:{tmp_path}/a:{tmp_path}/b"
    assert find_program("tool", path) == str(tmp_path / "b" / "tool")
    assert find_program("b/tool", "") == str(tmp_path / "b" / "tool")
    for name, number in [("missing", errno.ENOENT), ("./missing", errno.ENOENT), ("a/tool", errno.EACCES), (".", errno.ENOENT)]:
        with pytest.raises(OSError, match=os.strerror(number)):
            find_program(name, path)
    with pytest.raises(OSError, match="Permission denied"):
        find_program(str(tmp_path), path)
    with pytest.raises(ValueError, match="null"):
        find_program("/bin/echo\0", path)


def test_a_link_is_followed_and_a_loop_is_not(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/bin/sh")
    (tmp_path / "loop").symlink_to("loop")
    assert find_program(str(tmp_path / "link"), "") == str(tmp_path / "link")
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        find_program(str(tmp_path / "loop"), "")
