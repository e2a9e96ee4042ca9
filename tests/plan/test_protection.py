"""What keeps a snapshot besides the policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.model.hold import Hold
from cluvault.model.manifest import DeploymentRecord, ModelRecord, Reason
from cluvault.model.promotion import Abandoned, ImportBegun, Promoted, Safety
from cluvault.plan.history import key_of
from cluvault.plan.keys import SnapshotKey
from cluvault.plan.protection import UnreadablePromotion, promised_by, protections, snapshot_named
from tests.plan.promotions import KEY, promotion
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


# --- promotions ----------------------------------------------------------------------------------------------------

SOURCE_KEY = SnapshotKey("dev", "Desk", "20261122T110000Z-00000000")
SAFETY_KEY = SnapshotKey("prod", "Desk", "20261122T113000Z-00000000")
KEPT = Safety(snapshot=SAFETY_KEY.reference, digest="cd" * 32, production=None, staging=None)
DONE = Promoted(digest="ef" * 32, model="cv")
LATER = "20261123T120000Z-00000001"


def test_promotions_under_way_need_their_snapshots() -> None:
    """The source's, and the one that would undo it, as long as nobody knows how it ends."""
    assert set(promised_by([promotion()])) == {SOURCE_KEY}
    promised = promised_by([promotion(KEPT, ImportBegun())])
    assert set(promised) == {SOURCE_KEY, SAFETY_KEY}
    assert all("of promotion prod/Desk@" in sentences[0] for sentences in promised.values())


def test_the_last_promotion_of_a_target_keeps_its_snapshots() -> None:
    """Of those that ended well only the last one counts; what was undone or abandoned needs nothing."""
    first, last = promotion(KEPT, DONE), replace(promotion(DONE), key=replace(promotion().key, promotion_id=LATER))
    assert set(promised_by([last, first])) == {SOURCE_KEY}
    assert set(promised_by([first])) == {SOURCE_KEY, SAFETY_KEY}
    assert promised_by([promotion(Abandoned(why="died"))]) == {}


def test_what_is_promised_is_protected() -> None:
    """With the promotion's sentence as the reason."""
    found = protections((), holds={}, safety_days=0, now=NOW, promised={SOURCE_KEY: ["x"]})
    assert found == {SOURCE_KEY: ["x"]}


def test_a_promotion_that_cannot_be_read_may_need_its_target_and_its_source() -> None:
    """All snapshots of the target, and the one that it promotes."""
    one = UnreadablePromotion(KEY, "damaged", SOURCE_KEY)
    assert one.may_need(SAFETY_KEY)
    assert one.may_need(SOURCE_KEY)
    assert not one.may_need(replace(SOURCE_KEY, snapshot_id="20261122T105959Z-00000000"))
    assert not one.may_need(replace(SAFETY_KEY, project="Other"))


def test_a_promotion_without_a_plan_may_need_whatever_was_there() -> None:
    """Of every project; clocks may differ by a day. Of a promotion without a date nothing is known at all."""
    one = UnreadablePromotion(KEY, "damaged", None)
    assert one.may_need(replace(SOURCE_KEY, project="Other"))
    assert one.may_need(replace(SOURCE_KEY, snapshot_id="20261123T120000Z-00000000"))
    assert not one.may_need(replace(SOURCE_KEY, snapshot_id="20261123T120001Z-00000000"))
    undated = replace(one, key=replace(KEY, promotion_id="20261345T120000Z-00000000"))
    assert undated.may_need(replace(SOURCE_KEY, snapshot_id="20301123T120001Z-00000000"))


def test_what_may_be_needed_is_protected() -> None:
    """With the promotion's name as the reason; nothing else is."""
    needed, other = manifest_at(hours_ago(5)), manifest_at(hours_ago(4))
    one = UnreadablePromotion(KEY, "damaged", key_of(needed))
    assert reasons(needed, other, unreadable=[one]) == {
        needed.snapshot_id: [f"promotion {KEY}, which cannot be read, may need it"]
    }


@pytest.mark.parametrize("reference", ["dev/Desk", "dev/Desk@2026-11-22", "live:dev/Desk"])
def test_only_an_id_names_a_snapshot(reference: str) -> None:
    """Other references name another one tomorrow, or none."""
    assert snapshot_named(reference) is None
    assert snapshot_named(SOURCE_KEY.reference) == SOURCE_KEY
