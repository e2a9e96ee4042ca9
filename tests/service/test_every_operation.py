"""Laws that hold for every operation of the client, walked through the table of them all."""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING

import httpx
import pytest

from cluvault.errors import (
    CluvaultError,
    JobCancelled,
    JobError,
    JobFailed,
    JobNotCancelled,
    JobPartiallyCompleted,
    JobTimedOut,
    NotFound,
    OperationNotInVersion,
    OriginRefused,
    PermissionDenied,
    ProjectNotFound,
    ServiceError,
    UnexpectedAnswer,
    Unreachable,
)
from cluvault.service.client import CluClient
from cluvault.service.features import EVERYWHERE, GENERAL_VERSIONS, PREVIEW_VERSIONS
from cluvault.service.paging import MAX_EMPTY_PAGES, MAX_PAGES
from cluvault.service.versions import TRANSFER_VERSIONS
from tests.service.operation_table import OPERATIONS, Operation, named, sent_json
from tests.service.scripted import (
    ENDPOINT,
    PROJECTS,
    Bench,
    FakeTime,
    ScriptedService,
    accepted,
    answer,
    error,
    gateway_error,
    job,
    settings,
)

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

JOBS = [operation for operation in OPERATIONS if operation.is_job]
LISTS = [operation for operation in OPERATIONS if operation.is_list]
GATED = [operation for operation in OPERATIONS if operation.feature is not EVERYWHERE]
AUTO = settings(**{"api-version": "auto"})

every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=named)
every_job = pytest.mark.parametrize("operation", JOBS, ids=named)
every_list = pytest.mark.parametrize("operation", LISTS, ids=named)


def fixed(bench: Bench, operation: Operation, transport: httpx.AsyncBaseTransport | None = None) -> CluClient:
    """A client with an api-version that has the operation."""
    return bench.client(settings(**{"api-version": operation.feature.versions[0]}), transport=transport)


def test_the_table_has_every_operation() -> None:
    """Whoever adds an operation describes it in the table, or leaves it to tests of its own by name."""
    elsewhere = {
        "aclose", "answers_version", "get_job", "guard", "share_budget", "statistics", "tell_waits",
        "transfer_version", "wait",
        "finds_export_again", "finish_export", "started_export",
        "create_project", "project_exists", "delete_project", "export_project", "download_export", "import_project",
        "training_handle",
        "model_exists", "deployment_exists", "delete_deployment", "exported_model_exists", "delete_exported_model",
    }  # fmt: skip
    described = {operation.name.partition(" ")[0].strip(",") for operation in OPERATIONS}
    public = {name for name, _ in inspect.getmembers(CluClient) if not name.startswith("_")}
    assert public - described == elsewhere


@every_operation
async def test_the_request(bench: Bench, service: ScriptedService, operation: Operation) -> None:
    """Verb, path, query, body and content type are as the contract says; nothing else is sent."""
    operation.script(service)
    async with fixed(bench, operation) as client:
        await operation.run(client)
    (seen,) = operation.sent(service)
    assert len(service.requests) == 1
    version = "2023-04-01" if operation.is_runtime else operation.feature.versions[0]
    assert seen.query == {"api-version": version, **dict(operation.query)}
    assert sent_json(seen) == operation.body
    assert seen.headers.get("content-type") == (None if operation.body is None else "application/json")
    assert "content-length" in seen.headers or seen.method in ("GET", "DELETE")


@every_operation
async def test_a_denied_call_names_the_weakest_role(
    bench: Bench, service: ScriptedService, operation: Operation
) -> None:
    """403 says which role the operation needs."""
    operation.script(service, error(403, "Forbidden"))
    async with fixed(bench, operation) as client:
        with pytest.raises(PermissionDenied, match=f"Cognitive Services Language {operation.role}"):
            await operation.run(client)


class LosesTheAnswer(httpx.AsyncBaseTransport):
    """Lets the service act once, and breaks before its answer is read."""

    def __init__(self, service: ScriptedService) -> None:
        self._inner = httpx.ASGITransport(service.app)
        self._is_broken = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        if self._is_broken:
            return response
        self._is_broken = True
        raise httpx.ReadError("broken", request=request)


@every_operation
async def test_what_may_not_be_repeated_is_not(bench: Bench, service: ScriptedService, operation: Operation) -> None:
    """When the answer is lost, only what does no harm a second time is sent again; else the caller has to look."""
    operation.script(service)
    async with fixed(bench, operation, LosesTheAnswer(service)) as client:
        if operation.repeatable:
            await operation.run(client)
        else:
            with pytest.raises(Unreachable, match=r"may have been processed.*look at the project"):
                await operation.run(client)
    assert len(operation.sent(service)) == (2 if operation.repeatable else 1)


@every_operation
async def test_a_gateway_that_lost_the_answer_is_a_lost_answer(
    bench: Bench, service: ScriptedService, operation: Operation
) -> None:
    """A 5xx without Retry-After leaves open what was done."""
    operation.script(service, error(503, "x"), operation.good_answer())
    async with fixed(bench, operation) as client:
        if operation.repeatable:
            await operation.run(client)
        else:
            with pytest.raises(ServiceError, match="look at the project"):
                await operation.run(client)
    assert len(operation.sent(service)) == (2 if operation.repeatable else 1)


@every_operation
async def test_what_was_refused_at_the_door_is_sent_again(
    bench: Bench, service: ScriptedService, operation: Operation
) -> None:
    """429 says that nothing was done, so that even a swap may be sent again."""
    operation.script(service, gateway_error(429, "slow", retry_after="1"), operation.good_answer())
    async with fixed(bench, operation) as client:
        await operation.run(client)
    assert len(operation.sent(service)) == 2


# --- api-versions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", GATED, ids=named)
async def test_a_configured_version_that_lacks_the_operation(
    bench: Bench, service: ScriptedService, operation: Operation
) -> None:
    """It is refused here, with the versions that have it; nothing is sent."""
    for version in {*GENERAL_VERSIONS, *PREVIEW_VERSIONS} - set(operation.feature.versions):
        async with bench.client(settings(**{"api-version": version})) as client:
            with pytest.raises(OperationNotInVersion) as caught:
                await operation.run(client)
        text = str(caught.value)
        assert text.startswith(f"dev: api-version {version} has no {operation.feature.name}; set api-version to")
        assert all(named_version in text for named_version in operation.feature.versions)
        assert caught.value.exit_code == 2
    assert service.requests == []


@pytest.mark.parametrize("operation", GATED, ids=named)
async def test_an_unknown_version_is_left_to_the_service(
    bench: Bench, service: ScriptedService, operation: Operation
) -> None:
    """A version newer than this client knows may well have the operation."""
    operation.script(service)
    async with bench.client(settings(**{"api-version": "2031-01-01-preview"})) as client:
        await operation.run(client)
    assert operation.sent(service)[0].query["api-version"] == "2031-01-01-preview"


def offer(service: ScriptedService, *versions: str) -> None:
    """Let the service answer these versions only."""

    def projects(request: Request) -> Response:
        known = request.query_params["api-version"] in versions
        return answer({"value": []}) if known else gateway_error(404, "Resource not found")

    service.on("GET", "", projects)


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if not each.is_runtime], ids=named)
async def test_auto_prefers_general_availability(bench: Bench, service: ScriptedService, operation: Operation) -> None:
    """Each operation uses the newest answered version that has it; previews only where no other has it.

    Exports and imports are the exception: their newest is that which loses least.
    """
    is_transfer = operation.name.startswith(("begin_import", "begin_export with", "begin_export of"))
    preferred = (
        [v for v in TRANSFER_VERSIONS if operation.feature.is_in(v)] if is_transfer else operation.feature.versions
    )
    for position, newest in enumerate(preferred):
        offer(service, *preferred[position:])
        if operation.name != "list_projects":
            operation.script(service)
        service.requests.clear()
        async with bench.client(AUTO) as client:
            await operation.run(client)
        assert operation.sent(service)[-1].query["api-version"] == newest


@pytest.mark.parametrize("operation", GATED, ids=named)
async def test_auto_says_when_no_answered_version_has_it(
    bench: Bench, service: ScriptedService, operation: Operation
) -> None:
    """A resource that answers only a version without the operation is asked for no more than that."""
    offer(service, "2022-05-01")
    async with bench.client(AUTO) as client:
        with pytest.raises(
            (OperationNotInVersion), match=f"none of the api-versions that have {operation.feature.name}"
        ):
            await operation.run(client)
    assert {seen.path for seen in service.requests} == {PROJECTS}


# --- what is missing -----------------------------------------------------------------------------------------------


@every_operation
async def test_a_project_that_is_missing(bench: Bench, service: ScriptedService, operation: Operation) -> None:
    """The service's own word for it always means the project, whatever the operation is about."""
    operation.script(service, error(404, "ProjectNotFound"))
    async with fixed(bench, operation) as client:
        with pytest.raises(ProjectNotFound, match="no such project"):
            await operation.run(client)


@every_operation
async def test_a_route_that_is_missing(bench: Bench, service: ScriptedService, operation: Operation) -> None:
    """The gateway's 404 proves nothing about a project, a model or a deployment; no deletion takes it for success."""
    operation.script(service, gateway_error(404, "Resource not found"))
    async with fixed(bench, operation) as client:
        with pytest.raises(NotFound, match="404"):
            await operation.run(client)


# --- jobs ----------------------------------------------------------------------------------------------------------


@every_job
@pytest.mark.parametrize("status", ["failed", "partiallyCompleted", "cancelled", "canceled", "Succeeded", "CANCELLED"])
async def test_every_end_of_every_job(
    bench: Bench, service: ScriptedService, operation: Operation, status: str
) -> None:
    """Each end is told apart; cancelled is success for who cancels and an error for who waits."""
    cancels = operation.name == "begin_cancel_training"
    kinds: dict[str, type[JobError]] = {"failed": JobFailed, "partiallycompleted": JobPartiallyCompleted}
    kinds |= {"succeeded": JobNotCancelled} if cancels else {"cancelled": JobCancelled, "canceled": JobCancelled}
    operation.script(service)
    service.on("GET", "//the-jobs/job-1", job("running"), job(status, errors=[{"code": "C", "message": "m"}]))
    async with fixed(bench, operation) as client:
        handle = await operation.begin(client)
        if (kind := kinds.get(status.lower())) is None:
            assert (await client.wait(handle, timeout=60)).status == status
        else:
            with pytest.raises(kind, match="C: m"):
                await client.wait(handle, timeout=60)
    assert len([seen for seen in service.requests if seen.path == "/the-jobs/job-1"]) == 2


@every_job
@pytest.mark.parametrize("status", ["notStarted", "cancelling", "daydreaming"])
async def test_a_job_without_end(
    bench: Bench, service: ScriptedService, time: FakeTime, operation: Operation, status: str
) -> None:
    """A status nobody knows is waited for until the time is up, and no longer."""
    operation.script(service)
    service.on("GET", "//the-jobs/job-1", job(status))
    async with fixed(bench, operation) as client:
        with pytest.raises(JobTimedOut, match=f"still '{status}' after 30 s"):
            await client.wait(await operation.begin(client), timeout=30)
    assert time.now == 1030


@every_job
async def test_progress_is_reported_and_asked_for(bench: Bench, service: ScriptedService, operation: Operation) -> None:
    """`on_status` sees every poll; `get_job` asks once."""
    good = "cancelled" if operation.name == "begin_cancel_training" else "succeeded"
    operation.script(service)
    service.on("GET", "//the-jobs/job-1", job("running"), job("running"), job(good))
    seen: list[str] = []
    async with fixed(bench, operation) as client:
        handle = await operation.begin(client)
        assert (await client.get_job(handle)).status == "running"
        done = await client.wait(handle, timeout=60, on_status=lambda each: seen.append(each.status))
    assert seen == ["running", good]
    assert type(done) is handle.kind


@every_job
@pytest.mark.parametrize("location", ["https://evil.example/j", "http://contoso-dev.cognitiveservices.azure.com/j"])
async def test_a_job_on_another_origin_gets_no_request(
    bench: Bench, service: ScriptedService, operation: Operation, location: str
) -> None:
    """No credential follows an operation-location elsewhere."""
    operation.script(service, accepted(location))
    async with fixed(bench, operation) as client:
        with pytest.raises(OriginRefused, match="nothing was sent there"):
            await operation.run(client)
    assert len(service.requests) == 1


@every_job
async def test_a_start_that_names_no_job(bench: Bench, service: ScriptedService, operation: Operation) -> None:
    """The official SDK takes a 202 without operation-location for success; here nothing is reported done."""
    operation.script(service, answer({}, 202))
    async with fixed(bench, operation) as client:
        with pytest.raises(UnexpectedAnswer, match="operation-location"):
            await operation.run(client)


@every_job
@pytest.mark.parametrize("body", [{}, {"status": None}, {"status": ["succeeded"]}, {"status": "", "jobId": 7}])
async def test_a_job_without_status(bench: Bench, service: ScriptedService, operation: Operation, body: object) -> None:
    """It is refused rather than polled for ever."""
    operation.script(service)
    service.on("GET", "//the-jobs/job-1", answer(body))
    async with fixed(bench, operation) as client:
        with pytest.raises(UnexpectedAnswer, match="at status"):
            await client.wait(await operation.begin(client), timeout=60)


# --- answers -------------------------------------------------------------------------------------------------------

BODIES = [each for each in OPERATIONS if each.good is not None and not each.is_list]


@pytest.mark.parametrize("operation", BODIES, ids=named)
@pytest.mark.parametrize("body", [{}, {"label": 7, "status": 7, "deploymentName": {}, "result": "x"}, [], "text"])
async def test_an_answer_that_is_something_else(
    bench: Bench, service: ScriptedService, operation: Operation, body: object
) -> None:
    """Missing members and other types are one kind of error, with the place in its message."""
    operation.script(service, answer(body))
    async with fixed(bench, operation) as client:
        with pytest.raises(UnexpectedAnswer, match=r"dev(/\w+)?: "):
            await operation.run(client)


@every_list
async def test_all_pages_are_read(bench: Bench, service: ScriptedService, operation: Operation) -> None:
    """Paging follows nextLink; what two pages both have comes once, where things have names."""
    item = operation.good["value"][0]
    link = f"{ENDPOINT}{PROJECTS}{operation.path}?skip=1"
    operation.script(service, answer({"value": [item], "nextLink": link}), answer({"value": [item]}))
    async with fixed(bench, operation) as client:
        found = await operation.run(client)
    assert isinstance(found, list)
    repeats = operation.name in ("list_evaluation_results", "list_assigned_resource_deployments")
    assert len(found) == (2 if repeats else 1)  # pyright: ignore[reportUnknownArgumentType]
    assert [seen.query.get("skip") for seen in operation.sent(service)] == [None, "1"]


NO_PAGES: list[object] = [
    {},
    {"value": None},
    {"value": {}},
    {"value": [7]},
    {"value": [{}]},
    {"value": [], "nextLink": 7},
]


@every_list
@pytest.mark.parametrize("page", NO_PAGES)
async def test_a_page_that_is_none(bench: Bench, service: ScriptedService, operation: Operation, page: object) -> None:
    """A list that cannot be read is an error, never an empty one."""
    operation.script(service, answer(page))
    async with fixed(bench, operation) as client:
        with pytest.raises(UnexpectedAnswer):
            await operation.run(client)


@every_list
async def test_the_next_page_on_another_origin(bench: Bench, service: ScriptedService, operation: Operation) -> None:
    """It gets no request."""
    operation.script(service, answer({"value": [], "nextLink": "https://evil.example/x"}))
    async with fixed(bench, operation) as client:
        with pytest.raises(OriginRefused):
            await operation.run(client)
    assert len(service.requests) == 1


def endless(operation: Operation, *items: object) -> Response | object:
    """Pages that always lead to a new one."""

    def next_page(request: Request) -> Response:
        position = int(request.query_params.get("skip", "0")) + 1
        return answer({"value": list(items), "nextLink": f"{ENDPOINT}{PROJECTS}{operation.path}?skip={position}"})

    return next_page


@every_list
async def test_empty_pages_come_to_an_end(bench: Bench, service: ScriptedService, operation: Operation) -> None:
    """A list of empty pages without end is refused soon."""
    service.on(operation.method, operation.path, endless(operation))  # pyright: ignore[reportArgumentType]
    async with fixed(bench, operation) as client:
        with pytest.raises(UnexpectedAnswer, match="the list has no end"):
            await operation.run(client)
    assert len(service.requests) == MAX_EMPTY_PAGES


async def test_full_pages_come_to_an_end(
    client: CluClient, service: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even a list that always has one thing more is given up at last."""
    assert MAX_PAGES * 10 > 50_000
    monkeypatch.setattr("cluvault.service.paging.MAX_PAGES", 40)
    operation = next(each for each in OPERATIONS if each.name == "list_models")
    service.on("GET", "/A/models", endless(operation, {"label": "m"}))  # pyright: ignore[reportArgumentType]
    with pytest.raises(UnexpectedAnswer, match="no end: 40 pages"):
        await operation.run(client)


# --- names ---------------------------------------------------------------------------------------------------------

BAD_NAMES = ["", ".", "..", "a/b", "a%2Fb", "a?b", "a#b", "a\\b", "a\nb", ":swap", "\ud800"]


@pytest.mark.parametrize("name", BAD_NAMES)
async def test_a_part_that_would_change_the_request_sends_nothing(
    client: CluClient, service: ScriptedService, name: str
) -> None:
    """An empty label never turns 'get one' into 'list all', a slash never leads to another route."""
    calls = [
        client.get_training_job("A", job_id=name),
        client.training_handle("A", job_id=name),
        client.begin_cancel_training("A", job_id=name),
        client.get_model("A", label=name),
        client.delete_model("A", label=name),
        client.begin_load_snapshot("A", label=name),
        client.get_evaluation_summary("A", label=name),
        client.get_deployment("A", deployment=name),
        client.begin_deploy("A", deployment=name, label="m"),
        client.begin_delete_deployment("A", deployment=name),
        client.begin_swap_deployments("A", first=name, second="prod"),
        client.begin_swap_deployments("A", first="prod", second=name),
        client.predict("A", deployment=name, text="t"),
        client.predict(name, deployment="prod", text="t"),
    ]
    for call in calls:
        with pytest.raises(CluvaultError, match="name"):
            await call
    assert service.requests == []


@every_operation
async def test_the_log_has_one_line_for_a_request(
    bench: Bench, service: ScriptedService, operation: Operation, caplog: pytest.LogCaptureFixture
) -> None:
    """Verb and path, without query and body."""
    caplog.set_level(logging.DEBUG, logger="cluvault.service")
    operation.script(service)
    async with fixed(bench, operation) as client:
        await operation.run(client)
    (line,) = [record.getMessage() for record in caplog.records if record.name == "cluvault.service"]
    assert line.startswith(f"{operation.method} {operation.sent(service)[0].path} -> 20")
    assert "api-version" not in line
