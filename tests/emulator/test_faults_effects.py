"""What each fault looks like to a client."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.emulator.faults import FaultPlan
from tests.emulator.wire import KEY_HEADER, Wire, project_file, travels

if TYPE_CHECKING:
    from collections.abc import Callable

FEVER = {"kind": "job-fails", "code": "Timeout", "message": "Too hot."}


def use(wire: Wire, effect: dict[str, Any], operations: str = "*", **conditions: Any) -> None:
    """Put one rule in force."""
    rule = {"name": "r", "operations": operations, "effect": effect} | conditions
    wire.emulator.faults.use(FaultPlan.model_validate({"rules": [rule]}))


def injected(wire: Wire) -> list[str]:
    """The log of what was injected, a line each."""
    return [
        f"{one.rule} {one.effect.kind} {one.resource} {one.operation} {one.number}"
        for one in wire.emulator.faults.injected
    ]


@pytest.mark.parametrize(
    "status, code",
    [(429, "429"), (500, "InternalServerError"), (502, "502"), (503, "ServiceUnavailable")],
)
async def test_an_error_in_place_of_the_answer(wire: Wire, status: int, code: str) -> None:
    """In the envelope, with the common headers, without Retry-After unless asked for; nothing was done."""
    use(wire, {"kind": "status", "status": status}, "Create Project", nth=1)
    answer = await wire.create("A")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert "retry-after" not in answer.headers
    assert answer.headers["request-id"]
    assert (await wire.get("projects/A")).status_code == 404
    assert (await wire.create("A")).status_code == 201
    assert injected(wire) == ["r status dev Create Project 1"]


async def test_retry_after_is_sent_when_asked_for(wire: Wire) -> None:
    """With 429, and with the others that may carry one."""
    use(wire, {"kind": "status", "status": 503, "retry-after": 7})
    assert (await wire.get("projects")).headers["retry-after"] == "7"


async def test_who_is_refused_does_not_count(wire: Wire) -> None:
    """A call without a key, or of no operation, is no call of an operation."""
    use(wire, {"kind": "status", "status": 500}, nth=1)
    assert (await wire.get("projects", headers={KEY_HEADER: "x"})).status_code == 401
    assert (await wire.get("nowhere")).status_code == 404
    assert (await wire.get("projects")).status_code == 500


async def test_a_fault_does_not_use_up_the_rate(make_wire: Callable[..., Wire]) -> None:
    """It stands in for the gateway's own refusal."""
    wire = make_wire(gets_per_minute=1)
    use(wire, {"kind": "status", "status": 503}, nth=1)
    assert [(await wire.get("projects")).status_code for _ in range(3)] == [503, 200, 429]


@pytest.mark.parametrize("when, is_there", [("before", False), ("after", True)])
async def test_a_reset_before_or_after_the_work(wire: Wire, when: str, *, is_there: bool) -> None:
    """Without a socket the application raises; tests/emulator/test_faults_wire.py has the sockets."""
    use(wire, {"kind": "reset", "when": when}, "Create Project")
    with pytest.raises(ConnectionResetError):
        await wire.create("A")
    assert ("A" in wire.emulator.state("dev", wire.clock()).projects) is is_there
    assert injected(wire) == ["r reset dev Create Project 1"]
    assert wire.emulator.requests.last[-1].status is None


async def test_a_torn_body(wire: Wire) -> None:
    """A share of it arrives; Content-Length says more."""
    whole = (await wire.get("projects")).content
    use(wire, {"kind": "torn", "share": 0.5})
    torn = await wire.get("projects")
    assert torn.content == whole[: len(whole) // 2]
    assert torn.headers["content-length"] == str(len(whole))


async def test_an_answer_without_a_body_cannot_be_torn(wire: Wire) -> None:
    """It is sent whole, and nothing is logged."""
    await wire.create("A")
    use(wire, {"kind": "torn"}, "Export")
    assert (await wire.start_export("A")).status_code == 202
    assert injected(wire) == []


async def test_another_content_type(wire: Wire) -> None:
    """A page for people instead of JSON, or JSON that says it is something else."""
    use(wire, {"kind": "content-type"}, nth=1)
    page = await wire.get("projects")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html")
    assert page.content.startswith(b"<!doctype html>")
    use(wire, {"kind": "content-type", "type": "text/plain", "keep-body": True})
    kept = await wire.get("projects")
    assert (kept.headers["content-type"], kept.json()["value"]) == ("text/plain", [])


@pytest.mark.parametrize("link", [None, "operation-location", "resultUrl", "nextLink"])
async def test_links_to_another_origin(make_wire: Callable[..., Wire], link: str | None) -> None:
    """All three, or the one that the rule names; the rest of the URL stays."""
    wire = make_wire(page_size=1)
    for name in ("A", "B"):
        await wire.create(name)
    origin = "http://evil.test:81"
    effect = {"kind": "other-origin", "origin": origin} | ({"link": link} if link is not None else {})
    finished = await wire.start_export("A")
    await wire.finish(finished)
    use(wire, effect)
    started = await wire.start_export("A")
    status = (await wire.get(finished.headers["operation-location"])).json()
    page = (await wire.get("projects")).json()
    found = {
        "operation-location": started.headers["operation-location"],
        "resultUrl": status["resultUrl"],
        "nextLink": page["nextLink"],
    }
    for name, url in found.items():
        assert url.startswith(origin if link in (None, name) else "http://clu.test")
        assert "/dev/language/authoring/analyze-conversations/projects" in url
    assert len(injected(wire)) == (3 if link is None else 1)


async def test_a_clock_that_is_wrong(wire: Wire) -> None:
    """The Date header and every timestamp, and nothing else; year 1 has no yesterday."""
    await wire.create("A")
    true = await wire.get("projects/A")
    use(wire, {"kind": "skew", "seconds": -7200})
    wrong = await wire.get("projects/A")
    assert true.headers["date"] == "Sun, 22 Nov 2026 12:00:00 GMT"
    assert wrong.headers["date"] == "Sun, 22 Nov 2026 10:00:00 GMT"
    assert wrong.json() == true.json() | {
        "createdDateTime": "2026-11-22T10:00:00Z",
        "lastModifiedDateTime": "2026-11-22T10:00:00Z",
    }
    assert (await wire.create("A")).json()["createdDateTime"] == "0001-01-01T00:00:00Z"


async def test_a_slow_answer_comes_after_the_work(wire: Wire) -> None:
    """When the client gives up, the work is done all the same."""
    use(wire, {"kind": "slow", "seconds": 0.01}, "Create Project")
    assert (await wire.create("A")).status_code == 201
    assert injected(wire) == ["r slow dev Create Project 1"]
    assert wire.emulator.requests.last[-1].milliseconds >= 10


async def test_slow_answers_hurry_at_the_end(wire: Wire) -> None:
    """A server that shuts down does not wait for them."""
    wire.emulator.faults.hurry()
    use(wire, {"kind": "slow", "seconds": 3600})
    assert (await wire.get("projects")).status_code == 200


async def test_a_result_that_has_expired(wire: Wire) -> None:
    """404 in the service's envelope for a status or result, and only for those."""
    await wire.create("A")
    started = await wire.start_export("A")
    result = (await wire.finish(started))["resultUrl"]
    use(wire, {"kind": "expired"}, times=1)
    for url in (started.headers["operation-location"], result):
        gone = await wire.get(url)
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "NotFound")
        assert (await wire.get(url)).status_code == 200
    assert (await wire.get("projects")).status_code == 200
    assert [line.split()[1] for line in injected(wire)] == ["expired", "expired"]


# --- jobs ----------------------------------------------------------------------------------------------------------


async def test_a_job_that_fails_changes_nothing(wire: Wire) -> None:
    """An import leaves no project, a deletion leaves the project; the errors are those of the rule."""
    use(wire, FEVER, "Import")
    job = await wire.put("A", project_file())
    assert (job["status"], job["errors"]) == ("failed", [{"code": "Timeout", "message": "Too hot."}])
    assert (await wire.get("projects/A")).status_code == 404
    await wire.create("A")
    use(wire, FEVER, "Delete Project")
    job = await wire.finish(await wire.send("DELETE", "projects/A"))
    assert job["status"] == "failed"
    assert (await wire.get("projects/A")).status_code == 200


async def test_a_job_that_is_cancelled_changes_nothing(wire: Wire) -> None:
    """It ends `cancelled`, which azure-core does not know as an end."""
    use(wire, {"kind": "job-cancelled"}, "Import")
    started = await wire.start_import("A", project_file())
    while (job := (await wire.get(started.headers["operation-location"])).json())["status"] == "cancelling":
        wire.clock.advance(1)
    assert job["status"] == "cancelled"
    assert (await wire.get("projects/A")).status_code == 404


async def test_a_job_that_ends_in_part(make_wire: Callable[..., Wire]) -> None:
    """Its work is done; an export has no result all the same."""
    wire = make_wire(first_poll_running=False)
    await wire.create("A")
    use(wire, {"kind": "job-partially-completed"})
    assert (await wire.put("B", project_file()))["status"] == "partiallyCompleted"
    assert (await wire.get("projects/B")).status_code == 200
    job = await wire.finish(await wire.start_export("A"))
    assert job["status"] == "partiallyCompleted"
    assert "resultUrl" not in job
    result = (await wire.start_export("A")).headers["operation-location"].replace("?", "/result?")
    assert (await wire.get(result)).status_code == 404


async def test_a_job_that_is_lost_does_its_work(wire: Wire) -> None:
    """Its status is 404 from the first poll on; only a look at the project tells."""
    use(wire, {"kind": "job-lost"}, "Import")
    started = await wire.start_import("A", project_file())
    assert (await wire.get(started.headers["operation-location"])).json()["error"]["code"] == "NotFound"
    assert (await wire.get("projects/A")).status_code == 200


async def test_a_job_that_runs_on_for_a_while(make_wire: Callable[..., Wire]) -> None:
    """`running` from the start, longer than it would take, then done."""
    wire = make_wire(job_seconds=10)
    use(wire, {"kind": "job-runs-on", "seconds": 50}, "Import")
    url = (await wire.start_import("A", project_file())).headers["operation-location"]
    started = (await wire.get(url)).json()
    assert (started["status"], started["lastUpdatedDateTime"]) == ("running", started["createdDateTime"])
    wire.clock.advance(59)
    assert (await wire.get(url)).json()["status"] == "running"
    wire.clock.advance(1)
    assert (await wire.get(url)).json()["status"] == "succeeded"
    assert (await wire.get("projects/A")).status_code == 200


async def test_a_job_that_runs_for_ever(wire: Wire) -> None:
    """Until its record expires; meanwhile it holds the project as any import does."""
    use(wire, {"kind": "job-runs-on"}, "Import")
    url = (await wire.start_import("A", project_file())).headers["operation-location"]
    wire.clock.advance(timedelta(days=6).total_seconds())
    assert (await wire.get(url)).json()["status"] == "running"
    assert (await wire.start_import("A", project_file())).status_code == 409
    wire.clock.advance(timedelta(days=1).total_seconds())
    assert (await wire.get(url)).status_code == 404


async def test_a_deletion_that_runs_on_has_deleted(wire: Wire) -> None:
    """The project is gone at once, its job takes its time to say so."""
    await wire.create("A")
    use(wire, {"kind": "job-runs-on", "seconds": 5}, "Delete Project")
    url = (await wire.send("DELETE", "projects/A")).headers["operation-location"]
    assert (await wire.get(url)).json()["status"] == "running"
    assert (await wire.get("projects/A")).status_code == 404
    wire.clock.advance(5)
    assert (await wire.get(url)).json()["status"] == "succeeded"


async def test_a_fault_about_jobs_needs_a_job(wire: Wire) -> None:
    """A call that starts none is answered as ever, and so is one that is refused; nothing is logged."""
    use(wire, FEVER)
    assert (await wire.get("projects")).status_code == 200
    assert (await wire.start_import("A", b"{")).status_code == 400
    assert injected(wire) == []


async def test_what_a_fault_made_of_a_job_survives_a_restart(make_wire: Callable[..., Wire], tmp_path: Any) -> None:
    """It is part of the job's record."""
    wire = make_wire(state=tmp_path / "state.sqlite")
    use(wire, {"kind": "job-partially-completed"}, "Import")
    url = (await wire.start_import("A", project_file())).headers["operation-location"]
    wire.emulator.close()
    again = make_wire(state=tmp_path / "state.sqlite")
    assert (await again.get(url)).json()["status"] == "partiallyCompleted"


JOB_FAULTS = {
    "failed": FEVER,
    "cancelled": {"kind": "job-cancelled"},
    "partiallyCompleted": {"kind": "job-partially-completed"},
    "succeeded": {"kind": "job-runs-on", "seconds": 60},
    "lost": {"kind": "job-lost"},
}


@pytest.mark.parametrize("status, effect", JOB_FAULTS.items(), ids=JOB_FAULTS)
async def test_every_job_can_go_wrong(wire: Wire, status: str, effect: dict[str, Any]) -> None:
    """Trainings, evaluations, deployments, swaps: whatever starts one is told where its status is, and finds it."""
    await wire.put("A", project_file(assets={"utterances": travels()}))
    await wire.train("A")
    for name in ("staging", "production"):
        await wire.finish(await wire.send("PUT", f"projects/A/deployments/{name}", json={"trainedModelLabel": "v1"}))
    calls: list[tuple[str, str, Any]] = [
        ("POST", "projects/A/:train", {"modelLabel": "v2", "trainingMode": "standard"}),
        ("PUT", "projects/A/deployments/staging", {"trainedModelLabel": "v1"}),
        (
            "POST",
            "projects/A/deployments/:swap",
            {"firstDeploymentName": "staging", "secondDeploymentName": "production"},
        ),
        ("POST", "projects/A/models/v1/:load-snapshot", None),
        ("POST", "projects/A/:export", None),
        ("DELETE", "projects/A/deployments/production", None),
        ("DELETE", "projects/A", None),
    ]
    use(wire, effect)
    for method, path, body in calls:
        started = await wire.send(method, path, params={"stringIndexType": "Utf16CodeUnit"}, json=body)
        assert started.status_code == 202, started.text
        if status == "lost":
            assert (await wire.get(started.headers["operation-location"])).status_code == 404
            wire.clock.advance(60)
        else:
            job = await wire.finish(started)
            assert (job["status"], bool(job.get("errors"))) == (status, status == "failed")
    assert len(injected(wire)) == len(calls)
