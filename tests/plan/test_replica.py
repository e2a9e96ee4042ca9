"""A replica as a decision: what is missing there, which models it needs, how it is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cluvault.model.manifest import Tool
from cluvault.model.replica import ReplicaDeployment, ReplicaRecord
from cluvault.model.run import Outcome
from cluvault.plan.diff import diff_project_files
from cluvault.plan.drift import Pair
from cluvault.plan.replica import (
    PREFIX,
    ModelContent,
    ReplicaFacts,
    ReplicaPlan,
    ReplicaStatus,
    SourceModel,
    Wanted,
    is_as_left,
    known_models,
    plan_replica,
    replica_item,
    replica_label,
    spoken,
    wanted_models,
)
from cluvault.settings import TrainSettings
from tests.plan.promotions import NOW
from tests.plan.test_comparison import project

HOUR = timedelta(hours=1)
MODEL = SourceModel("v1", NOW, "2022-09-01", has_snapshot=True, mode="advanced")
LEFT = ReplicaDeployment(name="production", source_model="v1", source_trained_at=NOW, digest="draft", model="replica-1")
DIFFERENCE = diff_project_files(project(("a", "Book")), project(("a", "Cancel")))


def facts(**values: Any) -> ReplicaFacts:
    """Both ends, equal since `record()`."""
    known: dict[str, Any] = {
        "source_modified_at": NOW, "deployments": {"production": "v1"}, "models": {"v1": MODEL}, "target_exists": True,
        "target_modified_at": NOW + HOUR, "target_deployments": {"production": "replica-1"},
        "target_models": {"replica-1"},
    }  # fmt: skip
    return ReplicaFacts(**known | values)


def record(**values: Any) -> ReplicaRecord:
    """What the last replication left."""
    known: dict[str, Any] = {
        "replica_id": "20261122T120000Z-00000001", "route": "up", "resource": "prod", "project": "Desk",
        "source_resource": "dev", "source_project": "Desk", "source_modified_at": NOW,
        "target_modified_at": NOW + HOUR, "source_digest": "s", "digest": "draft", "snapshot": "dev/Desk@x",
        "deployments": (LEFT,), "at": NOW, "by": "anna", "tool": Tool(name="cluvault", version="0"),
    }  # fmt: skip
    return ReplicaRecord(**known | values)


def wanted(of: ReplicaFacts, contents: dict[str, ModelContent] | None = None, **values: Any) -> dict[str, Wanted]:
    """The models that the target is to have."""
    known: dict[str, Any] = {"train": TrainSettings(), "offered": ["2022-09-01"]}
    return wanted_models(of, known_models(of, record()), contents or {}, **known | values)


def planned(of: ReplicaFacts, models: dict[str, Wanted], **values: Any) -> ReplicaPlan:
    """What is to be done."""
    known: dict[str, Any] = {
        "draft": "draft",
        "present": "draft",
        "difference": diff_project_files(project(), project()),
        "size": 7,
    }
    return plan_replica(of, models, **known | values)


def test_nothing_has_changed_since() -> None:
    """Only if every time, model and deployment is as it was left."""
    assert is_as_left(facts(), record())
    assert not is_as_left(facts(), None)
    other = SourceModel("v1", NOW + HOUR, "2022-09-01", has_snapshot=True, mode="advanced")
    changes: tuple[dict[str, Any], ...] = (
        {"source_modified_at": NOW + HOUR}, {"source_modified_at": None}, {"target_modified_at": NOW},
        {"target_modified_at": None}, {"target_exists": False}, {"deployments": {}},
        {"deployments": {"production": "v2"}}, {"models": {"v1": other}}, {"target_deployments": {}},
        {"target_deployments": None},
    )  # fmt: skip
    for changed in changes:
        assert not is_as_left(facts(**changed), record()), changed


def test_a_model_that_is_there_already_is_not_wanted_anew() -> None:
    """Unless its source was trained anew, or somebody deleted it."""
    assert known_models(facts(), None) == {}
    assert set(known_models(facts(), record())) == {"v1"}
    assert known_models(facts(target_models=()), record()) == {}
    (one,) = wanted(facts()).values()
    assert (one.label, one.is_known) == ("replica-1", True)
    plan = planned(facts(target_deployments={}), wanted(facts()))
    assert (plan.models, [each.name for each in plan.missing], plan.is_equal) == ((), ["production"], False)
    assert plan.steps == ("deploy replica-1 to production",)


def test_a_model_is_trained_as_at_the_source() -> None:
    """Mode and configuration are its own; the route says what the service has forgotten or does not offer."""
    new = facts(target_models=())
    content = {"v1": ModelContent("old", of_draft=False)}
    (one,) = wanted(new, content).values()
    assert (one.mode, one.config_version, one.digest) == ("advanced", "2022-09-01", "old")
    assert one.label == replica_label("old", "advanced", "2022-09-01", str(TrainSettings().split))
    assert one.label.startswith(f"{PREFIX}old-")
    forgotten = facts(target_models=(), models={"v1": MODEL._replace(mode=None, config_version="")})
    (two,) = wanted(
        forgotten, content, train=TrainSettings(mode="standard", config_version="2023-04-15"), offered=()
    ).values()
    assert (two.mode, two.config_version) == ("standard", "2023-04-15")
    (three,) = wanted(new, content, offered=["2024-01-01"]).values()
    assert three.config_version is None
    plan = planned(new, {"v1": three})
    assert plan.notes == ("2022-09-01 is not offered at the replica; its newest configuration trains",)


def test_a_plan_for_what_has_changed() -> None:
    """The older content first, the draft after it, then the trainings and the deployments; who is behind since when."""
    later = SourceModel("v2", NOW + HOUR, "", has_snapshot=False, mode=None)
    new = facts(
        source_modified_at=NOW + 2 * HOUR,
        deployments={"production": "v1", "staging": "v2"},
        models={"v1": MODEL, "v2": later},
        target_models=(),
    )
    models = wanted(new, {"v1": ModelContent("old", of_draft=False), "v2": ModelContent("draft", of_draft=True)})
    plan = planned(new, models, present="before", difference=DIFFERENCE, notes=("found",))
    assert [step.split()[0] for step in plan.steps] == [
        "keep",
        "import",
        "import",
        "train",
        "train",
        "deploy",
        "deploy",
    ]
    assert [one.digest for one in plan.models] == ["old", "draft"]
    assert (plan.changes, plan.behind_since) == (sum([1, 2]) + len(DIFFERENCE.intents), NOW)
    assert plan.notes == (
        "found", "what v2 was trained on cannot be exported; a model of the draft takes its place",
    )  # fmt: skip
    assert planned(facts(), wanted(facts())).is_equal
    assert planned(facts(), wanted(facts())).behind_since is None


def test_a_new_project() -> None:
    """All of it is missing."""
    new = facts(target_exists=False, target_deployments=None, target_models=(), deployments={}, models={})
    plan = planned(new, {}, present=None, difference=None)
    assert (plan.changes, plan.steps, plan.behind_since) == (7, ("import the draft: a new project",), NOW)


def test_what_cannot_be_or_stays() -> None:
    """A deployment whose model cannot be told; one that only the replica has."""
    odd = facts(deployments={"production": "v1", "odd": ""}, target_deployments={"production": "replica-1", "own": "x"})
    plan = planned(odd, wanted(odd))
    assert plan.problems == ("which model odd has at the source cannot be told",)
    assert plan.notes == ("the deployment own is only at the replica; it stays",)
    assert not plan.is_equal


def test_a_status_in_a_line_in_a_record_and_as_json() -> None:
    """By how much it is behind, or was."""
    behind = ReplicaStatus(Pair("Desk", None), Outcome.BEHIND, timedelta(minutes=90), 3, ("one",), ("note",))
    assert (behind.project, behind.sentence) == ("Desk", "behind by 1 h 30 min: 3 changes; note")
    assert behind.to_json()["behindSeconds"] == 5400
    unknown = ReplicaStatus(Pair("Desk", "Desk"), Outcome.BEHIND, None, 1)
    assert (unknown.sentence, unknown.to_json()["behindSeconds"]) == ("behind: 1 changes", None)
    done = ReplicaStatus(Pair("Desk", "Desk"), Outcome.REPLICATED, timedelta(hours=2), 4)
    assert replica_item(done, resource="prod").detail == "4 changes, 2 h after the first"
    assert ReplicaStatus(Pair("Desk", "Desk"), Outcome.REPLICATED, None, 4).sentence == "4 changes"
    assert replica_item(ReplicaStatus(Pair("A", "A"), Outcome.EQUAL), resource="prod").detail is None
    assert ReplicaStatus(Pair(None, None), Outcome.FAILED).project == ""


def test_spans_are_spoken_in_two_units() -> None:
    """Whole minutes are the least."""
    spans = [
        timedelta(seconds=20),
        timedelta(minutes=59),
        timedelta(hours=3),
        timedelta(days=2),
        timedelta(days=2, hours=5),
    ]
    assert [spoken(span) for span in spans] == ["0 min", "59 min", "3 h", "2 d", "2 d 5 h"]
