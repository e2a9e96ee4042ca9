"""What a deploy does to a Prefect server: only what differs, and never what somebody else made."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.plan.deploy import (
    KINDS,
    Change,
    DeployPlan,
    FieldChange,
    Kind,
    ServerObject,
    differences,
    merged,
    plan_deploy,
)
from tests.strategies import QUICK


def _deployment(name: str = "backup/nightly", *, is_ours: bool = True, **fields: Any) -> ServerObject:
    return ServerObject("deployment", name, fields, is_ours=is_ours)


def test_what_is_missing_is_created_and_the_rest_is_kept() -> None:
    """Each object has one line in the plan."""
    plan = plan_deploy([_deployment("a/a", x=1), _deployment("b/b", x=1)], [_deployment("b/b", x=1)])
    assert [(one.action, one.name) for one in plan.changes] == [("create", "a/a"), ("keep", "b/b")]
    assert [one.name for one in plan.work] == ["a/a"]
    assert plan.changes[0].fields == (FieldChange("x", None, 1),)


def test_a_drifted_schedule_is_shown_field_by_field() -> None:
    """The place, the value on the server, the value of the files."""
    wanted = _deployment(schedules={"nightly": {"cron": "0 2 * * *", "active": True}}, tags=["a", "b"])
    found = _deployment(schedules={"nightly": {"cron": "0 9 * * *", "active": True}}, tags=["b", "c"])
    (change,) = plan_deploy([wanted], [found]).work
    assert [str(one) for one in change.fields] == [
        "schedules.nightly.cron: 0 9 * * * -> 0 2 * * *",
        "tags: +a -c",
    ]
    assert change.to_dict()["fields"][0] == {
        "field": "schedules.nightly.cron",
        "before": "0 9 * * *",
        "after": "0 2 * * *",
    }


@pytest.mark.parametrize(
    "before, after, text",
    [
        (None, 1, "x: (none) -> 1"),
        (["a", "b"], ["b", "a"], "x: another order"),
        ("y" * 80, "z", f"x: {'y' * 57}... -> z"),
        ([1], None, "x: [1] -> (none)"),
        (None, [1], "x: (none) -> [1]"),
    ],
)
def test_how_a_change_is_told(before: Any, after: Any, text: str) -> None:
    """In one short line."""
    assert str(FieldChange("x", before, after)) == text


def test_only_what_a_deploy_made_is_removed() -> None:
    """In the order in which nothing is left that names what is gone."""
    actual = [
        _deployment("backup/old"),
        _deployment("theirs/theirs", is_ours=False),
        ServerObject("automation", "cluvault: old", {}),
        ServerObject("limit", "cluvault-old", {}),
    ]
    plan = plan_deploy([], actual)
    assert [(one.action, one.kind) for one in plan.changes] == [
        ("remove", "automation"),
        ("remove", "deployment"),
        ("remove", "limit"),
    ]


def test_what_others_made_is_refused_or_adopted() -> None:
    """Unless it is asked for, nobody's deployment of the same name is overwritten."""
    wanted, theirs = _deployment(x=1), _deployment(x=2, is_ours=False)
    (refused,) = plan_deploy([wanted], [theirs]).refused
    assert refused.reason == "somebody else made it; --adopt takes it over"
    (adopted,) = plan_deploy([wanted], [theirs], adopt=True).work
    assert adopted.action == "update"


def test_a_shared_pool_is_used_as_it_is() -> None:
    """Its template is somebody's own; but a worker of another type could run nothing."""
    pool = ServerObject("work pool", "ours", {"type": "process", "x": 1}, is_shared=True, fixed=frozenset({"type"}))
    theirs = ServerObject("work pool", "ours", {"type": "process", "x": 2}, is_ours=False)
    (kept,) = plan_deploy([pool], [theirs]).changes
    assert (kept.action, kept.reason) == ("keep", "somebody else made it; it is used as it is")
    docker = ServerObject("work pool", "ours", {"type": "docker", "x": 1})
    (refused,) = plan_deploy([pool], [docker]).refused
    assert refused.reason.startswith("type: docker -> process; this cannot be changed")


def test_a_part_of_a_plan() -> None:
    """By name, by pattern, or by kind in the plural."""
    plan = plan_deploy([_deployment("a/a"), ServerObject("automation", "cluvault: x", {})], [])
    assert plan.only([]) == plan
    assert [one.name for one in plan.only(["a/*"]).changes] == ["a/a"]
    assert [one.name for one in plan.only(["automations"]).changes] == ["cluvault: x"]
    assert plan.only(["nothing"]).to_dict() == {"changes": []}


def test_a_table_laid_over_another() -> None:
    """Tables are merged, all else is replaced; neither is changed."""
    base = {"options": {"a": 1, "b": 2}, "list": [1], "x": 1}
    assert merged(base, {"options": {"b": 3}, "list": [2], "x": {"y": 1}}) == {
        "options": {"a": 1, "b": 3},
        "list": [2],
        "x": {"y": 1},
    }
    assert base["options"] == {"a": 1, "b": 2}


VALUES = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)
TABLES = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)
OBJECTS = st.builds(ServerObject, st.sampled_from(KINDS), st.sampled_from("xyz"), TABLES, is_ours=st.booleans())


@QUICK
@given(
    st.lists(OBJECTS, max_size=5, unique_by=lambda one: one.key),
    st.lists(OBJECTS, max_size=5, unique_by=lambda one: one.key),
)
def test_a_second_deploy_has_nothing_to_do(desired: list[ServerObject], actual: list[ServerObject]) -> None:
    """And what others made is there as it was, in whatever state the server is found."""
    plan = plan_deploy(desired, actual, adopt=False)
    after = _carried_out(plan, actual)
    again = plan_deploy(desired, list(after.values()), adopt=False)
    assert again.work == ()
    assert again.refused == plan.refused
    assert {one.key: one for one in actual if not one.is_ours}.items() <= after.items()


def _carried_out(plan: DeployPlan, actual: list[ServerObject]) -> dict[tuple[Kind, str], ServerObject]:
    there = {one.key: one for one in actual}
    for change in plan.work:
        key = (change.kind, change.name)
        if change.action == "remove":
            del there[key]
        else:
            wanted = plan.desired[key]
            there[key] = ServerObject(wanted.kind, wanted.name, wanted.fields)
    return there


@QUICK
@given(TABLES, TABLES)
def test_differences_are_complete(before: dict[str, Any], after: dict[str, Any]) -> None:
    """There are some exactly if the tables differ, nothing counted for an empty table that is not there."""
    if not list(differences(before, after)):
        assert before == after
    assert list(differences(before, before)) == []


def test_a_change_without_reason() -> None:
    """As JSON it has every key."""
    assert Change("keep", "limit", "x").to_dict() == {
        "action": "keep",
        "kind": "limit",
        "name": "x",
        "fields": [],
        "reason": "",
    }
