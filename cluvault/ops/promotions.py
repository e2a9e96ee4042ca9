"""The promotions of a vault: which there are, who works on them, which one a user means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluvault.errors import UsageError
from cluvault.model.reference import SNAPSHOT_ID, SnapshotReference, parse_reference
from cluvault.ops.catalogue import place_of
from cluvault.ops.target_lease import holder_of
from cluvault.plan.keys import PromotionKey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cluvault.errors import VaultError
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.promotion import Promotion
    from cluvault.vault.leases import Turn


async def list_promotions(
    workspace: Workspace,
    place: str | None = None,
    *,
    on_fault: Callable[[PromotionKey, VaultError], None] | None = None,
) -> list[Promotion]:
    """The promotions to a project, to a resource, or all of the vault, by target and time.

    `on_fault` is told of each that cannot be understood; without it the first one is raised.
    """
    resource, project = place_of(place)
    vault = await workspace.vault()
    if resource is not None and project is not None:
        return await vault.promotions.of_project(resource, project, on_fault=on_fault)
    return await vault.promotions.all(resource, on_fault=on_fault)


async def workers_of(workspace: Workspace, promotions: Sequence[Promotion]) -> dict[PromotionKey, Turn]:
    """Who holds the lease for those of the promotions that have not ended, and on which somebody works or died."""
    found: dict[PromotionKey, Turn] = {}
    for promotion in promotions:
        if not promotion.has_ended:
            turn = await holder_of(workspace, promotion.key.resource, promotion.key.project)
            if turn is not None and turn.record.promotion_id == promotion.key.promotion_id:
                found[promotion.key] = turn
    return found


async def find_promotion(workspace: Workspace, name: str) -> PromotionKey:
    """The promotion that a user names: its id, or RESOURCE/PROJECT@ID of its target.

    Raises:
        UsageError: it is no such name, or there is none.
    """
    vault = await workspace.vault()
    if SNAPSHOT_ID.fullmatch(name):
        return await vault.promotions.find(name)
    parsed = parse_reference(name)
    if not isinstance(parsed, SnapshotReference) or parsed.snapshot_id is None:
        raise UsageError(f"{name!r} names no promotion", mend="write its id, or RESOURCE/PROJECT@ID of its target")
    return PromotionKey(parsed.resource, parsed.project, parsed.snapshot_id)
