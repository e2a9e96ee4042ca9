"""The page at `/`: what the emulator holds and what it was asked, for people. Names are others' and always escaped."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import TYPE_CHECKING, Final

import orjson
from starlette.responses import HTMLResponse, JSONResponse

from cluvault import __version__
from cluvault.emulator.jobs import status_at
from cluvault.emulator.request_log import short_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from starlette.requests import Request
    from starlette.responses import Response

    from cluvault.emulator.core import Emulator
    from cluvault.emulator.faults import Rule
    from cluvault.emulator.records import Content, Job, Project
    from cluvault.emulator.request_log import Served
    from cluvault.emulator.state import ResourceState

_PROJECTS_SHOWN: Final = 100
_JOBS_SHOWN: Final = 30
_REQUESTS_SHOWN: Final = 50

_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
"""Nothing on the page runs or loads anything; should a name ever get through, it would not either."""

_HEAD: Final = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width"><title>CLU emulator</title><style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin-bottom: 1.5rem; font-size: 14px; }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
td { overflow-wrap: anywhere; font-variant-numeric: tabular-nums; } h2 { margin-bottom: .3rem; }
small, .none { color: #777; } :root { color-scheme: light dark; }
</style></head><body>
"""


class Page:
    """Renders the page of an emulator; it counts what is in a project once for all its content."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._counts: dict[str, str] = {}

    async def answer(self, request: Request) -> Response:
        """The page for browsers; for programs the resources as JSON."""
        base = str(request.base_url).rstrip("/")
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(self.render(base), headers=_HEADERS)
        return JSONResponse(self._index(base))

    def _index(self, base: str) -> dict[str, object]:
        emulator = self._emulator
        with emulator.lock:
            now = emulator.clock()
            projects = {name: len(emulator.state(name, now).projects) for name in emulator.config.resources}
        resources = [{"name": name, "endpoint": f"{base}/{name}", "projects": n} for name, n in projects.items()]
        return {"resources": resources, "apiVersions": list(emulator.config.api_versions)}

    def render(self, base: str) -> bytes:
        """The page as of now.

        Args:
            base: The address at which it was asked for.
        """
        emulator = self._emulator
        with emulator.lock:
            now = emulator.clock()
            states = {name: emulator.state(name, now) for name in emulator.config.resources}
            sections = [
                self._resources(states, base),
                *(self._projects(name, state) for name, state in states.items()),
                _jobs(states, now),
                self._faults(),
                _requests(emulator.requests.last),
            ]
        stopped = ", clock stopped" if emulator.clock.is_stopped else ""
        title = f"<h1>CLU emulator</h1><p><small>cluvault {escape(__version__)}, {_moment(now)}{stopped}</small></p>"
        return (_HEAD + title + "".join(sections) + "</body></html>\n").encode()

    def _resources(self, states: dict[str, ResourceState], base: str) -> str:
        rows = (
            (name, f"{base}/{name}", str(len(state.projects)), str(sum(1 for _ in state.unfinished())))
            for name, state in states.items()
        )
        versions = escape(", ".join(self._emulator.config.api_versions))
        table = _table("Resources", ("name", "endpoint", "projects", "jobs under way"), rows)
        return f"{table}<p><small>api-versions: {versions}</small></p>"

    def _projects(self, resource: str, state: ResourceState) -> str:
        newest = state.newest_first()
        rows = (self._project(project) for project in newest[:_PROJECTS_SHOWN])
        headings = ("project", "kind", "language", "content", "models", "deployments", "modified")
        more = len(newest) - _PROJECTS_SHOWN
        return _table(f"Projects of {resource}", headings, rows) + (f"<p>and {more} more</p>" if more > 0 else "")

    def _project(self, project: Project) -> Sequence[str]:
        metadata = project.metadata
        return (
            project.name,
            metadata.kind,
            metadata.language + (", multilingual" if metadata.multilingual else ""),
            self._counted(project.content),
            ", ".join(model.label for model in project.models),
            ", ".join(f"{deployment.name} ({deployment.model_id})" for deployment in project.deployments),
            _moment(project.modified_at),
        )

    def _counted(self, content: Content) -> str:
        """How many of what is in it, as in `2 intents, 1 entities`."""
        counted = self._counts.get(content.content_id)
        if counted is None:
            counted = ", ".join(f"{len(orjson.loads(part))} {name}" for name, part in content.parts)
            self._counts[content.content_id] = counted
        return counted

    def _faults(self) -> str:
        faults = self._emulator.faults
        if faults.plan is None or not faults.plan.rules:
            return _table("Faults in force", (), ())
        happened = Counter(injected.rule for injected in faults.injected)
        rows = ((*_rule(rule), str(happened[rule.name])) for rule in faults.plan.rules)
        return _table("Faults in force", ("rule", "calls", "when", "effect", "happened"), rows)


def _jobs(states: dict[str, ResourceState], now: datetime) -> str:
    found = [
        (name, job) for name, state in states.items() for job in list(state.jobs.values())[: -_JOBS_SHOWN - 1 : -1]
    ]
    newest = sorted(found, key=lambda one: one[1].created_at, reverse=True)[:_JOBS_SHOWN]
    rows = (_job(name, job, now) for name, job in newest)
    return _table("Jobs", ("started", "resource", "project", "kind", "status", "id"), rows)


def _job(resource: str, job: Job, now: datetime) -> Sequence[str]:
    status = "lost" if job.made_to == "be-lost" else status_at(job, now, held=False)
    about = f"{job.project} / {job.part}" if job.part else job.project
    return _moment(job.created_at), resource, about, job.kind, status, job.job_id


def _rule(rule: Rule) -> Sequence[str]:
    calls = ", ".join(rule.operations)
    place = " ".join(part for part in (rule.method, rule.path) if part)
    on = "" if rule.resources == ("*",) else f" on {', '.join(rule.resources)}"
    return rule.name, f"{calls}{on}" + (f" ({place})" if place else ""), _when(rule), _effect(rule)


def _when(rule: Rule) -> str:
    names = {"probability", "nth", "every", "after", "times"}
    given = rule.model_dump(include=names, exclude_defaults=True)
    numbers = " ".join(map(str, given.pop("nth", ())))
    conditions = [f"call {numbers}"] if numbers else []
    return ", ".join((*conditions, *(f"{name} {value}" for name, value in given.items()))) or "always"


def _effect(rule: Rule) -> str:
    members = rule.effect.model_dump(exclude={"kind"}, exclude_none=True)
    return ", ".join((rule.effect.kind, *(f"{name} {value}" for name, value in members.items())))


def _requests(served: Sequence[Served]) -> str:
    newest = list(served)[: -_REQUESTS_SHOWN - 1 : -1]
    headings = ("time", "status", "method", "resource", "path", "ms", "request id", "fault")
    return _table("Last requests", headings, map(_request, newest))


def _request(served: Served) -> Sequence[str]:
    return (
        f"{served.at:%H:%M:%S}",
        str(served.status or "cut"),
        served.method,
        served.resource,
        short_path(served),
        str(served.milliseconds),
        served.request_id,
        served.injected,
    )


def _table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A titled table of texts; this is where they are escaped."""
    body = "".join(_row("td", row) for row in rows)
    if not body:
        return f'<h2>{escape(title)}</h2><p class="none">none</p>'
    return f"<h2>{escape(title)}</h2><table>{_row('th', headings)}{body}</table>"


def _row(tag: str, cells: Iterable[str]) -> str:
    return f"<tr>{''.join(_cells(tag, cells))}</tr>"


def _cells(tag: str, cells: Iterable[str]) -> Iterator[str]:
    return (f"<{tag}>{escape(cell)}</{tag}>" for cell in cells)


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"
