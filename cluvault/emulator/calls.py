"""What an operation of the API is, what it is given and what it answers; and finding it by method and path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cluvault.emulator.jobs import job_path, job_to_wire
from cluvault.emulator.paging import page_of
from cluvault.emulator.projects import find_job
from cluvault.emulator.rendering import to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from cluvault.emulator.core import Emulator
    from cluvault.emulator.records import Job, JobKind
    from cluvault.emulator.state import Change, ResourceState
    from cluvault.emulator.versions import ApiVersion

_Item = TypeVar("_Item")

_JSON: Final = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation answers; the gateway adds the headers that every answer has."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = _JSON
    is_chunked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, past the gateway: the route is known, the key fits, the rate is kept.

    Attributes:
        base: The URL of the API, `http://HOST/RESOURCE/language/authoring/analyze-conversations`, for links.
        names: The path's variable parts.
        query: The query, its names in lower case.
        document: What the operation's `read` made of the body.
        state: The resource at `now`.
    """

    emulator: Emulator
    resource: str
    base: str
    names: Mapping[str, str]
    query: Mapping[str, str]
    version: ApiVersion
    document: Any
    state: ResourceState
    now: datetime

    @property
    def project_name(self) -> str:
        """The name in the project's place of the path."""
        return self.names["project"]

    def url(self, path: str) -> str:
        """The absolute URL of a path, with the caller's api-version."""
        return f"{self.base}/{path}?api-version={self.version.name}"

    def commit(self, change: Change) -> None:
        """Store and make a change."""
        self.emulator.commit({self.resource: change})

    def begin(self, started: tuple[Change, Job]) -> Answer:
        """Store and make the change that starts a job, and answer where its status is."""
        change, job = started
        self.commit(change)
        self.emulator.hide_end(job)
        return Answer(202, headers=(("operation-location", self.url(job_path(job))),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A request whose body has not been read yet; what `Operation.read` gets, perhaps in another thread."""

    emulator: Emulator
    names: Mapping[str, str]
    query: Mapping[str, str]
    version: ApiVersion
    body: bytes


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the API.

    Attributes:
        title: How a 429 names it.
        method: The HTTP method.
        path: Under `/analyze-conversations/`; `{name}` parts vary.
        handle: Does it.
        read: Reads the body before that, without the state, so that a large one need not hold up other requests.
    """

    title: str
    method: str
    path: str
    handle: Callable[[Call], Answer]
    read: Callable[[Unread], Any] | None = None


# --- what many operations share ------------------------------------------------------------------------------------


def json_answer(value: dict[str, Any]) -> Answer:
    """200 with a JSON object."""
    return Answer(200, to_json(value))


def page_answer(call: Call, path: str, items: Sequence[_Item], item_json: Callable[[_Item], bytes]) -> Answer:
    """200 with the page of a list that the query asks for."""
    page = page_of(call.query, total=len(items), page_size=call.emulator.config.page_size)
    link = to_json(page.next_link(f"{call.base}/{path}", call.query))
    return Answer(200, b'{"value":[%b],"nextLink":%b}' % (b",".join(map(item_json, page.of(items))), link))


def status_of(kind: JobKind) -> Callable[[Call], Answer]:
    """The operation that answers the status of jobs of a kind."""

    def status(call: Call) -> Answer:
        job = job_of(call, kind)
        return json_answer(job_to_wire(job, call.now, held=call.emulator.take_first_poll(job)))

    return status


def job_of(call: Call, kind: JobKind) -> Job:
    """The job that a path names.

    Raises:
        Refusal: 404.
    """
    names = call.names
    place = {"project": names.get("project", ""), "part": names.get("part", "")}
    return find_job(call.state, names["job"], kind=kind, now=call.now, **place)


# --- routing -------------------------------------------------------------------------------------------------------


class Router:
    """Finds the operation of a method and a path; literal parts win over variable ones."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._routes: dict[tuple[str, int], list[tuple[list[str], Operation]]] = {}
        for operation in operations:
            parts = operation.path.split("/")
            self._routes.setdefault((operation.method, len(parts)), []).append((parts, operation))
        for routes in self._routes.values():
            routes.sort(key=lambda route: [part.startswith("{") for part in route[0]])

    def find(self, method: str, segments: Sequence[str]) -> tuple[Operation, dict[str, str]] | None:
        """The operation and the values of its path's variable parts."""
        for parts, operation in self._routes.get((method, len(segments)), ()):
            if all(part[0] == "{" or part == segment for part, segment in zip(parts, segments, strict=True)):
                names = zip(parts, segments, strict=True)
                return operation, {part[1:-1]: segment for part, segment in names if part[0] == "{"}
        return None
