"""Imports and exports as long-running operations on the wire (contract 2.5, 3.4, 4.5)."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.wire import BASE, Wire, project_file

if TYPE_CHECKING:
    from collections.abc import Callable

TICKS_OF_DAY = "639309024000000000"
"""2026-11-22 00:00 UTC in .NET ticks."""


async def statuses(wire: Wire, location: str, *, every: float, count: int) -> list[str]:
    """The statuses that a client sees who polls at intervals."""
    seen: list[str] = []
    for _ in range(count):
        seen.append((await wire.get(location)).json()["status"])
        wire.clock.advance(every)
    return seen


async def test_an_import_answers_where_its_job_is(wire: Wire) -> None:
    """Contract 2.5: 202, operation-location under the project, id of a GUID and the ticks of midnight."""
    answer = await wire.start_import("A", project_file())
    match = re.fullmatch(
        re.escape(f"{BASE}/projects/A/import/jobs/") + r"([0-9a-f-]{36})_(\d{18})\?api-version=2023-04-01",
        answer.headers["operation-location"],
    )
    assert match is not None
    assert match[2] == TICKS_OF_DAY
    job = await wire.finish(answer)
    assert job == {
        "jobId": f"{match[1]}_{match[2]}",
        "createdDateTime": "2026-11-22T12:00:00Z",
        "lastUpdatedDateTime": "2026-11-22T12:00:00Z",
        "expirationDateTime": "2026-11-29T12:00:00Z",
        "status": "succeeded",
    }


async def test_a_job_goes_from_not_started_to_succeeded_in_its_time(make_wire: Callable[..., Wire]) -> None:
    """Contract 2.5: the statuses follow the clock; nobody has to poll for them."""
    wire = make_wire(job_seconds=10)
    answer = await wire.start_import("A", project_file())
    location = answer.headers["operation-location"]
    assert await statuses(wire, location, every=3, count=5) == [
        "notStarted",
        "running",
        "running",
        "running",
        "succeeded",
    ]
    assert (await wire.get(location)).json()["lastUpdatedDateTime"] == "2026-11-22T12:00:10Z"


async def test_the_work_of_an_import_is_done_when_its_time_is_over(make_wire: Callable[..., Wire]) -> None:
    """The project appears when the job is due, whether or not somebody looks at the job."""
    wire = make_wire(job_seconds=10)
    await wire.start_import("A", project_file())
    wire.clock.advance(9)
    assert (await wire.get("projects/A")).status_code == 404
    wire.clock.advance(1)
    assert (await wire.get("projects/A")).json()["createdDateTime"] == "2026-11-22T12:00:10Z"


@pytest.mark.parametrize("kind, first", [("import", "running"), ("export", "notStarted")])
async def test_the_first_poll_finds_even_a_short_job_under_way(wire: Wire, kind: str, first: str) -> None:
    """Contract 2.5, 9.8.6: clients meet at least one status that is not terminal."""
    await wire.create("A")
    start = wire.start_import("A", project_file()) if kind == "import" else wire.start_export("A")
    location = (await start).headers["operation-location"]
    assert await statuses(wire, location, every=0, count=3) == [first, "succeeded", "succeeded"]


async def test_the_first_poll_may_find_a_short_job_done(make_wire: Callable[..., Wire]) -> None:
    """Contract 9.8.6: configurable."""
    wire = make_wire(first_poll_running=False)
    location = (await wire.start_import("A", project_file())).headers["operation-location"]
    assert await statuses(wire, location, every=0, count=1) == ["succeeded"]


async def test_an_export_has_a_result_url_only_after_success(wire: Wire) -> None:
    """Contract 2.5, 3.4: resultUrl is the status URL plus /result, the first member, and not there earlier."""
    await wire.create("A")
    answer = await wire.start_export("A", version="2025-11-01")
    location = answer.headers["operation-location"]
    assert location.startswith(f"{BASE}/projects/A/export/jobs/")
    assert "resultUrl" not in (await wire.get(location)).json()
    job = (await wire.get(location)).json()
    path, _, query = location.partition("?")
    assert next(iter(job)) == "resultUrl"
    assert job["resultUrl"] == f"{path}/result?{query}"
    result = await wire.get(job["resultUrl"])
    assert result.status_code == 200
    assert result.headers["content-type"] == "application/json; charset=utf-8"
    assert result.json()["metadata"]["projectName"] == "A"


async def test_a_result_is_not_there_before_its_job_has_ended(make_wire: Callable[..., Wire]) -> None:
    """Contract 9.8.7: guessing the result's URL gains nothing."""
    wire = make_wire(job_seconds=5)
    await wire.create("A")
    path, _, query = (await wire.start_export("A")).headers["operation-location"].partition("?")
    assert (await wire.get(f"{path}/result?{query}")).status_code == 404
    wire.clock.advance(5)
    assert (await wire.get(f"{path}/result?{query}")).status_code == 200


async def test_a_failed_job_is_answered_200_with_errors(wire: Wire) -> None:
    """Contract 2.5, 10.7: the failure is in the body, and nothing has changed."""
    file = project_file(assets={"utterances": [{"text": "hi", "intent": "Nope"}]})
    started = await wire.start_import("A", file)
    location = started.headers["operation-location"]
    assert "errors" not in (await wire.get(location)).json()
    job = await wire.get(location)
    assert job.status_code == 200
    assert job.json()["status"] == "failed"
    assert job.json()["errors"] == [
        {
            "code": "InvalidArgument",
            "message": "The intent `Nope` does not exist in the project.",
            "target": "assets.utterances[0].intent",
        }
    ]
    assert (await wire.get("projects/A")).status_code == 404


async def test_a_failed_import_leaves_the_project_as_it_was(wire: Wire) -> None:
    """Contract 4.5: an import replaces the working copy or does nothing."""
    await wire.put("A", project_file())
    before = await wire.export("A"), (await wire.get("projects/A")).content
    await wire.put("A", project_file(assets={"utterances": [{"text": "", "intent": "Book"}]}))
    assert (await wire.export("A"), (await wire.get("projects/A")).content) == before


@pytest.mark.parametrize(
    "path",
    [
        "projects/A/import/jobs/{job}",
        "projects/A/export/jobs/{other}",
        "projects/A/export/jobs/{other}/result",
        "projects/B/import/jobs/{other}",
        "projects/global/deletion-jobs/{other}",
    ],
)
async def test_an_unknown_job_is_not_found(wire: Wire, path: str) -> None:
    """Contract 4.3, 9.8.14: 404 NotFound with the id in backticks; a job is found only where it lives."""
    started = await wire.start_import("A", project_file())
    other = started.headers["operation-location"].rpartition("/")[2].partition("?")[0]
    answer = await wire.get(path.format(job="no-such-job", other=other))
    job_id = other if "{other}" in path else "no-such-job"
    assert answer.status_code == 404
    assert answer.json() == {"error": {"code": "NotFound", "message": f"The job `{job_id}` could not be found."}}


async def test_a_job_and_its_result_expire_after_seven_days(wire: Wire) -> None:
    """Contract 2.5, 6.3."""
    await wire.create("A")
    job = await wire.finish(await wire.start_export("A"))
    wire.clock.advance(7 * 86_400 - 2)  # finishing took a second
    assert (await wire.get(job["resultUrl"])).status_code == 200
    wire.clock.advance(1)
    assert (await wire.get(job["resultUrl"])).json()["error"]["code"] == "NotFound"
    await wire.start_export("A")
    assert len(wire.emulator.state("dev", wire.clock()).jobs) == 1


async def test_one_import_a_project_at_a_time(make_wire: Callable[..., Wire]) -> None:
    """Contract 4.5: 409 Conflict for whatever would change the project meanwhile; other projects are free."""
    wire = make_wire(job_seconds=5)
    await wire.create("A")
    started = await wire.start_import("A", project_file())
    job_id = started.headers["operation-location"].rpartition("/")[2].partition("?")[0]
    refused = [
        await wire.start_import("A", project_file()),
        await wire.send("DELETE", "projects/A"),
        await wire.create("A"),
    ]
    for answer in refused:
        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "Conflict"
        assert job_id in answer.json()["error"]["message"]
    assert (await wire.start_import("B", project_file())).status_code == 202
    wire.clock.advance(5)
    assert (await wire.start_import("A", project_file())).status_code == 202


async def test_exports_overlap_and_show_what_was_there_when_they_began(make_wire: Callable[..., Wire]) -> None:
    """An export beside an import, and beside other exports, gives the old working copy whole."""
    wire = make_wire(job_seconds=5)
    await wire.put("A", project_file())
    await wire.start_import("A", project_file(assets={"utterances": []}))
    first, second = await wire.start_export("A"), await wire.start_export("A")
    for started in (first, second):
        job = await wire.finish(started)
        assert len((await wire.get(job["resultUrl"])).json()["assets"]["utterances"]) == 1
    assert json.loads(await wire.export("A"))["assets"]["utterances"] == []


async def test_an_import_keeps_models_and_deployments(wire: Wire) -> None:
    """Contract 4.5, 9.8.10: it replaces the working copy only, and changes when the project was modified."""
    await wire.put("A", project_file())
    wire.emulator.add_model("dev", "A", "v1")
    wire.emulator.add_deployment("dev", "A", "production", model_label="v1")
    wire.clock.advance(60)
    await wire.put("A", project_file(metadata={"description": "second"}, assets={"utterances": []}))
    project = (await wire.get("projects/A")).json()
    assert project["description"] == "second"
    assert project["createdDateTime"] < project["lastModifiedDateTime"]
    assert len((await wire.get("projects/A/models")).json()["value"]) == 1
    assert len((await wire.get("projects/A/deployments")).json()["value"]) == 1
    assert json.loads(await wire.export("A"))["assets"]["utterances"] == []


# --- exports of a model --------------------------------------------------------------------------------------------


async def test_an_export_of_a_model_gives_what_it_was_trained_on(wire: Wire) -> None:
    """Contract 2.3: trainedModelLabel takes the model's snapshot instead of the working copy."""
    await wire.put("A", project_file())
    trained_on = await wire.export("A")
    wire.emulator.add_model("dev", "A", "v1")
    await wire.put("A", project_file(assets={"utterances": []}))
    assert await wire.export("A") != trained_on
    assert await wire.export("A", params={"trainedModelLabel": "v1"}) == trained_on


async def test_an_export_of_a_missing_model_is_refused_at_once(wire: Wire) -> None:
    """Contract 4.5: 404 for an unknown label; a model without snapshot cannot be exported."""
    await wire.create("A")
    wire.emulator.add_model("dev", "A", "v1", has_snapshot=False)
    unknown = await wire.start_export("A", params={"trainedModelLabel": "v9"})
    assert unknown.status_code == 404
    assert unknown.json()["error"] == {"code": "NotFound", "message": "The trained model `v9` could not be found."}
    empty = await wire.start_export("A", params={"trainedModelLabel": "v1"})
    assert empty.status_code == 400
    assert empty.json()["error"]["code"] == "InvalidRequest"


async def test_the_first_version_does_not_know_snapshots(wire: Wire) -> None:
    """Contract 1: trainedModelLabel came with 2022-10-01-preview; to 2022-05-01 it is an unknown parameter."""
    await wire.create("A")
    answer = await wire.start_export("A", params={"trainedModelLabel": "v9"}, version="2022-05-01")
    assert answer.status_code == 202


# --- query parameters ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("params", [{}, {"stringIndexType": ""}, {"stringIndexType": "Utf8CodeUnit"}])
async def test_an_export_needs_a_string_index_type_that_its_version_knows(wire: Wire, params: dict[str, str]) -> None:
    """Contract 2.3: required; 2023-04-01 knows Utf16CodeUnit only."""
    await wire.create("A")
    answer = await wire.send("POST", "projects/A/:export", params=params)
    assert answer.status_code == 400
    value = params.get("stringIndexType", "")
    assert answer.json()["error"]["message"] == (
        f"The value `{value}` provided for the parameter `StringIndexType` is invalid."
    )


@pytest.mark.parametrize("format_", ["Conversation", "json"])
async def test_unknown_formats_are_ignored(wire: Wire, format_: str) -> None:
    """Contract 2.3: scripts in the field send format=json."""
    await wire.create("A")
    assert (await wire.start_import("A", project_file(), params={"format": format_})).status_code == 202
    assert (await wire.start_export("A", params={"format": format_})).status_code == 202


# --- many at once --------------------------------------------------------------------------------------------------


async def test_concurrent_imports_and_exports_do_not_mix(make_wire: Callable[..., Wire]) -> None:
    """Fifty projects at once, large bodies among them: each gets its own content, and of two imports one wins."""
    wire = make_wire(job_seconds=2)

    def file(number: int) -> dict[str, Any]:
        size = 4000 if number % 10 == 0 else 3
        utterances = [{"text": f"{number} {line}", "intent": "Book"} for line in range(size)]
        return project_file(assets={"utterances": utterances})

    twice = await asyncio.gather(*(wire.start_import(f"p{number % 50}", file(number % 50)) for number in range(100)))
    assert sorted(answer.status_code for answer in twice) == [202] * 50 + [409] * 50
    wire.clock.advance(2)
    exports = await asyncio.gather(*(wire.start_export(f"p{number}") for number in range(50)))
    wire.clock.advance(2)
    for number, started in enumerate(exports):
        job = await wire.finish(started)
        document = (await wire.get(job["resultUrl"])).json()
        assert {utterance["text"].split()[0] for utterance in document["assets"]["utterances"]} == {str(number)}
