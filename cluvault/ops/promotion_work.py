"""What the steps of a promotion share: their records, what is imported, and what the target serves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from cluvault.errors import GuardRefused
from cluvault.ops.imports import Body
from cluvault.ops.sources import fetch_source
from cluvault.ops.target_lease import hold
from cluvault.ops.trained_models import deployment_of, put_model
from cluvault.plan.events import events_of_promotion
from cluvault.plan.promotion_facts import Meant, meant_file

if TYPE_CHECKING:
    from cluvault.model.promotion import Facts
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.promotion import Promotion
    from cluvault.service.client import CluClient
    from cluvault.service.models import Deployment

SETTLING: Final = 60.0
"""For how many seconds a swap is waited for of which nobody knows whether it was asked for."""
_LOOKS: Final = 12


# --- records -------------------------------------------------------------------------------------------------------


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


async def deploy(workspace: Workspace, promotion: Promotion, name: str, label: str, *, step: str) -> None:
    """Put a model into a deployment, on the same resources as production; the same again changes nothing."""
    await put_model(workspace, promotion.key, name, label, like=promotion.plan.settings.deploy.production, step=step)


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
