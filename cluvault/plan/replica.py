"""Keeping a project at a second resource equal to the first: what is missing there, decided from what both have; pure.

A replica has the draft of its source, and under each name of a deployment a model of its own, trained in the same way
on what the source's deployed model was trained on: that can be older than the draft. Where the service cannot tell it
any more, the draft is taken, and that is noted. Nothing is deleted: what only the replica has is named.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from cluvault.model.replica import ReplicaDeployment
from cluvault.model.run import Outcome, RunItem
from cluvault.plan.diff_report import summary
from cluvault.plan.drift import Pair, change_counts

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime, timedelta

    from cluvault.model.json_text import JsonObject
    from cluvault.model.replica import ReplicaRecord
    from cluvault.plan.diff import ProjectDiff
    from cluvault.settings import TrainSettings

PREFIX: Final = "replica-"
"""How the labels of a replica's models begin."""
_LETTERS: Final = 8


class SourceModel(NamedTuple):
    """A model that the source serves.

    Attributes:
        mode: How it was trained; None when the service does not remember.
        has_snapshot: Whether the service can export what it was trained on.
    """

    label: str
    trained_at: datetime | None
    config_version: str
    has_snapshot: bool
    mode: str | None


@dataclass(frozen=True, slots=True)
class ReplicaFacts:
    """Both ends as they are, by what costs no export.

    Attributes:
        deployments: Of the source: name → label of its model; "" when that cannot be told.
        models: Those models of the source that are deployed.
        target_deployments: The same of the target.
        target_models: The labels of the target's models.
    """

    source_modified_at: datetime | None
    deployments: Mapping[str, str]
    models: Mapping[str, SourceModel]
    target_exists: bool
    target_modified_at: datetime | None = None
    target_deployments: Mapping[str, str] | None = None
    target_models: Collection[str] = ()

    def serves(self, name: str) -> str | None:
        """The label of the model that a deployment of the target has."""
        return (self.target_deployments or {}).get(name)


def is_as_left(facts: ReplicaFacts, record: ReplicaRecord | None) -> bool:
    """Whether neither end has changed since the last replication, as far as the service's times and models tell."""
    return (
        record is not None
        and facts.target_exists
        and facts.source_modified_at is not None
        and facts.source_modified_at == record.source_modified_at
        and facts.target_modified_at is not None
        and facts.target_modified_at == record.target_modified_at
        and set(facts.deployments) == {one.name for one in record.deployments}
        and all(_is_same(facts, one) and facts.serves(one.name) == one.model for one in record.deployments)
    )


def _is_same(facts: ReplicaFacts, one: ReplicaDeployment) -> bool:
    """Whether the source serves under this name what it did."""
    model = facts.models.get(facts.deployments.get(one.name, ""))
    return model is not None and (model.label, model.trained_at) == (one.source_model, one.source_trained_at)


def known_models(facts: ReplicaFacts, record: ReplicaRecord | None) -> dict[str, ReplicaDeployment]:
    """The source's models of which the target has its own already, by their labels."""
    if record is None:
        return {}
    return {
        one.source_model: one for one in record.deployments if _is_same(facts, one) and one.model in facts.target_models
    }


# --- models --------------------------------------------------------------------------------------------------------


class ModelContent(NamedTuple):
    """What a model of the source was trained on, as the target would have it; the draft's when `of_draft`."""

    digest: str
    of_draft: bool


class Wanted(NamedTuple):
    """A model that the target is to have.

    Attributes:
        label: At the target.
        source: The label of the source's model.
        digest: Of what it is trained on.
        config_version: The training configuration; the newest when None.
        is_known: Whether the last replication left it there, proven.
    """

    label: str
    source: str
    digest: str
    mode: str
    config_version: str | None
    of_draft: bool = False
    is_known: bool = False


def wanted_models(
    facts: ReplicaFacts,
    known: Mapping[str, ReplicaDeployment],
    contents: Mapping[str, ModelContent],
    *,
    train: TrainSettings,
    offered: Collection[str],
) -> dict[str, Wanted]:
    """The models that the target is to have, by the labels of the source's.

    Args:
        facts: Both ends.
        known: Of which the target has its own.
        contents: What the others were trained on.
        train: What is said of training where the source's model does not tell.
        offered: The training configurations of the target's resource.
    """
    wanted = {
        label: Wanted(one.model, label, one.digest, "", None, of_draft=one.of_draft, is_known=True)
        for label, one in known.items()
    }
    for label, content in contents.items():
        model = facts.models[label]
        mode, version = model.mode or train.mode, train.config_version or model.config_version or None
        if version is not None and offered and version not in offered:
            version = None
        named = replica_label(content.digest, mode, version, str(train.split))
        wanted[label] = Wanted(named, label, content.digest, mode, version, of_draft=content.of_draft)
    return wanted


def replica_label(digest: str, mode: str, config_version: str | None, split: str) -> str:
    """The label of a replica's model: the same for the same training of the same content."""
    training = sha256("\n".join((digest, mode, config_version or "", split)).encode()).hexdigest()
    return f"{PREFIX}{digest[:_LETTERS]}-{training[:_LETTERS]}"


# --- the plan ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReplicaPlan:
    """What is missing at the target.

    Attributes:
        draft: The digest that it is to hold.
        present: The digest that it holds; None when there is no such project.
        difference: What is to change in it; None for a new project.
        size: How much a new project holds.
        models: Those that it has not, and that are to be trained.
        deployments: What is to be as at the source.
        missing: Those of them that are not so yet.
        behind_since: The earliest change of the source that is known not to be here.
        notes: What limits the replica, and what only it has.
        problems: What cannot be replicated.
    """

    draft: str
    present: str | None
    difference: ProjectDiff | None
    size: int
    models: tuple[Wanted, ...]
    deployments: tuple[ReplicaDeployment, ...]
    missing: tuple[ReplicaDeployment, ...]
    behind_since: datetime | None
    notes: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        """Whether nothing is missing."""
        return self.draft == self.present and not self.missing and not self.problems

    @property
    def changes(self) -> int:
        """How many things are not as at the source."""
        content = self.size if self.difference is None else sum(change_counts(self.difference).values())
        return content + len(self.missing)

    @property
    def steps(self) -> tuple[str, ...]:
        """What is to be done, in order."""
        imports = [f"import what {one.source} was trained on" for one in self.models if one.digest != self.draft]
        if self.draft != self.present:
            what = "a new project" if self.difference is None else summary(self.difference)
            imports.append(f"import the draft: {what}")
        kept = ["keep the replica's present content in a safety snapshot"] if imports and self.present else []
        trained = [f"train {one.label} as {one.source}, in mode {one.mode}" for one in self.models]
        deployed = [f"deploy {one.model} to {one.name}" for one in self.missing]
        return (*kept, *imports, *trained, *deployed)


def plan_replica(
    facts: ReplicaFacts,
    wanted: Mapping[str, Wanted],
    *,
    draft: str,
    present: str | None,
    difference: ProjectDiff | None,
    size: int,
    notes: Sequence[str] = (),
) -> ReplicaPlan:
    """Decide what is to be done at the target.

    Args:
        facts: Both ends.
        wanted: The models that the target is to have, by the labels of the source's.
        draft: The digest of what the route makes of the source's draft.
        present: The digest of what the target holds; None when there is no such project.
        difference: What is to change in it.
        size: How much the draft holds.
        notes: What was found on the way.
    """
    deployments = tuple(
        ReplicaDeployment(
            name=name,
            source_model=label,
            source_trained_at=facts.models[label].trained_at,
            digest=wanted[label].digest,
            model=wanted[label].label,
            of_draft=wanted[label].of_draft,
        )
        for name, label in sorted(facts.deployments.items())
        if label in wanted
    )
    missing = tuple(one for one in deployments if facts.serves(one.name) != one.model)
    needed = {one.model for one in missing}
    models = {one.label: one for one in wanted.values() if one.label in needed and not one.is_known}
    since = [facts.models[one.source_model].trained_at for one in missing]
    since += [facts.source_modified_at] if draft != present else []
    return ReplicaPlan(
        draft=draft,
        present=present,
        difference=difference,
        size=size,
        models=tuple(sorted(models.values(), key=lambda one: one.digest == draft)),
        deployments=deployments,
        missing=missing,
        behind_since=min((one for one in since if one is not None), default=None),
        notes=(*notes, *_notes(facts, wanted)),
        problems=tuple(
            f"which model {name} has at the source cannot be told"
            for name, label in sorted(facts.deployments.items())
            if label not in wanted
        ),
    )


def _notes(facts: ReplicaFacts, wanted: Mapping[str, Wanted]) -> list[str]:
    drafts = [one for one in wanted.values() if one.of_draft and not one.is_known]
    notes = [
        f"what {one.source} was trained on cannot be exported; a model of the draft takes its place" for one in drafts
    ]
    notes += [
        f"{facts.models[one.source].config_version} is not offered at the replica; its newest configuration trains"
        for one in wanted.values()
        if not one.is_known and one.config_version is None and facts.models[one.source].config_version
    ]
    extra = sorted(set(facts.target_deployments or {}) - set(facts.deployments))
    return notes + [f"the deployment {name} is only at the replica; it stays" for name in extra]


# --- what is said --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """A project of a replica.

    Attributes:
        pair: Its names.
        outcome: equal, behind, replicated, leftover (only at the replica), failed.
        behind: For how long a change of the source has not been here; None when it is equal, or nothing tells.
        changes: How many things are not, or were not, as at the source.
        steps: What is to be done, or was.
        notes: What limits it; why it failed.
    """

    pair: Pair
    outcome: Outcome
    behind: timedelta | None = None
    changes: int = 0
    steps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def project(self) -> str:
        """Its name at the replica, or else at the source."""
        return self.pair.target or self.pair.source or ""

    @property
    def sentence(self) -> str:
        """The status in one line."""
        age = f" by {spoken(self.behind)}" if self.behind is not None else ""
        said = [f"behind{age}: {self.changes} changes"] if self.outcome is Outcome.BEHIND else []
        if self.outcome is Outcome.REPLICATED:
            said.append(f"{self.changes} changes" + (f", {spoken(self.behind)} after the first" if self.behind else ""))
        return "; ".join([*said, *self.notes])

    def to_json(self) -> JsonObject:
        """The status for programs."""
        return {
            "project": self.project,
            "sourceProject": self.pair.source,
            "outcome": self.outcome.value,
            "behindSeconds": None if self.behind is None else round(self.behind.total_seconds()),
            "changes": self.changes,
            "steps": list(self.steps),
            "notes": list(self.notes),
        }


def replica_item(status: ReplicaStatus, *, resource: str) -> RunItem:
    """The status as a run record has it; `resource` is the replica."""
    return RunItem(resource=resource, project=status.project, outcome=status.outcome, detail=status.sentence or None)


def spoken(span: timedelta) -> str:
    """A span for people, of two units at most: `3 d 4 h`, `12 min`."""
    minutes = max(0, round(span.total_seconds() / 60))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min"
