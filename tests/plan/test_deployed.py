"""What is deployed: which models are exported, which the vault knows, what a snapshot says that it does not hold."""

from __future__ import annotations

from typing import Any

import pytest

from cluvault.errors import SnapshotNotFound
from cluvault.model.manifest import DeploymentRecord, Manifest, ModelRecord, TrainedOn
from cluvault.plan.deployed import (
    deployed_models,
    division_of,
    is_listed_alike,
    known_models,
    lacking,
    refused_before,
    uncaptured,
    warnings_of,
    without_names,
)
from cluvault.plan.history import is_whole, key_of, keys_of, names_own_content
from cluvault.plan.prune import expired_contents, to_put_back
from cluvault.plan.verify import claims, contents_of, suspects
from tests.support.histories import NOW, history_of, hours_ago, key_at, manifest_at, recorded

ENDPOINT = "https://contoso.cognitiveservices.azure.com"
TRAINED = hours_ago(100)


def trained_on(number: int = 1, *, part: int = 1, **changes: Any) -> TrainedOn:
    """What a model was trained on, in the folder of a snapshot."""
    own = manifest_at(hours_ago(number), number=number)
    values = {"key": key_at(hours_ago(number), number).content_of(part), "canonical_sha256": "1" * 64} | changes
    return TrainedOn(content=own.content.model_copy(update=values), counts=own.counts, api_version="2023-04-01")


def model(label: str = "v1", **changes: Any) -> ModelRecord:
    """A trained model."""
    values: dict[str, Any] = {"trained_at": TRAINED, **changes}
    return ModelRecord(label=label, **values)


def serving(*models: ModelRecord, number: int = 1, **changes: Any) -> Manifest:
    """A snapshot in which each of these models has a deployment."""
    deployments = tuple(DeploymentRecord(name=f"of-{one.label}", model=one.label) for one in models)
    values: dict[str, Any] = {"models": models, "deployments": deployments, **changes}
    return manifest_at(hours_ago(number), number=number, **values)


def test_each_deployed_model_is_wanted_once_in_the_order_of_deployments() -> None:
    """What nothing serves is not, nor what a deployment serves that nobody lists."""
    models = [model("a"), model("b"), model("c")]
    deployments = [DeploymentRecord(name=str(at), model=label) for at, label in enumerate(("c", "a", "c", None, "x"))]
    assert [one.label for one in deployed_models(models, deployments)] == ["c", "a"]


def test_a_snapshot_lacks_what_is_neither_captured_nor_refused() -> None:
    """And only of models that are deployed."""
    captured, refused = model("a", trained_on=trained_on()), model("b", not_captured="too old")
    assert lacking(serving(captured, refused, model("c"))) == ("c",)
    assert lacking(manifest_at(NOW, models=(model(),))) == ()


def test_what_is_not_captured_is_told_of_environments_only() -> None:
    """Refused or not asked yet; a snapshot of a draft was never to hold any."""
    captured, refused = model("a", trained_on=trained_on()), model("b", not_captured="too old")
    assert uncaptured(serving(captured, refused, model("c"))) == ("b", "c")
    assert uncaptured(serving(captured)) == ()
    assert uncaptured(serving(model("c"))) == ()


def test_models_are_compared_by_what_a_listing_says() -> None:
    """Captured or not; trained anew, gone, or deployed elsewhere is not alike."""
    manifest = serving(model(trained_on=trained_on(), training_mode="standard"))
    assert is_listed_alike(manifest, (model(),), manifest.deployments)
    assert not is_listed_alike(manifest, (model(trained_at=NOW),), manifest.deployments)
    assert not is_listed_alike(manifest, (model(),), ())


def test_the_newest_snapshot_that_knows_a_model_tells() -> None:
    """By label and time of training, of this endpoint only."""
    old, new = serving(model(trained_on=trained_on(2)), number=2), serving(model(trained_on=trained_on(1)), number=1)
    other = serving(model(trained_on=trained_on(1)), number=0, endpoint="https://other.cognitiveservices.azure.com")
    found = known_models([old, other, new], [model()], endpoint=ENDPOINT)["v1"]
    assert found.view.snapshot_id == new.snapshot_id
    assert found.view.content == trained_on(1).content
    assert found.view.api_version == "2023-04-01"
    assert found.model == new.models[0]


@pytest.mark.parametrize("wanted", [model(trained_at=NOW), model(trained_at=None), model("v2")])
def test_a_model_trained_anew_is_another(wanted: ModelRecord) -> None:
    """So is one of which the service does not say when it was trained."""
    never = serving(model(trained_at=None, trained_on=trained_on()), model("v3"))
    assert known_models([serving(model(trained_on=trained_on())), never], [wanted], endpoint=ENDPOINT) == {}


def test_a_refusal_is_remembered_of_the_very_model() -> None:
    """Of none other, and of none of which the time of training is not known."""
    latest = serving(model("v0"), model(not_captured="too old"))
    assert refused_before(latest, model()) == "too old"
    assert refused_before(latest, model(trained_at=NOW)) is None
    assert refused_before(latest, model(trained_at=None)) is None
    assert refused_before(None, model()) is None


def test_divisions_are_kept_when_they_are_whole() -> None:
    """Half of one trains another model."""
    assert division_of("manual", None, None) is not None
    percentage = division_of("percentage", 70, 30)
    assert percentage is not None
    assert (percentage.training, percentage.testing) == (70, 30)
    assert division_of("percentage", 70, None) is None
    assert division_of("percentage", None, 30) is None
    assert division_of("", 70, 30) is None


def test_scores_lose_the_names_of_intents_where_content_is_sealed() -> None:
    """Totals stay; what has no scores stays as it is."""
    scores = {"intentsEvaluation": {"microF1": 0.9, "intents": {"Book": {"f1": 0.9}}}, "entitiesEvaluation": None}
    assert without_names(model(evaluation=scores)).evaluation == {"intentsEvaluation": {"microF1": 0.9}}
    assert without_names(model()) == model()


def test_what_is_missing_is_said() -> None:
    """Refused, not to be told, or not asked yet."""
    manifest = serving(model("a", trained_on=trained_on()), model("b", not_captured="too old"))
    odd = DeploymentRecord(name="odd", model="gone")
    found = warnings_of(manifest.model_copy(update={"deployments": (*manifest.deployments, odd)}), ["c: later"])
    assert found == (
        "what b was trained on is not captured: too old; `backup --full` asks again",
        "which model odd serves cannot be told, so it is not captured",
        "c: later",
    )


# --- one function knows all contents of a snapshot ------------------------------------------------------------------


SHARED = serving(model("a", trained_on=trained_on()), model("b", trained_on=trained_on()), model("c"))


def test_a_snapshot_is_seen_once_for_each_content() -> None:
    """Two models of one content are one view; the draft's content is the snapshot's own."""
    own, captured = SHARED.views
    assert own is SHARED
    assert (captured.content, captured.reference) == (trained_on().content, SHARED.reference)
    assert SHARED.contents == (SHARED.content, trained_on().content)
    draft = TrainedOn(content=SHARED.content, counts=SHARED.counts, api_version="x")
    assert serving(model(trained_on=draft)).views == (serving(model(trained_on=draft)),)
    assert keys_of(SHARED) == (SHARED.content.key, trained_on().content.key)


def test_a_deployment_is_a_view() -> None:
    """By its name; else it is said what there is."""
    assert SHARED.of_deployment("of-a").content == trained_on().content
    with pytest.raises(SnapshotNotFound, match=r"has no service deployment x; captured: of-a, of-b$"):
        SHARED.of_deployment("x")
    with pytest.raises(SnapshotNotFound, match=r"what the model in of-c was trained on; captured: of-a, of-b$"):
        SHARED.of_deployment("of-c")
    refused = serving(model(not_captured="too old"))
    with pytest.raises(SnapshotNotFound, match=r"was trained on: too old; captured: none: they are captured with"):
        refused.of_deployment("of-v1")


def test_a_snapshot_is_whole_with_all_its_contents() -> None:
    """And names its own project's only."""
    whole = history_of(SHARED)
    assert whole.is_whole(SHARED)
    without = {key: one for key, one in whole.contents.items() if key != trained_on().content.key}
    assert not is_whole(SHARED, without)
    assert names_own_content(SHARED)
    stolen = trained_on(key="snapshots/prod/Other/20261101T020000Z-000b2c3d/config.json.gz")
    assert not names_own_content(serving(model(trained_on=stolen)))


def test_what_a_model_was_trained_on_is_referred_to() -> None:
    """A prune leaves it as long as any snapshot names it, however it does."""
    loose = key_at(hours_ago(9), 9).content_of(1)
    history = history_of(SHARED, loose=[loose])
    assert history.unreferenced() == (loose,)
    assert set(history.unreferenced(without=[key_of(SHARED)])) == {loose, *keys_of(SHARED)}


def test_verification_looks_at_every_content() -> None:
    """Each with the snapshots that need it."""
    history = history_of(SHARED)
    found = contents_of(history)
    assert {content.key for content in found} == set(keys_of(SHARED))
    assert suspects(history, found) == []
    hollow = history_of(SHARED, contents={})
    assert suspects(hollow, contents_of(hollow)) == list(SHARED.contents)
    assert claims(history, trained_on().content.key) == {trained_on().content.sha256}
    assert claims(history, SHARED.content.key) == {SHARED.content.sha256}


def test_a_removed_snapshot_starts_the_time_of_all_its_contents() -> None:
    """And comes back only if all are there."""
    key = trained_on().content.key
    said, gone = recorded(hours_ago(30), unreferenced=[key]), recorded(hours_ago(20), removed=[SHARED])
    grace = NOW - hours_ago(24)
    assert expired_contents([key], [said], now=NOW, grace=grace) == (key,)
    assert expired_contents([key], [said, gone], now=NOW, grace=grace) == ()
    holds = {key_at(hours_ago(1), 1)}
    assert list(to_put_back(history_of(loose=keys_of(SHARED)), holds, [gone])) == list(holds)
    assert to_put_back(history_of(loose=[SHARED.content.key]), holds, [gone]) == {}
