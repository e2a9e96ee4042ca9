"""The whole way with a vault in a bucket and in a container: backup, catalogue, verify, restore."""

from __future__ import annotations

from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from moto.s3.responses import S3Response
from werkzeug.datastructures import Headers

from cluvault.errors import DamagedSnapshot, NotAVault, StorageDenied, StorageUnsafe
from cluvault.ops.backup import BackupOptions, backup
from cluvault.ops.copy import CopyOptions, copy
from cluvault.ops.hold import hold_snapshot
from cluvault.ops.restore import RestoreOptions, restore
from cluvault.ops.verify import VerifyOptions, look
from cluvault.ops.workspace import Workspace
from cluvault.settings import VaultSettings
from tests.support.objects import BlobObjects, S3Objects
from tests.support.world import World, project_file

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.support.azurite import Azurite
    from tests.support.objects import Objects
    from tests.support.s3_server import S3Server


@asynccontextmanager
async def opened(world: World, url: str) -> AsyncGenerator[Workspace]:
    """A workspace whose vault is at a URL, as a new process would have it."""
    settings = world.settings.model_copy(update={"vault": VaultSettings(url=url, connections=4)})
    async with Workspace(settings, connect=world.connect, now=world.now) as workspace:
        yield workspace


async def test_what_was_backed_up_is_restored(world: World, objects: Objects) -> None:
    """Each step in a process of its own; equal content is stored once; the place may be a prefix."""
    url = objects.url("teams/clu")
    await world.put("dev", "Travel", project_file("Travel", "to Rome 😀"))
    for _ in range(2):
        async with opened(world, url) as workspace:
            await backup(workspace, BackupOptions(resources=("dev",)))
    async with opened(world, url) as workspace:
        (snapshot,) = await (await workspace.vault()).snapshots(resource="dev", project="Travel")
        assert (await look(workspace, VerifyOptions(read_data=True))).findings == ()
        report = await restore(workspace, RestoreOptions(reference="dev/Travel", to="prod"))
    assert report.digest == snapshot.content.canonical_sha256


async def test_damage_in_a_store_is_named_and_never_imported(world: World, objects: Objects) -> None:
    """Somebody wrote over the content in the bucket."""
    url = objects.url("vault")
    await world.put("dev", "Travel", project_file("Travel", "to Rome"))
    async with opened(world, url) as workspace:
        await backup(workspace, BackupOptions(resources=("dev",)))
        (snapshot,) = await (await workspace.vault()).snapshots()
    objects.put(f"vault/{snapshot.content.key}", b"something else")
    async with opened(world, url) as workspace:
        with pytest.raises(DamagedSnapshot):
            await restore(workspace, RestoreOptions(reference="dev/Travel", to="prod"))
        (finding,) = (await look(workspace, VerifyOptions())).findings
        assert [key.reference for key in finding.snapshots] == [snapshot.reference]


async def test_a_place_that_holds_other_things_is_not_made_a_vault(world: World, objects: Objects) -> None:
    """A bucket of somebody else's stays as it was."""
    objects.put("photos/cat.jpg", b"cat")
    async with opened(world, objects.url("").rstrip("/")) as workspace:
        with pytest.raises(NotAVault, match=r"photos/cat\.jpg"):
            await workspace.vault(create=True)


async def test_a_missing_bucket_is_told_as_such(world: World, objects: Objects) -> None:
    """And no secret with it."""
    url = objects.url("vault").replace("-", "-no-such-", 1)
    async with opened(world, url) as workspace:
        with pytest.raises(StorageDenied) as caught:
            await workspace.vault(create=True)
    assert objects.secret not in str(caught.value)


async def test_a_store_that_overwrites_is_refused(
    world: World, s3_server: S3Server, cloudless: pytest.MonkeyPatch
) -> None:
    """Some stores that speak S3 ignore the condition; nothing is entrusted to them."""
    for name, value in s3_server.environment.items():
        cloudless.setenv(name, value)
    put = S3Response.put_object

    def deaf(self: S3Response) -> object:
        self.headers = Headers(self.headers)
        self.headers.remove("If-None-Match")
        return put(self)

    cloudless.setattr(S3Response, "put_object", deaf)
    objects = S3Objects(s3_server, s3_server.new_bucket())
    async with opened(world, objects.url("vault")) as workspace:
        with pytest.raises(StorageUnsafe, match="ignores If-None-Match"):
            await workspace.vault(create=True)
    keys = [item["Key"] for item in s3_server.client.list_objects_v2(Bucket=objects.bucket)["Contents"]]
    assert keys == ["vault/.probe"]


async def test_a_copy_from_kind_to_kind(
    world: World, s3_server: S3Server, azurite: Azurite, cloudless: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From a folder to a bucket, on to a container, and back into a folder: every byte is the same at the end."""
    bucket = S3Objects(s3_server, s3_server.new_bucket())
    container = BlobObjects(azurite, azurite.new_container())
    for name, value in {**bucket.environment, **container.environment}.items():
        cloudless.setenv(name, value)
    places = [str(tmp_path / "first"), bucket.url("clu"), container.url("clu"), str(tmp_path / "last")]
    for text in ("to Rome", "to Oslo 😀"):
        await world.put("dev", "Travel", project_file("Travel", text))
        async with opened(world, places[0]) as workspace:
            await backup(workspace, BackupOptions(resources=("dev",), tags=(text.split()[1],)))
    async with opened(world, places[0]) as workspace:
        await hold_snapshot(workspace, "dev/Travel", reason="audit")
    for source, target in pairwise(places):
        for expected in ("1 copied", "1 unchanged"):
            async with opened(world, source) as workspace:
                assert (await copy(workspace, CopyOptions(to=target))).summary == expected
    async with opened(world, places[-1]) as workspace:
        assert (await look(workspace, VerifyOptions(read_data=True))).findings == ()
    first, last = (contents(Path(places[index])) for index in (0, -1))
    assert first.items() <= last.items()
    assert {key.split("/")[0] for key in last.keys() - first.keys()} == {"runs"}


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a vault, but for its identity."""
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*.*") if path.is_file()}
    return {key: path.read_bytes() for key, path in files.items() if key not in ("cluvault.json", ".tmp/lock")}
