"""Execution: what starts when, the child processes, and what becomes of them.

    pool         chooses, claims, and keeps the attempts that run
    attempt      one claim from its work directory to its outcome
    workdir      the private folder a child works in
    programs     whether a program can be run at all
    supervision  a child's life: until it exits, or must end
    containment  how children are held on this machine, as it was seen to work
    process      one child and what holds it: `sandboxed` by `bubblewrap`, or `supervised` by the launcher
    limits       what a child may use, set before its first instruction
    tree         who belongs to an attempt, and how they are ended
    exits        how a process ended that is not our child
    capture      the child's log and its progress, both bounded, out of `pipes`
    verdict      how a child ended, as an outcome
    results      what the child left in `out/`, as assets
    recovery     what an earlier life of the daemon left behind

The runner never calls the service and is never called by it: both act on the store, and the hub wakes the pool. Invariants:
1. At most one live attempt for a job; its child starts after the claim is committed and is dead before the outcome is.
2. No process outlives its attempt, whatever it did with sessions and groups.
3. A work directory belongs to one attempt and is gone after it.
"""
