"""Faults on request: the rules, and which call gets which fault. Decides only; performs no I/O of its own.

A decision depends on the seed, the rule, the resource, the operation and the number of the call among the calls of
that operation on that resource, and on nothing else. Other operations may overtake each other as they like.
"""

from __future__ import annotations

import hashlib
import re
from fnmatch import fnmatchcase
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

_ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+")
_PARTS_OF_ONE: Final = 2**64

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
CallNumber = Annotated[int, Field(ge=1)]


class _Part(BaseModel):
    model_config = ConfigDict(
        alias_generator=lambda name: name.replace("_", "-"),
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        defer_build=True,
        hide_input_in_errors=True,
    )


# --- effects -------------------------------------------------------------------------------------------------------


class StatusFault(_Part):
    """An error in place of the answer; the work is not done."""

    kind: Literal["status"]
    status: Literal[429, 500, 502, 503]
    retry_after: Annotated[int, Field(ge=0, le=86_400)] | None = None


class ResetFault(_Part):
    """The connection is reset: before the work was done, or after it, so that only the answer is lost."""

    kind: Literal["reset"]
    when: Literal["before", "after"] = "before"


class SlowFault(_Part):
    """The answer comes late; the work is done at once."""

    kind: Literal["slow"]
    seconds: Seconds


class TornFault(_Part):
    """The body breaks off: a share of it is sent, then the connection closes. Answers without a body stay whole."""

    kind: Literal["torn"]
    share: Annotated[float, Field(ge=0, lt=1)] = 0.5


class JobFailsFault(_Part):
    """The job that the call starts ends `failed` and changes nothing."""

    kind: Literal["job-fails"]
    code: Annotated[str, Field(min_length=1)] = "InternalServerError"
    message: str = "The job failed because a fault was asked for."


class JobRunsOnFault(_Part):
    """The job that the call starts stays `running`: this much longer, or for ever."""

    kind: Literal["job-runs-on"]
    seconds: Seconds | None = None


class JobEndsFault(_Part):
    """The job ends otherwise: cancelled changes nothing, partly done and lost ones do their work."""

    kind: Literal["job-partially-completed", "job-cancelled", "job-lost"]


class ExpiredFault(_Part):
    """The status or result of a job is gone: 404, this once."""

    kind: Literal["expired"]


class ContentTypeFault(_Part):
    """The body has another type, and is a page for people unless it is kept."""

    kind: Literal["content-type"]
    type: Annotated[str, Field(pattern=r"^[ -~]+$")] = "text/html"
    keep_body: bool = False


def _check_origin(value: str) -> str:
    if _ORIGIN.fullmatch(value) is None:
        raise ValueError("should be an origin such as http://127.0.0.1:9999")
    return value


class OtherOriginFault(_Part):
    """Links lead to another origin: one of the three, or whichever the answer has."""

    kind: Literal["other-origin"]
    origin: Annotated[str, AfterValidator(_check_origin)]
    link: Literal["operation-location", "resultUrl", "nextLink"] | None = None


class SkewFault(_Part):
    """The service's clock is wrong: the Date header and every timestamp of the body; negative seconds are the past."""

    kind: Literal["skew"]
    seconds: Annotated[float, Field(ge=-(10**9), le=10**9)]


JobFault = JobFailsFault | JobRunsOnFault | JobEndsFault
Effect = (
    StatusFault | ResetFault | SlowFault | TornFault | JobFault | ExpiredFault | ContentTypeFault | OtherOriginFault
    | SkewFault
)  # fmt: skip


# --- rules ---------------------------------------------------------------------------------------------------------


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str | int) else value


Globs = Annotated[tuple[str, ...], BeforeValidator(_as_list), Field(min_length=1)]


class Rule(_Part):
    """Which calls get an effect. Every condition that is given must hold.

    Attributes:
        name: For the log; also part of what chance is drawn from. Unnamed rules go by their place: `rule 1`.
        operations: Globs of operations' titles, in any letter case.
        method: The HTTP method.
        path: A glob of the path under `/analyze-conversations/`.
        resources: Globs of resources' names.
        probability: The share of calls.
        nth: These calls, counted from 1 for each operation of each resource.
        every: Each call of this number: 3 is the 3rd, 6th, 9th, counted behind `after`.
        after: Only calls behind this one.
        times: At most so many faults for each operation of each resource.
        effect: What happens.
    """

    name: str = ""
    operations: Globs = ("*",)
    method: str | None = None
    path: str | None = None
    resources: Globs = ("*",)
    probability: Share | None = None
    nth: Annotated[tuple[CallNumber, ...], BeforeValidator(_as_list)] = ()
    every: CallNumber | None = None
    after: Annotated[int, Field(ge=0)] = 0
    times: CallNumber | None = None
    effect: Annotated[Effect, Field(discriminator="kind")]

    def covers(self, *, resource: str, operation: str, method: str, path: str) -> bool:
        """Whether the rule counts such a call."""
        return (
            any(fits(glob, operation) for glob in self.operations)
            and (self.method is None or self.method.upper() == method)
            and (self.path is None or fnmatchcase(path, self.path))
            and any(fnmatchcase(resource, glob) for glob in self.resources)
        )

    def fires(self, *, seed: int, resource: str, operation: str, number: int, before: int) -> bool:
        """Whether call `number` gets the effect, when `before` earlier ones of the operation did."""
        return (
            number > self.after
            and (self.times is None or before < self.times)
            and (not self.nth or number in self.nth)
            and (self.every is None or (number - self.after) % self.every == 0)
            and (self.probability is None or _chance(seed, self.name, resource, operation, number) < self.probability)
        )


def fits(glob: str, title: str) -> bool:
    """Whether a glob fits the title of an operation, in any letter case."""
    return fnmatchcase(title.lower(), glob.lower())


def _chance(*what: object) -> float:
    """A number from 0 up to 1 that looks random and is always the same for the same things."""
    text = "\0".join(map(str, what))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / _PARTS_OF_ONE


class FaultPlan(_Part):
    """All rules. Of the rules that fire for a call the first has its effect; every rule counts every call it covers.

    Raises:
        ValueError: two rules of one name.
    """

    seed: int = 0
    rules: tuple[Rule, ...] = ()

    @field_validator("rules")
    @classmethod
    def _named(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        names = [rule.name or f"rule {place}" for place, rule in enumerate(rules, start=1)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two rules have the name {twice[0]!r}")
        return tuple(rule.model_copy(update={"name": name}) for rule, name in zip(rules, names, strict=True))
