"""Rebuilding an environment, decided: what is missing, in which order, what may not be done; how scores compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cluvault.errors import GuardRefused, ProjectExists, UsageError
from cluvault.model.manifest import DeploymentRecord, DivisionRecord, Manifest, ModelRecord
from cluvault.plan.environment import (
    EnvironmentPlan,
    Served,
    TargetNow,
    WantedModel,
    deployments_of,
    is_begun,
    notes_on,
    plan_environment,
    score_changes,
    wanted_models,
)
from cluvault.plan.losses import Loss
from cluvault.plan.restore import IfExists
from tests.support.histories import NOW, hours_ago, manifest_at

if TYPE_CHECKING:
    from collections.abc import Mapping

SPLIT = DivisionRecord(kind="percentage", training=70, testing=30)
A, B, DRAFT = "a" * 64, "b" * 64, "d" * 64
DIGESTS = {"v1": A, "v2": B}


def record(label: str, **changes: Any) -> ModelRecord:
    """A model as a snapshot knows it."""
    values: dict[str, Any] = {"training_mode": "advanced", "training_config_version": "2022-09-01", "division": SPLIT}
    return ModelRecord(label=label, **(values | changes))


def snapshot(*models: ModelRecord, deployments: Mapping[str, str | None] | None = None) -> Manifest:
    """A snapshot; what was deployed last is listed first, as the service does."""
    found = {"staging": "v2", "production": "v1"} if deployments is None else deployments
    return manifest_at(
        NOW,
        models=models or (record("v1"), record("v2")),
        deployments=tuple(
            DeploymentRecord(name=name, model=label, deployed_at=hours_ago(hours))
            for hours, (name, label) in enumerate(found.items(), start=1)
        ),
    )


def plan_for(target: TargetNow, *, manifest: Manifest | None = None, **options: Any) -> EnvironmentPlan:
    """The plan for a target."""
    manifest = manifest or snapshot()
    digests = options.pop("digests", DIGESTS)
    wanted = wanted_models(manifest, digests, language="en-us", offered=["2022-09-01"])
    values: dict[str, Any] = {"if_exists": IfExists.FAIL, "partial": False, "kind": "Conversation", "draft": DRAFT}
    return plan_environment(manifest, wanted, target, resource="prod", project="Desk", **(values | options))


def steps(plan: EnvironmentPlan) -> list[tuple[str, str]]:
    """What is done, to what."""
    return [(one.kind.value, one.subject[:10]) for one in plan.steps]


def there(
    draft: str | None = DRAFT, models: Mapping[str, str | None] | None = None, **served: Served | str
) -> TargetNow:
    """A target project."""
    deployments = {name: Served(one) if isinstance(one, str) else one for name, one in served.items()}
    return TargetNow("Conversation", draft, models or {}, deployments)


# --- what is to be there --------------------------------------------------------------------------------------------


def test_models_are_trained_as_they_were() -> None:
    """With what the service remembered; else as far as a rule tells, and the newest configuration where it is gone."""
    manifest = snapshot(
        record("v1"), record("v2", training_mode=None, training_config_version="2022-05-01", division=None)
    )
    staging, production = wanted_models(manifest, DIGESTS, language="de", offered=["2022-09-01"])
    assert production == WantedModel("v1", A, "advanced", "2022-09-01", SPLIT, None)
    assert (staging.mode, staging.config_version, staging.division) == ("advanced", None, None)
    assert notes_on(manifest, (staging, production)) == (
        "2022-05-01 is not offered there; v2 is trained with the newest",
        "how v2 was trained is not recorded; it is trained in advanced mode",
        "how v2 was tested is not recorded; it is trained with the service's division",
    )
    (english, _) = wanted_models(manifest, DIGESTS, language="en-us", offered=())
    assert (english.mode, english.config_version) == ("standard", "2022-05-01")


def test_a_model_whose_data_are_not_there_is_not_wanted() -> None:
    """Nor its deployment; the others go in the order in which they were deployed."""
    wanted = wanted_models(snapshot(), {"v1": A}, language="en", offered=())
    assert [one.label for one in wanted] == ["v1"]
    many = snapshot(deployments={"c": "v1", "gone": None, "b": "v2", "a": "v1"})
    assert list(deployments_of(many, wanted).items()) == [("a", "v1"), ("c", "v1")]


# --- steps ----------------------------------------------------------------------------------------------------------


def test_a_new_project() -> None:
    """Content by content, in the order of the deployments; then they are deployed, and the draft comes last."""
    plan = plan_for(TargetNow())
    assert steps(plan) == [
        ("keep", ""), ("import", B[:10]), ("train", "v2"), ("import", A[:10]), ("train", "v1"),
        ("deploy", "production"), ("deploy", "staging"), ("import", DRAFT[:10]),
    ]  # fmt: skip
    assert plan.sentence.startswith("create prod/Desk from prod/Travel@")
    assert [one.sentence for one in plan.steps][2] == "train v2, mode advanced, 2022-09-01, percentage 70/30"
    assert (plan.refusals, plan.notes) == ((), ())
    assert plan.to_json()["models"][0]["division"] == {"kind": "percentage", "training": 70, "testing": 30}
    assert [one["kind"] for one in plan.to_json()["steps"]] == [one.kind.value for one in plan.steps]


def test_a_content_is_imported_once() -> None:
    """For both models of it; that of the draft last, so that it stays."""
    assert steps(plan_for(TargetNow(), digests={"v1": A, "v2": A}))[:4] == [
        ("keep", ""), ("import", A[:10]), ("train", "v2"), ("train", "v1")
    ]  # fmt: skip
    assert steps(plan_for(TargetNow(), digests={"v1": A, "v2": DRAFT}))[1:] == [
        ("import", A[:10]), ("train", "v1"), ("import", DRAFT[:10]), ("train", "v2"),
        ("deploy", "production"), ("deploy", "staging"),
    ]  # fmt: skip


def test_what_is_there_is_left() -> None:
    """A rebuilding that was killed goes on: with the content that was imported last, then with what is missing."""
    whole = there(DRAFT, {"v1": A, "v2": B}, staging="v2", production="v1")
    assert steps(plan := plan_for(whole)) == []
    assert "nothing to do" in plan.sentence
    assert plan_for(whole, if_exists=IfExists.RENAME).refusals == ()
    killed = plan_for(there(A, {}))
    assert steps(killed)[:3] == [("keep", ""), ("train", "v1"), ("import", B[:10])]
    assert (killed.refusals, killed.sentence[:17]) == ((), "rebuild prod/Desk")
    assert steps(plan_for(there(B, {"v1": A, "v2": B}, production="v1"))) == [
        ("keep", ""), ("deploy", "staging"), ("import", DRAFT[:10])
    ]  # fmt: skip


def test_a_deployment_follows_its_model() -> None:
    """It is deployed anew when the model is trained anew, or was since."""
    plan = plan_for(there(DRAFT, {"v1": B, "v2": B}, staging="v2", production="v1"), if_exists=IfExists.REPLACE)
    assert [step for step in steps(plan) if step[0] in ("train", "deploy")] == [
        ("train", "v1"),
        ("deploy", "production"),
    ]
    assert [one.sentence for one in plan.steps][2].startswith("train anew v1")
    assert [one.sentence for one in plan.steps][3] == "deploy v1 to production in place of v1"
    stale = there(DRAFT, {"v1": A, "v2": B}, staging=Served("v2", is_current=False), production="")
    assert steps(plan_for(stale, if_exists=IfExists.REPLACE)) == [
        ("keep", ""), ("deploy", "production"), ("deploy", "staging")
    ]  # fmt: skip


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        there("e" * 64),
        there(DRAFT, {"theirs": None}),
        there(DRAFT, {"v1": B}),
        there(DRAFT, {"v1": None}),
        there(DRAFT, {"v1": A, "v2": B}, production="v2"),
        there(DRAFT, {"v1": A}, theirs="v1"),
    ],
)
def test_what_is_not_of_the_environment_is_somebodys(target: TargetNow) -> None:
    """It is replaced only when that is asked for."""
    plan = plan_for(target)
    assert not is_begun(plan, target)
    assert [type(one) for one in plan.refusals] == [ProjectExists]
    assert plan_for(target, if_exists=IfExists.REPLACE).refusals == ()


def test_limits_and_deployments_of_others() -> None:
    """Ten models, ten deployments; a label that somebody else's deployment serves; its name is noted."""
    models: dict[str, str | None] = {f"m{number}": None for number in range(9)}
    plan = plan_for(there(DRAFT, models), if_exists=IfExists.REPLACE)
    assert [str(one) for one in plan.refusals] == [
        "prod/Desk would have 11 models, the service allows 10; delete models there that nothing serves"
    ]
    deployments = {f"d{number}": "m" for number in range(9)}
    plan = plan_for(there(DRAFT, {}, **deployments), if_exists=IfExists.REPLACE)
    assert "would have 11 deployments" in str(plan.refusals[0])
    plan = plan_for(there(DRAFT, {"v1": B}, theirs="v1", other="m"), if_exists=IfExists.REPLACE)
    assert "theirs serves it" in str(plan.refusals[0])
    assert plan.notes == (
        "the deployment other is only there; it stays",
        "the deployment theirs is only there; it stays",
    )


def test_what_cannot_be_meant() -> None:
    """Another kind, another name, no environment at all; a part of one needs leave."""
    plan = plan_for(TargetNow(), if_exists=IfExists.RENAME)
    assert [type(one) for one in plan.refusals] == [UsageError]
    plan = plan_for(TargetNow("Orchestration", "e" * 64), if_exists=IfExists.REPLACE)
    assert "the service cannot change a kind" in str(plan.refusals[0])
    plan = plan_for(TargetNow(), digests={"v1": A})
    assert [type(one) for one in plan.refusals] == [GuardRefused]
    assert "does not hold what staging served" in str(plan.refusals[0])
    assert plan_for(TargetNow(), digests={"v1": A}, partial=True).refusals == ()
    plan = plan_for(TargetNow(), digests={}, losses=[Loss("/x", "is lost")])
    assert isinstance(plan.refusals[0], UsageError)
    assert plan.to_json()["losses"] == [{"pointer": "/x", "sentence": "is lost", "needsLeave": False}]


def test_a_plan_tells_of_its_models() -> None:
    """By label; a division that nobody recorded is none."""
    plan = plan_for(TargetNow(), manifest=snapshot(record("v1", division=None), record("v2")))
    assert plan.model("v1").division is None
    assert {one["label"]: one["division"] for one in plan.to_json()["models"]}["v1"] is None
    manual = DivisionRecord(kind="manual")
    plan = plan_for(TargetNow(), manifest=snapshot(record("v1", division=manual), record("v2")))
    assert "train v1, mode advanced, 2022-09-01, manual" in [one.sentence for one in plan.steps]
    with pytest.raises(KeyError):
        plan.model("v9")


# --- scores ---------------------------------------------------------------------------------------------------------


def scores(micro: object, **each: float) -> dict[str, Any]:
    """Scores as a manifest keeps them."""
    intents = {name: {"f1": value} for name, value in each.items()}
    return {"intentsEvaluation": {"microF1": micro, "intents": intents}, "entitiesEvaluation": None}


def test_scores_that_differ_are_told() -> None:
    """Over all, and of each intent and entity that both know."""
    assert score_changes(scores(0.9, Book=0.8, Gone=1), scores(0.904, Book=0.7, New=1)) == (
        "intents Book f1 0.800 → 0.700",
    )
    assert score_changes(scores(0.9), scores(0.5)) == ("intents microF1 0.900 → 0.500",)
    assert score_changes(None, scores(0.5)) == score_changes(scores(0.5), None) == ()
    assert score_changes(scores("high"), scores(0.5)) == ()
