"""The snapshots that stand for the projects of a resource: of each the newest, when it is whole."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from cluvault.errors import DamagedSnapshot, VaultTooNew
from cluvault.plan.history import is_whole, sort_objects
from cluvault.plan.keys import project_prefix, resource_prefix
from cluvault.vault.ahead import read_ahead

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection

    from cluvault.model.manifest import Manifest
    from cluvault.model.object_info import ObjectInfo
    from cluvault.vault.catalogue import Catalogue

_FEW: Final = 8
"""So many projects are listed one by one; of more, the whole resource is: a thousand objects a request."""
_READS_AHEAD: Final = 32


async def standing_snapshots(catalogue: Catalogue, resource: str, projects: Collection[str]) -> dict[str, Manifest]:
    """The newest snapshot of each project, by project, where its content is there in the right size.

    No content is read. A project is left out when it has no snapshot, or when a listing and the manifest tell that the
    newest is damaged.
    """
    wanted = {project_prefix(resource, project): project for project in projects}

    async def read(objects: list[ObjectInfo]) -> Manifest | None:
        return await _standing(catalogue, objects)

    listed = _one_by_one(catalogue, wanted) if len(wanted) <= _FEW else _together(catalogue, resource, wanted)
    reading = read_ahead(listed, read, ahead=_READS_AHEAD)
    async with aclosing(listed), aclosing(reading):
        return {manifest.project: manifest async for manifest in reading if manifest is not None}


async def _one_by_one(catalogue: Catalogue, prefixes: Collection[str]) -> AsyncGenerator[list[ObjectInfo]]:
    for prefix in prefixes:
        yield [one async for one in catalogue.objects(prefix)]


async def _together(catalogue: Catalogue, resource: str, prefixes: Collection[str]) -> AsyncGenerator[list[ObjectInfo]]:
    depth = resource_prefix(resource).count("/") + 1
    prefix, objects = "", list["ObjectInfo"]()
    async for one in catalogue.objects(resource_prefix(resource)):
        found = "/".join(one.key.split("/", depth)[:depth]) + "/"
        if found != prefix:
            if prefix in prefixes:
                yield objects
            prefix, objects = found, []
        objects.append(one)
    if prefix in prefixes:
        yield objects


async def _standing(catalogue: Catalogue, objects: list[ObjectInfo]) -> Manifest | None:
    found = sort_objects(objects)
    try:
        latest = await catalogue.newest_of(list(found.manifests))
    except (DamagedSnapshot, VaultTooNew):
        return None
    return latest if latest is not None and is_whole(latest, found.contents) else None
