"""How fast the daemon is, each figure beside its own floor: `python -m tests.benchmarks [NAME …] [--seconds N]`.

Not part of the test run. Rules that every benchmark keeps:

- A figure and its floor are measured in turns, round by round, in the same run: what disturbs the machine disturbs both.
- A figure is the median of its rounds, with the lowest and the highest beside it; a ratio is the median of the rounds' ratios.
- The load comes from a process of its own (`client`), on another core than the server when there are two.
- Programs run from compiled bytecode, on Unix sockets and a real disk, in directories of their own.
"""
