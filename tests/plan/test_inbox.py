"""What becomes of an object of an inbox: where it belongs, whether it is imported, where it ends."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import (
    CluvaultError,
    ConfigurationError,
    GuardRefused,
    InvalidProjectFile,
    LeaseHeld,
    PermissionDenied,
    ServiceUnavailable,
    SignInRefused,
    StorageDenied,
    Unreachable,
)
from cluvault.model.arrival import Arrival
from cluvault.model.intake import IntakeRecord, IntakeState
from cluvault.model.manifest import Tool
from cluvault.model.object_url import BlobObject, S3Object
from cluvault.plan.inbox import (
    Intake,
    NoSlot,
    Slot,
    Standing,
    addressed,
    forgettable,
    inbox_event,
    is_waiting,
    key_in_place,
    message_place,
    newer_than,
    reason_files,
    resting_name,
    resting_place,
    slot_of,
    state_after,
)
from cluvault.plan.keys import IntakeKey, parse_intake_key
from cluvault.vault.store import key_fault

MOMENT = datetime(2026, 11, 27, 21, 30, tzinfo=UTC)


def record(intake_id: str, number: int, state: IntakeState) -> IntakeRecord:
    """A record of dev/Mail."""
    return IntakeRecord(
        intake_id=intake_id,
        resource="dev",
        project="Mail",
        number=number,
        inbox="team",
        url="s3://clu/inbox/dev/Mail/config.json",
        object_modified=MOMENT,
        at=MOMENT,
        by="anna",
        tool=Tool(name="cluvault", version="1"),
        state=state,
    )


def intake(intake_id: str, *states: IntakeState) -> Intake:
    """What the vault knows of one object."""
    records = tuple(record(intake_id, number, state) for number, state in enumerate(states))
    return Intake(IntakeKey("dev", "Mail", intake_id), records)


@pytest.mark.parametrize("name", ["config.json", "config.json.gz", "Mail 2.JSON", "é.json"])
def test_where_an_object_belongs(name: str) -> None:
    """By its folders; its own name is free."""
    assert slot_of(f"inbox/dev/Mail/{name}", resources=("dev",)) == Slot("dev", "Mail")


@pytest.mark.parametrize(
    "key, reason",
    [
        ("inbox/config.json", "names no project"),
        ("done/dev/Mail/config.json", "names no project"),
        ("inbox/dev/Mail/more/config.json", "names no project"),
        ("inbox/dev/Mail/config.txt", "is no .json"),
        ("inbox/prod/Mail/config.json", "does not import into 'prod' (it does into dev, test)"),
        ("inbox/dev/../config.json", "consists of dots only"),
        ("inbox/../Mail/config.json", "does not import into '..'"),
        ("inbox/dev/Ma%2Fil/config.json", "contains '%'"),
        ("inbox/dev/Mäil/config.json", "contains 'ä'"),
        ("inbox/dev//config.json", "is empty"),
        (f"inbox/dev/{'x' * 51}/config.json", "the service allows 50"),
    ],
)
def test_what_belongs_nowhere(key: str, reason: str) -> None:
    """The message says why."""
    with pytest.raises(NoSlot) as caught:
        slot_of(key, resources=("test", "dev"))
    assert reason in str(caught.value)


def test_what_waits() -> None:
    """Objects below inbox/; a folder's own marker is none."""
    assert is_waiting("inbox/dev/Mail/config.json")
    assert not is_waiting("inbox/dev/")
    assert not is_waiting("done/dev/Mail/a/config.json")
    assert key_in_place("team/inbox/a", "team") == "inbox/a"
    assert key_in_place("inbox/a", "") == "inbox/a"
    assert key_in_place("teams/inbox/a", "team") is None


def test_the_name_of_an_intake() -> None:
    """Sorts by the time; the same object put again is another one."""
    one = Standing("inbox/dev/Mail/config.json", 3, MOMENT, "abc")
    again = Standing("inbox/dev/Mail/config.json", 3, MOMENT, "abd")
    assert one.intake_id("s3://clu") == one.intake_id("s3://clu") != again.intake_id("s3://clu")
    assert one.intake_id("s3://clu").startswith("20261127T213000Z-")
    key = IntakeKey("dev", "Mail", one.intake_id("s3://clu"))
    assert parse_intake_key(key.record(3)) == (key, 3)


def test_tries_and_ends() -> None:
    """A try that no file can be blamed for does not count."""
    one = intake("20261127T213000Z-00000000", IntakeState.BEGUN, IntakeState.BLOCKED, IntakeState.BEGUN)
    assert (one.tries, one.end) == (1, None)
    ended = intake("20261127T213000Z-00000000", IntakeState.BEGUN, IntakeState.REFUSED)
    assert ended.end == ended.records[1]


def test_an_older_object_after_a_newer_one() -> None:
    """Only what was imported later counts, and what has the same second is not later."""
    old, mid, new = (f"20261127T21300{second}Z-00000000" for second in (0, 1, 2))
    done = (IntakeState.BEGUN, IntakeState.IMPORTED)
    known = [intake(mid, *done), intake(new, IntakeState.BEGUN, IntakeState.UNCHANGED), intake(old, *done)]
    later = newer_than(old, known)
    assert later is not None
    assert later.intake_id == new
    assert newer_than(new, known) is None
    assert newer_than(old, [intake(new, IntakeState.BEGUN, IntakeState.REFUSED), intake(mid)]) is None
    assert newer_than("20261127T213000Z-ffffffff", [intake(old, *done)]) is None


@pytest.mark.parametrize(
    "error, tries, expected",
    [
        (InvalidProjectFile("no"), 1, IntakeState.REFUSED),
        (GuardRefused("no"), 1, IntakeState.REFUSED),
        (NoSlot("no"), 1, IntakeState.REFUSED),
        (LeaseHeld("no"), 9, IntakeState.BLOCKED),
        (Unreachable("no"), 9, IntakeState.BLOCKED),
        (PermissionDenied("no"), 9, IntakeState.BLOCKED),
        (ConfigurationError("no"), 9, IntakeState.BLOCKED),
        (SignInRefused("no"), 9, IntakeState.BLOCKED),
        (StorageDenied("no"), 9, IntakeState.BLOCKED),
        (ServiceUnavailable("no"), 4, IntakeState.FAILED),
        (ServiceUnavailable("no"), 5, IntakeState.REFUSED),
        (CluvaultError("no"), 4, IntakeState.FAILED),
        (ValueError("ours"), 5, IntakeState.REFUSED),
    ],
)
def test_what_an_error_makes_of_an_object(error: Exception, tries: int, expected: IntakeState) -> None:
    """The file's fault refuses it, what it may provoke does after N tries, what it is innocent of never does."""
    assert state_after(error, tries=tries, most=5) is expected


@given(key=st.text())
def test_where_it_ends(key: str) -> None:
    """Whatever its name, in a folder of its own, under a key that every store can have."""
    name = resting_name(key)
    assert name not in ("reason.json", "reason.txt")
    for slot in (None, Slot("dev", "Mail")):
        place = resting_place(IntakeState.REFUSED, slot, "20261127T213000Z-00000000") + name
        assert place.startswith("refused/")
        assert key_fault(place) is None
    assert resting_place(IntakeState.IMPORTED, Slot("dev", "Mail"), "id") == "done/dev/Mail/id/"
    assert key_fault(message_place(key.encode("utf-8", "replace")) + name) is None


@given(text=st.text())
def test_a_reason_can_be_read(text: str) -> None:
    """By programs and by people: one line a fact, no control character."""
    files = reason_files({"state": "refused", "why": text, "safety": None})
    assert json.loads(files["reason.json"])["state"] == "refused"
    lines = files["reason.txt"].decode().removesuffix("\n").split("\n")
    assert lines[0] == "state: refused"
    assert len(lines) <= 2
    assert all(line.isprintable() for line in lines)


def test_whose_an_arrival_is() -> None:
    """Of every inbox in whose place it lies and waits; others concern nobody here."""
    places = {
        "a": S3Object("clu", ""),
        "b": S3Object("clu", "team"),
        "c": BlobObject("acc", "clu", "team"),
    }

    def told(scheme: str, account: str, container: str, key: str) -> list[tuple[str, str, str]]:
        return addressed([Arrival("e1", scheme, account, container, key)], places)

    assert told("s3", "", "clu", "inbox/x") == [("a", "inbox/x", "e1")]
    assert told("s3", "", "clu", "team/inbox/x") == [("b", "inbox/x", "e1")]
    assert told("az", "acc", "clu", "team/inbox/x") == [("c", "inbox/x", "e1")]
    assert told("az", "other", "clu", "team/inbox/x") == []
    assert told("s3", "", "clu", "done/x") == []


def test_an_event_out() -> None:
    """Names the project and tells no more than a line."""
    event = inbox_event(
        "refused", inbox="team", resource="dev", project="Mail", key="inbox/a\nb", run_id="r", why="no", events=["1"]
    )
    assert (event.name, event.subject) == ("cluvault.inbox.refused", "cluvault.project.dev/Mail")
    assert event.payload["key"] == "inbox/a\ufffdb"
    unplaced = inbox_event("refused", inbox="team", resource="", project="", key="a", run_id="r")
    assert (unplaced.related, unplaced.payload["resource"]) == ({}, None)


@pytest.mark.parametrize("name", ["", "..", "reason.json"])
def test_names_that_cannot_stay(name: str) -> None:
    """Get another."""
    assert resting_name(f"inbox/dev/Mail/{name}").startswith("object-")


def test_what_may_be_forgotten() -> None:
    """What has ended long ago, but for the last import; what goes on, or ended lately, stays."""
    first, second, third, fourth = (
        intake(f"2026112{day}T213000Z-0000000a", IntakeState.BEGUN, state)
        for day, state in enumerate(
            (IntakeState.IMPORTED, IntakeState.REFUSED, IntakeState.UNCHANGED, IntakeState.FAILED)
        )
    )
    later = MOMENT + timedelta(seconds=1)
    assert forgettable([first, second, third, fourth], before=later) == [first, second]
    assert forgettable([second], before=later) == [second]
    assert forgettable([first, second, third, fourth], before=MOMENT) == []
