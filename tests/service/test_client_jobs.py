"""Jobs: export, import and their ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cluvault.errors import (
    Conflict,
    JobCancelled,
    JobError,
    JobExpired,
    JobFailed,
    JobPartiallyCompleted,
    JobTimedOut,
    NotFound,
    OriginRefused,
    ProjectNotFound,
    UnexpectedAnswer,
    UsageError,
)
from cluvault.service.polling import JOB_GRACE
from tests.service.scripted import (
    ENDPOINT,
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
    job_url,
    settings,
)
from tests.support.near import approx

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from cluvault.service.client import CluClient
    from cluvault.service.job_models import Job

EXPORT_JOB = "/A/export/jobs/job-1"
RESULT = f"{ENDPOINT}{PROJECTS}/A/export/jobs/job-1/result?api-version={VERSION}"
FILE = {"projectFileVersion": VERSION, "metadata": {"projectName": "A"}}


def script_export(service: ScriptedService, *statuses: Response, result: Response | None = None) -> None:
    """A whole export: start, statuses, result."""
    service.on("POST", "/A/:export", accepted(job_url("A", "export")))
    service.on("GET", EXPORT_JOB, *(statuses or (job("succeeded", resultUrl=RESULT),)))
    service.on("GET", EXPORT_JOB + "/result", result or answer(FILE))


async def test_export_gives_the_bytes_of_the_service(client: CluClient, service: ScriptedService, sample: Any) -> None:
    """What comes back is the result, byte for byte, with the version and job that made it."""
    data: bytes = sample("emailapp-demo")
    result = answer(None)
    result.body = data
    result.headers["content-length"] = str(len(data))
    warning = {"code": "Warning", "message": "few labels"}
    script_export(service, job("notStarted"), job("succeeded", resultUrl=RESULT, warnings=[warning]), result=result)
    exported = await client.export_project("A")
    assert exported.data == data
    assert (exported.api_version, exported.job_id) == (VERSION, "job-1")
    assert [str(problem) for problem in exported.warnings] == ["Warning: few labels"]
    (start,) = service.sent("POST", "/A/:export")
    assert start.query == {"api-version": VERSION, "stringIndexType": "Utf16CodeUnit"}
    assert (start.headers["content-length"], start.body) == ("0", b"")


async def test_export_of_a_models_snapshot(client: CluClient, service: ScriptedService) -> None:
    """A trained model's label is passed on, encoded."""
    script_export(service)
    await client.export_project("A", trained_model_label="v 1&2", api_version="2022-10-01-preview")
    (start,) = service.sent("POST", "/A/:export")
    assert start.query["trainedModelLabel"] == "v 1&2"
    assert start.query["api-version"] == "2022-10-01-preview"


async def test_an_empty_label_never_means_the_working_copy(client: CluClient, service: ScriptedService) -> None:
    """The service would take an empty label for none."""
    with pytest.raises(UsageError, match="label is empty"):
        await client.export_project("A", trained_model_label="")
    assert service.requests == []


async def test_an_unknown_model_is_not_an_unknown_project(client: CluClient, service: ScriptedService) -> None:
    """`NotFound` on the export of a model may mean the model: nothing is said about the project."""
    service.on("POST", "/A/:export", error(404, "NotFound", "no model v9"))
    with pytest.raises(NotFound, match=r"dev/A: export of model 'v9': .*no model v9"):
        await client.export_project("A", trained_model_label="v9")


async def test_export_of_an_unknown_project(client: CluClient, service: ScriptedService) -> None:
    """Without a label `NotFound` means the project."""
    service.on("POST", "/A/:export", error(404, "NotFound"))
    with pytest.raises(ProjectNotFound, match="dev/A: export"):
        await client.export_project("A")


async def test_import_sends_the_bytes_and_returns_the_warnings(client: CluClient, service: ScriptedService) -> None:
    """The file travels as it is; the job that comes back has what the service minds."""
    service.on("POST", "/A/:import", accepted(job_url("A", "import")))
    warnings = [{"code": "Warning", "message": "m1"}, {"message": "m2", "target": "#/assets"}]
    service.on("GET", "/A/import/jobs/job-1", job("running"), job("succeeded", warnings=warnings))
    done = await client.import_project("A", b'{"a": 1 }', api_version="2025-11-01")
    assert [str(warning) for warning in done.warnings] == ["Warning: m1", "m2 (at #/assets)"]
    (start,) = service.sent("POST", "/A/:import")
    assert (start.body, start.headers["content-type"]) == (b'{"a": 1 }', "application/json")
    assert start.query == {"api-version": "2025-11-01"}


@pytest.mark.parametrize("status", ["succeeded", "Succeeded", "SUCCEEDED"])
async def test_statuses_are_matched_in_any_case(client: CluClient, service: ScriptedService, status: str) -> None:
    """Enumerations of the service come in any case."""
    script_export(service, job(status, resultUrl=RESULT))
    assert (await client.export_project("A")).data.startswith(b"{")


@pytest.mark.parametrize(
    "status, kind",
    [
        ("failed", JobFailed),
        ("Failed", JobFailed),
        ("partiallyCompleted", JobPartiallyCompleted),
        ("partiallycompleted", JobPartiallyCompleted),
        ("cancelled", JobCancelled),
        ("canceled", JobCancelled),
    ],
)
async def test_each_bad_end_is_its_own_error(
    client: CluClient, service: ScriptedService, status: str, kind: type[JobError]
) -> None:
    """A bad end carries the service's code, message, details and request id in one line."""
    errors = [
        {"code": "InvalidArgument", "message": "bad\nfile", "target": "utterances[3]",
         "details": [{"code": "Overlap", "message": "two labels"}]},
        {"code": "Other", "message": "more"},
    ]  # fmt: skip
    service.on("POST", "/A/:import", accepted(job_url("A", "import")))
    service.on("GET", "/A/import/jobs/job-1", job("running"), job(status, errors=errors))
    with pytest.raises(kind) as caught:
        await client.import_project("A", b"{}")
    text = str(caught.value)
    assert text.startswith("dev/A: import: job job-1 ")
    said = "InvalidArgument: bad file (at utterances[3]) [Overlap: two labels]; Other: more"
    assert said in text
    assert "\n" not in text
    assert (caught.value.code, caught.value.request_id) == (
        "InvalidArgument",
        "00000000-0000-0000-0000-000000000007",
    )


async def test_a_failure_without_reason(client: CluClient, service: ScriptedService) -> None:
    """A job may fail without a word."""
    script_export(service, job("failed"))
    with pytest.raises(JobFailed, match="gave no reason"):
        await client.export_project("A")


@pytest.mark.parametrize("status", ["running", "notStarted", "cancelling", "meditating"])
async def test_what_has_not_ended_counts_as_running_until_the_time_is_up(
    client: CluClient, service: ScriptedService, time: FakeTime, status: str
) -> None:
    """A status nobody knows yet is waited for; the last poll is made when the time is up."""
    script_export(service, job(status))
    with pytest.raises(JobTimedOut, match=f"dev/A: export: job job-1 is still '{status}' after 30 s"):
        await client.export_project("A", timeout=30)
    assert time.now == 1030


async def test_every_status_is_reported(client: CluClient, service: ScriptedService) -> None:
    """`on_status` sees each poll."""
    script_export(service, job("notStarted"), job("running"), job("succeeded"))
    seen: list[str] = []

    def note(status: Job) -> None:
        seen.append(status.status)

    await client.wait(await client.begin_export("A"), timeout=60, on_status=note)
    assert seen == ["notStarted", "running", "succeeded"]


async def test_polls_start_fast_and_back_off(client: CluClient, service: ScriptedService, time: FakeTime) -> None:
    """A short job is noticed soon, a long one is asked for every few seconds."""
    script_export(service, *[job("running")] * 40, job("succeeded", resultUrl=RESULT))
    await client.export_project("A")
    assert time.sleeps[:7] == approx([0.3] * 5 + [0.375, 0.46875])
    assert time.sleeps == sorted(time.sleeps)
    assert time.sleeps[-1] == 6.0


async def test_a_deletion_is_asked_for_at_once(client: CluClient, service: ScriptedService, time: FakeTime) -> None:
    """It is usually done already."""
    service.on("DELETE", "/A", accepted(job_url("global", "deletion")))
    service.on("GET", "/global/deletion/jobs/job-1", job("succeeded"))
    await client.delete_project("A")
    assert time.sleeps == []


async def test_a_status_with_retry_after_is_asked_for_then(
    client: CluClient, service: ScriptedService, time: FakeTime
) -> None:
    """Retry-After of a status answer is honoured; zero does not mean without pause."""
    impatient = job("running")
    impatient.headers["Retry-After"] = "0"
    patient = job("running")
    patient.headers["Retry-After"] = "17"
    script_export(service, patient, impatient, job("succeeded", resultUrl=RESULT))
    await client.export_project("A")
    assert time.sleeps == approx([0.3, 17, 0.3])


async def test_a_start_with_retry_after_is_polled_then(
    client: CluClient, service: ScriptedService, time: FakeTime
) -> None:
    """A service that says so at the start is not asked at once."""
    script_export(service)
    service.on("POST", "/A/:export", accepted(job_url("A", "export"), retry_after="3"))
    await client.export_project("A")
    assert time.sleeps == approx([3])


async def test_a_job_that_is_not_known_yet_gets_some_grace(client: CluClient, service: ScriptedService) -> None:
    """Right after its start a 404 on the job, or on a project that an import is about to make, means: not yet."""
    service.on("POST", "/A/:import", accepted(job_url("A", "import")))
    service.on("GET", "/A/import/jobs/job-1", error(404, "NotFound"), error(404, "ProjectNotFound"), job("succeeded"))
    assert (await client.import_project("A", b"{}")).status == "succeeded"


async def test_a_job_that_stays_unknown_has_expired(
    client: CluClient, service: ScriptedService, time: FakeTime
) -> None:
    """After the grace a 404 on the job means that it is gone."""
    script_export(service, error(404, "NotFound"))
    with pytest.raises(JobExpired, match="dev/A: export: the status of job job-1 is gone"):
        await client.export_project("A")
    assert JOB_GRACE <= time.now - 1000 < 3 * JOB_GRACE


async def test_time_that_ends_within_the_grace(client: CluClient, service: ScriptedService) -> None:
    """A job that was never seen has an unknown status."""
    script_export(service, error(404, "NotFound"))
    with pytest.raises(JobTimedOut, match="is still 'unknown' after 1 s"):
        await client.export_project("A", timeout=1)


async def test_a_project_that_vanishes_under_its_job(client: CluClient, service: ScriptedService) -> None:
    """When the service says that the project is gone, that is the error."""
    script_export(service, error(404, "ProjectNotFound"))
    with pytest.raises(ProjectNotFound, match="dev/A: export status"):
        await client.export_project("A")


@pytest.mark.parametrize("gone", [error(404, "NotFound"), gateway_error(404, "gone"), error(410, "Gone")])
async def test_a_result_that_is_gone_has_expired(client: CluClient, service: ScriptedService, gone: Response) -> None:
    """The result lives as long as its job."""
    script_export(service, result=gone)
    with pytest.raises(JobExpired, match="the result of job job-1 is gone"):
        await client.export_project("A")


@pytest.mark.parametrize("elsewhere", ["https://evil.example/x", "http://contoso-dev.cognitiveservices.azure.com/x"])
@pytest.mark.parametrize("place", ["operation-location", "resultUrl"])
async def test_urls_on_another_origin_get_no_request(
    client: CluClient, service: ScriptedService, place: str, elsewhere: str
) -> None:
    """Neither the job nor its result is fetched from anywhere but the resource."""
    script_export(service, job("succeeded", resultUrl=elsewhere if place == "resultUrl" else RESULT))
    if place == "operation-location":
        service.on("POST", "/A/:export", accepted(elsewhere))
    with pytest.raises(OriginRefused, match=r"dev/A: export: the answer leads to .*nothing was sent there"):
        await client.export_project("A")
    assert {seen.url.partition("/language")[0] for seen in service.requests} == {ENDPOINT}


@pytest.mark.parametrize(
    "location",
    [
        f"{PROJECTS}/A/export/jobs/job-1?api-version={VERSION}",
        f"/{PROJECTS}/A/export/jobs/job-1?api-version={VERSION}",
        f"{ENDPOINT.upper()}:443{PROJECTS}/A/export/jobs/job-1?api-version={VERSION}",
        f"export/jobs/job-1?api-version={VERSION}",
    ],
)
async def test_other_spellings_of_the_own_origin_are_followed(
    client: CluClient, service: ScriptedService, location: str
) -> None:
    """A relative location, a doubled slash, an explicit port and capitals all mean the resource itself."""
    script_export(service)
    service.on("POST", "/A/:export", accepted(location))
    assert (await client.export_project("A")).job_id == "job-1"


async def test_a_start_without_location_is_no_success(client: CluClient, service: ScriptedService) -> None:
    """The official SDK takes a 202 without operation-location for done; here it is an error."""
    service.on("POST", "/A/:import", answer({}, 202))
    with pytest.raises(UnexpectedAnswer, match=r"dev/A: import: .*operation-location"):
        await client.import_project("A", b"{}")


async def test_success_without_result_is_an_error(client: CluClient, service: ScriptedService) -> None:
    """An export that says succeeded and names no result has no bytes to store."""
    script_export(service, job("succeeded"))
    with pytest.raises(UnexpectedAnswer, match="resultUrl"):
        await client.export_project("A")


@pytest.mark.parametrize("status", [answer({"jobId": "job-1"}), answer({"status": ""}), answer({"status": {}})])
async def test_a_status_answer_without_status(client: CluClient, service: ScriptedService, status: Response) -> None:
    """A job without a status is refused rather than polled for ever."""
    script_export(service, status)
    with pytest.raises(UnexpectedAnswer, match="no ExportJob: at status"):
        await client.export_project("A")


async def test_a_broken_status_body(client: CluClient, service: ScriptedService) -> None:
    """Braces around something else are no JSON."""
    broken = answer(None)
    broken.body = b"{not json}"
    broken.headers["content-length"] = str(len(broken.body))
    script_export(service, broken)
    with pytest.raises(UnexpectedAnswer, match="dev/A: export: the answer cannot be read"):
        await client.export_project("A")


async def test_another_job_holds_the_project(client: CluClient, service: ScriptedService) -> None:
    """409 is an error of its own that Prefect may retry later; the client does not."""
    service.on("POST", "/A/:import", error(409, "Conflict", "a job is running"))
    with pytest.raises(Conflict, match=r"dev/A: import: .*a job is running.*try again when it is done") as caught:
        await client.import_project("A", b"{}")
    assert caught.value.retryable
    assert len(service.requests) == 1


async def test_a_handle_of_another_resource_gets_no_credential(bench: Bench, service: ScriptedService) -> None:
    """A job that another resource's client has started is not polled with this one's key."""
    script_export(service)
    async with bench.client() as dev, bench.client(settings(endpoint="https://prod.example.com")) as prod:
        handle = await dev.begin_export("A")
        before = len(service.requests)
        with pytest.raises(OriginRefused, match=r"https://prod\.example\.com only"):
            await prod.wait(handle, timeout=10)
    assert len(service.requests) == before


async def test_polling_uses_the_location_as_it_came(client: CluClient, service: ScriptedService) -> None:
    """The header is followed, never rebuilt: whatever query it has is sent back."""

    def check(request: Request) -> Response:
        assert request.url.query == "api-version=x&opaque=%2Fy"
        return job("succeeded")

    service.on("POST", "/A/:import", accepted(f"{ENDPOINT}/elsewhere/j?api-version=x&opaque=%2Fy"))
    service.on("GET", "//elsewhere/j", check)
    assert (await client.import_project("A", b"{}")).status == "succeeded"
