"""Refusals, and the envelopes they travel in.

Two parties answer with errors: the gateway in front, whose code is the HTTP status as text, and the service behind
it, whose codes are words. Clients must cope with both, so each refusal here says which of the two it comes from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson


@dataclass(frozen=True, slots=True)
class Problem:
    """One error or warning: an answer's `error`, one of its `details`, an item of a job's `errors` or `warnings`."""

    code: str
    message: str
    target: str = ""
    details: tuple[Problem, ...] = ()
    inner_code: str = ""

    def to_wire(self) -> dict[str, Any]:
        """The wire form; members without a value are left out."""
        wire: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.target:
            wire["target"] = self.target
        if self.details:
            wire["details"] = [detail.to_wire() for detail in self.details]
        if self.inner_code:
            wire["innererror"] = {"code": self.inner_code, "message": self.message}
        return wire


class Refusal(Exception):
    """An answer other than success; raised anywhere below the routes, sent by the gateway.

    Attributes:
        status: The HTTP status.
        problem: What the envelope holds.
        retry_after: Seconds for a Retry-After header; clients retry whatever carries one, so only 429 does.
    """

    def __init__(self, status: int, problem: Problem, *, retry_after: int | None = None) -> None:
        super().__init__(problem.message)
        self.status = status
        self.problem = problem
        self.retry_after = retry_after

    def body(self) -> bytes:
        """The error envelope."""
        return orjson.dumps({"error": self.problem.to_wire()})


# --- the gateway ---------------------------------------------------------------------------------------------------


def route_not_found() -> Refusal:
    """No such resource, route, method or api-version."""
    return Refusal(404, Problem("404", "Resource not found"))


def key_refused() -> Refusal:
    """The key is missing or is none of the resource's."""
    message = (
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
        "active subscription and use a correct regional API endpoint for your resource."
    )
    return Refusal(401, Problem("401", message))


def token_refused(audience: str) -> Refusal:
    """The bearer token is malformed, signed by nobody known, made for somebody else, or not of this time."""
    message = f"Unauthorized. Access token is missing, invalid, audience is incorrect ({audience}), or have expired."
    return Refusal(401, Problem("401", message))


def rate_exceeded(*, operation: str, api: str, version: str, seconds: int) -> Refusal:
    """The resource's calls of the last minute are used up."""
    message = (
        f"Requests to the {operation} Operation under {api} - {version} have exceeded call rate limit of your "
        f"current S pricing tier. Please retry after {seconds} second{'s' if seconds > 1 else ''}."
    )
    return Refusal(429, Problem("429", message), retry_after=seconds)


# --- the service ---------------------------------------------------------------------------------------------------


def forbidden(message: str) -> Refusal:
    """Who asks is known, and may not."""
    return Refusal(403, Problem("Forbidden", message))


def invalid_argument(message: str, *, target: str = "", inner_code: str = "") -> Refusal:
    """The request is readable, and wrong."""
    return Refusal(400, Problem("InvalidArgument", message, target, inner_code=inner_code))


def invalid_value(parameter: str, value: str, *, target: str = "") -> Refusal:
    """A value that its parameter does not know; a missing one is the empty value."""
    return invalid_argument(invalid_value_message(parameter, value), target=target)


def invalid_value_message(parameter: str, value: str) -> str:
    """The sentence that the service has for a value it does not know."""
    return f"The value `{value}` provided for the parameter `{parameter}` is invalid."


def unreadable(detail: str, *, target: str) -> Refusal:
    """A body that is no JSON, or not of the shape that the operation takes."""
    problem = Problem("InvalidArgument", detail, target)
    return Refusal(400, Problem("InvalidArgument", "Failed to parse the input.", details=(problem,)))


def invalid_request(message: str) -> Refusal:
    """The request cannot be done in the present state of things."""
    return Refusal(400, Problem("InvalidRequest", message))


def project_not_found(name: str) -> Refusal:
    """The resource has no such project."""
    return Refusal(404, Problem("ProjectNotFound", f"The project `{name}` could not be found."))


def not_found(what: str, name: str) -> Refusal:
    """The project has no such job, model or deployment."""
    return Refusal(404, Problem("NotFound", f"The {what} `{name}` could not be found."))


def no_evaluation(label: str, reason: str) -> Refusal:
    """The trained model has no figures."""
    return Refusal(404, Problem("NotFound", f"The trained model `{label}` has no evaluation: {reason}."))


def not_equipped() -> Refusal:
    """Nothing can be fitted; the service never says so."""
    message = 'The emulator trains with scikit-learn, which is not installed. Run: pip install "cluvault[emulator]"'
    return Refusal(501, Problem("ServiceUnavailable", message))


def conflict(project: str, job_id: str) -> Refusal:
    """Another job holds the project."""
    message = f"The project `{project}` is in use by the job `{job_id}`. Wait until it has finished."
    return Refusal(409, Problem("Conflict", message))


def quota_exceeded(message: str) -> Refusal:
    """The resource is full."""
    return Refusal(403, Problem("QuotaExceeded", message))


INTERNAL_ERROR: Final = Refusal(500, Problem("InternalServerError", "The emulator failed; its log says how."))
