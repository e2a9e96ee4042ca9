"""What an operation of the API is, what it is given and what it answers; and finding it by method and path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cluvault.emulator.jobs import Start, job_path, job_to_wire
from cluvault.emulator.paging import page_of
from cluvault.emulator.projects import find_job
from cluvault.emulator.rendering import to_json
from cluvault.emulator.versions import ALL_VERSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta

    from cluvault.emulator.core import Emulator
    from cluvault.emulator.faults_effects import Fault
    from cluvault.emulator.records import Job, JobKind
    from cluvault.emulator.roles import Role
    from cluvault.emulator.state import Change, ResourceState
    from cluvault.emulator.versions import ApiVersion

_Item = TypeVar("_Item")

AUTHORING: Final = "language/authoring/analyze-conversations"
RUNTIME: Final = "language"
"""Where the two APIs begin in a resource."""

_JSON: Final = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation answers; the gateway adds the headers that every answer has."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = _JSON
    is_chunked: bool = False


@dataclass(frozen=True, slots=True)
class Later:
    """An answer that takes long to work out: that is done in a thread, when others may look at the state again."""

    work: Callable[[], Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, past the gateway: the route is known, the key fits, the rate is kept.

    Attributes:
        base: The URL of the API, `http://HOST/RESOURCE/language/authoring/analyze-conversations`, for links.
        names: The path's variable parts.
        query: The query, its names in lower case.
        document: What the operation's `read` made of the body.
        state: The resource at `now`.
        fault: The fault that was drawn for the request.
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
    fault: Fault | None = None

    @property
    def project_name(self) -> str:
        """The name in the project's place of the path."""
        return self.names["project"]

    def url(self, path: str) -> str:
        """The absolute URL of a path, with the caller's api-version."""
        return f"{self.base}/{path}?api-version={self.version.name}"

    def start(self, duration: timedelta | None = None) -> Start:
        """The start of a job now; it takes as long as most jobs do, or its own time."""
        emulator = self.emulator
        job_id = emulator.new_job_id(self.now)
        return Start(job_id=job_id, now=self.now, duration=emulator.job_duration if duration is None else duration)

    def commit(self, change: Change) -> None:
        """Store and make a change."""
        self.emulator.commit({self.resource: change})

    def begin(self, started: tuple[Change, Job], *, elsewhere: Mapping[str, Change] | None = None) -> Answer:
        """Store and make the change that starts a job, and those of other resources; answer where its status is."""
        change, job = started if self.fault is None else self.fault.change_start(*started)
        self.emulator.commit({**(elsewhere or {}), self.resource: change})
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
        path: Under the root of its API; `{name}` parts vary.
        handle: Does it.
        read: Reads the body before that, without the state, so that a large one need not hold up other requests.
        role: The weakest role that may do it, where method and path do not say (see `roles.py`).
        versions: The api-versions that have it; to the others its route is unknown.
        root: Of the authoring API or the prediction API.
    """

    title: str
    method: str
    path: str
    handle: Callable[[Call], Answer | Later]
    read: Callable[[Unread], Any] | None = None
    role: Role | None = None
    versions: frozenset[str] = ALL_VERSIONS
    root: str = AUTHORING

    @property
    def budget(self) -> str:
        """What its calls are counted as: the method, or predictions, which have a limit of their own."""
        return "prediction" if self.root == RUNTIME else self.method

    @property
    def api(self) -> str:
        """How a 429 names the API that it belongs to."""
        return "Language Prediction API" if self.root == RUNTIME else "Language Authoring API"


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
            parts = [*operation.root.split("/"), *operation.path.split("/")]
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
