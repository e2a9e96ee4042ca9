"""What the ends of runs and the steps of promotions mean as events."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cluvault.model.event import operation_subject, project_subject, resource_subject
from cluvault.model.manifest import Counts
from cluvault.model.promotion import (
    Abandoned,
    ApprovalAsked,
    Approved,
    ImportBegun,
    Promoted,
    Rejected,
    RollbackBegun,
    RolledBack,
    Safety,
)
from cluvault.model.run import Outcome, RunItem
from cluvault.plan.chain import due_promotions
from cluvault.plan.event_names import COMMON, EVENTS
from cluvault.plan.events import Ended, Error, event_of_webhook, events_of_error, events_of_promotion, events_of_run
from cluvault.plan.inbox import inbox_event
from cluvault.plan.status_events import status_events
from cluvault.plan.status_facts import LiveDetail, LiveModel
from cluvault.plan.watching import Seen, change_events
from cluvault.settings import RouteSettings
from tests.plan.promotions import NOW, promotion
from tests.plan.statuses import live, look

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cluvault.model.event import Event
    from cluvault.model.promotion import Facts

RUN = "20261127T120000Z-00000001"
SNAPSHOT = "20261127T115900Z-00000002"
KINDS = ("backup", "restore", "create", "cleanup", "prune", "copy", "drill", "verify", "replicate")
DIGEST = "ab" * 32
BUILT_ELSEWHERE = {"cluvault.drift.found"}
"""Beside what they tell of; tested there."""


def item(outcome: str, *, resource: str = "dev", project: str = "Desk", detail: str | None = "so it is") -> RunItem:
    """An item with everything."""
    return RunItem(
        resource=resource,
        project=project,
        outcome=outcome,
        snapshot_id=SNAPSHOT,
        detail=detail,
        since=NOW,
        seconds=1.5,
        digest=DIGEST,
        counts=Counts(intents=1, entities=2, utterances=3),
    )


def ended(kind: str, *items: RunItem, resources: tuple[str, ...] = ("dev",), record: str = "runs/one.json") -> Ended:
    """A run."""
    return Ended(kind, RUN, "v1", resources, items, record)


def all_events() -> list[Event]:
    """Every event that there is a way to."""
    runs = [ended(kind, item(outcome)) for kind in KINDS for outcome in Outcome]
    made = [event for run in runs for event in events_of_run(run)]
    refusal = Error("GuardRefused", "no", 4, is_refusal=True)
    for kind in (*KINDS, "promote", "rollback"):
        for error in (refusal, Error("Unreachable", "no", 1)):
            if kind != "cleanup":  # which is about a whole resource
                made += events_of_error(kind, error, run_id=RUN, resource="dev", project="Desk")
            made += events_of_error(kind, error, run_id=RUN, resource="dev")
    made.append(event_of_webhook("backup", run_id=RUN, unsent=3, problem="it answers 500"))
    for state in ("received", "imported", "unchanged", "superseded", "refused", "failed"):
        made.append(inbox_event(state, inbox="team", resource="dev", project="Desk", key="inbox/a", run_id=RUN))
    made += change_events([Seen("dev", "Desk", NOW)], run_id=RUN)
    route = RouteSettings(source="dev", target="prod", on_snapshot=True)
    made += due_promotions([item(Outcome.STORED)], {"dev-to-prod": route}, run_id=RUN)
    for facts in every_step():
        made += events_of_promotion(promotion(*facts), vault_id="v1")
    last_day = LiveModel("v1", None, NOW.date())
    near = look(projects=(live(detail=LiveDetail((last_day,), ())),))
    return [*made, *status_events(near, run_id=RUN)]


def every_step() -> list[tuple[Facts, ...]]:
    """Promotions that have come to each record which somebody wants to know of."""
    deadline = NOW + timedelta(days=1)
    ends: list[tuple[Facts, ...]] = [(), (ApprovalAsked(deadline=deadline),), (Promoted(digest="d", model="m"),)]
    ends += [(Approved(note="fine"),), (Rejected(note="no"),), (Abandoned(why="late"),), (ImportBegun(),)]
    causes = ("gate", "rejected", "expired", "probe", "failed", "cancelled", "by-hand")
    ends += [(RollbackBegun(cause=cause, why="so"),) for cause in causes]
    return [*ends, (RollbackBegun(cause="probe", why="so"), RolledBack())]


def only(events: Iterable[Event], name: str) -> Event:
    """The one event of a name."""
    (found,) = [event for event in events if event.name == name]
    return found


class TestTheTable:
    """`EVENTS`, and what is documented."""

    def test_names_all_and_no_other(self) -> None:
        """There is a way to every event of the table, and to none that is not in it."""
        assert {event.name for event in all_events()} == set(EVENTS) - BUILT_ELSEWHERE

    def test_says_what_payloads_hold(self) -> None:
        """Each payload has exactly the keys of the table, each related role is in it, and all of it is JSON."""
        for event in all_events():
            kind = EVENTS[event.name]
            assert set(event.payload) == {*COMMON, *kind.payload}, event.name
            assert set(event.related) <= set(kind.related), event.name
            assert json.loads(json.dumps(event.payload)) == event.payload
            assert event.payload["runId"]

    def test_says_whom_they_are_about(self) -> None:
        """An event about a project has that project's id, and so on; what concerns a whole resource has its id."""
        for event in all_events():
            subject = EVENTS[event.name].subject
            wholly = event.payload["project"] is None and subject == "project"
            expected = "resource" if wholly else subject
            assert event.subject.startswith(f"cluvault.{expected}."), event.name

    def test_is_documented(self) -> None:
        """docs/events-out.md shows it, word for word."""
        documented = Path("docs/events-out.md").read_text("utf-8").partition("The ids, ")[0]
        for name, kind in EVENTS.items():
            keys = ", ".join(f"`{key}`" for key in kind.payload)
            row = f"| `{name}` | {kind.subject} | {kind.when} | {keys} | {', '.join(kind.related)} |"
            assert row in documented, row
        assert documented.count("\n| `cluvault.") == len(EVENTS)


class TestRuns:
    """Events of a run."""

    def test_of_a_backup(self) -> None:
        """One a project, with what a promotion or a notification needs, and one of the run."""
        run = ended("backup", item(Outcome.STORED), item(Outcome.UNCHANGED, project="Mail"))
        created, unchanged, done = events_of_run(run)
        assert created.name == "cluvault.snapshot.created"
        assert created.subject == project_subject("dev", "Desk")
        assert created.payload == {
            "resource": "dev", "project": "Desk", "runId": RUN, "kind": "backup", "outcome": "stored",
            "detail": "so it is", "snapshotId": SNAPSHOT, "reference": f"dev/Desk@{SNAPSHOT}", "digest": DIGEST,
            "counts": {"intents": 1, "entities": 2, "utterances": 3},
        }  # fmt: skip
        assert created.related == {
            "vault": "cluvault.vault.v1", "operation": "cluvault.operation.backup", "resource": "cluvault.resource.dev"
        }  # fmt: skip
        assert unchanged.name == "cluvault.snapshot.unchanged"
        assert done.name == "cluvault.run.done"
        assert done.subject == operation_subject("backup")
        assert done.payload["outcomes"] == {"stored": 1, "unchanged": 1}
        assert done.payload["record"] == "runs/one.json"
        assert done.payload["resource"] == "dev"

    def test_with_a_failure(self) -> None:
        """The run failed, says how many and why; a resource that could not be listed is the subject itself."""
        run = ended("backup", item(Outcome.FAILED, project="", detail="no way in"), resources=("dev", "prod"))
        failed, whole = events_of_run(run)
        assert failed.name == "cluvault.snapshot.failed"
        assert failed.subject == resource_subject("dev")
        assert failed.payload["project"] is None
        assert whole.name == "cluvault.run.failed"
        assert (whole.payload["failed"], whole.payload["detail"]) == (1, "no way in")
        assert whole.payload["resource"] is None
        assert "resource" not in whole.related

    def test_with_a_glob_that_fits_nothing(self) -> None:
        """It is of no one resource."""
        failed, _ = events_of_run(ended("backup", item(Outcome.FAILED, resource="", project="Piza")))
        assert failed.subject == operation_subject("backup")
        assert "resource" not in failed.related

    def test_without_counts_or_snapshot(self) -> None:
        """What is not known is null."""
        bare = RunItem(resource="dev", project="Desk", outcome=Outcome.STORED)
        created, _ = events_of_run(ended("backup", bare))
        assert [created.payload[key] for key in ("snapshotId", "reference", "digest", "counts", "detail")] == [None] * 5
        gone, _ = events_of_run(ended("backup", bare.model_copy(update={"outcome": Outcome.VANISHED})))
        assert gone.payload["since"] is None

    def test_of_a_prune(self) -> None:
        """One a project, however many snapshots went; it counts all and names a hundred."""
        items = [item(Outcome.REMOVED) for _ in range(150)]
        contents = RunItem(resource="dev", project="Desk", outcome=Outcome.REMOVED, detail="3 contents, 9 bytes")
        removed, done = events_of_run(ended("prune", *items, contents, item(Outcome.SKIPPED)))
        assert removed.name == "cluvault.prune.removed"
        assert removed.payload["removed"] == 150
        assert len(removed.payload["snapshots"]) == 100
        assert removed.payload["detail"] == "150 snapshots; 3 contents, 9 bytes"
        assert done.payload["outcomes"] == {"removed": 151, "skipped": 1}

    def test_of_damage(self) -> None:
        """One alarm of the vault, with what is lost."""
        damaged, whole = events_of_run(ended("verify", item(Outcome.DAMAGED), item(Outcome.MISSING, project="Mail")))
        assert damaged.name == "cluvault.vault.damaged"
        assert damaged.subject == "cluvault.vault.v1"
        assert damaged.payload["damaged"] == 2
        assert damaged.payload["snapshots"] == [f"dev/Desk@{SNAPSHOT}", f"dev/Mail@{SNAPSHOT}"]
        assert whole.name == "cluvault.run.failed"
        record = RunItem(resource="", project="", outcome=Outcome.DAMAGED, detail="holds/x.json: no JSON")
        damaged, _ = events_of_run(ended("verify", record))
        assert damaged.payload["snapshots"] == []

    def test_of_a_kind_that_is_not_known(self) -> None:
        """The run itself is told of."""
        assert [one.name for one in events_of_run(ended("newer", item("new"), record=""))] == ["cluvault.run.done"]

    def test_have_short_sentences(self) -> None:
        """Nobody's error fills a database."""
        failed, _ = events_of_run(ended("backup", item(Outcome.FAILED, detail="x" * 5000)))
        assert len(failed.payload["detail"]) == 1000


class TestErrors:
    """Operations that an error ended."""

    def test_of_a_restore(self) -> None:
        """The project is told of, and the run with its exit code."""
        error = Error("ProjectExists", "it exists", 1)
        failed, whole = events_of_error("restore", error, run_id=RUN, resource="prod", project="Desk")
        assert (failed.name, failed.subject) == ("cluvault.restore.failed", project_subject("prod", "Desk"))
        assert (whole.name, whole.subject) == ("cluvault.run.failed", operation_subject("restore"))
        assert (whole.payload["error"], whole.payload["exitCode"]) == ("ProjectExists", 1)
        assert whole.payload["resources"] == ["prod"]

    def test_that_are_told_already(self) -> None:
        """Only the run's end is news then."""
        error = Error("NotWhatWasMeant", "it differs", 1)
        (whole,) = events_of_error("restore", error, run_id=RUN, resource="prod", project="Desk", is_told=True)
        assert whole.name == "cluvault.run.failed"

    @pytest.mark.parametrize(
        "kind, name", [("cleanup", "cluvault.cleanup.refused"), ("promote", "cluvault.promotion.refused")]
    )
    def test_of_guards(self, kind: str, name: str) -> None:
        """A refusal has a name of its own."""
        error = Error("GuardRefused", "too many", 4, is_refusal=True)
        refused, whole = events_of_error(kind, error, run_id=RUN, resource="prod")
        assert (refused.name, refused.subject) == (name, resource_subject("prod"))
        assert refused.payload["detail"] == "too many"
        assert whole.payload["exitCode"] == 4

    def test_before_anything_is_known(self) -> None:
        """Without a resource it is the run's end alone."""
        (whole,) = events_of_error("backup", Error("NotAVault", "no vault here", 2), run_id=RUN)
        assert whole.payload["resources"] == []
        assert whole.related == {}


class TestPromotions:
    """Events of a promotion."""

    def test_tell_each_step_that_matters(self) -> None:
        """In the order in which they happen; the steps between are nobody's business."""
        promotions = [promotion(*facts) for facts in every_step()]
        events = [events_of_promotion(one, vault_id="v1") for one in promotions]
        told = [[one.name.removeprefix("cluvault.promotion.") for one in few] for few in events]
        assert told == [
            ["begun"], ["awaiting-approval"], ["promoted"], ["approved"], ["rejected"], ["abandoned"], [],
            ["refused"], [], ["refused"], ["failed"], ["failed"], ["failed"], [], ["rolled-back"],
        ]  # fmt: skip

    def test_say_what_is_promoted(self) -> None:
        """Enough to approve it, or to back the target up."""
        deadline = datetime(2026, 12, 1, tzinfo=UTC)
        safety = Safety(snapshot=None, digest=None, production=None, staging=None)
        (asked,) = events_of_promotion(promotion(safety, ApprovalAsked(deadline=deadline)), vault_id="v1")
        assert asked.subject == project_subject("prod", "Desk")
        assert asked.payload["promotion"].startswith("prod/Desk@")
        assert asked.payload["runId"] == asked.payload["promotion"].partition("@")[2]
        assert asked.payload["state"] == "awaiting-approval"
        assert asked.payload["deadline"] == "2026-12-01T00:00:00+00:00"
        assert asked.payload["source"].startswith("dev/Desk@")
        assert asked.related["route"] == "cluvault.route.up"
        assert asked.related["source"] == "cluvault.project.dev/Desk"

    def test_of_an_end_that_nobody_began(self) -> None:
        """Records that somebody else wrote do not end the run with a fault."""
        (back,) = events_of_promotion(promotion(RolledBack()), vault_id="v1")
        assert back.payload["cause"] is None
