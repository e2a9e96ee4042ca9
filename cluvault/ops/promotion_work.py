"""What the steps of a promotion share: the lease that they work under, their records, and what the target serves."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from cluvault.errors import GuardRefused, LeaseLost, NotFound, ProjectNotFound
from cluvault.ops.imports import Body
from cluvault.ops.sources import fetch_source
from cluvault.plan.events import events_of_promotion
from cluvault.plan.promotion_plan import Meant, meant_file
from cluvault.service.calls.deployments import DeploymentResource
from cluvault.service.protocol import says_part_is_missing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from cluvault.model.promotion import Facts
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.keys import PromotionKey
    from cluvault.plan.promotion import Promotion
    from cluvault.service.client import CluClient
    from cluvault.service.models import Deployment
    from cluvault.vault.leases import Lease, Turn

SETTLING: Final = 60.0
"""For how many seconds a swap is waited for of which nobody knows whether it was asked for."""
_LOOKS: Final = 12


# --- lease and records ---------------------------------------------------------------------------------------------


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


async def note(workspace: Workspace, promotion: Promotion, facts: Facts) -> Promotion:
    """Write the next record, and announce it.

    Raises:
        LeaseLost: somebody else goes on with the promotion.
    """
    lease = await hold(workspace, promotion.key, facts.step)
    promotions = (await workspace.vault()).promotions
    noted = await promotions.add(promotion, facts, at=workspace.now(), by=workspace.actor, holder=lease.holder)
    return await announced(workspace, noted)


async def announced(workspace: Workspace, promotion: Promotion) -> Promotion:
    """The promotion, after the world was told of its last record."""
    workspace.announce(events_of_promotion(promotion, vault_id=(await workspace.vault()).vault_id))
    return promotion


# --- what is imported ----------------------------------------------------------------------------------------------


async def meant_by(workspace: Workspace, promotion: Promotion) -> Meant:
    """What the target is to hold, made anew of the source snapshot.

    Raises:
        GuardRefused: it is not what the plan says.
        DamagedSnapshot: the snapshot's bytes are not what its manifest says.
    """
    plan = promotion.plan
    source = await fetch_source(workspace, plan.source.reference)
    meant = await asyncio.to_thread(
        lambda: meant_file(
            source.read(),
            plan.settings,
            project=plan.target.project,
            api_version=plan.api_version,
            exported_with=source.api_version,
            source=source.label,
        )
    )
    if meant.digest != plan.meant_digest:
        raise GuardRefused(f"{plan.source.reference} is not what the plan was made of", mend="make a new plan")
    return meant


async def body_of(workspace: Workspace, promotion: Promotion) -> Body:
    """What is sent to the service."""
    meant = await meant_by(workspace, promotion)
    return Body.of(meant.file, meant.changes)


# --- the two slots -------------------------------------------------------------------------------------------------


class Slots(NamedTuple):
    """The labels of the models in production and staging; None where there is no such deployment."""

    production: str | None
    staging: str | None


async def slots_of(workspace: Workspace, promotion: Promotion) -> Slots:
    """What the two deployments of a promotion's target serve now."""
    client, slots = await target_of(workspace, promotion), promotion.plan.settings.deploy
    production, staging = [
        await deployment_of(client, promotion.key.project, name) for name in (slots.production, slots.staging)
    ]
    return Slots(_label(production), _label(staging))


def _label(deployment: Deployment | None) -> str | None:
    return None if deployment is None else deployment.model_label


async def target_of(workspace: Workspace, promotion: Promotion) -> CluClient:
    """The client of a promotion's target."""
    return await workspace.client(promotion.key.resource)


async def deployment_of(client: CluClient, project: str, name: str) -> Deployment | None:
    """A deployment; None when there is none of this name, or no such project."""
    try:
        return await client.get_deployment(project, deployment=name)
    except ProjectNotFound:
        return None
    except NotFound as err:
        if not says_part_is_missing(err.code):
            raise
        return None


async def deploy(workspace: Workspace, promotion: Promotion, name: str, label: str, *, step: str) -> None:
    """Put a model into a deployment, on the same resources as production; the same again changes nothing."""
    client, project = await target_of(workspace, promotion), promotion.key.project
    like = await deployment_of(client, project, promotion.plan.settings.deploy.production)
    resources = [DeploymentResource(one.resource_id, one.region) for one in like.resources] if like else []
    await hold(workspace, promotion.key, step)
    handle = await client.begin_deploy(project, deployment=name, label=label, resources=resources)
    await client.wait(handle, timeout=workspace.settings.backup.job_timeout)


async def undeploy(workspace: Workspace, promotion: Promotion, name: str, *, step: str) -> None:
    """Delete a deployment."""
    client = await target_of(workspace, promotion)
    await hold(workspace, promotion.key, step)
    await client.delete_deployment(promotion.key.project, deployment=name)


async def settled(workspace: Workspace, promotion: Promotion) -> Slots:
    """What the slots serve, after a swap that somebody may have asked for has had its time.

    A swap undoes a swap: nobody asks for a second one before it is known what became of the first.
    """
    slots = await slots_of(workspace, promotion)
    for _ in range(_LOOKS):
        if slots.production == promotion.model_label:
            break
        await workspace.sleep(SETTLING / _LOOKS)
        slots = await slots_of(workspace, promotion)
    return slots
