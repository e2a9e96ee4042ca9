"""Rebuilding what a snapshot holds of an environment: the draft, and a model under each deployment's name; pure.

Each model is trained anew, under its label, on what it was trained on, as it was trained then. What is there already
is left: a rebuilding that was killed is begun again, and goes on where it was. The draft comes last, so that it stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, cast

from cluvault.errors import GuardRefused, ProjectExists, UsageError
from cluvault.plan.deployed import deployed_models
from cluvault.plan.limits import DOCUMENTED
from cluvault.plan.restore import IfExists

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from cluvault.model.json_text import JsonObject
    from cluvault.model.manifest import DivisionRecord, Manifest
    from cluvault.plan.losses import Loss

_NOTICEABLE: Final = 0.005
"""Scores are fractions of 1; less than half a percent is not worth a line."""
_TOTALS: Final = ("microF1", "macroF1")


@dataclass(frozen=True, slots=True)
class WantedModel:
    """A model that the environment is to have.

    Attributes:
        digest: Of what it is trained on, as the target takes it.
        config_version: The training configuration; the newest when None.
        division: Of the utterances; the service's default when None.
        evaluation: The scores that it had, as a manifest keeps them.
    """

    label: str
    digest: str
    mode: str
    config_version: str | None
    division: DivisionRecord | None
    evaluation: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Served:
    """What a deployment of the target serves: the label of its model, and whether that is the label's present model."""

    label: str
    is_current: bool = True


@dataclass(frozen=True, slots=True)
class TargetNow:
    """The target as it is.

    Attributes:
        kind: The project's kind; None when there is no such project.
        draft: The digest of what it holds; None when there is no such project.
        models: Label → digest of what it was trained on, which is asked of wanted labels only; else None.
        deployments: By name.
    """

    kind: str | None = None
    draft: str | None = None
    models: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    deployments: Mapping[str, Served] = field(default_factory=dict[str, "Served"])


class StepKind(StrEnum):
    """What a step does."""

    KEEP = "keep"
    IMPORT = "import"
    TRAIN = "train"
    DEPLOY = "deploy"


@dataclass(frozen=True, slots=True)
class EnvironmentStep:
    """One step.

    Attributes:
        subject: The digest of what is imported, the label of what is trained, the deployment; empty for what is kept.
        sentence: What is done, in words.
    """

    kind: StepKind
    subject: str
    sentence: str


@dataclass(frozen=True, slots=True)
class EnvironmentPlan:
    """What is to be done.

    Attributes:
        snapshot: The reference of the snapshot.
        exists: Whether the target project is there.
        draft: The digest of the draft, as the target takes it.
        models: What is to be there, in the order of the deployments.
        deployments: Name → label, the one that was deployed first comes first.
        steps: What is missing of it, in order.
        notes: What the user should know.
        losses: What the target's api-versions lack.
        refusals: Why it is not done, as errors.
    """

    snapshot: str
    resource: str
    project: str
    exists: bool
    draft: str
    models: tuple[WantedModel, ...]
    deployments: Mapping[str, str]
    steps: tuple[EnvironmentStep, ...]
    notes: tuple[str, ...] = ()
    losses: tuple[Loss, ...] = ()
    refusals: tuple[GuardRefused | ProjectExists | UsageError, ...] = ()

    @property
    def where(self) -> str:
        """The target."""
        return f"{self.resource}/{self.project}"

    @property
    def sentence(self) -> str:
        """The plan in one line."""
        names = ", ".join(self.deployments)
        verb = "rebuild" if self.exists else "create"
        if not self.steps:
            return f"{self.where} is as {self.snapshot} says: draft, {names}; nothing to do"
        return f"{verb} {self.where} from {self.snapshot}: draft, {names}"

    def model(self, label: str) -> WantedModel:
        """A model by its label. Raises KeyError."""
        return {one.label: one for one in self.models}[label]

    def to_json(self) -> JsonObject:
        """The plan for programs."""
        return {
            "snapshot": self.snapshot,
            "resource": self.resource,
            "project": self.project,
            "exists": self.exists,
            "deployments": dict(self.deployments),
            "models": [
                {
                    "label": one.label,
                    "mode": one.mode,
                    "configVersion": one.config_version,
                    "division": None if one.division is None else one.division.model_dump(mode="json", by_alias=True),
                }
                for one in self.models
            ],
            "steps": [{"kind": one.kind.value, "sentence": one.sentence} for one in self.steps],
            "notes": list(self.notes),
            "losses": [one.to_json() for one in self.losses],
            "refusals": [str(one) for one in self.refusals],
        }


# --- what is to be there -------------------------------------------------------------------------------------------


def wanted_models(
    manifest: Manifest, digests: Mapping[str, str], *, language: str, offered: Collection[str]
) -> tuple[WantedModel, ...]:
    """The models that a snapshot's environment has, as far as their training data are there.

    Args:
        manifest: The snapshot.
        digests: Label → digest of what the model was trained on, as the target takes it.
        language: Of the project: where nobody remembers the mode, English is trained in standard mode.
        offered: The training configurations of the target; empty when nobody knows.
    """
    return tuple(
        WantedModel(
            label=one.label,
            digest=digests[one.label],
            mode=one.training_mode or ("standard" if language.lower().startswith("en") else "advanced"),
            config_version=_config(one.training_config_version, offered),
            division=one.division,
            evaluation=one.evaluation,
        )
        for one in deployed_models(manifest.models, manifest.deployments)
        if one.label in digests
    )


def _config(version: str | None, offered: Collection[str]) -> str | None:
    return version if version and (not offered or version in offered) else None


def notes_on(manifest: Manifest, wanted: Sequence[WantedModel]) -> tuple[str, ...]:
    """What of the models' training is not as it was."""
    records = {one.label: one for one in manifest.models}
    notes: list[str] = []
    for one in wanted:
        was = records[one.label]
        if was.training_config_version and one.config_version is None:
            notes.append(f"{was.training_config_version} is not offered there; {one.label} is trained with the newest")
        if was.training_mode is None:
            notes.append(f"how {one.label} was trained is not recorded; it is trained in {one.mode} mode")
        if was.division is None:
            notes.append(f"how {one.label} was tested is not recorded; it is trained with the service's division")
    return tuple(notes)


def deployments_of(manifest: Manifest, wanted: Sequence[WantedModel]) -> dict[str, str]:
    """Name → label of each deployment that can be rebuilt, in the order in which they were deployed."""
    labels = {one.label for one in wanted}
    listed = list(reversed(manifest.deployments))  # the service lists the newest first
    dated = sorted(listed, key=lambda one: one.deployed_at or manifest.captured_at)
    return {one.name: one.model for one in dated if one.model is not None and one.model in labels}


# --- the plan ------------------------------------------------------------------------------------------------------


def plan_environment(
    manifest: Manifest,
    wanted: Sequence[WantedModel],
    target: TargetNow,
    *,
    resource: str,
    project: str,
    kind: str,
    draft: str,
    if_exists: IfExists,
    partial: bool,
    notes: Sequence[str] = (),
    losses: Sequence[Loss] = (),
) -> EnvironmentPlan:
    """Decide what is missing at the target, and whether it may be done.

    Args:
        manifest: The snapshot.
        wanted: The models that can be rebuilt.
        target: What is there.
        resource: The target's resource.
        project: The target's project.
        kind: The snapshot's project kind.
        draft: The digest of its draft, as the target takes it.
        if_exists: What to do with what is there.
        partial: Whether it is enough to rebuild a part of the deployments.
        notes: What the user should know.
        losses: What the target's api-versions lack.
    """
    deployments = deployments_of(manifest, wanted)
    plan = EnvironmentPlan(
        snapshot=manifest.reference,
        resource=resource,
        project=project,
        exists=target.kind is not None,
        draft=draft,
        models=tuple(wanted),
        deployments=deployments,
        steps=tuple(_steps(wanted, deployments, target, draft=draft)),
        notes=(*notes, *notes_on(manifest, wanted), *_others(target, deployments)),
        losses=tuple(losses),
    )
    refusals = [] if not plan.steps else list(_refusals(plan, target, kind, if_exists))
    if not partial and (missing := [one.name for one in manifest.deployments if one.name not in deployments]):
        message = f"{plan.snapshot} does not hold what {', '.join(missing)} served, nothing was changed"
        refusals.append(GuardRefused(message, mend="add --allow-loss to rebuild the rest"))
    if not deployments:
        message = f"{plan.snapshot} holds no environment: nothing that a deployment served is captured in it"
        mend = 'set capture = "environment" of the resource and back it up; without --environment the draft is restored'
        refusals.insert(0, UsageError(message, mend=mend))
    return replace(plan, refusals=tuple(refusals))


def _steps(
    wanted: Sequence[WantedModel], deployments: Mapping[str, str], target: TargetNow, *, draft: str
) -> Iterator[EnvironmentStep]:
    """Keep; import and train each content that models lack, what is there first and the draft's last; deploy; draft."""
    lacking = [one for one in wanted if target.models.get(one.label) != one.digest]
    contents = sorted({one.digest: None for one in lacking}, key=lambda one: (one != target.draft, one == draft))
    anew = {one.label for one in lacking}
    undeployed = [
        name for name, label in deployments.items() if label in anew or target.deployments.get(name) != Served(label)
    ]
    if contents or undeployed or target.draft != draft:
        yield _kept(target)
    present = target.draft
    for digest in contents:
        labels = [one.label for one in lacking if one.digest == digest]
        if digest != present:
            yield EnvironmentStep(StepKind.IMPORT, digest, f"import what {', '.join(labels)} was trained on, prove it")
            present = digest
        for label in labels:
            verb = "train anew" if label in target.models else "train"
            yield EnvironmentStep(StepKind.TRAIN, label, f"{verb} {label}, {_how(wanted, label)}")
    for name in undeployed:
        before = target.deployments.get(name)
        instead = f" in place of {before.label or 'a model'}" if before is not None else ""
        yield EnvironmentStep(StepKind.DEPLOY, name, f"deploy {deployments[name]} to {name}{instead}")
    if present != draft:
        yield EnvironmentStep(StepKind.IMPORT, draft, "import the draft, prove it")


def _kept(target: TargetNow) -> EnvironmentStep:
    if target.kind is None:
        return EnvironmentStep(StepKind.KEEP, "", "see that the place is free")
    return EnvironmentStep(StepKind.KEEP, "", "keep what stands there, also what is deployed, in a safety snapshot")


def _how(wanted: Sequence[WantedModel], label: str) -> str:
    model = next(one for one in wanted if one.label == label)
    division = model.division
    split = "" if division is None else f", {division.kind}"
    split += "" if division is None or division.training is None else f" {division.training}/{division.testing}"
    return f"mode {model.mode}, {model.config_version or 'newest configuration'}{split}"


def _others(target: TargetNow, deployments: Mapping[str, str]) -> list[str]:
    return [
        f"the deployment {name} is only there; it stays" for name in sorted(set(target.deployments) - set(deployments))
    ]


def _refusals(
    plan: EnvironmentPlan, target: TargetNow, kind: str, if_exists: IfExists
) -> Iterator[GuardRefused | ProjectExists | UsageError]:
    if if_exists is IfExists.RENAME:
        yield UsageError("an environment is not restored beside another", mend="name a free project with --to")
    if target.kind is None:
        return
    if target.kind.lower() != kind.lower():
        message = f"{plan.where} is of kind {target.kind}, {plan.snapshot} of kind {kind}"
        yield UsageError(f"{message}: the service cannot change a kind", mend="restore under another name")
    if if_exists is not IfExists.REPLACE and not is_begun(plan, target):
        mend = "add --if-exists replace (what is there is kept first), or name a free project with --to"
        yield ProjectExists(f"{plan.where} exists already, nothing was changed", mend=mend)
    labels = set(target.models) | {one.label for one in plan.models}
    if len(labels) > DOCUMENTED.models:
        message = f"{plan.where} would have {len(labels)} models, the service allows {DOCUMENTED.models}"
        yield GuardRefused(message, mend="delete models there that nothing serves")
    names = set(target.deployments) | set(plan.deployments)
    if len(names) > DOCUMENTED.deployments:
        message = f"{plan.where} would have {len(names)} deployments, the service allows {DOCUMENTED.deployments}"
        yield GuardRefused(message, mend="delete deployments there")
    trained = {step.subject for step in plan.steps if step.kind is StepKind.TRAIN}
    for name, served in sorted(target.deployments.items()):
        if name not in plan.deployments and served.label in trained:
            message = (
                f"{served.label} would be trained anew, and {name} serves it, of which {plan.snapshot} knows nothing"
            )
            yield GuardRefused(message, mend=f"delete the deployment {name}, or restore under another name")


def is_begun(plan: EnvironmentPlan, target: TargetNow) -> bool:
    """Whether all that stands at the target is a part of the environment: nothing of anybody's can be lost by going on.

    A rebuilding that was killed leaves just that.
    """
    digests = {one.label: one.digest for one in plan.models}
    return (
        target.draft in {plan.draft, *digests.values()}
        and all(digest is not None and digests.get(label) == digest for label, digest in target.models.items())
        and all(plan.deployments.get(name) == served.label for name, served in target.deployments.items())
    )


# --- scores --------------------------------------------------------------------------------------------------------


def score_changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Where scores are others than those that were recorded, a line for each; empty where either says nothing."""
    lines: list[str] = []
    for part, name in (("intentsEvaluation", "intents"), ("entitiesEvaluation", "entities")):
        was, now = _mapping(before, part), _mapping(after, part)
        lines += [line for total in _TOTALS if (line := _change(f"{name} {total}", was.get(total), now.get(total)))]
        each, later = _mapping(was, name), _mapping(now, name)
        lines += [
            line
            for one in sorted(each)
            if (line := _change(f"{name} {one} f1", _mapping(each, one).get("f1"), _mapping(later, one).get("f1")))
        ]
    return tuple(lines)


def _mapping(found: Mapping[str, Any] | None, key: str) -> Mapping[str, Any]:
    value = (found or {}).get(key)
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _change(what: str, before: object, after: object) -> str:
    if not isinstance(before, int | float) or not isinstance(after, int | float) or abs(before - after) < _NOTICEABLE:
        return ""
    return f"{what} {before:.3f} → {after:.3f}"
