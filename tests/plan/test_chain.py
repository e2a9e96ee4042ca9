"""What follows from what: promotions that are due, and changes that are quiet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cluvault.model.run import Outcome, RunItem
from cluvault.plan.chain import due_promotions
from cluvault.plan.watching import Seen, change_events, may_be_newer, split_by_quiet
from cluvault.settings import RouteSettings

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
ID = "20261127T120000Z-000b2c3d"


def stored(resource: str, project: str, outcome: Outcome = Outcome.STORED) -> RunItem:
    """An item of a backup."""
    return RunItem(resource=resource, project=project, outcome=outcome, snapshot_id=ID)


def test_a_new_snapshot_makes_promotions_due() -> None:
    """On each route of its resource that says so, for the projects that it names; nothing else does."""
    routes = {
        "a": RouteSettings(source="dev", target="test", on_snapshot=True),
        "b": RouteSettings(source="dev", target="prod", on_snapshot=True, chained=("Mail*",)),
        "c": RouteSettings(source="dev", target="other"),
        "d": RouteSettings(source="test", target="prod", on_snapshot=True),
    }
    items = [stored("dev", "Mail"), stored("dev", "Desk"), stored("dev", "Old", Outcome.UNCHANGED)]
    events = due_promotions(items, routes, run_id="r")
    assert [(one.payload["project"], one.payload["route"]) for one in events] == [
        ("Mail", "a"), ("Mail", "b"), ("Desk", "a"),
    ]  # fmt: skip
    assert events[0].payload["reference"] == f"dev/Mail@{ID}"
    assert len({(one.name, one.subject, one.payload["runId"]) for one in events}) == 3


def test_a_project_that_somebody_works_on_waits() -> None:
    """Until it was left alone for long enough."""
    seen = [Seen("dev", name, NOW - timedelta(minutes=age)) for name, age in (("B", 20), ("A", 10), ("C", 9))]
    quiet, waiting = split_by_quiet(seen, now=NOW, quiet=timedelta(minutes=10))
    assert ([one.project for one in quiet], [one.project for one in waiting]) == (["A", "B"], ["C"])


def test_events_of_changes() -> None:
    """One a project, the same one as long as it is not changed again; one a resource with all names."""
    seen = [Seen("dev", "A", NOW), Seen("dev", "B", NOW), Seen("prod", "A", NOW)]
    events = change_events(seen, run_id="r")
    assert [event.subject for event in events] == [
        "cluvault.project.dev/A", "cluvault.project.dev/B", "cluvault.project.prod/A",
        "cluvault.resource.dev", "cluvault.resource.prod",
    ]  # fmt: skip
    assert events[0].payload["runId"] == NOW.isoformat()
    assert events[3].payload["projects"] == ["A", "B"]
    assert change_events([], run_id="r") == []
    busy = change_events(seen, run_id="r", busy=["dev", "other"])
    assert [event.subject for event in busy[3:]] == ["cluvault.resource.prod"]


def test_clocks_may_differ() -> None:
    """A change just before a snapshot may have come after it, by the other clock."""
    assert may_be_newer(NOW, ID)
    assert may_be_newer(NOW - timedelta(minutes=59), ID)
    assert not may_be_newer(NOW - timedelta(minutes=61), ID)
