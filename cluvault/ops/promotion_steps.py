"""The steps of a promotion on its way forward. Each looks at the world before it acts, so that it can be run again."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from cluvault.errors import GuardRefused, NotFound, ProbeFailed, RoundTripMismatch
from cluvault.model.promotion import (
    ApprovalAsked,
    Evaluated,
    ImportBegun,
    Imported,
    Judged,
    Measured,
    Probe,
    Probed,
    Promoted,
    Proved,
    Safety,
    Staged,
    SwapBegun,
    Swapped,
    Trained,
)
from cluvault.ops.fanout import at_once
from cluvault.ops.imports import NotWhatWasMeant, import_from_storage, keep_unmoved, look_again, prove_round_trip
from cluvault.ops.measure import AT_ONCE, ask, measure_staged, scores_of
from cluvault.ops.promotion_work import Slots, body_of, deploy, note, settled, slots_of, target_of
from cluvault.ops.target_lease import hold
from cluvault.ops.trained_models import division_of, make_room, running_training, trained_digest
from cluvault.plan.promotion import Promotion, Step, final_verdict
from cluvault.service.calls.training import Training

if TYPE_CHECKING:
    from cluvault.ops.workspace import Workspace
    from cluvault.service.job_models import TrainingJob
    from cluvault.service.jobs import JobHandle

_PROBINGS = 3
_BETWEEN_PROBINGS = 10.0


async def secure(workspace: Workspace, promotion: Promotion) -> Promotion:
    """Keep the target as it is: a safety snapshot, and what its deployments serve.

    Raises:
        GuardRefused: the target is not what the plan was made for.
        ProjectExists: somebody created it meanwhile.
    """
    planned, where = promotion.plan.target, f"{promotion.key.resource}/{promotion.key.project}"
    if planned.digest is None:
        await look_again(workspace, promotion.key.resource, promotion.key.project)
        return await note(workspace, promotion, Safety(snapshot=None, digest=None, production=None, staging=None))
    kept = await keep_unmoved(workspace, promotion.key.resource, promotion.key.project)
    slots = await slots_of(workspace, promotion)
    if kept.digest != planned.digest:
        raise GuardRefused(f"{where} was changed since the plan was made", mend="make and review a new plan")
    if slots != (planned.production, planned.staging):
        raise GuardRefused(f"{where} serves another model than when the plan was made", mend="make a new plan")
    facts = Safety(
        snapshot=kept.manifest.reference,
        digest=kept.digest,
        api_version=kept.manifest.api_version,
        production=slots.production,
        staging=slots.staging,
    )
    return await note(workspace, promotion, facts)


async def import_content(workspace: Workspace, promotion: Promotion) -> Promotion:
    """Import the source with its overrides; the same again changes nothing."""
    plan, key = promotion.plan, promotion.key
    body = await body_of(workspace, promotion)
    if not promotion.has(ImportBegun):
        promotion = await note(workspace, promotion, ImportBegun())
    await hold(workspace, key, Step.IMPORT)
    warnings = await import_from_storage(workspace, key.resource, key.project, body, api_version=plan.api_version)
    return await note(workspace, promotion, Imported(warnings=warnings))


async def prove(workspace: Workspace, promotion: Promotion) -> Promotion:
    """Export the target again and compare.

    Raises:
        NotWhatWasMeant: it holds something else.
    """
    plan, key = promotion.plan, promotion.key
    body = await body_of(workspace, promotion)
    proof = await prove_round_trip(workspace, key.resource, key.project, body, api_version=plan.api_version)
    if proof.difference:
        raise NotWhatWasMeant(f"{key.resource}/{key.project}", proof, safety="")
    return await note(workspace, promotion, Proved(digest=proof.digest))


# --- the model -----------------------------------------------------------------------------------------------------


async def train(workspace: Workspace, promotion: Promotion) -> Promotion:
    """Train the target's own model, or wait for a training that an earlier worker started.

    Raises:
        RoundTripMismatch: somebody changed the project, so that the model was trained on something else.
    """
    client, project, label = await target_of(workspace, promotion), promotion.key.project, promotion.model_label
    if not await client.model_exists(project, label=label):
        job = await running_training(client, project, label) or await _start_training(workspace, promotion)
        await client.wait(job, timeout=promotion.plan.settings.train.timeout_minutes * 60)
    await _prove_model(workspace, promotion)
    model = await client.get_model(project, label=label)
    facts = Trained(model=label, config_version=model.training_config_version, expires_on=model.expires_on)
    return await note(workspace, promotion, facts)


async def _start_training(workspace: Workspace, promotion: Promotion) -> JobHandle[TrainingJob]:
    client, project, settings = await target_of(workspace, promotion), promotion.key.project, promotion.plan.settings
    await make_room(workspace, promotion.key, step=Step.TRAIN)
    await hold(workspace, promotion.key, Step.TRAIN)
    training = Training(
        label=promotion.model_label,
        mode=settings.train.mode,
        config_version=settings.train.config_version,
        division=division_of(settings.train),
    )
    return await client.begin_train(project, training)


async def _prove_model(workspace: Workspace, promotion: Promotion) -> None:
    """See that the model was trained on what was imported: by its own snapshot, or else by what the project holds."""
    key, label, version = promotion.key, promotion.model_label, promotion.plan.api_version
    digest = await trained_digest(workspace, key.resource, key.project, label, api_version=version, or_of_draft=True)
    if digest != promotion.plan.meant_digest:
        message = f"{key.resource}/{key.project} was changed by somebody before {label} was trained"
        raise RoundTripMismatch(message, mend="see that nobody edits it, and promote again")


async def evaluate(workspace: Workspace, promotion: Promotion) -> Promotion:
    """Read the model's scores."""
    client = await target_of(workspace, promotion)
    facts = Evaluated(intents=None, entities=None)
    with suppress(NotFound):  # there was nothing to test with
        summary = await client.get_evaluation_summary(promotion.key.project, label=promotion.model_label)
        facts = Evaluated(intents=scores_of(summary.intents), entities=scores_of(summary.entities))
    return await note(workspace, promotion, facts)


async def stage(workspace: Workspace, promotion: Promotion) -> Promotion:
    """Put the model into the staging deployment; the same again changes nothing."""
    safety = safety_of(promotion)
    slots = await slots_of(workspace, promotion)
    if slots.staging != promotion.model_label:
        staging = promotion.plan.settings.deploy.staging
        await deploy(workspace, promotion, staging, promotion.model_label, step=Step.STAGE)
    return await note(workspace, promotion, Staged(model=promotion.model_label, before=safety.staging))


async def measure(workspace: Workspace, promotion: Promotion) -> Promotion:
    """Ask the staged model."""
    return await note(workspace, promotion, await measure_staged(workspace, promotion))


async def judge(workspace: Workspace, promotion: Promotion) -> Promotion:
    """Say what the gate says."""
    return await note(workspace, promotion, Judged(verdict=final_verdict(promotion)))


async def ask_approval(workspace: Workspace, promotion: Promotion) -> Promotion:
    """Ask for a person's approval."""
    deadline = workspace.now() + timedelta(hours=promotion.plan.settings.approval_hours)
    return await note(workspace, promotion, ApprovalAsked(deadline=deadline, flow_run=workspace.flow_run))


# --- the swap ------------------------------------------------------------------------------------------------------


async def swap(workspace: Workspace, promotion: Promotion) -> Promotion:
    """Make production serve the new model, and staging what production served.

    A swap is asked for once: right after the record that says so. Whoever finds that record waits for what may be
    under way, and then puts the model into production by its name, which does no harm when it is done twice.

    Raises:
        GuardRefused: somebody changed what the slots serve.
    """
    promotion = await (await workspace.vault()).promotions.load(promotion.key)  # a retry's own value may be older
    if promotion.has(SwapBegun):
        await _finish_swap(workspace, promotion)
    else:
        promotion = await _swap_once(workspace, promotion)
    slots = await slots_of(workspace, promotion)
    if slots.production != promotion.model_label:
        raise _other_model(promotion, slots)
    return await note(workspace, promotion, Swapped())


async def _swap_once(workspace: Workspace, promotion: Promotion) -> Promotion:
    client, safety, slots = await target_of(workspace, promotion), safety_of(promotion), promotion.plan.settings.deploy
    found = await slots_of(workspace, promotion)
    if found != (safety.production, promotion.model_label):
        raise _other_model(promotion, found)
    promotion = await note(workspace, promotion, SwapBegun())
    if safety.production is None:
        await deploy(workspace, promotion, slots.production, promotion.model_label, step=Step.SWAP)
        return promotion
    await hold(workspace, promotion.key, Step.SWAP)
    handle = await client.begin_swap_deployments(promotion.key.project, first=slots.staging, second=slots.production)
    await client.wait(handle, timeout=workspace.settings.backup.job_timeout)
    return promotion


async def _finish_swap(workspace: Workspace, promotion: Promotion) -> None:
    found = await settled(workspace, promotion)
    if found.production == promotion.model_label:
        return
    if found.production != safety_of(promotion).production:
        raise _other_model(promotion, found)
    slots = promotion.plan.settings.deploy
    await deploy(workspace, promotion, slots.production, promotion.model_label, step=Step.SWAP)


def _other_model(promotion: Promotion, found: Slots) -> GuardRefused:
    slots = promotion.plan.settings.deploy
    serving = f"{slots.production} serves {found.production}, {slots.staging} serves {found.staging}"
    return GuardRefused(f"{promotion.key}: somebody deployed something else: {serving}", mend="promote again")


async def probe(workspace: Workspace, promotion: Promotion) -> Promotion:
    """See that production answers as staging did; a deployment may take a moment to do so.

    Raises:
        ProbeFailed: it does not.
    """
    measured = promotion.find(Measured)
    probes = measured.probes if measured else ()
    wrong = await _wrong(workspace, promotion, probes)
    for _ in range(_PROBINGS - 1):
        if not wrong:
            break
        await workspace.sleep(_BETWEEN_PROBINGS)
        wrong = await _wrong(workspace, promotion, probes)
    if wrong:
        raise ProbeFailed(f"{promotion.plan.settings.deploy.production} does not answer as staged: {wrong[0]}")
    return await note(workspace, promotion, Probed(answers=len(probes)))


async def _wrong(workspace: Workspace, promotion: Promotion, probes: tuple[Probe, ...]) -> list[str]:
    client, production = await target_of(workspace, promotion), promotion.plan.settings.deploy.production

    async def one(expected: Probe) -> str:
        try:
            answer = await ask(client, promotion.key.project, production, expected.text, expected.language)
        except NotFound as err:
            return err.message
        return "" if answer.intent == expected.intent else f"{expected.text!r}: {answer.intent}, not {expected.intent}"

    return [found for found in await at_once(probes, one, concurrency=AT_ONCE) if found]


async def finish(workspace: Workspace, promotion: Promotion) -> Promotion:
    """Say that it is done."""
    facts = Promoted(digest=promotion.plan.meant_digest, model=promotion.model_label)
    return await note(workspace, promotion, facts)


def safety_of(promotion: Promotion) -> Safety:
    """What was before.

    Raises:
        GuardRefused: it was never kept.
    """
    safety = promotion.find(Safety)
    if safety is None:
        raise GuardRefused(f"promotion {promotion.key} has no record of what was before")
    return safety
