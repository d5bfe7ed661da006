"""The command line of bubblewrap: what is shown, in which order, and what is not shown twice."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nexusd
from nexusd.runner.bubblewrap import FOR_NETWORK, INIT, ISOLATION, SYSTEM, WORK, Place, command, find_bubblewrap, own_folders


def make(reads: tuple[str, ...] = (), *, network: bool = False) -> list[str]:
    return command("/x/bwrap", 9, Place(Path("/state/work/a"), reads), network=network)


def shown(argv: list[str]) -> list[str]:
    """Return what can be read inside because of an option."""
    return [argv[place + 2] for place, word in enumerate(argv) if word in ("--ro-bind", "--ro-bind-try", "--symlink")]


def test_it_begins_with_the_isolation_and_ends_with_process_1() -> None:
    argv = make()
    assert argv[: len(ISOLATION) + 2] == ["/x/bwrap", *ISOLATION, "--unshare-net"]
    assert argv[-6:] == ["--json-status-fd", "9", "/bin/sh", "-c", INIT, "nexusd-init"]
    assert [argv[argv.index("--bind") + step] for step in (1, 2)] == ["/state/work/a", WORK]
    assert argv.count("--bind") == 1  # nothing else can be written to
    assert argv.index("--remount-ro") > argv.index("--bind")


def test_a_file_is_shown_in_the_work_directory_and_read_only() -> None:
    argv = command("/x/bwrap", 9, Place(Path("/w"), (), [(Path("/state/assets/k"), "assets/a.png")]), network=False)
    at = argv.index("/state/assets/k")
    assert argv[at - 1 : at + 2] == ["--ro-bind", "/state/assets/k", f"{WORK}/assets/a.png"]
    assert at > argv.index("--bind")


def test_the_network_is_shared_on_request_with_what_it_needs() -> None:
    assert "--unshare-net" not in make(network=True)
    assert set(shown(make(network=True))) - set(shown(make())) == set(FOR_NETWORK)


def test_what_is_visible_already_is_not_shown_again() -> None:
    before = shown(make())
    reads = ("/usr/lib/python3", "/usr", "/usrlocal", "/opt/a", "/opt/a/b", "/opt/ab", "/opt/a", "/bin/sh")
    assert [path for path in shown(make(reads)) if path not in before] == ["/usrlocal", "/opt/a", "/opt/ab"]
    argv = make(("/tmp/tool",))
    assert argv.index("/tmp/tool") > argv.index("--tmpfs")


def test_nothing_of_the_home_or_the_state_is_shown() -> None:
    for path in shown(make(network=True)):
        assert path not in ("/", "/home", "/root", "/etc", "/etc/passwd", "/etc/shadow", "/run", "/var", "/sys", "/tmp")
    system = [path for path in SYSTEM if os.path.exists(path)]
    assert set(system) <= set(shown(make()))


def test_python_and_this_package_are_shown() -> None:
    folders = own_folders()
    for path in (sys.prefix, sys.base_prefix, os.path.dirname(str(nexusd.__file__))):
        assert path in folders


def test_a_bubblewrap_is_found_here() -> None:
    found = list(find_bubblewrap())
    assert found
    assert all(os.access(path, os.X_OK) for path in found)
