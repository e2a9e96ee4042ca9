"""Clean-up: who goes, who stays, and why."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.plan.cleanup import DEFAULT_RULES, CleanupPlan, ProjectFacts, plan_cleanup, share_of
from cluvault.settings import CleanupRule

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
YEAR_ONE = datetime(1, 1, 1, tzinfo=UTC)


def days_ago(days: float) -> datetime:
    """An instant before now."""
    return NOW - timedelta(days=days)


def facts(name: str = "Travel", **fields: Any) -> ProjectFacts:
    """A project that was last modified a hundred days ago, unless told otherwise."""
    values: dict[str, Any] = {"last_modified": days_ago(100)} | fields
    return ProjectFacts(name, **values)


def rule(**conditions: Any) -> CleanupRule:
    """A rule of the settings."""
    return CleanupRule(**conditions)


def plan(*projects: ProjectFacts, **arguments: Any) -> CleanupPlan:
    """A plan whose guard lets everything pass unless told otherwise."""
    given_: dict[str, Any] = {"rules": {}, "protect": (), "now": NOW, "max_deletions": 1000, "max_share": 1.0}
    return plan_cleanup(projects, **(given_ | arguments))


def deleted(found: CleanupPlan) -> set[str]:
    """The names of the projects that go."""
    return {deletion.project for deletion in found.deletions}


def reason(project: ProjectFacts, **conditions: Any) -> str:
    """Why a project is kept under one rule."""
    (kept,) = plan(project, rules={"old": rule(**conditions)}).kept
    return kept.reason


# --- laws ----------------------------------------------------------------------------------------------------------

MOMENTS = st.sampled_from([YEAR_ONE]) | st.integers(-10, 300).map(days_ago)
PATTERNS = st.sampled_from(["*", "a*", "[bc]", "cluvault-scratch-*", "x"])
DAYS = st.none() | st.integers(0, 300)
PROJECTS = st.lists(
    st.builds(
        ProjectFacts,
        st.sampled_from(["a", "aa", "b", "c", "cluvault-scratch-1"]),
        MOMENTS,
        created=st.none() | MOMENTS,
        last_trained=st.none() | MOMENTS,
        last_deployed=st.none() | MOMENTS,
        deployments=st.integers(0, 2),
    ),
    max_size=5,
    unique_by=lambda project: project.name,
)
CONDITIONS = st.fixed_dictionaries(
    {
        "names": st.lists(PATTERNS, max_size=2).map(tuple),
        "not_modified_days": DAYS,
        "not_trained_days": DAYS,
        "not_deployed_days": DAYS,
        "no_deployment": st.booleans(),
        "scratch": st.booleans(),
    }
)
RULES = st.lists(
    CONDITIONS.filter(lambda conditions: any(c not in ((), None, False) for c in conditions.values())), max_size=2
)
ARGUMENTS = st.fixed_dictionaries(
    {
        "rules": RULES.map(lambda rules: {f"rule-{index}": rule(**fields) for index, fields in enumerate(rules)}),
        "protect": st.lists(PATTERNS, max_size=2),
        "max_deletions": st.integers(0, 5),
        "max_share": st.floats(0, 1),
        "everything": st.booleans(),
    }
)


@given(PROJECTS, ARGUMENTS)
def test_every_project_is_either_deleted_or_kept(projects: list[ProjectFacts], arguments: dict[str, Any]) -> None:
    """Each project appears once, with a reason, whatever the guard says."""
    found = plan(*projects, **arguments)
    named = [*(item.project for item in found.deletions), *(item.project for item in found.kept)]
    assert sorted(named) == sorted(project.name for project in projects)
    assert all(deletion.rule and deletion.reasons for deletion in found.deletions)
    assert all(kept.reason for kept in found.kept)


@given(PROJECTS, ARGUMENTS, PATTERNS)
def test_protecting_more_never_deletes_more(
    projects: list[ProjectFacts], arguments: dict[str, Any], pattern: str
) -> None:
    """A further pattern can only keep, and what it names is kept."""
    more = plan(*projects, **(arguments | {"protect": [*arguments["protect"], pattern]}))
    assert deleted(more) <= deleted(plan(*projects, **arguments))
    assert deleted(plan(*projects, **(arguments | {"protect": ["*"]}))) == set()


@given(PROJECTS, CONDITIONS, st.sampled_from(["not_modified_days", "not_trained_days", "not_deployed_days"]), DAYS)
def test_more_days_never_delete_more(
    projects: list[ProjectFacts], conditions: dict[str, Any], field: str, days: int | None
) -> None:
    """Raising the days of a condition can only keep."""
    strict = {"names": ("*",)} | conditions | {field: (conditions[field] or 0) + (days or 0)}
    lax = strict | {field: conditions[field] or 0}
    assert deleted(plan(*projects, rules={"r": rule(**strict)})) <= deleted(plan(*projects, rules={"r": rule(**lax)}))


@given(PROJECTS, ARGUMENTS)
def test_no_rule_deletes_a_project_of_the_future_and_few_a_deployed_one(
    projects: list[ProjectFacts], arguments: dict[str, Any]
) -> None:
    """A wrong clock speaks through the first; the second goes by rules that speak of deployments only."""
    found = plan(*projects, **(arguments | {"everything": False}))
    by_name = {project.name: project for project in projects}
    for deletion in found.deletions:
        project = by_name[deletion.project]
        dates = (project.created, project.last_modified, project.last_trained, project.last_deployed)
        assert not any(date is not None and date > NOW for date in dates)
        assert not project.deployments or arguments["rules"][deletion.rule].not_deployed_days is not None


def test_a_rule_that_speaks_of_deployments_deletes_a_long_deployed_project() -> None:
    """Another rule may apply as well and be kept from it; the one that speaks of deployments counts."""
    old = ProjectFacts(
        "Old", last_modified=NOW - timedelta(days=900), last_deployed=NOW - timedelta(days=800), deployments=1
    )
    rules = {"names": rule(names=("*",)), "undeployed": rule(not_deployed_days=700)}
    assert plan(old, rules=rules).deletions[0].rule == "undeployed"
    assert "may be answering traffic" in plan(old, rules={"names": rules["names"]}).kept[0].reason


@given(PROJECTS, ARGUMENTS)
def test_the_guard_refuses_exactly_what_is_over_the_limit(
    projects: list[ProjectFacts], arguments: dict[str, Any]
) -> None:
    """There is a refusal if and only if more projects would go than are allowed."""
    found = plan(*projects, **arguments)
    share = share_of(len(projects), arguments["max_share"])
    assert found.allowed == min(arguments["max_deletions"], share)
    assert (found.refusal is not None) == (len(found.deletions) > found.allowed)


@given(PROJECTS, ARGUMENTS, st.randoms())
def test_the_order_of_the_listing_does_not_matter(
    projects: list[ProjectFacts], arguments: dict[str, Any], random: Any
) -> None:
    """The plan is a function of its arguments, sorted by name."""
    shuffled = random.sample(projects, len(projects))
    assert plan(*shuffled, **arguments) == plan(*projects, **arguments)


@given(PROJECTS, ARGUMENTS)
def test_a_plan_survives_json(projects: list[ProjectFacts], arguments: dict[str, Any]) -> None:
    """Programs get the same plan as people."""
    found = plan(*projects, **arguments).to_dict()
    assert json.loads(json.dumps(found)) == found
    assert list(found) == ["deletions", "kept", "allowed", "refusal"]


# --- conditions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "conditions, reasons",
    [
        ({"names": ("x", "Tra*")}, ("the name fits 'Tra*'",)),
        ({"not_modified_days": 100}, ("last modified 100 days ago (2026-07-24; the rule says 100)",)),
        (
            {"no_deployment": True, "not_deployed_days": 0, "not_trained_days": 30},
            (
                "has no service deployment",
                "never trained, last changed 100 days ago (2026-07-24; the rule says 30)",
                "never deployed, last changed 100 days ago (2026-07-24; the rule says 0)",
            ),
        ),
    ],
)
def test_a_deletion_tells_how_each_condition_holds(conditions: dict[str, Any], reasons: tuple[str, ...]) -> None:
    """The reasons are sentences about the project, with the rule's number beside the project's."""
    (deletion,) = plan(facts(), rules={"old": rule(**conditions)}).deletions
    assert (deletion.project, deletion.rule, deletion.reasons) == ("Travel", "old", reasons)


@pytest.mark.parametrize(
    "fields, conditions, condition",
    [
        ({}, {"names": ("travel", "Trav", "?")}, "the name fits no pattern"),
        ({}, {"scratch": True}, "is no scratch project of cluvault"),
        ({"deployments": 2}, {"no_deployment": True}, "has 2 service deployments"),
        ({"deployments": 1}, {"no_deployment": True}, "has 1 service deployment"),
        ({}, {"not_modified_days": 101}, "last modified 100 days ago (2026-07-24; the rule says 101)"),
        (
            {"last_trained": days_ago(3)},
            {"not_trained_days": 4},
            "last trained 3 days ago (2026-10-29; the rule says 4)",
        ),
        (
            {"last_deployed": days_ago(3.9)},
            {"not_deployed_days": 4},
            "last deployed 3 days ago (2026-10-28; the rule says 4)",
        ),
        ({}, {"not_modified_days": 10**30}, f"last modified 100 days ago (2026-07-24; the rule says {10**30})"),
    ],
)
def test_a_kept_project_tells_which_condition_does_not_hold(
    fields: dict[str, Any], conditions: dict[str, Any], condition: str
) -> None:
    """Names are matched whole and by case; days are whole days."""
    assert reason(facts(**fields), **conditions) == f"no rule applies (old: {condition})"


def test_all_conditions_of_a_rule_and_any_rule() -> None:
    """A rule needs all its conditions; the first rule that applies is named."""
    rules = {
        "both": rule(names=("T*",), not_modified_days=200),
        "old": rule(not_modified_days=50),
        "name": rule(names=("*",)),
    }
    found = plan(facts(), facts("Fresh", last_modified=days_ago(1)), rules=rules)
    assert [(item.project, item.rule) for item in found.deletions] == [("Fresh", "name"), ("Travel", "old")]


def test_every_rule_is_answered() -> None:
    """A kept project tells for each rule why it does not apply."""
    (kept,) = plan(facts(), rules={"a": rule(names=("x",)), "b": rule(scratch=True)}).kept
    assert kept.reason == "no rule applies (a: the name fits no pattern; b: is no scratch project of cluvault)"


def test_without_rules_nothing_goes() -> None:
    """No rule, no guess."""
    (kept,) = plan(facts()).kept
    assert kept.reason == "there is no rule"


def test_a_rule_without_conditions_chooses_nothing() -> None:
    """Settings refuse such a rule; should one come from elsewhere, it must not mean everything."""
    found = plan(facts(), rules={"empty": CleanupRule.model_construct()})
    assert [kept.reason for kept in found.kept] == ["no rule applies (empty: has no condition)"]


@pytest.mark.parametrize(
    "fields, kept",
    [
        ({"created": days_ago(10)}, "never trained, last changed 10 days ago"),
        ({"created": days_ago(300), "last_modified": days_ago(10)}, "never trained, last changed 10 days ago"),
        ({"last_trained": YEAR_ONE, "last_modified": days_ago(10)}, "never trained, last changed 10 days ago"),
        ({"last_modified": YEAR_ONE}, "never trained, last changed at an unknown time"),
    ],
)
def test_never_trained_counts_from_the_last_change(fields: dict[str, Any], kept: str) -> None:
    """Fresh work that was not trained yet is not old, and a time that the service does not know proves nothing."""
    assert reason(facts(**fields), not_trained_days=30).startswith(f"no rule applies (old: {kept}")


def test_a_time_that_the_service_does_not_know_is_not_old() -> None:
    """Year 1 means unknown; it must not make a project the oldest of all."""
    assert reason(facts(last_modified=YEAR_ONE), not_modified_days=0) == (
        "no rule applies (old: last modified at an unknown time)"
    )


# --- what no rule deletes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields, obstacle",
    [
        ({"deployments": 1}, "its service deployment may be answering traffic"),
        ({"deployments": 3}, "its 3 service deployments may be answering traffic"),
        ({"created": days_ago(-40)}, "it has a date in the future (2026-12-11); a clock is wrong"),
    ],
)
def test_what_stands_against_a_rule_is_said(fields: dict[str, Any], obstacle: str) -> None:
    """Deployed projects and such with future dates are kept although a rule applies."""
    assert reason(facts(**fields), names=("*",)) == f"rule old applies, but {obstacle}"


def test_retiring_the_resource_deletes_all_but_the_protected() -> None:
    """Rules, deployments and dates do not count then; protection does."""
    found = plan(
        facts("a", deployments=2), facts("b", last_modified=days_ago(-1)), facts("c"), protect=["c"], everything=True
    )
    assert [(item.project, item.rule, item.reasons) for item in found.deletions] == [
        ("a", "--all", ("the whole resource is retired", "its 2 service deployments will stop answering")),
        ("b", "--all", ("the whole resource is retired",)),
    ]
    assert [(item.project, item.reason) for item in found.kept] == [("c", "protected by 'c'")]


def test_by_default_only_old_scratch_projects_are_stale() -> None:
    """What cluvault left behind goes after a day; nobody's own project is guessed at."""
    found = plan(
        facts("cluvault-scratch-1"),
        facts("cluvault-scratch-2", last_modified=days_ago(0.9)),
        facts("my-cluvault-scratch-1"),
        rules=DEFAULT_RULES,
    )
    assert deleted(found) == {"cluvault-scratch-1"}


# --- the guard -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "total, share, expected",
    [
        (10, 0.2, 2),
        (14, 0.2, 2),
        (3, 0.2, 1),
        (0, 0.2, 1),
        (3, 0.0, 0),
        (100, 0.29, 29),
        (7, 1.0, 7),
        (10**6, 1e-5, 10),
    ],
)
def test_a_share_is_rounded_down_but_lets_one_go(total: int, share: float, expected: int) -> None:
    """Small resources can be cleaned; a share of 0 lets none go; shares are decimal numbers."""
    assert share_of(total, share) == expected


@pytest.mark.parametrize(
    "count, limits, allowed, exceeded",
    [
        (5, {"max_deletions": 5, "max_share": 1.0}, 5, None),
        (6, {"max_deletions": 5, "max_share": 1.0}, 5, "max-deletions"),
        (3, {"max_deletions": 5, "max_share": 0.2}, 1, "max-share"),
        (6, {"max_deletions": 5, "max_share": 0.2}, 1, "max-deletions and max-share"),
        (1, {"max_deletions": 0, "max_share": 1.0}, 0, "max-deletions"),
    ],
)
@pytest.mark.parametrize("arguments", [{"rules": {"all": rule(names=("*",))}}, {"everything": True}])
def test_the_guard_names_the_limit_to_raise(
    count: int, limits: dict[str, Any], allowed: int, exceeded: str | None, arguments: dict[str, Any]
) -> None:
    """Both limits hold, for retiring too; the plan stays complete for showing."""
    found = plan(*(facts(f"p{index}") for index in range(count)), **limits, **arguments)
    assert len(found.deletions) == count
    assert found.allowed == allowed
    assert (found.refusal or "").endswith(
        f"nothing is deleted; narrow the rules or the names, or raise {exceeded}"
    ) == (exceeded is not None)


def test_the_refusal_names_its_numbers() -> None:
    """What would go, out of how many, and what is allowed."""
    found = plan(*(facts(f"p{index}") for index in range(12)), everything=True, max_deletions=5, max_share=0.2)
    assert found.refusal == (
        "12 of 12 projects would be deleted, but one run may delete 5 (max-deletions) and 20 % (max-share: 2) at most; "
        "nothing is deleted; narrow the rules or the names, or raise max-deletions and max-share"
    )
