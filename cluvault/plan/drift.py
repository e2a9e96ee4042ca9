"""Where two environments differ, project by project, who is ahead, and what was edited directly; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from cluvault.model.event import Event, project_subject
from cluvault.model.run import Outcome, RunItem
from cluvault.plan.diff_report import diff_to_json, summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from cluvault.model.json_text import JsonObject
    from cluvault.model.manifest import Manifest
    from cluvault.plan.diff import ProjectDiff

DRIFT_FOUND: Final = "cluvault.drift.found"
_SETTLED: Final = timedelta(seconds=5)
"""The service says times in whole seconds: an edit in the second of an export would not show."""

Ahead = Literal["source", "target", "both"]


# --- which projects belong together --------------------------------------------------------------------------------


class Pair(NamedTuple):
    """A project at both ends; None where it is not."""

    source: str | None
    target: str | None


class Pairing(NamedTuple):
    """The projects of two resources, side by side.

    Attributes:
        pairs: By their names, the source's first.
        clashes: Source projects that another one's new name takes the place of.
        unmatched: Names or globs that fit nothing.
    """

    pairs: tuple[Pair, ...]
    clashes: tuple[str, ...]
    unmatched: tuple[str, ...]


def pair_projects(
    source: Iterable[str],
    target: Iterable[str],
    *,
    renames: Mapping[str, str],
    globs: Sequence[str],
    only: Sequence[str] = ("*",),
) -> Pairing:
    """Put the projects of two resources side by side.

    Args:
        source: Those of the source.
        target: Those of the target.
        renames: Name in the source → name in the target; others keep theirs.
        globs: Which are asked for, by the name in the source, or else in the target.
        only: Which belong to the route at all.
    """
    here, there = sorted(set(source)), set(target)
    taken = {renames[name] for name in here if name in renames}
    clashes = [name for name in here if name not in renames and name in taken]
    leads = {name: renames.get(name, name) for name in here if name not in clashes}
    back = {new: old for old, new in renames.items()}
    pairs = [Pair(name, leads[name] if leads[name] in there else None) for name in leads]
    pairs += [Pair(None, name) for name in sorted(there - set(leads.values()))]
    names = {pair: pair.source or back.get(pair.target or "", pair.target or "") for pair in pairs}
    belonging = [pair for pair in pairs if _fits(names[pair], only)]
    chosen = [pair for pair in belonging if _fits(names[pair], globs)]
    return Pairing(
        pairs=tuple(sorted(chosen, key=lambda pair: (pair.source is None, names[pair]))),
        clashes=tuple(name for name in clashes if _fits(name, globs) and _fits(name, only)),
        unmatched=tuple(
            glob for glob in globs if glob != "*" and not any(_fits(names[pair], [glob]) for pair in belonging)
        ),
    )


def _fits(name: str, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


def is_present_content(manifest: Manifest, modified_at: datetime | None, *, endpoint: str) -> bool:
    """Whether a snapshot is what the live project holds, as far as the service's own times tell.

    Args:
        manifest: The project's latest snapshot.
        modified_at: When the project was last changed, by a listing of now.
        endpoint: Of the resource that now has this name.
    """
    return (
        modified_at is not None
        and manifest.project_last_modified == modified_at
        and manifest.captured_at - modified_at >= _SETTLED
        and manifest.endpoint == endpoint
    )


# --- what is found -------------------------------------------------------------------------------------------------


class Left(NamedTuple):
    """What the last promotion or replication left at the target; `digest` is None when it left no such project."""

    reference: str
    digest: str | None
    at: datetime
    by: Literal["promotion", "replication"] = "promotion"

    @property
    def name(self) -> str:
        """What it is called in sentences."""
        return f"{self.by} {self.reference}"


class Side(NamedTuple):
    """One end; the source's digest is that of what the route makes of it. None where nothing had to be read."""

    digest: str | None
    modified_at: datetime | None


UNREAD: Final = Side(None, None)


@dataclass(frozen=True, slots=True)
class DirectEdit:
    """A change made at the target by other ways than a promotion.

    Attributes:
        since: The promotion or replication after which it was made.
        difference: From what that left to what is there; None when it cannot be told, or the project was deleted.
        unknown: Why it cannot be told.
    """

    since: Left
    difference: ProjectDiff | None = None
    unknown: str = ""

    @property
    def sentence(self) -> str:
        """The edit in one line."""
        if self.difference is not None:
            return f"edited directly since {self.since.name}: {summary(self.difference)}"
        if self.unknown:
            return f"edited directly since {self.since.name}; what was edited cannot be told: {self.unknown}"
        return f"deleted directly since {self.since.name}"


@dataclass(frozen=True, slots=True)
class ProjectDrift:
    """One project at both ends.

    Attributes:
        pair: Its names.
        outcome: equal, differs, only-in-source, only-in-target, failed.
        ahead: Which end has changed since they were equal; None when they are, or nothing tells.
        source: Of the source, as the route makes it.
        target: Of the target.
        difference: What a promotion would change at the target; None when nothing was compared.
        edit: What was edited at the target directly.
        last: What the last promotion left.
        exported: How many exports this took.
        notes: What limits the comparison, or why it failed.
    """

    pair: Pair
    outcome: Outcome
    ahead: Ahead | None = None
    source: Side = UNREAD
    target: Side = UNREAD
    difference: ProjectDiff | None = None
    edit: DirectEdit | None = None
    last: Left | None = None
    exported: int = 0
    notes: tuple[str, ...] = ()

    @property
    def project(self) -> str:
        """Its name at the target, or else at the source."""
        return self.pair.target or self.pair.source or ""

    @property
    def drifts(self) -> bool:
        """Whether the ends are known to differ."""
        return self.outcome not in (Outcome.EQUAL, Outcome.FAILED)

    @property
    def sentence(self) -> str:
        """What is to be said of it in one line."""
        said = [summary(self.difference)] if self.difference else []
        if self.edit is not None:
            said.append(self.edit.sentence)
        return "; ".join([*said, *self.notes])

    def to_json(self) -> JsonObject:
        """The finding for programs."""
        edit = self.edit
        return {
            "project": self.project,
            "sourceProject": self.pair.source,
            "targetProject": self.pair.target,
            "outcome": self.outcome.value,
            "ahead": self.ahead,
            "source": _side(self.source),
            "target": _side(self.target),
            "difference": None if self.difference is None else diff_to_json(self.difference),
            "lastPromotion": None
            if self.last is None
            else {"reference": self.last.reference, "at": _time(self.last.at)},
            "editedDirectly": edit is not None,
            "edit": None if edit is None or edit.difference is None else diff_to_json(edit.difference),
            "notes": list(self.notes),
        }


def _side(side: Side) -> JsonObject:
    return {"digest": side.digest, "lastModified": _time(side.modified_at)}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


# --- deciding ------------------------------------------------------------------------------------------------------


def who_is_ahead(source: Side, target: Side, last: Left | None) -> Ahead | None:
    """Which end has changed: by what the last promotion left, or else by when each was last modified.

    Args:
        source: With the digest of what the route makes of it.
        target: As it is.
        last: What was left at the target.
    """
    if source.digest == target.digest:
        return None
    if last is not None and last.digest is not None:
        if target.digest == last.digest:
            return "source"
        return "target" if source.digest == last.digest else "both"
    if source.modified_at is None or target.modified_at is None or source.modified_at == target.modified_at:
        return None
    return "source" if source.modified_at > target.modified_at else "target"


def is_edited(source: str | None, target: str | None, last: Left | None) -> bool:
    """Whether the target was edited directly: it is neither what the last promotion left nor what the next would make.

    Args:
        source: The digest of what the route makes of the source; None when it is not there.
        target: The target's; None when it is not there.
        last: What was left at the target.
    """
    return last is not None and target not in (last.digest, source)


def drift_item(drift: ProjectDrift, *, resource: str) -> RunItem:
    """The finding as a run record has it; `resource` is the target."""
    ahead = (
        f"{drift.ahead} ahead" if drift.ahead in ("source", "target") else "both have changed" if drift.ahead else ""
    )
    detail = "; ".join(part for part in (ahead, drift.sentence) if part)
    return RunItem(resource=resource, project=drift.project, outcome=drift.outcome, detail=detail or None)


def drift_events(
    drifts: Iterable[ProjectDrift], *, run_id: str, source: str, target: str, route: str = ""
) -> tuple[Event, ...]:
    """One event for each project that drifts; counts and digests, nothing of what the projects say.

    Args:
        drifts: What was found.
        run_id: Of the run that found it.
        source: The source resource.
        target: The target resource.
        route: The route that was compared by, if it was one.
    """
    return tuple(_event(one, run_id, source, target, route) for one in drifts if one.drifts)


def _event(drift: ProjectDrift, run_id: str, source: str, target: str, route: str) -> Event:
    related = {"source": project_subject(source, drift.pair.source)} if drift.pair.source is not None else {}
    payload: JsonObject = {
        "resource": target,
        "project": drift.project,
        "runId": run_id,
        "source": source,
        "target": target,
        "route": route or None,
        "outcome": drift.outcome.value,
        "ahead": drift.ahead,
        "sourceDigest": drift.source.digest,
        "targetDigest": drift.target.digest,
        "editedDirectly": drift.edit is not None,
        "lastPromotion": None if drift.last is None else drift.last.reference,
        "changes": change_counts(drift.difference),
    }
    return Event(DRIFT_FOUND, project_subject(target, drift.project), payload, related)


def change_counts(difference: ProjectDiff | None) -> dict[str, int]:
    """How many settings, intents, entities, utterances and conversations differ; empty when nothing was compared."""
    if difference is None:
        return {}
    return {
        "settings": len(difference.settings),
        "intents": len(difference.intents),
        "entities": len(difference.entities),
        "utterances": sum(one.count for one in difference.utterances),
        "conversations": len(difference.conversations_added) + len(difference.conversations_removed),
    }
