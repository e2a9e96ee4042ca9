"""A project file in a bucket or container as the source of an operation."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from cluvault.errors import InvalidProjectFile, ObjectNotFound
from cluvault.model.compression import Packed
from cluvault.ops.sources import Source, fetch_source
from cluvault.plan.canonical import canonical_digest
from tests.support.world import project_file

if TYPE_CHECKING:
    from tests.support.objects import Objects
    from tests.support.world import World

EMAIL = project_file("EmailApp", "to Rome")


async def fetch(world: World, reference: str) -> Source:
    """What a reference names."""
    async with world.workspace() as workspace:
        return await fetch_source(workspace, reference)


@pytest.mark.parametrize("stored", [EMAIL, gzip.compress(EMAIL)], ids=["plain", "compressed"])
async def test_a_config_json_in_a_bucket_is_a_source(world: World, objects: Objects, stored: bytes) -> None:
    """Compressed or not; its name is the file's own, its label the URL."""
    url = objects.put("exports/config.json", stored)
    assert await fetch(world, url) == Source(url, Packed.of(EMAIL), "EmailApp")


async def test_it_is_restored_like_any_other(world: World, objects: Objects) -> None:
    """Into a resource, proven by exporting it again."""
    url = objects.put("config.json.gz", gzip.compress(EMAIL))
    report = await world.restore(url, "prod")
    assert report.plan.source == url
    assert (
        report.digest
        == canonical_digest(Source(url, Packed.of(EMAIL), "").read())
        == await world.digest("prod", "EmailApp")
    )


async def test_what_is_not_there_changes_nothing(world: World, objects: Objects) -> None:
    """The service is not even asked."""
    with pytest.raises(ObjectNotFound, match="no such object"):
        await world.restore(objects.url("missing.json"), "prod")
    assert world.events == []


@pytest.mark.parametrize("body", [b"<html>", b"\x1f\x8btorn", b""], ids=["html", "damaged gzip", "empty"])
async def test_what_is_no_project_file_changes_nothing(world: World, objects: Objects, body: bytes) -> None:
    """The URL is named as the place of the fault."""
    url = objects.put("config.json", body)
    with pytest.raises(InvalidProjectFile) as caught:
        await world.restore(url, "prod")
    assert str(caught.value).startswith(url)
    assert world.events == []
