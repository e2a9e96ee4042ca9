"""The lease on a target project: who promotes to it, replicates to it or rebuilds it works under it, one at a time."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from cluvault.errors import GuardRefused, LeaseLost

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from cluvault.ops.workspace import Workspace
    from cluvault.plan.keys import PromotionKey
    from cluvault.vault.leases import Lease, Turn


@asynccontextmanager
async def working_on(
    workspace: Workspace,
    key: PromotionKey,
    *,
    step: str,
    patience: float = 0.0,
    only_from_the_dead: bool = False,
    ttl: float | None = None,
    on_wait: Callable[[Turn], None] = lambda _turn: None,
) -> AsyncGenerator[None]:
    """Work under the lease on the target project; the arguments are those of `Leases.acquire`.

    The time to live is the configuration's, or less.

    Raises:
        LeaseHeld: somebody else has it.
    """
    vault = await workspace.vault(create=True)
    leases = vault.leases(now=workspace.now, clock=workspace.steady, sleep=workspace.sleep)
    place = (key.resource, key.project)
    lease = await leases.acquire(
        *place,
        holder=f"{workspace.actor} {workspace.new_run_id()}",
        by=workspace.actor,
        promotion_id=key.promotion_id,
        step=step,
        patience=patience,
        only_from_the_dead=only_from_the_dead,
        ttl=min(workspace.settings.promotions.lease_seconds, ttl or float("inf")),
        on_wait=on_wait,
    )
    async with lease.kept():
        workspace.held[place] = lease
        try:
            yield
        finally:
            del workspace.held[place]


async def refuse_under_way(workspace: Workspace, resource: str, project: str) -> None:
    """See that no promotion to a project is half done.

    Raises:
        GuardRefused: one is.
    """
    vault = await workspace.vault()
    for one in await vault.promotions.of_project(resource, project):
        if not one.has_ended and not one.is_harmless:
            mend = f"cluvault promote --resume {one.key}, or cluvault rollback"
            raise GuardRefused(f"promotion {one.key} is under way: {one.state}; nothing was changed", mend=mend)


async def holder_of(workspace: Workspace, resource: str, project: str) -> Turn | None:
    """The last turn of the lease on a target project; None when nobody holds it.

    Who died holds it until somebody sees that its time is over.
    """
    vault = await workspace.vault()
    turn = await vault.leases(now=workspace.now, clock=workspace.steady, sleep=workspace.sleep).look(resource, project)
    return None if turn is None or turn.record.released else turn


async def hold(workspace: Workspace, key: PromotionKey, step: str) -> Lease:
    """Make sure, just before something is changed, that this worker still has the lease.

    Raises:
        LeaseLost: it does not.
    """
    lease = workspace.held.get((key.resource, key.project))
    if lease is None:
        raise LeaseLost(f"promotion {key}: this step is not run under a lease", mend="resume the promotion instead")
    await lease.ensure(step)
    return lease
