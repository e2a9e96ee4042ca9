"""The eight real CLU files on the whole way: create, back up, restore to another resource, export."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluvault.model.project_file import read_project_file
from cluvault.ops.sources import fetch_source
from cluvault.plan.canonical import canonical_digest
from tests.conftest import SAMPLES_FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.world import World


async def test_a_real_project_means_the_same_all_the_way(
    world: World, sample: Callable[[str], bytes], sample_name: str
) -> None:
    """Canonical digests are equal from file to file, and the vault gives exactly the bytes that the service gave."""
    digest = canonical_digest(read_project_file(sample(sample_name)))
    created = await world.create("dev/Copy", seeds=(str(SAMPLES_FOLDER / f"{sample_name}.json"),))
    await world.backup(resources=("dev",))
    [manifest] = await world.snapshots()
    restored = await world.restore("dev/Copy", "prod")
    digests = (created.digest, manifest.content.canonical_sha256, restored.digest, await world.digest("prod", "Copy"))
    assert digests == (digest,) * 4
    async with world.workspace() as workspace:
        source = await fetch_source(workspace, manifest.reference)
    assert source.data == await world.export("dev", "Copy")
    assert (source.label, source.project, source.manifest) == (manifest.reference, "Copy", manifest)


async def test_a_real_file_can_be_restored_as_it_is(world: World, sample_name: str) -> None:
    """Without a vault in between: from the path, under the name that the file gives itself or another."""
    path = str(SAMPLES_FOLDER / f"{sample_name}.json")
    restored = await world.restore(path, "prod/Other")
    assert await world.projects("prod") == ["Other"]
    assert restored.digest == canonical_digest(read_project_file((SAMPLES_FOLDER / f"{sample_name}.json").read_bytes()))
    assert bool(restored.changes) == bool(restored.plan.notes)
