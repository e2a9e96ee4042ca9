"""backup with `capture = "environment"`: what is deployed is captured once, kept like drafts, never at their cost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from cluvault.model.project_file import read_project_file
from cluvault.model.run import Outcome
from cluvault.ops.catalogue import find_snapshot
from cluvault.ops.promotion_planning import PromoteOptions, plan_promotion
from cluvault.ops.sources import fetch_source
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.deployed import lacking
from cluvault.settings import Settings, VaultSettings
from tests.support.ages import DIGEST_KEY, KeyPair, encryption
from tests.support.serving import DRAFT, NEW, OLD, backed_up, captured, capturing_world, deploy, serve_two, train
from tests.support.snapshots import everything

if TYPE_CHECKING:
    from cluvault.model.run import RunItem
    from tests.support.world import Hook, Send, World

EXPORT = "Desk/:export"


@pytest.fixture
async def world() -> World:
    """Two deployments of two models, and a draft that is further on; no backup yet."""
    world = capturing_world()
    await serve_two(world)
    return world


def meaning(data: bytes) -> str:
    """The canonical digest."""
    return canonical_digest(read_project_file(data))


async def content_of(world: World, reference: str) -> bytes:
    """What a reference names."""
    async with world.workspace() as workspace:
        return (await fetch_source(workspace, reference)).data


async def item_of(world: World, **options: bool) -> RunItem:
    """What a backup says of the project."""
    (item,) = (await world.backup(resources=("dev",), **options)).items
    return item


def refusing(label: str, *, status: int = 400) -> Hook:
    """A hook: the export of what this model was trained on is refused."""

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        if request.url.params.get("trainedModelLabel") == label:
            error = {"code": "InvalidArgument" if status == 400 else "Busy", "message": "the model is too old"}
            return httpx.Response(status, json={"error": error})
        return await send(request)

    return hook


# --- what is captured, and what it costs ----------------------------------------------------------------------------


async def test_what_each_deployment_serves_is_captured(world: World) -> None:
    """Training data, mode, configuration, division and scores; an export for each model besides the project's own."""
    posts, manifest = await backed_up(world)
    assert posts == [EXPORT] * 3
    for reference, meant in {"dev/Desk": DRAFT, "dev/Desk#production": OLD, "dev/Desk#staging": NEW}.items():
        assert meaning(await content_of(world, reference)) == meaning(meant)
    first, second = sorted(manifest.models, key=lambda one: one.label)
    assert (first.training_mode, first.training_config_version) == ("standard", "2023-04-15")
    assert first.division is not None
    assert (first.division.kind, first.division.training, first.division.testing) == ("percentage", 80, 20)
    assert (second.training_mode, second.division and second.division.training) == ("advanced", 70)
    assert first.evaluation is not None
    assert first.evaluation["intentsEvaluation"]["intents"]["Book"]["f1"] > 0
    assert "confusionMatrix" not in first.evaluation["intentsEvaluation"]
    assert [(one.name, one.model) for one in manifest.deployments] == [("staging", "v2"), ("production", "v1")]


async def test_an_unchanged_project_costs_the_listing_only(world: World) -> None:
    """However many models are deployed; and a full pass exports none of them again."""
    await backed_up(world)
    posts, manifest = await backed_up(world)
    assert posts == []
    world.moment += timedelta(hours=1)
    world.events.clear()
    await world.backup(resources=("dev",))
    assert set(world.requests) == {"GET dev"}
    posts, again = await backed_up(world, full=True)
    assert (posts, again) == ([EXPORT], manifest)


async def test_only_a_model_that_is_new_in_a_deployment_is_exported(world: World) -> None:
    """The draft is not, nor what another deployment goes on to serve; a model that comes back is known."""
    _, before = await backed_up(world)
    await deploy(world, "production", "v2")
    posts, moved = await backed_up(world)
    assert posts == []
    assert captured(moved) == ["v2"]
    world.emulator.add_model("dev", "Desk", "v3")
    await deploy(world, "staging", "v3")
    posts, manifest = await backed_up(world)
    assert posts == [EXPORT]
    assert captured(manifest) == ["v2", "v3"]
    assert manifest.content == before.content
    await deploy(world, "staging", "v1")
    posts, manifest = await backed_up(world)
    assert posts == []
    assert captured(manifest) == ["v1", "v2"]
    assert meaning(await content_of(world, "dev/Desk#staging")) == meaning(OLD)


async def test_equal_content_is_stored_once(world: World) -> None:
    """The draft's, when the deployed model is of it; another model's; an earlier snapshot's."""
    await train(world, "v3", DRAFT)
    await deploy(world, "production", "v3")
    await deploy(world, "staging", "v3")
    _, manifest = await backed_up(world)
    assert [one.content for one in manifest.views] == [manifest.content]
    await train(world, "v4", DRAFT)
    await world.put("dev", "Desk", NEW)
    await deploy(world, "staging", "v4")
    _, later = await backed_up(world)
    assert later.contents == (later.content, manifest.content)
    assert len([one async for one in world.store.list("snapshots/") if one.key.endswith(".gz")]) == 2


async def test_a_model_trained_anew_under_its_label_is_another(world: World) -> None:
    """By the time of its training."""
    await backed_up(world)
    await train(world, "v1", NEW)
    await deploy(world, "production", "v1")
    posts, manifest = await backed_up(world)
    assert posts.count(EXPORT) == 2  # the draft was imported, too
    assert meaning(await content_of(world, f"{manifest.reference}#production")) == meaning(NEW)


async def test_a_backup_that_is_told_to_capture_more_does(world: World) -> None:
    """The next one, though nothing has changed; its plan says how many exports that is."""
    dev = world.settings.resource("dev")
    world.settings = world.settings.model_copy(
        update={"resources": {**world.settings.resources, "dev": dev.model_copy(update={"capture": "draft"})}}
    )
    _, plain = await backed_up(world)
    assert captured(plain) == []
    world.settings = world.settings.model_copy(update={"resources": {**world.settings.resources, "dev": dev}})
    posts, manifest = await backed_up(world)
    assert posts == [EXPORT] * 2
    assert (captured(manifest), manifest.content) == (["v1", "v2"], plain.content)


# --- what the service does not give ---------------------------------------------------------------------------------


async def test_what_the_service_refuses_does_not_cost_the_draft(world: World) -> None:
    """It is said now, and by each later backup, which does not ask again; a full one does."""
    world.hook = refusing("v1")
    item = await item_of(world)
    assert item.outcome == Outcome.STORED
    assert [one[:52] for one in item.warnings] == ["what v1 was trained on is not captured: dev/Desk: ex"]
    assert "the model is too old" in (item.detail or "")
    posts, manifest = await backed_up(world)
    assert (posts, captured(manifest), lacking(manifest)) == ([], ["v2"], ())
    item = await item_of(world)
    assert item.outcome == Outcome.UNCHANGED
    assert len(item.warnings) == 1
    world.hook = None
    posts, manifest = await backed_up(world, full=True)
    assert (posts, captured(manifest)) == ([EXPORT] * 2, ["v1", "v2"])


async def test_what_fails_for_now_is_asked_for_again(world: World) -> None:
    """By the next backup, until it is there; no snapshot is stored for having asked in vain."""
    world.hook = refusing("v1", status=409)
    item = await item_of(world)
    assert (item.outcome, len(item.warnings)) == (Outcome.STORED, 1)
    assert "is not captured yet" in item.warnings[0]
    world.moment += timedelta(hours=1)
    assert (await item_of(world)).outcome == Outcome.UNCHANGED
    world.hook = None
    posts, manifest = await backed_up(world)
    assert (posts, captured(manifest)) == ([EXPORT], ["v1", "v2"])


async def test_a_model_without_a_snapshot(world: World) -> None:
    """No call is wasted on it."""
    world.emulator.add_model("dev", "Desk", "v3", has_snapshot=False)
    await deploy(world, "production", "v3")
    posts, manifest = await backed_up(world)
    assert posts == [EXPORT] * 2
    assert [one.not_captured for one in manifest.models if one.label == "v3"] == ["the service keeps no snapshot of it"]


# --- the vault's promises -------------------------------------------------------------------------------------------


async def test_damage_is_found_and_healed(world: World) -> None:
    """`verify` names it with the snapshot; the next backup notices that it is gone, and exports it again."""
    _, manifest = await backed_up(world)
    lost = manifest.of_deployment("production").content.key
    body = await world.store.get(lost)
    await world.store.delete(lost)
    await world.store.put_new(lost, b"x" * len(body))
    assert [(one.key, one.kind.value) for one in (await world.verify(read_data=True)).findings] == [(lost, "damaged")]
    (repair,) = (await world.verify(read_data=True, repair=True)).repairs
    assert (repair.key, repair.outcome) == (lost, Outcome.FAILED)
    await world.store.delete(lost)
    assert [(one.key, one.kind.value) for one in (await world.verify()).findings] == [(lost, "missing")]
    posts, healed = await backed_up(world)
    assert posts == [EXPORT] * 2
    assert meaning(await content_of(world, f"{healed.reference}#production")) == meaning(OLD)


async def test_a_copy_brings_it(world: World) -> None:
    """Every content, once; the other vault verifies."""
    await backed_up(world)
    await deploy(world, "production", "v2")
    await backed_up(world)
    report = await world.copy()
    assert "2 snapshots, 3 contents" in (report.items[0].detail or "")
    assert (await world.copy()).items[0].outcome == Outcome.UNCHANGED
    world.store = world.copies["s3://bucket/copy"]
    assert (await world.verify(read_data=True)).findings == ()
    assert meaning(await content_of(world, "dev/Desk#production")) == meaning(NEW)


async def test_a_prune_leaves_what_a_kept_snapshot_refers_to(world: World) -> None:
    """Also where the snapshot that brought it goes, and its draft with it."""
    world.configure("vault", retention={"keep-last": 1})
    _, first = await backed_up(world)
    await world.put("dev", "Desk", NEW)
    await backed_up(world)
    for _ in range(3):
        world.moment += timedelta(days=2)
        await world.prune(apply=True)
    (kept,) = await world.snapshots("dev", "Desk")
    there = {one.key async for one in world.store.list("snapshots/") if one.key.endswith(".gz")}
    assert there == {one.key for one in kept.contents}
    assert first.of_deployment("production").content.key in there
    assert first.content.key not in there
    assert (await world.verify(read_data=True)).findings == ()


async def test_an_encrypted_vault_seals_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each content by a seal of its own; what means the same is recognised, and no name of an intent lies about."""
    keys = KeyPair()
    monkeypatch.setenv("DIGEST", DIGEST_KEY)
    monkeypatch.setenv("IDENTITY", keys.secret)
    named = {"identity": {"env": "IDENTITY"}, "digest-key": {"env": "DIGEST"}}
    world.settings = world.settings.model_copy(
        update={"vault": VaultSettings.model_validate({"encryption": encryption(keys, **named)})}
    )
    await train(world, "v3", NEW)
    await deploy(world, "canary", "v3")
    _, manifest = await backed_up(world)
    assert [one.encoding for one in manifest.contents] == ["gzip+age", "gzip+age"]  # the draft is that of v2 and v3
    assert meaning(await content_of(world, "dev/Desk#production")) == meaning(OLD)
    assert b"Cancel" not in b"".join((await everything(world.store)).values())
    posts, again = await backed_up(world, full=True)
    assert (posts, again) == ([EXPORT], manifest)
    assert (await world.verify(read_data=True)).findings == ()
    await deploy(world, "canary", "v1")
    _, later = await backed_up(world)
    assert later.contents == manifest.contents


async def test_a_drill_and_a_promotion_of_what_is_deployed(world: World) -> None:
    """Named as any snapshot is: the very content of the deployment's model is restored, proven, planned."""
    _, manifest = await backed_up(world)
    reference = f"{manifest.reference}#production"
    drill = (await world.verify(drill="prod", references=(reference,))).drill
    assert drill is not None
    assert [one.outcome for one in drill.items] == [Outcome.PROVEN]
    route = Settings.model_validate(
        {"routes": {"up": {"source": "dev", "target": "prod"}}, "resources": world.settings.resources}
    ).routes
    world.settings = world.settings.model_copy(update={"routes": route})
    async with world.workspace() as workspace:
        options = PromoteOptions.model_validate({"route": "up", "reference": reference, "project": "Desk"})
        planned = (await plan_promotion(workspace, options)).plan
    assert (planned.source.reference, planned.source.digest) == (reference, meaning(OLD))


async def test_a_deployment_is_a_reference(world: World) -> None:
    """Of the latest snapshot, or of one; what there is not is named."""
    _, manifest = await backed_up(world)
    async with world.workspace() as workspace:
        found = await find_snapshot(workspace, f"{manifest.reference}#staging")
        source = await fetch_source(workspace, "dev/Desk#staging")
    assert found.content == manifest.of_deployment("staging").content
    assert source.label == f"{manifest.reference}#staging"
    report = await world.restore("dev/Desk#staging", "prod/Copy")
    assert report.digest == meaning(NEW)
