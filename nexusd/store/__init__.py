"""The database: the only package that speaks SQL.

`tables` says what is stored, `schema` brings a file up to date, `database` opens it, `writer` is the one thread that
writes. The other modules hold units of work (functions that take a connection and run inside a write transaction) and
queries (functions that take a connection and only read); `Database.write` and `Database.read` run them.

Invariants:
- One connection writes, in one thread; it alone checkpoints.
- `journal_mode=WAL`, `synchronous=FULL`, `foreign_keys=ON` on every connection, read back when it is opened.
- A unit of work may be run twice (see `writer`): it changes nothing but the database.
- A state change and its event row are in one transaction.
"""
