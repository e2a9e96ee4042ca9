"""Drift as a decision: which projects belong together, who is ahead, what was edited, what the world is told."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from cluvault.model.manifest import Content, new_snapshot_id
from cluvault.model.run import Outcome
from cluvault.plan.capture import build_manifest
from cluvault.plan.diff import ProjectDiff, diff_project_files
from cluvault.plan.drift import (
    DRIFT_FOUND,
    UNREAD,
    DirectEdit,
    Left,
    Pair,
    ProjectDrift,
    Side,
    change_counts,
    drift_events,
    drift_item,
    is_edited,
    is_present_content,
    pair_projects,
    who_is_ahead,
)
from cluvault.plan.event_names import COMMON, EVENTS
from tests.plan.promotions import NOW
from tests.plan.test_comparison import project
from tests.support.snapshots import make_capture

LEFT = Left("prod/Desk@x", "base", NOW)
DIFFERENCE = diff_project_files(project(("a", "Book")), project(("a", "Cancel"), ("a secret text", "Book")))


def test_projects_are_paired_by_name_and_by_the_renames_of_the_route() -> None:
    """What is at one end only has no partner; what a rename takes the place of is named."""
    found = pair_projects(["A", "B-dev", "B", "D"], ["A", "B", "C"], renames={"B-dev": "B", "E-dev": "E"}, globs=["*"])
    assert found.pairs == (Pair("A", "A"), Pair("B-dev", "B"), Pair("D", None), Pair(None, "C"))
    assert (found.clashes, found.unmatched) == (("B",), ())


def test_globs_choose_by_the_name_at_the_source() -> None:
    """What fits nothing is told; a route's own choice comes first."""
    renames = {"B-dev": "B", "E-dev": "E"}
    found = pair_projects(["A", "B-dev"], ["A", "E"], renames=renames, globs=["*-dev", "x*"], only=("*",))
    assert found.pairs == (Pair("B-dev", None), Pair(None, "E"))
    assert found.unmatched == ("x*",)
    assert pair_projects(["A", "B"], [], renames={}, globs=["*"], only=("B",)).pairs == (Pair("B", None),)


@pytest.mark.parametrize(
    "source, target, last, ahead",
    [
        ("a", "a", LEFT, None), ("a", "base", LEFT, "source"), ("base", "b", LEFT, "target"), ("a", "b", LEFT, "both"),
        ("a", "b", Left("x", None, NOW), "source"), ("a", "b", None, "source"),
    ],
)  # fmt: skip
def test_who_is_ahead(source: str, target: str, last: Left | None, ahead: str | None) -> None:
    """By what the last promotion left; without one, by the times."""
    assert who_is_ahead(Side(source, NOW + timedelta(hours=1)), Side(target, NOW), last) == ahead


def test_times_that_tell_nothing() -> None:
    """Missing or equal ones."""
    assert who_is_ahead(Side("a", None), Side("b", NOW), None) is None
    assert who_is_ahead(Side("a", NOW), Side("b", None), None) is None
    assert who_is_ahead(Side("a", NOW), Side("b", NOW), None) is None
    assert who_is_ahead(Side("a", NOW), Side("b", NOW + timedelta(hours=1)), None) == "target"


def test_what_is_an_edit() -> None:
    """Neither what was left nor what the next promotion would bring."""
    assert not is_edited("a", "b", None)
    assert not is_edited("a", "base", LEFT)
    assert not is_edited("a", "a", LEFT)
    assert is_edited("a", "b", LEFT)


def test_which_snapshot_stands_for_a_live_project() -> None:
    """The one of the project's last change, if that was over when it was taken, of the same endpoint."""
    captured = make_capture(project_last_modified=NOW, captured_at=NOW + timedelta(minutes=1), endpoint="here")
    content = Content(
        key="k", sha256="0" * 64, bytes=1, encoding="gzip", raw_sha256="0" * 64, raw_bytes=1, canonical_sha256="0" * 64
    )
    named = new_snapshot_id(captured.captured_at, "00000000")
    one = build_manifest(captured, snapshot_id=named, vault_id="v", stored=content, parent_id=None, tool_version="0")
    assert is_present_content(one, NOW, endpoint="here")
    assert not is_present_content(one, None, endpoint="here")
    assert not is_present_content(one, NOW + timedelta(seconds=1), endpoint="here")
    assert not is_present_content(one, NOW, endpoint="there")
    assert not is_present_content(one.model_copy(update={"captured_at": NOW}), NOW, endpoint="here")


def found(edit: DirectEdit | None = None) -> ProjectDrift:
    """A project that differs."""
    return ProjectDrift(
        Pair("Desk-dev", "Desk"), Outcome.DIFFERS, "both", Side("a", NOW), Side("b", None), DIFFERENCE, edit, LEFT
    )


def test_a_finding_in_a_line_in_a_record_and_as_json() -> None:
    """What differs, and what was edited directly."""
    edit = DirectEdit(LEFT, DIFFERENCE)
    one = found(edit)
    assert one.sentence.startswith("utterances: ")
    assert "edited directly since promotion prod/Desk@x: " in one.sentence
    assert drift_item(one, resource="prod").detail == f"both have changed; {one.sentence}"
    assert one.drifts
    document = one.to_json()
    assert json.loads(json.dumps(document))["editedDirectly"] is True
    assert (document["sourceProject"], document["project"]) == ("Desk-dev", "Desk")
    alone = ProjectDrift(Pair("A", None), Outcome.ONLY_IN_SOURCE, "source")
    assert (alone.project, alone.sentence, alone.source) == ("A", "", UNREAD)
    assert drift_item(alone, resource="prod").detail == "source ahead"
    assert alone.to_json()["edit"] is None
    equal = ProjectDrift(Pair("A", "A"), Outcome.EQUAL, difference=ProjectDiff())
    assert (equal.drifts, drift_item(equal, resource="prod").detail) == (False, None)


def test_an_edit_of_which_not_all_is_known() -> None:
    """Said so."""
    assert DirectEdit(LEFT).sentence == "deleted directly since promotion prod/Desk@x"
    assert DirectEdit(LEFT, unknown="it is pruned").sentence.endswith("cannot be told: it is pruned")
    assert found(DirectEdit(LEFT, unknown="x")).to_json()["edit"] is None


def test_the_world_is_told_of_each_project_that_drifts() -> None:
    """Counts and digests; nothing of the content."""
    equal = ProjectDrift(Pair("A", "A"), Outcome.EQUAL)
    gone = ProjectDrift(Pair(None, "B"), Outcome.ONLY_IN_TARGET, "target")
    events = drift_events([equal, found(), gone], run_id="r1", source="dev", target="prod", route="up")
    assert [(one.name, one.subject) for one in events] == [
        (DRIFT_FOUND, "cluvault.project.prod/Desk"),
        (DRIFT_FOUND, "cluvault.project.prod/B"),
    ]
    assert events[0].related == {"source": "cluvault.project.dev/Desk-dev"}
    assert (events[1].related, events[1].payload["changes"], events[1].payload["lastPromotion"]) == ({}, {}, None)
    assert events[0].payload["editedDirectly"] is False
    assert set(events[0].payload) == {*COMMON, *EVENTS[DRIFT_FOUND].payload}
    assert events[0].payload["changes"] == change_counts(DIFFERENCE)
    assert sum(change_counts(DIFFERENCE).values()) > 0
    assert "secret" not in json.dumps(events[0].payload)
