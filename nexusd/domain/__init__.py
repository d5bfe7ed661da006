"""The rules of the job lifecycle, pure: no I/O, no clock, nothing outside the standard library.

`states` says which transitions exist, `schedule` who starts next, `retry` what follows a failed attempt, `rules` what may hold
jobs back, `estimate` when one starts, `why` why it does not (in the words of `reasons`), `ids` how an id is made. Time and
chance come in as arguments.
"""
