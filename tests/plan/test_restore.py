"""Deciding a restore: nothing is replaced unless that was asked for, and every name is one that the service takes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import ProjectExists, UsageError
from cluvault.model.names import is_project_name
from cluvault.plan.losses import Loss
from cluvault.plan.restore import IfExists, RestorePlan, free_name, plan_restore

NOW = datetime(2026, 11, 22, tzinfo=UTC)
NAMES = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,49}", fullmatch=True)


def decide(**changes: Any) -> RestorePlan:
    """A plan for a Conversation project that is to be prod/Travel, where nothing is."""
    values: dict[str, Any] = {
        "source": "dev/Travel@1",
        "kind": "Conversation",
        "resource": "prod",
        "wanted": "Travel",
        "existing": {},
        "if_exists": IfExists.FAIL,
        "now": NOW,
    }
    return plan_restore(**(values | changes))


@pytest.mark.parametrize("if_exists", IfExists)
def test_a_free_name_is_taken_as_it_is(if_exists: IfExists) -> None:
    """Where nothing stands, the choice for existing projects does not matter."""
    plan = decide(if_exists=if_exists, existing={"travel": "Orchestration"}, api_version="v", notes=("note",))
    assert plan == RestorePlan("dev/Travel@1", "prod", "Travel", replaces=False, api_version="v", notes=("note",))
    assert plan.sentence == "create prod/Travel from dev/Travel@1"


def test_a_plan_for_programs() -> None:
    """Everything that people are shown."""
    assert decide(api_version="v", notes=("note",), losses=(Loss("/a", "b"),)).to_json() == {
        "resource": "prod",
        "project": "Travel",
        "source": "dev/Travel@1",
        "replaces": False,
        "apiVersion": "v",
        "notes": ["note"],
        "losses": [{"pointer": "/a", "sentence": "b", "needsLeave": False}],
    }


def test_an_existing_project_is_not_touched_by_default() -> None:
    """The error names both ways on."""
    with pytest.raises(ProjectExists, match=r"prod/Travel exists already.*--if-exists replace.*--if-exists rename"):
        decide(existing={"Travel": "Conversation"})


def test_replace_replaces_a_project_of_the_same_kind() -> None:
    """Kinds are compared without case: older versions wrote them small."""
    plan = decide(existing={"Travel": "conversation"}, if_exists=IfExists.REPLACE, api_version="v", notes=("note",))
    assert plan == RestorePlan("dev/Travel@1", "prod", "Travel", replaces=True, api_version="v", notes=("note",))
    assert plan.sentence == "replace prod/Travel from dev/Travel@1"


def test_replace_refuses_another_kind() -> None:
    """The service cannot change a kind."""
    with pytest.raises(UsageError, match=r"is of kind Orchestration, .* of kind Conversation"):
        decide(existing={"Travel": "Orchestration"}, if_exists=IfExists.REPLACE)


def test_rename_finds_the_first_free_name() -> None:
    """The day is in the name, then a number; the kind of what stands there does not matter."""
    existing = {"Travel": "Orchestration", "Travel-restored-20261122": "", "Travel-restored-20261122-2": ""}
    plan = decide(existing=existing, if_exists=IfExists.RENAME)
    assert (plan.project, plan.replaces) == ("Travel-restored-20261122-3", False)


@pytest.mark.parametrize("wanted, message", [("", "dev/Travel@1 names no project"), ("../x", "'/'"), ("x" * 51, "51")])
def test_a_name_that_no_project_can_have(wanted: str, message: str) -> None:
    """It comes from a file or a user, and goes into a URL."""
    with pytest.raises(UsageError, match=message):
        decide(wanted=wanted)


@given(name=NAMES, others=st.sets(NAMES), number=st.integers(0, 12))
def test_a_free_name_is_free_and_allowed(name: str, others: set[str], number: int) -> None:
    """Whatever is taken, also by earlier copies, the name found is not taken and one that the service takes."""
    taken = set(others)
    for _ in range(number):
        taken.add(free_name(name, taken, now=NOW))
    found = free_name(name, taken, now=NOW)
    assert found not in taken
    assert is_project_name(found)
    assert (found == name) == (name not in taken)
