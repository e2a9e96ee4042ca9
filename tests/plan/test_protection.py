"""What keeps a snapshot besides the policy."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.model.hold import Hold
from cluvault.model.manifest import DeploymentRecord, ModelRecord, Reason
from cluvault.plan.protection import protections
from tests.support.histories import NOW, hours_ago, key_at, manifest_at

if TYPE_CHECKING:
    from cluvault.model.manifest import Manifest


def reasons(*snapshots: Manifest, **changes: Any) -> dict[str, list[str]]:
    """Snapshot id → reasons."""
    arguments: dict[str, Any] = {"holds": {}, "safety_days": 30, "now": NOW}
    found = protections(snapshots, **(arguments | changes))
    return {key.snapshot_id: sentences for key, sentences in found.items()}


def test_every_hold_is_a_reason() -> None:
    """Who, since when and why; one of a snapshot that is not there, too."""
    holds = [Hold(reason=reason, by="ada", held_at=hours_ago(24)) for reason in ("audit", "trial")]
    key = key_at(hours_ago(5))
    assert reasons(holds={key: holds}) == {
        key.snapshot_id: ["held by ada since 2026-11-21: audit", "held by ada since 2026-11-21: trial"]
    }


@pytest.mark.parametrize(
    "reason, sentence",
    [
        (Reason.SAFETY, "safety snapshot of the last 30 days"),
        (Reason.PRE_DELETE, "snapshot from before a deletion of the last 30 days"),
        (Reason.SCHEDULED, None),
        (Reason.MANUAL, None),
        (Reason.EVENT, None),
    ],
)
def test_what_undoes_something_is_kept_for_a_while(reason: Reason, sentence: str | None) -> None:
    """For the days that were configured, to the second."""
    edge = NOW - timedelta(days=30)
    young, old = manifest_at(edge + timedelta(seconds=1), reason=reason), manifest_at(edge, reason=reason)
    assert reasons(young, old) == ({young.snapshot_id: [sentence]} if sentence else {})
    assert reasons(young, safety_days=0) == {}


MODELS = (
    ModelRecord(label="v1", trained_at=hours_ago(50)),
    ModelRecord(label="v2", trained_at=hours_ago(10)),
    ModelRecord(label="unknown"),
)


def serving(*models: str | None) -> tuple[DeploymentRecord, ...]:
    """Deployments that serve these models."""
    return tuple(DeploymentRecord(name=f"slot{number}", model=model) for number, model in enumerate(models))


def test_what_serves_is_kept() -> None:
    """The newest content that was there when its model was trained: when it was changed counts, not when captured."""
    old = manifest_at(hours_ago(90))
    trained_on = manifest_at(hours_ago(40), project_last_modified=hours_ago(60))
    again = manifest_at(hours_ago(30), project_last_modified=hours_ago(60))
    late = manifest_at(hours_ago(20), project_last_modified=hours_ago(45))
    newest = manifest_at(hours_ago(1), project_last_modified=hours_ago(2), models=MODELS, deployments=serving("v1"))
    assert reasons(old, trained_on, again, late, newest) == {
        again.snapshot_id: ["what slot0 serves was trained on it (v1)"]
    }
    assert reasons(newest, late, old) == {old.snapshot_id: ["what slot0 serves was trained on it (v1)"]}


def test_several_deployments_may_serve_the_same() -> None:
    """Each is named."""
    source = manifest_at(hours_ago(60))
    newest = manifest_at(hours_ago(1), models=MODELS, deployments=serving("v1", "v2"))
    assert reasons(source, newest)[source.snapshot_id] == [
        "what slot0 serves was trained on it (v1)", "what slot1 serves was trained on it (v2)",
    ]  # fmt: skip


@pytest.mark.parametrize("model", [None, "unknown", "v9", "v1"])
def test_what_cannot_be_told_protects_nothing(model: str | None) -> None:
    """No model, no date of training, a model that is not listed, a training older than all snapshots."""
    newest = manifest_at(hours_ago(1), models=MODELS, deployments=serving(model))
    assert reasons(newest) == {}


def test_only_the_newest_snapshot_knows_what_serves() -> None:
    """A deployment that is gone protects nothing any more; of no snapshots nothing is known."""
    source = manifest_at(hours_ago(60), models=MODELS, deployments=serving("v1"))
    assert reasons(source, manifest_at(hours_ago(1))) == {}
    twin = manifest_at(hours_ago(1), number=1, models=MODELS, deployments=serving("v1"))
    assert list(reasons(source, manifest_at(hours_ago(1)), twin)) == [source.snapshot_id]
    assert reasons() == {}
