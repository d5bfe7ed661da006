"""Every error nexusd raises on purpose, as one tree, split by who caused it.

NexusdError
├── RequestError                 the caller's doing: another request would succeed
│   ├── InvalidRequest           well-formed, but a field is wrong; names each one
│   │   └── RendererUnavailable  the renderer lacks something here; says what to install
│   ├── MalformedRequest         not readable at all: bad JSON, a bad header
│   ├── DigestMismatch           a body is not the one that its digest promised
│   ├── PayloadTooLarge          a body passed its stated limit
│   ├── RangeNotSatisfiable      a range of bytes lies past the end of the file
│   ├── UnsupportedMediaType     a body of a kind this route does not take
│   ├── Forbidden                a stranger, a browser, or a wrong Host
│   ├── NotFound                 no such company, job, asset, renderer or route
│   ├── MethodNotAllowed         the path exists, the method does not
│   ├── AlreadyExists            the slug is taken
│   ├── IdempotencyConflict      the key was used with another body
│   ├── AlreadyFinished          the job is terminal; nothing is left to cancel
│   ├── NotFinished              the job is not terminal; nothing is there to retry
│   ├── AssetInUse               a job that is not over needs the asset
│   └── AssetPinned              somebody wants the asset kept
├── Unavailable                  nobody's fault and passing: the same request may succeed later
│   ├── WriteQueueFull           more writes wait than the bound allows
│   ├── DatabaseBusy             another process holds the database
│   ├── StorageFull              the disk is full
│   ├── StorageUnavailable       the disk is read-only, unmounted or failing
│   └── Stopping                 the daemon is shutting down
├── StartRefused                 the daemon cannot start, and says why; never seen over HTTP
│   ├── AlreadyRunning           another daemon holds the socket or the state directory
│   ├── UnsafePath               a directory or socket has another owner or a loose mode
│   ├── UnsafeDatabase           a pragma did not take, or the schema is newer than this program
│   ├── SandboxRefused           children cannot be held as strongly as the settings ask
│   ├── StorageRefused           the place for files does not answer, or lets the daemon not in
│   ├── RestoreRefused           a backup cannot be restored; nothing was
│   └── InvalidSettings          a setting cannot be used
├── CannotAdvance                a transition that the job's state machine does not have
└── OutputRefused                a child's output cannot become an asset

`api.problems` maps the first two branches to RFC 9457 documents, `__main__` maps the third to an exit code; nothing else
maps errors. `slug` is stable: clients may switch on it. The message is for people: what, where, what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class NexusdError(Exception):
    """Root of the tree. `str(error)` is one sentence for a person."""

    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"


class RequestError(NexusdError):
    """The caller can mend the request."""


@dataclass(frozen=True, slots=True)
class InvalidParam:
    """One wrong place in a request: `pointer` is an RFC 6901 JSON pointer into the body, or `?name` for a query parameter."""

    pointer: str
    reason: str


class InvalidRequest(RequestError):
    """Readable, but some fields are wrong."""

    slug = "invalid-request"
    title = "The request is not valid"

    def __init__(self, message: str, params: tuple[InvalidParam, ...] = ()) -> None:
        super().__init__(message)
        self.params = params


class RendererUnavailable(InvalidRequest):
    """The job type is known, but its renderer cannot work as things are; nothing was stored."""

    slug = "renderer-unavailable"
    title = "The renderer is not available"


class MalformedRequest(RequestError):
    """Not readable: bad JSON, a header that is not what it must be."""

    slug = "malformed-request"
    title = "The request cannot be read"


class DigestMismatch(RequestError):
    """A body is not what the digest that came along says; nothing was stored."""

    slug = "digest-mismatch"
    title = "The body does not have its digest"


class PayloadTooLarge(RequestError):
    """A body passed its bound."""

    slug = "payload-too-large"
    title = "The body is too large"


class RangeNotSatisfiable(RequestError):
    """None of the bytes that were asked for is there."""

    slug = "range-not-satisfiable"
    title = "There are no such bytes"


class UnsupportedMediaType(RequestError):
    """The body's Content-Type is not one this route takes."""

    slug = "unsupported-media-type"
    title = "The body has the wrong type"


class Forbidden(RequestError):
    """The caller may not do this."""

    slug = "forbidden"
    title = "Not allowed"


class NotFound(RequestError):
    """The thing named does not exist, or not in this company."""

    slug = "not-found"
    title = "Not found"


class MethodNotAllowed(RequestError):
    """The path exists, the method does not."""

    slug = "method-not-allowed"
    title = "Method not allowed"


class AlreadyExists(RequestError):
    """A unique name is taken."""

    slug = "already-exists"
    title = "Already exists"


class IdempotencyConflict(RequestError):
    """The Idempotency-Key was used before with a different body."""

    slug = "idempotency-conflict"
    title = "The idempotency key belongs to another request"


class AlreadyFinished(RequestError):
    """The job is terminal; `status` says how it ended."""

    slug = "already-finished"
    title = "The job is already finished"

    def __init__(self, message: str, status: str) -> None:
        super().__init__(message)
        self.status = status


class NotFinished(RequestError):
    """The job is queued or running, as `status` says."""

    slug = "not-finished"
    title = "The job is not finished yet"

    def __init__(self, message: str, status: str) -> None:
        super().__init__(message)
        self.status = status


class AssetInUse(RequestError):
    """The input of a job that is not over names the asset; `job_id` is one such job."""

    slug = "asset-in-use"
    title = "The asset is in use"

    def __init__(self, message: str, job_id: str) -> None:
        super().__init__(message)
        self.job_id = job_id


class AssetPinned(RequestError):
    """The asset is pinned."""

    slug = "asset-pinned"
    title = "The asset is pinned"


class Unavailable(NexusdError):
    """Passing trouble; the same request may succeed after `retry_after_seconds`."""

    retry_after_seconds: ClassVar[int] = 1


class WriteQueueFull(Unavailable):
    """More writes wait than the bound allows; nothing was stored."""

    slug = "write-queue-full"
    title = "Too many writes are waiting"


class DatabaseBusy(Unavailable):
    """Another process holds the database's write lock."""

    slug = "database-busy"
    title = "The database is busy"


class StorageFull(Unavailable):
    """The disk is full."""

    slug = "storage-full"
    title = "The disk is full"
    retry_after_seconds = 30


class StorageUnavailable(Unavailable):
    """The disk that holds the files cannot be used just now: read-only, unmounted or failing."""

    slug = "storage-unavailable"
    title = "The storage cannot be used"
    retry_after_seconds = 30


class Stopping(Unavailable):
    """The daemon is shutting down."""

    slug = "stopping"
    title = "The daemon is stopping"


class StartRefused(NexusdError):
    """The daemon cannot start."""

    slug = "start-refused"
    title = "The daemon cannot start"


class AlreadyRunning(StartRefused):
    """Another daemon holds the lock."""

    slug = "already-running"
    title = "Another daemon is running"


class UnsafePath(StartRefused):
    """A path that must be private is not."""

    slug = "unsafe-path"
    title = "A path is not private"


class UnsafeDatabase(StartRefused):
    """The database cannot give its promises, or is newer than this program."""

    slug = "unsafe-database"
    title = "The database cannot be used"


class SandboxRefused(StartRefused):
    """Children cannot be held as strongly as the settings ask."""

    slug = "sandbox-refused"
    title = "The sandbox cannot be made"


class StorageRefused(StartRefused):
    """The place where the files are to be does not answer, or does not let the daemon in."""

    slug = "storage-refused"
    title = "The storage cannot be used"


class RestoreRefused(StartRefused):
    """A backup is none, or damaged, or there is no room for it: nothing was restored."""

    slug = "restore-refused"
    title = "The backup cannot be restored"


class InvalidSettings(StartRefused):
    """A setting is unusable."""

    slug = "invalid-settings"
    title = "A setting is not valid"


class CannotAdvance(NexusdError):
    """The state machine has no such transition."""

    slug = "cannot-advance"
    title = "No such transition"


class OutputRefused(NexusdError):
    """A child's output cannot become an asset; `code` is the job's errorCode."""

    slug = "output-refused"
    title = "The output cannot be stored"

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code
