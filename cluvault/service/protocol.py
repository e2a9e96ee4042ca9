"""What an answer means: functions over status, headers and body. Performs no I/O.

Source of the rules: section 4 of the service's contract. Codes are an open set, and the gateway before the service
answers with the status as a string (`"404"`); both are accepted everywhere.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast

from cluvault.errors import (
    Conflict,
    NotFound,
    OriginRefused,
    PermissionDenied,
    ProjectNotFound,
    RequestRefused,
    ServiceError,
    ServiceUnavailable,
    SignInRefused,
    Throttled,
    UnexpectedAnswer,
    Unreachable,
)
from cluvault.service.exchange import Answer, Call, Expects, NoAnswer, Subject
from cluvault.service.problems import Problem, read_error_body
from cluvault.service.retrying import read_retry_after
from cluvault.service.urls import origin_of

if TYPE_CHECKING:
    from datetime import datetime

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_WHITE: Final = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a try did not succeed.

    Attributes:
        error: The class of the error that it becomes when it is final.
        said: The reason in one line.
        mend: What the user can do.
        status: HTTP status, None without an answer.
        code: The service's code.
        request_id: The service's id of the exchange.
        passing: Whether the same request can succeed later.
        unprocessed: Whether the service provably did nothing.
        retry_after: Seconds that the service asks to wait.
    """

    error: type[ServiceError]
    said: str
    mend: str = ""
    status: int | None = None
    code: str = ""
    request_id: str = ""
    passing: bool = False
    unprocessed: bool = False
    retry_after: float | None = None

    @property
    def throttled(self) -> bool:
        """Whether the call rate was exceeded."""
        return self.error is Throttled


def judge(outcome: Answer | NoAnswer, call: Call, *, now: datetime) -> Answer | Fault:
    """The answer itself when it is good, else what is wrong with the outcome of the call."""
    if isinstance(outcome, NoAnswer):
        return _no_answer(outcome)
    if HTTPStatus.OK <= outcome.status < HTTPStatus.MULTIPLE_CHOICES:
        return _bad_body(outcome, call) or outcome
    if outcome.status < HTTPStatus.BAD_REQUEST:
        return _redirect(outcome)
    return _refusal(outcome, call, now=now)


def _no_answer(outcome: NoAnswer) -> Fault:
    if outcome.too_large:
        return Fault(UnexpectedAnswer, outcome.reason)
    mend = "check the endpoint and the network" if outcome.unprocessed else "check the network, then try again"
    return Fault(Unreachable, outcome.reason, mend=mend, passing=True, unprocessed=outcome.unprocessed)


def _bad_body(answer: Answer, call: Call) -> Fault | None:
    """A torn or foreign body of a good answer. It can pass: a proxy's page, a connection that broke."""
    said = ""
    length = answer.headers.get("content-length", "")
    if length.isdecimal() and "content-encoding" not in answer.headers and int(length) != len(answer.content):
        said = f"the answer is torn: {len(answer.content)} of {length} bytes arrived"
    elif call.expects is Expects.JSON_OBJECT and not looks_like_json_object(answer.content):
        said = f"the answer is not the JSON object that it should be, but {_kind_of_body(answer)}"
    if not said:
        return None
    mend = "check that the endpoint is an Azure Language resource and that no proxy answers in its place"
    return Fault(UnexpectedAnswer, said, mend=mend, status=answer.status, request_id=answer.request_id, passing=True)


def looks_like_json_object(content: bytes) -> bool:
    """Whether a body begins and ends like a JSON object, which neither HTML nor half a file does.

    The whole is parsed by whoever uses it; an exported file of many megabytes is not parsed twice.
    """
    head = content.removeprefix(_BYTE_ORDER_MARK)[:64].lstrip(_WHITE)
    tail = content[-64:].rstrip(_WHITE)
    return head.startswith(b"{") and tail.endswith(b"}")


def _kind_of_body(answer: Answer) -> str:
    if not answer.content:
        return "empty"
    kind = answer.headers.get("content-type", "").partition(";")[0].strip()[:60]
    return f"{len(answer.content)} bytes of {kind or 'unknown type'}"


def _redirect(answer: Answer) -> Fault:
    try:
        target = str(origin_of(answer.headers.get("location", "")))
    except ValueError:
        target = "another address"
    return Fault(
        OriginRefused,
        f"status {answer.status} redirects to {target}; redirects are not followed with a credential",
        mend="set the resource's endpoint to the address that the service itself uses",
        status=answer.status,
        request_id=answer.request_id,
    )


def _refusal(answer: Answer, call: Call, *, now: datetime) -> Fault:
    problem = read_error_body(answer.content)
    kind = _error_class(answer.status, problem.code, call.subject)
    retry_after = read_retry_after(answer.headers, now=now)
    throttled = kind is Throttled
    return Fault(
        kind,
        _said(answer, problem, kind, retry_after if kind in (Throttled, ServiceUnavailable) else None),
        mend=_mend(kind, call),
        status=answer.status,
        code=problem.code,
        request_id=answer.request_id,
        passing=kind in (Throttled, ServiceUnavailable),
        # 503 with Retry-After is a refusal at the door; a bare 503 may come from a gateway that lost the answer
        unprocessed=throttled or (answer.status == HTTPStatus.SERVICE_UNAVAILABLE and retry_after is not None),
        retry_after=retry_after,
    )


_BY_STATUS: Final[dict[int, type[ServiceError]]] = {
    HTTPStatus.UNAUTHORIZED: SignInRefused,
    HTTPStatus.FORBIDDEN: PermissionDenied,
    HTTPStatus.GONE: NotFound,
    HTTPStatus.CONFLICT: Conflict,
    HTTPStatus.REQUEST_TIMEOUT: ServiceUnavailable,
    HTTPStatus.TOO_MANY_REQUESTS: Throttled,
}


def _error_class(status: int, code: str, subject: Subject) -> type[ServiceError]:
    if status == HTTPStatus.NOT_FOUND:
        return ProjectNotFound if says_project_is_missing(code, subject) else NotFound
    if status == HTTPStatus.FORBIDDEN and code.casefold() == "quotaexceeded":
        return RequestRefused
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServiceUnavailable
    return _BY_STATUS.get(status, RequestRefused)


def says_project_is_missing(code: str, subject: Subject) -> bool:
    """Whether a 404 with this code means that the project does not exist.

    Only the authoring service knows that: it says `ProjectNotFound`, or `NotFound` when the call is about the project
    itself. The gateway's `"404"` (route or api-version not offered) and a proxy's page prove nothing. Taking them for
    a missing project would report deletions that never happened.
    """
    known = code.casefold()
    return known == "projectnotfound" or (known == "notfound" and subject is Subject.PROJECT)


def says_part_is_missing(code: str) -> bool:
    """Whether a 404 with this code means that the model or deployment does not exist; see says_project_is_missing."""
    return code.casefold() == "notfound"


def _said(answer: Answer, problem: Problem, kind: type[ServiceError], retry_after: float | None) -> str:
    text = "no such project" if kind is ProjectNotFound else f"the service answered {answer.status}"
    if words := str(problem):
        text += f": {words}"
    elif answer.content:
        text += f" with {_kind_of_body(answer)}"
    if retry_after is not None:
        text += f"; it asks to come back after {retry_after:.0f} s"
    return text


def _mend(kind: type[ServiceError], call: Call) -> str:
    if kind is PermissionDenied:
        return f"the operation needs the role {call.role!r} (or a role above it) on the resource"
    if kind is Conflict:
        return "another job holds the project; try again when it is done"
    if kind is Throttled:
        return "other programs share the resource's call rate; try again later"
    if kind is NotFound and call.subject in (Subject.RESOURCE, Subject.PROJECT):
        return "check the endpoint and the api-version"
    return ""


def read_object(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer.

    Raises:
        ValueError: the body is none.
    """
    members, fault = _parse(answer.content)
    if members is None:
        raise ValueError(fault)
    return members


def _parse(content: bytes) -> tuple[dict[str, Any] | None, str]:
    """The object, or what is wrong. Errors of the parser hold the whole text, and so perhaps a token: none gets out."""
    try:
        found: object = json.loads(content.removeprefix(_BYTE_ORDER_MARK))
    except RecursionError:
        return None, "nested too deeply"
    except ValueError as err:
        return None, str(err)
    return (cast("dict[str, Any]", found), "") if isinstance(found, dict) else (None, "no JSON object")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list and where the next one is, if there is one."""

    items: tuple[object, ...]
    next_link: str | None


def read_page(members: dict[str, Any]) -> Page:
    """A page of a list.

    A page without `value` is refused: taken for an empty one it would tell a clean-up that nothing is there.

    Raises:
        ValueError: which member is wrong.
    """
    items = members.get("value")
    if not isinstance(items, list):
        raise ValueError("member 'value' is no list")  # one error for all that is wrong with a body
    link = members.get("nextLink")
    if link is not None and not isinstance(link, str):
        raise ValueError("member 'nextLink' is no text")
    return Page(tuple(cast("list[object]", items)), link or None)
