"""restore between resources of different api-versions: upgraded or downgraded in the open, proven all the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.emulator.app import create_app
from cluvault.emulator.config import EmulatorConfig
from cluvault.errors import GuardRefused, UsageError
from cluvault.model.project_file import read_project_file
from cluvault.ops.create import CreateOptions, plan_create
from cluvault.ops.restore import RestoreOptions, preview_restore
from cluvault.plan.api_versions import VERSION_SHAPES
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.downgrade import downgrade_project_file
from tests.conftest import SAMPLES, SAMPLES_FOLDER
from tests.support.world import project_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cluvault.model.manifest import Manifest
    from tests.support.world import World

VERSIONS = tuple(VERSION_SHAPES)
OF_EACH_SHAPE = tuple({shape: version for version, shape in VERSION_SHAPES.items()}.values())
LARGE = ("chitchat-large", "emailapp-demo")


def answer_only(world: World, *versions: str) -> None:
    """Put an emulator without projects in the place of the service, that answers these api-versions alone."""
    config = EmulatorConfig(resources=("dev", "prod"), first_poll_running=False, api_versions=versions)
    world.app = create_app(config, clock=lambda: world.moment)


def everything(name: str = "Travel") -> bytes:
    """A project file with every member that came with some version."""
    document: dict[str, Any] = json.loads(project_file(name))
    document["metadata"]["settings"] = {
        "confidenceThreshold": 0.4,
        "normalizeCasing": True,
        "augmentDiacritics": True,
    }
    document["assets"] |= {
        "intents": [
            {"category": "None", "description": "all else"},
            {"category": "Book", "description": "to book", "associatedEntities": [{"category": "City"}]},
        ],
        "entities": [
            {
                "category": "City",
                "description": "a town",
                "prebuilts": [{"category": "Geography.Location"}],
                "regex": {"expressions": [{"regexKey": "iata", "language": "en-us", "regexPattern": "[A-Z]{3}"}]},
                "requiredComponents": ["regex"],
            }
        ],
        "utterances": [
            {"text": "😀 to Rome", "intent": "Book", "entities": [{"category": "City", "offset": 6, "length": 4}]}
        ],
    }
    return json.dumps(document).encode()


# --- every version to every version --------------------------------------------------------------------------------


async def backed_up_by_each(world: World, path: Path, versions: tuple[str, ...]) -> dict[str, Manifest]:
    """Snapshots of a file that each version has exported."""
    manifests: dict[str, Manifest] = {}
    for version in versions:
        answer_only(world, version)
        project = f"by-{version}"
        await world.create(f"dev/{project}", seeds=(str(path),), allow_loss=True)
        await world.backup(resources=("dev",))
        [manifest] = await world.snapshots("dev", project)
        assert manifest.api_version == version
        manifests[version] = manifest
    return manifests


async def restored_by_each(world: World, manifests: dict[str, Manifest], versions: tuple[str, ...]) -> None:
    """Restore each snapshot to each version; the proof is what is left of it there."""
    vault = await world.vault()
    files = {source: read_project_file(await vault.read(manifest)) for source, manifest in manifests.items()}
    for target in versions:
        answer_only(world, target)
        for source, manifest in manifests.items():
            expected = downgrade_project_file(files[source], target)
            report = await world.restore(manifest.reference, f"prod/by-{source}", allow_loss=True)
            assert report.plan.api_version == target
            assert report.plan.losses == (expected.losses if source != target else ())
            assert report.digest == canonical_digest(expected.file)
            if not expected.losses:
                assert report.digest == manifest.content.canonical_sha256


async def test_a_file_with_everything_goes_from_every_version_to_every_version(world: World, tmp_path: Path) -> None:
    """121 ways: what the target does not know is listed, and nothing else is missing there."""
    (tmp_path / "x.json").write_bytes(everything())
    manifests = await backed_up_by_each(world, tmp_path / "x.json", VERSIONS)
    await restored_by_each(world, manifests, VERSIONS)


@pytest.mark.parametrize("name", [name for name in SAMPLES if name not in LARGE])
async def test_a_real_file_goes_from_every_shape_to_every_shape(world: World, name: str) -> None:
    """Each of the small samples, between versions of each shape that there is."""
    manifests = await backed_up_by_each(world, SAMPLES_FOLDER / f"{name}.json", OF_EACH_SHAPE)
    await restored_by_each(world, manifests, OF_EACH_SHAPE)


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("source, target", [(VERSIONS[0], VERSIONS[-1]), (VERSIONS[-1], VERSIONS[0])])
async def test_a_large_file_goes_from_the_oldest_to_the_newest_and_back(
    world: World, name: str, source: str, target: str
) -> None:
    """It has only what the oldest version knows: nothing is lost either way."""
    manifests = await backed_up_by_each(world, SAMPLES_FOLDER / f"{name}.json", (source,))
    await restored_by_each(world, manifests, (target,))


# --- leave ---------------------------------------------------------------------------------------------------------


async def test_descriptions_are_lost_in_the_open(world: World) -> None:
    """No model is trained on them: the restore goes on, and its plan, report and record say what is missing."""
    await world.put("dev", "Travel", everything())
    await world.backup(resources=("dev",))
    answer_only(world, "2023-04-01", "2025-11-01")
    report = await world.restore("dev/Travel", "prod")
    assert report.plan.api_version == "2025-11-01"
    assert [loss.pointer for loss in report.plan.losses] == [
        "/assets/intents/0/description",
        "/assets/intents/1/description",
        "/assets/intents/1/associatedEntities",
        "/assets/entities/0/description",
    ]
    assert report.plan.notes == (
        f"prod does not answer api-version 2025-11-15-preview, which exported {report.plan.source}; 2025-11-01 is used",
    )
    assert [loss["pointer"] for loss in report.to_json()["losses"]] == [loss.pointer for loss in report.plan.losses]
    [item] = (await world.runs())[-1].items
    assert item.detail == f"from {report.plan.source}, without 4 parts of it"


async def test_what_a_model_is_trained_on_is_not_lost_without_leave(world: World) -> None:
    """A target that knows no regular expressions: exit code 4, nothing is changed, the plan was shown before."""
    await world.put("dev", "Travel", everything())
    await world.backup(resources=("dev",))
    answer_only(world, "2022-05-01")
    with pytest.raises(GuardRefused) as caught:
        await world.restore("dev/Travel", "prod")
    assert caught.value.exit_code == 4
    assert "at /metadata/settings/normalizeCasing: normalizeCasing of the settings is not known to api-version" in str(
        caught.value
    )
    assert "(and 3 more); --dry-run lists all that would be lost; add --allow-loss to accept it" in str(caught.value)
    assert await world.projects("prod") == []
    report = await world.restore("dev/Travel", "prod", allow_loss=True)
    assert report.digest == await world.digest("prod", "Travel")


async def test_a_preview_shows_the_losses_and_changes_nothing(world: World) -> None:
    """The same plan, also where a restore would be refused."""
    await world.put("dev", "Travel", everything())
    await world.backup(resources=("dev",))
    answer_only(world, "2022-05-01")
    world.events.clear()
    async with world.workspace() as workspace:
        plan = await preview_restore(workspace, RestoreOptions(reference="dev/Travel", to="prod"))
    assert len(plan.losses) == 8
    assert world.changes == []


async def test_a_summarization_project_needs_a_version_that_has_them(world: World) -> None:
    """There is no part of it that another version could hold."""
    document: dict[str, Any] = json.loads(project_file("Talks", kind="CustomConversationSummarization"))
    document["assets"] = {"projectKind": "CustomConversationSummarization", "conversations": [{"location": "a.json"}]}
    await world.put("dev", "Talks", json.dumps(document).encode())
    await world.backup(resources=("dev",))
    answer_only(world, "2025-11-01")
    with pytest.raises(UsageError, match="of kind CustomConversationSummarization, which api-version 2025-11-01 does"):
        await world.restore("dev/Talks", "prod", allow_loss=True)
    assert await world.projects("prod") == []


async def test_a_loose_file_is_fitted_to_the_newest_version(world: World, tmp_path: Path) -> None:
    """Nobody exported it with a version that could be asked for: what the target has is taken."""
    (tmp_path / "x.json").write_bytes(everything())
    answer_only(world, "2023-04-01")
    report = await world.restore(str(tmp_path / "x.json"), "prod")
    assert report.plan.api_version == "2023-04-01"
    assert len(report.plan.losses) == 4
    exported = json.loads(await world.export("prod", "Travel"))
    assert exported["assets"]["entities"][0]["regex"]
    assert "description" not in exported["assets"]["entities"][0]


# --- create --------------------------------------------------------------------------------------------------------


async def test_a_creation_asks_for_leave_too(world: World, tmp_path: Path) -> None:
    """Its plan lists the losses; running it again changes nothing and needs no leave."""
    (tmp_path / "x.json").write_bytes(everything())
    answer_only(world, "2022-05-01")
    seeds = (str(tmp_path / "x.json"),)
    with pytest.raises(GuardRefused, match=r"to create dev/Travel would lose .*; add --allow-loss to accept that"):
        await world.create("dev/Travel", seeds=seeds)
    assert await world.projects("dev") == []
    created = await world.create("dev/Travel", seeds=seeds, allow_loss=True)
    assert created.to_json()["apiVersion"] == "2022-05-01"
    assert len(created.to_json()["losses"]) == len(created.plan.losses) == 8
    again = await world.create("dev/Travel", seeds=seeds)
    assert (again.outcome, again.digest) == (
        "unchanged",
        canonical_digest(read_project_file(again.plan.body.packed.unpack())),
    )


async def test_a_creation_without_losses(world: World, sample: Callable[[str], bytes]) -> None:
    """A file that has only what the version knows."""
    answer_only(world, "2022-05-01")
    async with world.workspace() as workspace:
        seeds = (str(SAMPLES_FOLDER / "pizza-small.json"),)
        plan = await plan_create(workspace, CreateOptions(target="dev/Pizza", seeds=seeds))
    assert plan.losses == ()
    assert canonical_digest(read_project_file(plan.body.packed.unpack())) == canonical_digest(
        read_project_file(sample("pizza-small"))
    )
