"""verify --drill: restore a snapshot into a scratch project, export it again, compare, and delete the project."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cluvault.errors import CluvaultError, DamagedSnapshot
from cluvault.model.names import SCRATCH_PREFIX
from cluvault.model.run import Outcome, RunItem
from cluvault.ops.catalogue import find_snapshot, snapshot_reference
from cluvault.ops.examine import meaning_fault
from cluvault.ops.fanout import to_the_end
from cluvault.ops.imports import NotWhatWasMeant, import_from_storage, prove_round_trip
from cluvault.ops.report import add_mend
from cluvault.ops.restore import RestoreOptions, plan_restore, restore_body
from cluvault.ops.sources import fetch_source
from cluvault.plan.losses import refuse_without_leave
from cluvault.vault.steady import steady_seconds

if TYPE_CHECKING:
    from cluvault.model.manifest import Manifest
    from cluvault.ops.sources import Source
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.restore import RestorePlan


async def drill_snapshot(workspace: Workspace, resource: str, reference: str) -> RunItem:
    """Prove that a snapshot can be restored to a resource, without touching what is there.

    The scratch project is deleted whatever happens, also when the drill is cancelled: then its import is waited for,
    as it would else make the project after it was deleted. A snapshot that is damaged is an item that says so.

    Raises:
        GuardRefused: the resource would not take all of it.
        NotWhatWasMeant: the service holds something else than the snapshot.
        ServiceError: the service refuses.
    """
    manifest = await find_snapshot(workspace, reference)
    exact = replace(snapshot_reference(reference), snapshot_id=manifest.snapshot_id, as_of=None)
    item = RunItem(
        resource=manifest.resource,
        project=manifest.project,
        outcome=Outcome.PROVEN,
        snapshot_id=manifest.snapshot_id,
    )
    began = steady_seconds()
    try:
        scratch = await _restore_for_a_while(workspace, resource, str(exact), manifest)
    except DamagedSnapshot as err:
        return item.model_copy(update={"outcome": Outcome.DAMAGED, "detail": str(err)})
    seconds = round(steady_seconds() - began, 1)
    detail = f"restored to {resource} as {scratch} and exported again in {seconds:.1f} s: it means the same"
    return item.model_copy(update={"detail": detail, "seconds": seconds})


async def _restore_for_a_while(workspace: Workspace, resource: str, exact: str, manifest: Manifest) -> str:
    """The name of the scratch project that had the snapshot's content, and is gone.

    `exact` names that content, which is a deployed model's where the manifest is seen as that.
    """
    source = await fetch_source(workspace, exact)
    if (fault := await meaning_fault(await workspace.vault(), source.data, manifest)) is not None:
        raise DamagedSnapshot(f"{exact}: {fault.problem}")
    scratch = SCRATCH_PREFIX + workspace.new_run_id()
    plan = await plan_restore(workspace, source, RestoreOptions(reference=exact, to=f"{resource}/{scratch}"))
    refuse_without_leave(plan.losses, what=plan.sentence, mend="drill in a resource that answers its api-version")
    try:
        await _import_and_compare(workspace, source, plan)
    except BaseException as err:
        try:
            await _delete(workspace, plan)
        except CluvaultError as second:
            if isinstance(err, CluvaultError):
                add_mend(err, str(second))
        raise
    await _delete(workspace, plan)
    return scratch


async def _import_and_compare(workspace: Workspace, source: Source, plan: RestorePlan) -> None:
    place = workspace, plan.resource, plan.project
    body = restore_body(source, plan)
    await to_the_end(import_from_storage(*place, body, api_version=plan.api_version))
    proof = await prove_round_trip(*place, body, api_version=plan.api_version)
    if proof.difference:
        raise NotWhatWasMeant(f"{plan.resource}/{plan.project}", proof, safety="")


async def _delete(workspace: Workspace, plan: RestorePlan) -> None:
    client = await workspace.client(plan.resource)
    try:
        await to_the_end(client.delete_project(plan.project, timeout=workspace.settings.backup.job_timeout))
    except CluvaultError as err:
        add_mend(err, f"delete {plan.resource}/{plan.project} by hand, or with a clean-up rule that has scratch = true")
        raise
