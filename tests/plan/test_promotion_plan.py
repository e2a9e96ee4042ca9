"""The plan of a promotion: what changes, what warns, what refuses."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from cluvault.errors import GuardRefused
from cluvault.model.golden import GoldenUtterance
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.losses import Loss
from cluvault.plan.promotion_facts import Meant, ModelNow, Passed, TargetNow
from cluvault.plan.promotion_plan import PlannedPromotion, plan_promotion, refuse_blocked
from tests.plan.promotions import NOW, SOURCE, promotion, route
from tests.plan.test_comparison import project

BEFORE = project(("a", "Book"), ("b", "Book"), ("c", "Cancel"))
AFTER = project(("a", "Book"), ("b", "Cancel"), ("d", "Book"))
DIGEST = canonical_digest(AFTER)
VERSION = "2025-11-01"


def meant(**values: Any) -> Meant:
    """What the target is to hold."""
    known: dict[str, Any] = {"file": AFTER, "digest": DIGEST, "changes": (), "losses": ()}
    return Meant(**known | values)


def target(**values: Any) -> TargetNow:
    """A target that serves."""
    known: dict[str, Any] = {
        "kind": "Conversation", "file": BEFORE, "models": (ModelNow("old", NOW),), "deployments": {"production": "old"},
        "config_versions": {},
    }  # fmt: skip
    return TargetNow(**known | values)


NOTHING = target(kind=None, file=None, models=(), deployments={})


def planned(settings: dict[str, Any] | None = None, **values: Any) -> PlannedPromotion:
    """A plan of these."""
    known: dict[str, Any] = {
        "route_name": "up", "route": route(**settings or {}), "source": SOURCE, "meant": meant(), "target": target(),
        "api_version": VERSION, "golden": None, "last": None, "before": (), "now": NOW, "by": "anna",
    }  # fmt: skip
    return plan_promotion(**known | values)


def passed(**values: Any) -> Passed:
    """An earlier promotion."""
    known: dict[str, Any] = {
        "reference": "prod/Desk@x", "route": "first", "stands": True, "model": "old",
        "digest": canonical_digest(BEFORE), "digests": frozenset({SOURCE.digest}), "at": NOW - timedelta(hours=2),
    }  # fmt: skip
    return Passed(**known | values)


def test_a_plan_says_what_changes() -> None:
    """In a line, for single intents, as a share, and step by step."""
    found = planned(
        {"gate": {"approval": True, "second-person": True}}, golden=(GoldenUtterance(text="a", intent="B"),)
    )
    one = found.plan
    assert found.difference
    assert one.sentence == "promote dev/Desk@20261122T110000Z-00000000 to prod/Desk by up"
    assert one.blast_radius == (
        "removes 100% of the utterances (1 of 1) of Cancel",
        "moves 50% of the utterances (1 of 2) of Book to Cancel",
        "adds 1 utterance to Book, which has 2",
    )
    assert one.changed_share == 0.75
    assert (one.target.production, one.target.staging, one.nothing_to_do, one.refusals) == ("old", None, False, ())
    assert [step.split()[0] for step in one.steps] == [
        "keep", "import", "train", "deploy", "ask", "judge", "wait", "swap", "probe",
    ]  # fmt: skip
    refuse_blocked(one)


def test_a_new_project_is_a_plan_too() -> None:
    """Nothing to compare, nothing to swap."""
    one = planned({"gate": {"approval": True}}, target=NOTHING).plan
    assert one.difference == "a new project: 0 intents, 0 entities, 3 utterances"
    assert (one.target.digest, one.changed_share, one.blast_radius) == (None, None, ())
    assert one.steps[0] == "see that prod/Desk is still free"
    assert "wait for a person to approve, at most 72 h" in one.steps
    assert "deploy it to production, which is new" in one.steps


@pytest.mark.parametrize(
    "settings, values, said",
    [
        ({}, {"last": passed(digest="00" * 32)}, "was changed directly since promotion prod/Desk@x"),
        ({}, {"last": passed(), "target": NOTHING}, "was deleted directly since"),
        ({"after": "first"}, {}, "has not passed first"),
        ({"after": "first"}, {"before": (passed(route="other"),)}, "has not passed first"),
        ({"after": "first"}, {"before": (passed(stands=False),)}, "has not passed first"),
        ({"after": "first", "soak-hours": 3}, {"before": (passed(),)}, "soaks until 2026-11-22 13:00 UTC"),
        ({}, {"meant": meant(losses=(Loss("/a", "gone", needs_leave=True),))}, "would lose /a: gone"),
        ({}, {"target": target(kind="Orchestration")}, "the target is of kind Orchestration"),
        ({"gate": {"max-changed-share": 0.7}}, {}, "75.0% of the target's utterances change"),
        ({}, {"target": target(deployments={"production": ""})}, "the deployment production has cannot be told"),
        ({}, {"target": target(deployments={f"d{n}": "old" for n in range(10)})}, "none is left for staging"),
        ({}, {"under_way": [promotion()]}, "prod/Desk@20261122T120000Z-00000001 is under way (running)"),
    ],
)
def test_guards_refuse(settings: dict[str, Any], values: dict[str, Any], said: str) -> None:
    """Each with its reason; a plan that is refused is not applied."""
    one = planned(settings, **values).plan
    assert [refusal for refusal in one.refusals if said in refusal]
    with pytest.raises(GuardRefused, match="nothing was changed"):
        refuse_blocked(one)


@pytest.mark.parametrize(
    "settings, values",
    [
        ({}, {"last": passed(digest="00" * 32), "accept_drift": True}),
        ({}, {"last": passed()}),
        ({"after": "first", "soak-hours": 2}, {"before": (passed(),)}),
        ({}, {"meant": meant(losses=(Loss("/a", "gone", needs_leave=True),)), "allow_loss": True}),
        ({}, {"meant": meant(losses=(Loss("/a", "gone"),))}),
        ({"gate": {"max-changed-share": 0.75}}, {}),
    ],
)
def test_guards_let_pass(settings: dict[str, Any], values: dict[str, Any]) -> None:
    """What is as it should be, or was accepted."""
    assert planned(settings, **values).plan.refusals == ()


@pytest.mark.parametrize(
    "member, value, settings, said",
    [
        ("projectKind", "CustomConversationSummarization", {}, "cannot be trained and deployed"),
        ("language", "de", {}, "is for English only"),
        ("language", "de", {"train": {"mode": "advanced"}}, ""),
    ],
)
def test_what_cannot_be_trained_is_refused(member: str, value: str, settings: dict[str, Any], said: str) -> None:
    """Its kind, or its language in this mode."""
    file = project(("a", "Book"))
    file.metadata[member] = value  # type: ignore[literal-required]
    refusals = planned(settings, meant=meant(file=file), target=NOTHING).plan.refusals
    assert any(said in refusal for refusal in refusals) if said else refusals == ()


@pytest.mark.parametrize(
    "settings, values, said",
    [
        ("2020-01-01", {"2024-01-01": None}, "2020-01-01 is not offered; there are 2024-01-01"),
        ("2024-01-01", {"2024-01-01": date(2026, 11, 30)}, "2024-01-01 expire on 2026-11-30"),
        ("2024-01-01", {"2024-01-01": date(2026, 11, 1)}, "2024-01-01 have expired on 2026-11-01"),
        ("2024-01-01", {"2024-01-01": date(2027, 11, 1)}, ""),
        ("2024-01-01", {"2024-01-01": None}, ""),
        ("2024-01-01", {}, ""),
    ],
)
def test_training_configurations_end(settings: str, values: dict[str, date | None], said: str) -> None:
    """Expired, soon to expire, or unknown."""
    warnings = planned({"train": {"config-version": settings}}, target=target(config_versions=values)).plan.warnings
    found = [warning for warning in warnings if "training configuration" in warning]
    assert (len(found) == 1 and said in found[0]) if said else found == []


def test_ten_models_leave_no_room() -> None:
    """The one that was trained least recently and serves nothing goes first; none goes that is deployed."""
    models = tuple(ModelNow(f"m{number}", NOW - timedelta(days=number)) for number in range(10))
    full = target(models=models, deployments={"production": "m9"})
    one = planned(target=full).plan
    assert one.refusals == ()
    assert any("m8 is deleted first" in warning for warning in one.warnings)
    stuck = target(models=models, deployments={f"d{number}": f"m{number}" for number in range(10)})
    assert any("each of them is deployed" in refusal for refusal in planned(target=stuck).plan.refusals)
    assert not any("is deleted first" in warning for warning in planned(target=stuck).plan.warnings)


def test_problems_of_the_source_are_warnings() -> None:
    """What the service will refuse is told, and how many other findings there are; no production is told, too."""
    bad = project(*((f"text {number}" * 100, "Book") for number in range(7)))
    warnings = planned(meant=meant(file=bad), target=target(deployments={})).plan.warnings
    assert warnings[0].startswith("there is no deployment production yet")
    assert len([one for one in warnings if one.startswith("the service will refuse /assets/utterances/")]) == 5
    assert warnings[-1].startswith("`cluvault validate` has")


def test_what_is_promoted_already_is_nothing_to_do() -> None:
    """Content, model and history agree; with any of them missing it is done again."""
    same = target(file=AFTER, deployments={"production": "cv"})
    done = passed(model="cv", digest=DIGEST)
    assert planned(last=done, target=same).plan.nothing_to_do
    assert not planned(last=None, target=same).plan.nothing_to_do
    assert not planned(last=passed(model="other", digest=DIGEST), target=same).plan.nothing_to_do
    assert not planned(
        last=passed(model=None, digest=DIGEST), target=target(file=AFTER, deployments={})
    ).plan.nothing_to_do
