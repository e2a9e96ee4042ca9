"""What service deployments serve, as a backup captures it: which models to export, and which the vault knows; pure.

A trained model never changes: what it was trained on is exported once for each label and time of training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from cluvault.model.manifest import DivisionRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cluvault.model.manifest import DeploymentRecord, Manifest, ModelRecord


def deployed_models(models: Iterable[ModelRecord], deployments: Iterable[DeploymentRecord]) -> tuple[ModelRecord, ...]:
    """The models that deployments serve, each once, in the order of the deployments."""
    known = {one.label: one for one in models}
    return tuple({one.model: known[one.model] for one in deployments if one.model in known}.values())


def is_settled(model: ModelRecord) -> bool:
    """Whether nothing is to be asked about a deployed model: it is captured, or the service refuses it for good."""
    return model.trained_on is not None or model.not_captured is not None


def lacking(manifest: Manifest) -> tuple[str, ...]:
    """The labels of deployed models of which a snapshot does not say what they were trained on, nor why not."""
    return tuple(one.label for one in deployed_models(manifest.models, manifest.deployments) if not is_settled(one))


def uncaptured(manifest: Manifest) -> tuple[str, ...]:
    """The labels of deployed models whose training data a snapshot lacks, for whatever reason.

    Of a snapshot that was to hold the draft only, none: there nothing is known of any model.
    """
    served = deployed_models(manifest.models, manifest.deployments)
    if not any(map(is_settled, served)):
        return ()
    return tuple(one.label for one in served if one.trained_on is None)


def is_listed_alike(manifest: Manifest, models: Sequence[ModelRecord], deployments: Sequence[DeploymentRecord]) -> bool:
    """Whether a snapshot names the models and deployments that are there now, whatever else it knows of them."""
    before = tuple(one.listed for one in manifest.models)
    return before == tuple(one.listed for one in models) and manifest.deployments == tuple(deployments)


class Known(NamedTuple):
    """What the vault knows of a model: the snapshot that says it, seen as the model's, and the model's record."""

    view: Manifest
    model: ModelRecord


def known_models(snapshots: Iterable[Manifest], wanted: Iterable[ModelRecord], *, endpoint: str) -> dict[str, Known]:
    """What snapshots hold of the training data of these models, by label; the newest snapshot of each.

    Args:
        snapshots: Of the project.
        wanted: Models as they are now. One that was trained anew, or of which nobody says when it was, is another.
        endpoint: Of the resource: under its name another one may have been backed up before.
    """
    now = {one.label: one.trained_at for one in wanted if one.trained_at is not None}
    found: dict[str, Known] = {}
    for manifest in sorted(snapshots, key=lambda one: one.snapshot_id, reverse=True):
        if manifest.endpoint != endpoint:
            continue
        for model in manifest.models:
            if model.trained_on is None or model.label in found or now.get(model.label) != model.trained_at:
                continue
            if model.trained_at is not None:
                found[model.label] = Known(manifest.seen_as(model.trained_on), model)
    return found


def refused_before(latest: Manifest | None, model: ModelRecord) -> str | None:
    """Why the service refused what this very model was trained on, by the newest snapshot; None when it did not."""
    if latest is None or model.trained_at is None:
        return None
    for one in latest.models:
        if (one.label, one.trained_at) == (model.label, model.trained_at):
            return one.not_captured
    return None


def division_of(kind: str, training: int | None, testing: int | None) -> DivisionRecord | None:
    """How utterances were divided, in the words of a manifest; None when the service does not say it in full."""
    if kind == "manual":
        return DivisionRecord(kind=kind)
    if kind == "percentage" and training is not None and testing is not None:
        return DivisionRecord(kind=kind, training=training, testing=testing)
    return None


def without_names(model: ModelRecord) -> ModelRecord:
    """A model with its overall scores only: those of intents and entities tell names, which a sealed content hides."""
    if model.evaluation is None:
        return model
    evaluation = {
        part: {name: figure for name, figure in cast("dict[str, Any]", figures).items() if isinstance(figure, float)}
        for part, figures in model.evaluation.items()
        if isinstance(figures, dict)
    }
    return model.model_copy(update={"evaluation": evaluation})


def warnings_of(manifest: Manifest, pending: Sequence[str] = ()) -> tuple[str, ...]:
    """What a snapshot does not hold of what is deployed, a sentence for each.

    Args:
        manifest: The snapshot.
        pending: What could not be asked this time, and will be again.
    """
    models = {one.label: one for one in manifest.models}
    sentences = [
        f"what {one.label} was trained on is not captured: {one.not_captured}; `backup --full` asks again"
        for one in deployed_models(manifest.models, manifest.deployments)
        if one.not_captured is not None
    ]
    sentences += [
        f"which model {one.name} serves cannot be told, so it is not captured"
        for one in manifest.deployments
        if (one.model or "") not in models
    ]
    return (*sentences, *pending)
