"""What a fault does: to the work of a call, to the job that it starts, to its answer. Performs no I/O of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from cluvault.emulator.delivery import Delivery, Unanswered
from cluvault.emulator.errors import Problem, Refusal, not_found
from cluvault.emulator.faults import (
    ContentTypeFault,
    ExpiredFault,
    JobEndsFault,
    JobFailsFault,
    JobRunsOnFault,
    OtherOriginFault,
    ResetFault,
    SkewFault,
    SlowFault,
    StatusFault,
    TornFault,
)
from cluvault.emulator.state import Change

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cluvault.emulator.calls import Answer, Operation
    from cluvault.emulator.faults import Effect
    from cluvault.emulator.records import Job

_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_PAGE: Final = b"<!doctype html><title>Sign in</title><h1>Sign in to your account</h1>"
_PROBLEMS: Final = {
    429: Problem("429", "Requests to the Language Authoring API have exceeded the call rate limit."),
    500: Problem("InternalServerError", "An internal error occurred."),
    502: Problem("502", "Bad Gateway"),
    503: Problem("ServiceUnavailable", "The service is temporarily unavailable."),
}
_LINK: Final = re.compile(rb'"(resultUrl|nextLink)":"https?://[^/"]+')
_ORIGIN: Final = re.compile(r"https?://[^/]+")
_TIMESTAMP: Final = re.compile(rb'(?<=DateTime":")(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)')


@dataclass(slots=True, kw_only=True)
class Fault:
    """A fault that was drawn for one call.

    Attributes:
        rule: The name of its rule.
        number: Which call of the operation on the resource it is.
        happened: It had an effect: the answer had the part that it spoils, the call started the job that it is about.
    """

    rule: str
    effect: Effect
    number: int
    happened: bool = False

    def __str__(self) -> str:
        return f"{self.rule}: {self.effect.kind}"

    def prevent(self, operation: Operation, names: Mapping[str, str]) -> None:
        """Keep the call from being done, if that is the effect.

        Raises:
            Refusal: the answer in place of its own.
            Unanswered: there is none.
        """
        try:
            prevent(self.effect, operation, names)
        except (Refusal, Unanswered):
            self.happened = True
            raise

    def change_start(self, change: Change, job: Job) -> tuple[Change, Job]:
        """What the call does instead when it starts a job, if the effect is about jobs."""
        changed = change_start(self.effect, change, job)
        self.happened = changed is not None
        return changed or (change, job)

    def spoil(self, answer: Answer) -> Delivery:
        """The answer as it is sent."""
        spoilt = None if self.happened else spoil(self.effect, answer)
        self.happened = self.happened or spoilt is not None
        return spoilt or Delivery(answer=answer)


def prevent(effect: Effect, operation: Operation, names: Mapping[str, str]) -> None:
    """Keep a call from being done, if that is the effect.

    Args:
        effect: What happens.
        operation: What is called.
        names: The variable parts of its path.

    Raises:
        Refusal: the answer in place of its own.
        Unanswered: there is none.
    """
    match effect:
        case StatusFault():
            raise Refusal(effect.status, _PROBLEMS[effect.status], retry_after=effect.retry_after)
        case ExpiredFault() if "job" in names:
            raise not_found("result of the job" if operation.path.endswith("/result") else "job", names["job"])
        case ResetFault(when="before"):
            raise Unanswered
        case _:
            pass


def spoil(effect: Effect, answer: Answer) -> Delivery | None:
    """The answer with the effect, or None when it has nothing that the effect could spoil."""
    match effect:
        case ResetFault():
            return Delivery(answer=answer, is_reset=True)
        case SlowFault():
            return Delivery(answer=answer, wait=effect.seconds)
        case TornFault() if answer.body:
            return Delivery(answer=answer, sends=int(len(answer.body) * effect.share))
        case ContentTypeFault():
            body = answer.body if effect.keep_body else _PAGE
            return Delivery(answer=replace(answer, content_type=effect.type, body=body))
        case OtherOriginFault():
            led = _led_away(answer, effect)
            return Delivery(answer=led) if led != answer else None
        case SkewFault():
            skew = timedelta(seconds=effect.seconds)
            return Delivery(answer=replace(answer, body=_shifted(answer.body, skew)), skew=skew)
        case _:
            return None


def _led_away(answer: Answer, effect: OtherOriginFault) -> Answer:
    def led(name: str, value: str) -> str:
        is_meant = name == "operation-location" and effect.link in (None, name)
        return _ORIGIN.sub(effect.origin, value, count=1) if is_meant else value

    def body_link(found: re.Match[bytes]) -> bytes:
        is_meant = effect.link in (None, found[1].decode())
        return b'"%b":"%b' % (found[1], effect.origin.encode()) if is_meant else found[0]

    headers = tuple((name, led(name, value)) for name, value in answer.headers)
    return replace(answer, headers=headers, body=_LINK.sub(body_link, answer.body))


def _shifted(body: bytes, skew: timedelta) -> bytes:
    def shifted(found: re.Match[bytes]) -> bytes:
        try:
            return (datetime.fromisoformat(found[1].decode()) + skew).isoformat().encode()
        except OverflowError:  # year 1 of a PATCH's answer has no yesterday
            return found[1]

    return _TIMESTAMP.sub(shifted, body)


def change_start(effect: Effect, change: Change, job: Job) -> tuple[Change, Job] | None:
    """What a call that starts a job does instead, or None when the effect is not about jobs."""
    match effect:
        case JobFailsFault():
            job = replace(job, errors=(Problem(effect.code, effect.message),))
            return Change(jobs=(job,)), job
        case JobEndsFault(kind="job-cancelled"):
            job = replace(job, cancelled_at=job.created_at)
            return Change(jobs=(job,)), job
        case JobEndsFault():
            job = replace(job, made_to="be-lost" if effect.kind == "job-lost" else "partially-complete")
        case JobRunsOnFault():
            due_at = _NEVER if effect.seconds is None else job.due_at + timedelta(seconds=effect.seconds)
            job = replace(job, due_at=due_at, finished=False, made_to="run-on")
        case _:
            return None
    return replace(change, jobs=(*(other for other in change.jobs if other.job_id != job.job_id), job)), job
