"""Every error of cluvault, by what its reader can do about it.

A message is one line that names what went wrong, where, and the mend. `exit_code` is the CLI's (product contract:
1 failed, 2 usage or configuration, 3 done in part, 4 refused by a gate or guard, 5 integrity damage). `retryable`
says whether doing the same step again later can succeed; Prefect retries a step only then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


class CluvaultError(Exception):
    """Root of all errors that cluvault raises on purpose."""

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, mend: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.message}; {self.mend}" if self.mend else self.message


# --- what the user wrote -------------------------------------------------------------------------------------------


class UsageError(CluvaultError):
    """An argument cannot mean anything: a bad name, reference, date or combination."""

    exit_code = 2


class OperationNotInVersion(UsageError):
    """The api-version in use does not have the operation; the message names those that have it."""


class ConfigurationError(CluvaultError):
    """The configuration is missing, malformed or does not name what was asked for."""

    exit_code = 2


class InvalidProjectFile(CluvaultError):
    """Bytes that are no project file; the message says what they are and where the fault lies."""


class InvalidEvent(CluvaultError):
    """A message or request that is no event of a known form, or may not be one; nothing was done."""


@dataclass(frozen=True, slots=True)
class SeedFault:
    """One fault of a seed: the file, its line (None when it has none), the place in words, and what is wrong there."""

    source: str
    line: int | None
    place: str
    sentence: str

    def __str__(self) -> str:
        line = f"line {self.line}" if self.line is not None else ""
        where = ", ".join(part for part in (line, self.place) if part)
        return ": ".join(part for part in (self.source, where, self.sentence) if part)


class InvalidSeed(CluvaultError):
    """Seeds that cannot make a project; `faults` holds every fault, the message the first and how many more."""

    def __init__(self, faults: Sequence[SeedFault], *, mend: str = "") -> None:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(f"{faults[0]}{more}", mend=mend)
        self.faults = tuple(faults)


# --- the service ---------------------------------------------------------------------------------------------------


class ServiceError(CluvaultError):
    """The service answered with an error.

    Attributes:
        status: HTTP status, or None when the error came from a job.
        code: The service's error code (open set).
        request_id: The service's `apim-request-id`, for support.
    """

    def __init__(
        self, message: str, *, mend: str = "", status: int | None = None, code: str = "", request_id: str = ""
    ) -> None:
        super().__init__(message, mend=mend)
        self.status = status
        self.code = code
        self.request_id = request_id

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text} (request {self.request_id})" if self.request_id else text


class RequestRefused(ServiceError):
    """The service refuses the request as it is (400 and other final 4xx)."""


class SignInRefused(ServiceError):
    """The key or token is missing, wrong or expired (401)."""

    exit_code = 2


class PermissionDenied(ServiceError):
    """The caller's role does not allow the operation (403)."""


class ProjectNotFound(ServiceError):
    """The project does not exist in the resource."""


class NotFound(ServiceError):
    """A job, model, deployment or route does not exist (404)."""


class Conflict(ServiceError):
    """Another job holds the project (409); the same step can succeed later."""

    retryable = True


class Throttled(ServiceError):
    """The service's call rate is exceeded (429) for longer than the client waits."""

    retryable = True


class ServiceUnavailable(ServiceError):
    """The service failed or timed out (408, 5xx) on every try."""

    retryable = True


class Unreachable(ServiceError):
    """No connection to the endpoint."""

    retryable = True


class UnexpectedAnswer(ServiceError):
    """An answer that the contract does not allow: wrong content type, torn body, missing member."""

    retryable = True


class OriginRefused(ServiceError):
    """The service named a URL on another origin; credentials are not sent there."""


class JobError(ServiceError):
    """A long-running operation did not succeed."""


class JobFailed(JobError):
    """The job ended `failed`."""


class JobPartiallyCompleted(JobError):
    """The job ended `partiallyCompleted`: some of its work is not done."""


class JobCancelled(JobError):
    """The job was cancelled by somebody."""


class JobNotCancelled(JobError):
    """The job that was to be cancelled had succeeded before."""


class JobExpired(JobError):
    """The job or its result is gone (the service keeps them seven days)."""

    retryable = True


class JobTimedOut(JobError):
    """The job is still running after the time that the caller gave it."""

    retryable = True


# --- the vault -----------------------------------------------------------------------------------------------------


class VaultError(CluvaultError):
    """The vault cannot do what was asked."""


class NotAVault(VaultError):
    """The place exists but holds no vault."""

    exit_code = 2


class VaultTooNew(VaultError):
    """The vault or a manifest was written by a newer format than this version reads."""

    exit_code = 2


class ObjectNotFound(VaultError):
    """No object has this key."""


class ObjectExists(VaultError):
    """An object with this key exists; nothing is overwritten."""


class ObjectLocked(VaultError):
    """The store keeps the object immutable: until a moment, or, when `until` is None, until somebody lifts it."""

    def __init__(self, message: str, *, mend: str = "", until: datetime | None = None) -> None:
        super().__init__(message, mend=mend)
        self.until = until


class ObjectTooLarge(VaultError):
    """An object is larger than its reader allows; it was not read to the end."""


class InvalidKey(VaultError):
    """A key that no store accepts: it could leave the vault, or no store could hold it."""


class SnapshotNotFound(VaultError):
    """No snapshot fits the reference."""


class DamagedSnapshot(VaultError):
    """A snapshot's bytes are missing or are not what its manifest says; it is never imported."""

    exit_code = 5


class SnapshotSealed(VaultError):
    """A snapshot is encrypted and no identity at hand opens it; that is no damage."""

    exit_code = 2


class ContentMissing(DamagedSnapshot):
    """A snapshot is listed, and its bytes are not there."""


class DamagedRecord(VaultError):
    """A record of the vault (a run, a hold, a prune) cannot be understood."""

    exit_code = 5


class StoreUnavailable(VaultError):
    """The store cannot be reached or answers with an error that may pass."""

    retryable = True


class StorageFull(VaultError):
    """The store has no room; nothing half-written is left."""


class StorageUnsafe(VaultError):
    """The store does not keep a promise that snapshots depend on."""


class StorageDenied(VaultError):
    """The store refuses access."""

    exit_code = 2


# --- operations ----------------------------------------------------------------------------------------------------


class ProjectExists(CluvaultError):
    """The target project exists and nothing was said about replacing it."""


class GuardRefused(CluvaultError):
    """A guard or gate refuses the plan; nothing was changed."""

    exit_code = 4


class ProbeFailed(GuardRefused):
    """Production does not answer as the model did that was swapped into it."""


class LeaseHeld(GuardRefused):
    """Somebody else works on the project; the message says who, since when and at what."""

    retryable = True


class LeaseLost(CluvaultError):
    """Somebody else has taken the work over; whoever raises this has stopped and writes nothing more."""


class NotHandedOver(CluvaultError):
    """Prefect was to take work over and did not; whoever asked keeps it."""

    retryable = True


class RoundTripMismatch(CluvaultError):
    """What the service holds after an import is not what was meant."""


class PartialFailure(CluvaultError):
    """Some projects failed; each is named in the report."""

    exit_code = 3
