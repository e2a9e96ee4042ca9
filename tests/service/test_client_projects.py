"""Projects: list, get, create, delete, and the lists of their parts."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from cluvault.errors import (
    JobExpired,
    NotFound,
    OriginRefused,
    ProjectNotFound,
    RequestRefused,
    UnexpectedAnswer,
    UsageError,
)
from tests.service.scripted import (
    ENDPOINT,
    KEY,
    PROJECTS,
    VERSION,
    Bench,
    FakeTime,
    ScriptedService,
    accepted,
    answer,
    error,
    gateway_error,
    job,
    project,
)

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from cluvault.service.client import CluClient

DELETION = f"{ENDPOINT}{PROJECTS}/global/deletion-jobs/job-1?api-version={VERSION}"


async def names(client: CluClient) -> list[str]:
    """The names that the client lists."""
    return [found.name async for found in client.list_projects()]


async def test_all_pages_are_read_with_the_credential(client: CluClient, service: ScriptedService) -> None:
    """Paging follows nextLink until it is null, and signs every page's request."""
    second = f"{ENDPOINT}{PROJECTS}?api-version={VERSION}&skip=2"
    service.on(
        "GET",
        "",
        answer({"value": [project("A"), project("B")], "nextLink": second}),
        answer({"value": [project("C")], "nextLink": None}),
    )
    assert await names(client) == ["A", "B", "C"]
    assert [seen.query for seen in service.requests] == [
        {"api-version": VERSION},
        {"api-version": VERSION, "skip": "2"},
    ]
    assert {seen.headers["ocp-apim-subscription-key"] for seen in service.requests} == {KEY}


async def test_a_project_that_moves_to_the_next_page_is_listed_once(
    client: CluClient, service: ScriptedService
) -> None:
    """A project that is created while the list is read pushes another onto the next page: it comes once."""
    service.on(
        "GET",
        "",
        answer({"value": [project("A"), project("B")], "nextLink": f"{ENDPOINT}{PROJECTS}?skip=2"}),
        answer({"value": [project("B"), project("C")]}),
    )
    assert await names(client) == ["A", "B", "C"]


async def test_a_resource_without_projects_lists_none(client: CluClient, service: ScriptedService) -> None:
    """`list_` of nothing is empty, not an error."""
    service.on("GET", "", answer({"value": [], "nextLink": None}))
    assert await names(client) == []


@pytest.mark.parametrize(
    "page, said",
    [
        ({}, "member 'value' is no list"),
        ({"value": None}, "member 'value' is no list"),
        ({"value": [], "nextLink": 7}, "member 'nextLink' is no text"),
        ({"value": [{"language": "en"}]}, "no Project: at projectName"),
        ({"value": ["A"]}, "no Project: at top level"),
        ({"value": [project("")]}, "no Project: at projectName"),
    ],
)
async def test_a_page_that_is_none_is_refused(
    client: CluClient, service: ScriptedService, page: object, said: str
) -> None:
    """A list that cannot be read is an error: an empty one would tell a clean-up that nothing is there."""
    service.on("GET", "", answer(page))
    with pytest.raises(UnexpectedAnswer, match=f"dev: list projects: .*{said}"):
        await names(client)


async def test_a_list_that_leads_in_circles_ends(client: CluClient, service: ScriptedService) -> None:
    """A nextLink that leads back is refused, not followed for ever."""
    service.on("GET", "", answer({"value": [project("A")], "nextLink": f"{ENDPOINT}{PROJECTS}?skip=1"}))
    with pytest.raises(UnexpectedAnswer, match="already read"):
        await names(client)
    assert len(service.requests) == 2


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/projects",
        "http://contoso-dev.cognitiveservices.azure.com/projects",
        f"{ENDPOINT}:8443/projects",
        f"{ENDPOINT}@evil.example/projects",
        "//evil.example/projects",
        "https://[::1",
    ],
)
async def test_the_next_page_on_another_origin_is_refused(
    client: CluClient, service: ScriptedService, link: str
) -> None:
    """A nextLink on another scheme, host or port gets no request, so the credential goes nowhere."""
    service.on("GET", "", answer({"value": [project("A")], "nextLink": link}))
    with pytest.raises(OriginRefused, match=r"dev: list projects: .*nothing was sent"):
        await names(client)
    assert len(service.requests) == 1


async def test_get_reads_what_the_service_says(client: CluClient, service: ScriptedService) -> None:
    """Seven-digit fractions are cut, absent times are None, unknown members and kinds are no obstacle."""
    body = project("EmailApp", projectKind="Telepathy", newMember={"x": 1}, settings={"confidenceThreshold": 0.7})
    service.on("GET", "/EmailApp", answer(body | {"description": None, "lastTrainedDateTime": "soon"}))
    found = await client.get_project("EmailApp")
    assert (found.name, found.kind, found.language, found.description) == ("EmailApp", "Telepathy", "en-us", "")
    assert found.settings == {"confidenceThreshold": 0.7}
    assert found.created_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert found.last_modified_at == datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)
    assert found.last_trained_at is None
    assert found.last_deployed_at is None


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a%2Fb", "a?b", "a#b", "a\\b", "a\nb", "x/:export", "\ud800"])
@pytest.mark.parametrize("verb", ["get_project", "project_exists", "begin_delete_project", "begin_export"])
async def test_a_name_that_would_change_the_request_sends_nothing(
    client: CluClient, service: ScriptedService, verb: str, name: str
) -> None:
    """An empty name never turns 'get one' into 'list all', a slash never leads to another route."""
    with pytest.raises(UsageError, match="project name"):
        await getattr(client, verb)(name)
    assert service.requests == []


async def test_names_beyond_the_documented_letters_are_percent_encoded(
    client: CluClient, service: ScriptedService
) -> None:
    """A backup does not refuse an existing project for its name."""
    service.on("GET", "/Reiseb%C3%BCro%20S%C3%BCd", answer(project("Reisebüro Süd")))
    assert (await client.get_project("Reisebüro Süd")).name == "Reisebüro Süd"


@pytest.mark.parametrize("code", ["ProjectNotFound", "NotFound", "notfound"])
async def test_a_project_does_not_exist_when_the_service_says_so(
    client: CluClient, service: ScriptedService, code: str
) -> None:
    """Both of the service's codes mean that the project is absent."""
    service.on("GET", "/Gone", error(404, code))
    assert await client.project_exists("Gone") is False
    with pytest.raises(ProjectNotFound, match="dev/Gone: get project: no such project"):
        await client.get_project("Gone")


@pytest.mark.parametrize(
    "doubt",
    [gateway_error(404, "Resource not found"), answer("<html>not here</html>", 404), error(400, "InvalidArgument")],
)
async def test_a_doubt_is_never_taken_for_absence(client: CluClient, service: ScriptedService, doubt: Response) -> None:
    """The gateway's 404 or a proxy's page says nothing about a project: exists raises."""
    service.on("GET", "/EmailApp", doubt)
    with pytest.raises((NotFound, RequestRefused)):
        await client.project_exists("EmailApp")


async def test_exists_is_true_for_a_project(client: CluClient, service: ScriptedService) -> None:
    """The other answer of exists."""
    service.on("GET", "/EmailApp", answer(project("EmailApp")))
    assert await client.project_exists("EmailApp") is True


async def test_create_sends_a_merge_patch_and_reads_the_project_again(
    client: CluClient, service: ScriptedService
) -> None:
    """The service's answer to an update carries times of year 1; what create returns is the truth."""
    null_time = "0001-01-01T00:00:00Z"
    service.on("PATCH", "/New", answer(project("New", createdDateTime=null_time, lastModifiedDateTime=null_time), 200))
    service.on("GET", "/New", answer(project("New")))
    made = await client.create_project(
        "New", {"projectKind": "Conversation", "projectName": "Other", "language": "en-us"}
    )
    (patch,) = service.sent("PATCH", "/New")
    assert patch.headers["content-type"] == "application/merge-patch+json"
    assert json.loads(patch.body) == {"projectKind": "Conversation", "projectName": "New", "language": "en-us"}
    assert made.created_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


async def test_year_one_means_no_time(client: CluClient, service: ScriptedService) -> None:
    """A time of year 1 is no time at all."""
    service.on("GET", "/A", answer(project("A", createdDateTime="0001-01-01T00:00:00")))
    assert (await client.get_project("A")).created_at is None


@pytest.mark.parametrize("name", ["a b", "x" * 51, "Ünter", "global", "Global", "…"])
async def test_a_new_project_needs_a_documented_name(client: CluClient, service: ScriptedService, name: str) -> None:
    """Create and import refuse names that the service's documentation does not allow, before anything is sent."""
    with pytest.raises(UsageError, match="project name"):
        await client.create_project(name, {})
    with pytest.raises(UsageError, match="project name"):
        await client.begin_import(name, b"{}")
    assert service.requests == []


async def test_delete_waits_for_its_job(client: CluClient, service: ScriptedService) -> None:
    """Delete returns when the deletion job has succeeded."""
    service.on("DELETE", "/Old", accepted(DELETION))
    service.on("GET", "/global/deletion-jobs/job-1", job("running"), job("succeeded"))
    await client.delete_project("Old", timeout=60)
    assert len(service.sent("GET", "/global/deletion-jobs/job-1")) == 2


async def test_deleting_what_is_gone_succeeds(client: CluClient, service: ScriptedService) -> None:
    """Already gone is success; only `begin_` tells."""
    service.on("DELETE", "/Old", error(404, "ProjectNotFound"))
    await client.delete_project("Old", timeout=60)
    with pytest.raises(ProjectNotFound):
        await client.begin_delete_project("Old")


async def test_a_gateway_404_is_no_deletion(client: CluClient, service: ScriptedService) -> None:
    """A route or version that is not offered is never reported as a project that is gone."""
    service.on("DELETE", "/Old", gateway_error(404, "Resource not found"))
    with pytest.raises(NotFound, match="check the endpoint and the api-version"):
        await client.delete_project("Old", timeout=60)


@pytest.mark.parametrize("still_there", [False, True])
async def test_an_expired_deletion_job_is_judged_by_the_project(
    bench: Bench, service: ScriptedService, time: FakeTime, *, still_there: bool
) -> None:
    """When the job's record is gone, the project itself says whether the deletion was done."""

    def expire(_: Request) -> Response:
        time.now += 10
        return error(404, "NotFound")

    service.on("DELETE", "/Old", accepted(DELETION))
    service.on("GET", "/global/deletion-jobs/job-1", expire)
    service.on("GET", "/Old", answer(project("Old")) if still_there else error(404, "ProjectNotFound"))
    async with bench.client() as client:
        if still_there:
            with pytest.raises(JobExpired):
                await client.delete_project("Old", timeout=60)
        else:
            await client.delete_project("Old", timeout=60)
    assert service.sent("GET", "/Old")


async def test_models_are_listed(client: CluClient, service: ScriptedService) -> None:
    """A model carries its label, times, expiry, configuration and whether it has a snapshot."""
    service.on(
        "GET",
        "/A/models",
        answer(
            {
                "value": [
                    {
                        "label": "m1",
                        "modelId": "m1-20260102T030405-" + "a" * 32,
                        "lastTrainedDateTime": "2026-01-02T03:04:05Z",
                        "lastTrainingDurationInSeconds": 4,
                        "modelExpirationDate": "2027-02-03",
                        "modelTrainingConfigVersion": "2022-09-01",
                        "hasSnapshot": True,
                    },
                    {"label": "bare", "modelExpirationDate": "0001-01-01"},
                    {"label": "odd", "modelExpirationDate": "never"},
                ]
            }
        ),
    )
    first, bare, odd = [model async for model in client.list_models("A")]
    assert (first.label, first.training_seconds, first.has_snapshot) == ("m1", 4, True)
    assert (first.expires_on, first.training_config_version) == (date(2027, 2, 3), "2022-09-01")
    assert (bare.expires_on, odd.expires_on, bare.last_trained_at) == (None, None, None)


@pytest.mark.parametrize(
    "model_id, label",
    [
        ("v1-20260102T030405-" + "a" * 32, "v1"),
        ("my-model-2-20260102T030405-" + "a" * 32, "my-model-2"),
        ("odd", ""),
        ("one-dash", ""),
        ("", ""),
    ],
)
async def test_a_deployment_tells_its_models_label(
    client: CluClient, service: ScriptedService, model_id: str, label: str
) -> None:
    """The service gives no label, only a model id that begins with it."""
    item = {"deploymentName": "production", "modelId": model_id, "assignedResources": [{"region": "westeurope"}]}
    service.on("GET", "/A/deployments", answer({"value": [item]}))
    (found,) = [one async for one in client.list_deployments("A")]
    assert (found.name, found.model_label) == ("production", label)
    assert [resource.region for resource in found.resources] == ["westeurope"]


@pytest.mark.parametrize("part", ["list_models", "list_deployments"])
async def test_parts_of_an_unknown_project(client: CluClient, service: ScriptedService, part: str) -> None:
    """The lists of a project that does not exist say so."""
    service.on("GET", f"/Gone/{part.removeprefix('list_')}", error(404, "NotFound"))
    with pytest.raises(ProjectNotFound, match="dev/Gone"):
        [_ async for _ in getattr(client, part)("Gone")]
