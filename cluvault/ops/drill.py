"""verify --drill: restore a snapshot into a scratch project, export it again, compare, and delete the project."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cluvault.errors import CluvaultError, DamagedSnapshot
from cluvault.model.names import SCRATCH_PREFIX
from cluvault.model.run import Outcome, RunItem
from cluvault.ops.catalogue import find_snapshot, snapshot_reference
from cluvault.ops.environment_planning import plan_environment
from cluvault.ops.environment_steps import take_step
from cluvault.ops.examine import meaning_fault
from cluvault.ops.fanout import to_the_end
from cluvault.ops.imports import NotWhatWasMeant, import_from_storage, prove_round_trip
from cluvault.ops.report import add_mend
from cluvault.ops.restore import RestoreOptions, plan_restore, restore_body
from cluvault.ops.sources import fetch_source
from cluvault.plan.environment import StepKind
from cluvault.plan.losses import refuse_without_leave
from cluvault.vault.steady import steady_seconds

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from cluvault.model.manifest import Manifest
    from cluvault.ops.sources import Source
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.restore import RestorePlan

_ELSEWHERE: Final = "drill in a resource that answers its api-version"


async def drill_snapshot(workspace: Workspace, resource: str, reference: str, *, environment: bool = False) -> RunItem:
    """Prove that a snapshot can be restored to a resource, without touching what is there.

    The scratch project is deleted whatever happens, also when the drill is cancelled: then its import is waited for,
    as it would else make the project after it was deleted. A snapshot that is damaged is an item that says so.

    Args:
        workspace: The world.
        resource: Where.
        reference: The snapshot.
        environment: Where the snapshot holds what was deployed: rebuild all of that, models and deployments included.

    Raises:
        GuardRefused: the resource would not take all of it.
        NotWhatWasMeant: the service holds something else than the snapshot.
        RoundTripMismatch: a model was trained on something else.
        ServiceError: the service refuses.
    """
    manifest = await find_snapshot(workspace, reference)
    exact = str(replace(snapshot_reference(reference), snapshot_id=manifest.snapshot_id, as_of=None))
    item = RunItem(
        resource=manifest.resource,
        project=manifest.project,
        outcome=Outcome.PROVEN,
        snapshot_id=manifest.snapshot_id,
    )
    holds_environment = any(one.trained_on is not None for one in manifest.models)
    drill = _rebuild_for_a_while if environment and holds_environment else _restore_for_a_while
    began = steady_seconds()
    try:
        done, found = await drill(workspace, resource, exact, manifest)
    except DamagedSnapshot as err:
        return item.model_copy(update={"outcome": Outcome.DAMAGED, "detail": str(err)})
    seconds = round(steady_seconds() - began, 1)
    return item.model_copy(update={"detail": f"{done} in {seconds:.1f} s: {found}", "seconds": seconds})


async def _restore_for_a_while(workspace: Workspace, resource: str, exact: str, manifest: Manifest) -> tuple[str, str]:
    """What was done, and what came of it, in a scratch project that had the snapshot's content and is gone.

    `exact` names that content, which is a deployed model's where the manifest is seen as that.
    """
    source = await fetch_source(workspace, exact)
    if (fault := await meaning_fault(await workspace.vault(), source.data, manifest)) is not None:
        raise DamagedSnapshot(f"{exact}: {fault.problem}")
    scratch = SCRATCH_PREFIX + workspace.new_run_id()
    plan = await plan_restore(workspace, source, RestoreOptions(reference=exact, to=f"{resource}/{scratch}"))
    refuse_without_leave(plan.losses, what=plan.sentence, mend=_ELSEWHERE)
    async with _gone_afterwards(workspace, resource, scratch):
        await _import_and_compare(workspace, source, plan)
    return f"restored to {resource} as {scratch} and exported again", "it means the same"


async def _rebuild_for_a_while(workspace: Workspace, resource: str, exact: str, _: Manifest) -> tuple[str, str]:
    """The same for all that was deployed: imported, trained, deployed under the same names; scores are compared."""
    scratch = SCRATCH_PREFIX + workspace.new_run_id()
    options = RestoreOptions(reference=exact, to=f"{resource}/{scratch}", environment=True)
    rebuilding = await plan_environment(workspace, options)
    plan = rebuilding.plan
    for refusal in plan.refusals:
        raise refusal
    refuse_without_leave(plan.losses, what=plan.sentence, mend=_ELSEWHERE)
    scores: list[str] = []
    async with _gone_afterwards(workspace, resource, scratch):
        for step in plan.steps:
            doing = take_step(workspace, rebuilding, step)
            done = await (to_the_end(doing) if step.kind is StepKind.IMPORT else doing)  # a training may take hours
            scores += [done.scored.sentence] if done.scored is not None else []
    said = f"draft, {', '.join(plan.deployments)} are there; " + "; ".join(sorted(scores))
    return f"rebuilt in {resource} as {scratch}", said


@asynccontextmanager
async def _gone_afterwards(workspace: Workspace, resource: str, scratch: str) -> AsyncGenerator[None]:
    try:
        yield
    except BaseException as err:
        try:
            await _delete(workspace, resource, scratch)
        except CluvaultError as second:
            if isinstance(err, CluvaultError):
                add_mend(err, str(second))
        raise
    await _delete(workspace, resource, scratch)


async def _import_and_compare(workspace: Workspace, source: Source, plan: RestorePlan) -> None:
    place = workspace, plan.resource, plan.project
    body = restore_body(source, plan)
    await to_the_end(import_from_storage(*place, body, api_version=plan.api_version))
    proof = await prove_round_trip(*place, body, api_version=plan.api_version)
    if proof.difference:
        raise NotWhatWasMeant(f"{plan.resource}/{plan.project}", proof, safety="")


async def _delete(workspace: Workspace, resource: str, scratch: str) -> None:
    client = await workspace.client(resource)
    try:
        await to_the_end(client.delete_project(scratch, timeout=workspace.settings.backup.job_timeout))
    except CluvaultError as err:
        add_mend(err, f"delete {resource}/{scratch} by hand, or with a clean-up rule that has scratch = true")
        raise
