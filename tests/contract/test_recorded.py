"""The record of answers: it finds what does not fit, and says where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
import pytest

from cluvault.emulator.faults import ContentTypeFault, FaultPlan, Rule
from tests.emulator.wire import KEY_HEADER, Wire, project_file
from tests.support.recorded import Exchange, Record, faults_of

if TYPE_CHECKING:
    from collections.abc import Callable

VERSION: Final = "2023-04-01"
PROJECT: Final = {
    "createdDateTime": "0001-01-01T00:00:00Z",
    "lastModifiedDateTime": "2026-11-22T12:00:00Z",
    "projectKind": "Conversation",
    "projectName": "A",
    "language": "en-us",
}
JOB: Final = {
    "jobId": "1",
    "createdDateTime": "2026-11-22T12:00:00Z",
    "lastUpdatedDateTime": "2026-11-22T12:00:00Z",
    "status": "succeeded",
}
STATE: Final = {"percentComplete": 0, "status": "notStarted"}
RESULT: Final = {
    "modelLabel": "v1",
    "trainingConfigVersion": "2022-09-01",
    "trainingStatus": STATE,
    "dataGenerationStatus": STATE,
}
TRAINING: Final = JOB | {"result": RESULT}
LOCATION: Final = f"http://clu.test/dev/language/authoring/analyze-conversations/x?api-version={VERSION}"


def answer(path: str, document: object = None, *, method: str = "GET", status: int = 200, **more: Any) -> Exchange:
    """An answer to a request below the authoring API."""
    fields: dict[str, Any] = {
        "method": method,
        "segments": ("language", "authoring", "analyze-conversations", *path.split("/")),
        "version": VERSION,
        "status": status,
        "headers": {"content-type": "application/json; charset=utf-8"},
        "body": b"" if document is None else orjson.dumps(document),
    }
    return Exchange(**(fields | more))


def started(**headers: str) -> Exchange:
    """The answer to an export."""
    return answer("projects/A/:export", method="POST", status=202, headers=headers)


FITTING: Final = {
    "a project": answer("projects/A", PROJECT),
    "a page": answer("projects", {"value": [PROJECT], "nextLink": None}),
    "a job": answer("projects/A/import/jobs/1", JOB),
    "a start": started(**{"operation-location": LOCATION}),
    "no content": answer("projects/A/models/1", method="DELETE", status=204, headers={}),
    "a refusal": answer("projects/A", {"error": {"code": "ProjectNotFound", "message": "no"}}, status=404),
    "the gateway": answer("nowhere", {"error": {"code": "404", "message": "no"}}, status=404, version=""),
}

MISFITS: Final = {
    "a member that nobody has": (answer("projects/A", PROJECT | {"owner": "me"}), "body: .*'owner' was unexpected"),
    "a missing member": (answer("projects", {"value": [PROJECT]}), 'body: "nextLink" is a required'),
    "another type": (answer("projects/A", PROJECT | {"multilingual": "true"}), "multilingual: .*not of type"),
    "no time": (answer("projects/A", PROJECT | {"createdDateTime": "today"}), "createdDateTime: .*date-time"),
    "an unknown value": (answer("projects/A/import/jobs/1", JOB | {"status": "canceled"}), "status: .*is not one of"),
    "an unknown code": (answer("projects/A", {"error": {"code": "Oh", "message": "no"}}, status=404), "error/code"),
    "a member of another version": (
        answer("projects/A/train/jobs/1", TRAINING),
        "'dataGenerationStatus' was unexpected",
    ),
    "a status of no document": (answer("projects/A", PROJECT, status=203), "no document has this status"),
    "an operation of another version": (answer("projects/A/resources", {"value": []}), "no document has this status"),
    "an operation of nobody": (answer("projects/A/secrets", {}), "no document has this status"),
    "an unknown version": (answer("projects/A", PROJECT, version="2021-11-01-preview"), "no document has this status"),
    "a relative place": (started(**{"operation-location": f"/x?api-version={VERSION}"}), "is not absolute"),
    "a place of another version": (started(**{"operation-location": LOCATION[:-1]}), r"is of version 2023-04-0\b"),
    "a start with a body": (answer("projects/A/:export", JOB, method="POST", status=202), "a body that no document"),
    "content where none is": (answer("projects/A/models/1", {}, method="DELETE", status=204), "a body that no doc"),
    "another type of content": (answer("projects/A", PROJECT, headers={"content-type": "text/html"}), "text/html"),
    "no JSON": (answer("projects/A", body=b"{"), "no JSON"),
}


@pytest.mark.parametrize("exchange", FITTING.values(), ids=FITTING)
def test_what_is_published_fits(exchange: Exchange) -> None:
    """An answer that the documents have is nothing to complain of."""
    assert faults_of(exchange) == []


@pytest.mark.parametrize("exchange, fault", MISFITS.values(), ids=MISFITS)
def test_what_no_document_has_is_named(exchange: Exchange, fault: str) -> None:
    """An answer that the documents do not have is found, with the place of the fault."""
    with pytest.raises(AssertionError, match=fault):
        assert not faults_of(exchange), "\n".join(faults_of(exchange))


def test_of_alternatives_the_one_that_was_meant_is_complained_of() -> None:
    """The assets of a conversation are not compared with those of an orchestration."""
    file = project_file()
    file["assets"]["intents"][0]["colour"] = "red"
    (fault,) = faults_of(answer("projects/A/export/jobs/1/result", file))
    assert fault.startswith("assets/intents/0: ")
    assert "'colour' was unexpected" in fault


def test_long_lists_of_faults_are_cut() -> None:
    """A file with a thousand faults is told often enough."""
    faults = faults_of(answer("projects", {"value": [1] * 1000, "nextLink": None}))
    assert faults[-1] == "and 995 more"


def test_what_is_taken_is_taken_once() -> None:
    """A fault fails one test, the one that was running."""
    record = Record()
    record.add(answer("projects/A/secrets", {}))
    assert len(record.take()) == 1
    assert record.take() == []


def test_a_deaf_record_hears_nothing() -> None:
    """Tests that provoke the impossible say so."""
    record = Record(is_deaf=True)
    record.add(answer("projects/A/secrets", {}))
    assert (record.take(), record.seen) == ([], {})


async def test_answers_of_an_emulator_are_recorded(wire: Wire, record: Record) -> None:
    """Whatever is made while the tests run is listened to, refusals of the gateway included."""
    before = record.seen.copy()
    await wire.get("projects")
    await wire.get("projects", headers={KEY_HEADER: "wrong"})
    await wire.get("nowhere")
    assert record.seen - before == {
        ("GET projects", VERSION, 200): 1,
        ("GET projects", VERSION, 401): 1,
        ("unknown", VERSION, 404): 1,
    }


async def test_other_spellings_of_a_url_are_the_same_operation(wire: Wire, record: Record) -> None:
    """Double slashes, encoded colons and actions without a slash are read as the gateway reads them."""
    await wire.create("A")
    before = record.seen.copy()
    for path in ("/projects//A/:export", "projects/A/%3Aexport", "projects/A:export"):
        await wire.send("POST", path, params={"stringIndexType": "Utf16CodeUnit"})
    assert record.seen - before == {("POST projects/{}/:export", VERSION, 202): 3}


async def test_injected_faults_are_nobodys_promises(make_wire: Callable[..., Wire], record: Record) -> None:
    """An answer that was spoilt on request is not held against the documents."""
    plan = FaultPlan(rules=(Rule(effect=ContentTypeFault(kind="content-type")),))
    before = record.seen.copy()
    spoilt = await make_wire(faults=plan).get("projects")
    assert spoilt.headers["content-type"] == "text/html"
    assert not record.seen - before
