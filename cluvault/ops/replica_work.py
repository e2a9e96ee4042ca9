"""What a replication does of one project, under the lease on its target.

Each step looks at what is there before it acts, and only the record at the end says that all is done: a worker that
dies anywhere leaves work for the next run, which does what is still missing. What serves keeps serving until a model of
the new content is there. The draft comes last of the imports, so that it stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluvault import __version__
from cluvault.errors import CluvaultError, LeaseLost, RoundTripMismatch
from cluvault.model.manifest import Tool
from cluvault.model.replica import ReplicaRecord
from cluvault.ops.imports import NotWhatWasMeant, import_from_storage, keep_unmoved, look_again, prove_round_trip
from cluvault.ops.target_lease import hold
from cluvault.ops.trained_models import (
    division_of,
    make_room,
    put_model,
    running_training,
    trained_digest,
    wait_for_trainings,
)
from cluvault.plan.capture import TOOL_NAME
from cluvault.plan.replica import PREFIX
from cluvault.service.calls.training import Training

if TYPE_CHECKING:
    from cluvault.model.replica import ReplicaDeployment
    from cluvault.ops.replica_look import Ends, Look
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.keys import PromotionKey
    from cluvault.plan.replica import Wanted
    from cluvault.service.calls.training import TrainingMode
    from cluvault.service.client import CluClient
    from cluvault.settings import TrainSettings


async def settle_trainings(workspace: Workspace, ends: Ends) -> None:
    """Wait for trainings that an earlier worker of a replication began."""
    client = await workspace.client(ends.route.target)
    await wait_for_trainings(client, ends.target, seconds=ends.route.train.timeout_minutes * 60, labels_begin=PREFIX)


class Work:
    """The changing part of one replication.

    Args:
        workspace: The world.
        ends: Source and target.
        key: The place of its lease.
        look: What is to be done.

    Attributes:
        problems: What could not be done; the rest is.
    """

    def __init__(self, workspace: Workspace, ends: Ends, key: PromotionKey, look: Look) -> None:
        self.problems: list[str] = list(look.plan.problems)
        self._workspace = workspace
        self._ends = ends
        self._key = key
        self._look = look
        self._present = look.plan.present
        self._is_kept = False

    async def carry_out(self) -> None:
        """Import, train, deploy what is missing. What cannot be trained or deployed is a problem, not the end.

        Raises:
            LeaseLost: somebody else works on the project now.
            CluvaultError: the content could not be brought.
        """
        plan = self._look.plan
        lost: set[str] = set()
        for model in plan.models:
            if model.digest == plan.draft and self._present != plan.draft:
                await self._hold_content(plan.draft)
            try:
                await self._have_model(model)
            except LeaseLost:
                raise
            except CluvaultError as err:
                self.problems.append(f"{model.source} could not be trained: {err}")
                lost.add(model.label)
        await self._hold_content(plan.draft)
        for one in plan.missing:
            if one.model not in lost:
                await self._deploy_or_say(one)

    async def _hold_content(self, digest: str) -> None:
        """Make the target's draft mean this, proven; what stands there is kept first.

        Raises:
            NotWhatWasMeant: the service holds something else.
        """
        if self._present == digest:
            return
        resource, project = self._ends.route.target, self._ends.target
        if not self._is_kept:
            if self._present is None:
                await look_again(self._workspace, resource, project)
            else:
                await keep_unmoved(self._workspace, resource, project)
            self._is_kept = True
        body, version = self._look.bodies[digest], self._look.api_version
        await hold(self._workspace, self._key, "replicate: import")
        self._present = ""  # whatever comes of it
        await import_from_storage(self._workspace, resource, project, body, api_version=version)
        self._present = digest
        proof = await prove_round_trip(self._workspace, resource, project, body, api_version=version)
        if proof.difference:
            raise NotWhatWasMeant(f"{resource}/{project}", proof, safety="")

    # --- models ----------------------------------------------------------------------------------------------------

    async def _have_model(self, model: Wanted) -> None:
        """Train a model, unless it is there and was trained on what it should be.

        Raises:
            RoundTripMismatch: somebody changed the project meanwhile, so that it was trained on something else.
        """
        client, project = await self._client(), self._ends.target
        there = self._present is not None and await client.model_exists(project, label=model.label)
        if there and await self._is_of(model):
            return
        await self._hold_content(model.digest)
        job = await running_training(client, project, model.label)
        if job is None:
            needed = {one.model for one in self._look.plan.deployments}
            await make_room(self._workspace, self._key, step="replicate: train", needed=needed)
            await hold(self._workspace, self._key, "replicate: train")
            job = await client.begin_train(project, _training(model, self._ends.route.train))
        await client.wait(job, timeout=self._ends.route.train.timeout_minutes * 60)
        if not await self._is_of(model, or_of_draft=True):
            message = f"{self._ends.route.target}/{project} was changed before {model.label} was trained"
            raise RoundTripMismatch(message, mend="see that nobody edits the replica")

    async def _is_of(self, model: Wanted, *, or_of_draft: bool = False) -> bool:
        """Whether a model was trained on what it should be: by its own snapshot, or else by what the project holds."""
        resource, project, version = self._ends.route.target, self._ends.target, self._look.api_version
        digest = await trained_digest(
            self._workspace, resource, project, model.label, api_version=version, or_of_draft=or_of_draft
        )
        return digest == model.digest

    # --- deployments -----------------------------------------------------------------------------------------------

    async def _deploy_or_say(self, one: ReplicaDeployment) -> None:
        """Put a model into a deployment, on the resources where it is already; the same again changes nothing."""
        try:
            await put_model(self._workspace, self._key, one.name, one.model, like=one.name, step="replicate: deploy")
        except LeaseLost:
            raise
        except CluvaultError as err:
            self.problems.append(f"{one.model} could not be deployed to {one.name}: {err}")

    # --- the record ------------------------------------------------------------------------------------------------

    async def note(self) -> None:
        """Write what is there now, for the next run to go by."""
        workspace, ends, plan = self._workspace, self._ends, self._look.plan
        there = await (await self._client()).get_project(ends.target)
        source = self._look.source
        await hold(workspace, self._key, "replicate: record")
        record = ReplicaRecord(
            replica_id=self._key.promotion_id,
            route=ends.route_name,
            resource=ends.route.target,
            project=ends.target,
            source_resource=ends.route.source,
            source_project=ends.source,
            source_modified_at=self._look.facts.source_modified_at,
            target_modified_at=there.last_modified_at,
            source_digest=source.digest,
            digest=plan.draft,
            snapshot=source.manifest.reference if source.manifest is not None else "",
            deployments=plan.deployments,
            notes=plan.notes,
            at=workspace.now(),
            by=workspace.actor,
            tool=Tool(name=TOOL_NAME, version=__version__),
        )
        await (await workspace.vault()).replicas.add(record)

    async def _client(self) -> CluClient:
        return await self._workspace.client(self._ends.route.target)


def _training(model: Wanted, settings: TrainSettings) -> Training:
    mode: TrainingMode = "advanced" if model.mode == "advanced" else "standard"
    return Training(label=model.label, mode=mode, config_version=model.config_version, division=division_of(settings))
