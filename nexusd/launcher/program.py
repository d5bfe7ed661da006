"""The per-job supervisor: a program of its own that starts one renderer at the levels of containment below bubblewrap.

    python -I -S .../program.py --level landlock|limits --attempt ID --parent PID --report FD --workdir DIR
        [--network] [--keep FD]... [--read PATH]... -- PROGRAM ARG...

What it is given: the work directory as its current one, the program's environment (to which it adds the mark
`NEXUSD_ATTEMPT=ID`, for the program alone), the log as standard output and error, and as standard input the "go" pipe: the
program starts at a line, and never when the pipe ends without one. `--keep` names the descriptors that the program inherits.

What it tells on the `--report` descriptor, one JSON object a line:

    {"main": PID}                               the process is there, leads a session, and waits for the go; limit it now
    {"errno": N, "what": "landlock"}            a step failed and nothing was run: "fork", "exec", "landlock", "seccomp"
    {"status": N, "peak_kib": N, "cpu_seconds": N}    how the main process ended (the raw wait status); nothing of it is left

Without a fork the errno is the last line. Otherwise the status is; after an errno it says nothing of the program.

SIGTERM, or the end of the parent, ends everything at once, with no grace. Every other signal that can be is ignored.

This file is compiled at each start, so all else is in modules whose bytecode is kept: `life` (one life), `reaper` (the end),
`landlock` and `seccomp` (the restrictions), `kernel` (system calls). They import each other and what is written in C: `os`,
`signal`, `ctypes`, `typing` and `json` together would take as long as the interpreter itself, for each job.
"""

if __name__ == "__main__":
    import sys

    # At the end: nothing that is installed beside us may be taken for a module of the standard library.
    sys.path.append(__file__.removesuffix("nexusd/launcher/program.py"))
    from nexusd.launcher import life

    life.main(sys.argv[1:])
