"""What is wrong with a vault, told apart by what it means for its user; pure.

Damage is what takes a snapshot away: its content is missing, or is not what the manifest says, or the manifest is of no
use; and what takes a record of a run, hold, prune, promotion, intake or replication away. A content without a manifest
is no damage: a killed run left it, a running one is about to write the manifest, or it waits for a prune. Nor is what
no vault wrote, nor what a newer cluvault wrote.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from cluvault.errors import DamagedSnapshot, VaultTooNew
from cluvault.plan.history import is_there, key_of, names_own_content
from cluvault.plan.keys import PromotionKey, parse_hold_key, parse_prune_key, parse_replica_key, parse_series_key

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from cluvault.errors import VaultError
    from cluvault.model.json_text import JsonObject
    from cluvault.model.manifest import Content, Manifest
    from cluvault.plan.history import History
    from cluvault.plan.keys import IntakeKey, SnapshotKey


class FindingKind(StrEnum):
    """What a finding means."""

    MISSING = "missing"
    DAMAGED = "damaged"
    TOO_NEW = "too-new"
    UNREFERENCED = "unreferenced"
    FOREIGN = "foreign"


DAMAGE: Final = (FindingKind.MISSING, FindingKind.DAMAGED)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a content that was read."""

    kind: FindingKind
    problem: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One object of a vault that is not as it should be.

    Attributes:
        key: The object.
        problem: What is wrong with it, in a sentence.
        resource: Whose it is; empty for a foreign object.
        project: Likewise.
        snapshots: The snapshots that cannot be used because of it.
        content: What their manifests say should lie there, when it is a content.
    """

    kind: FindingKind
    key: str
    problem: str
    resource: str = ""
    project: str = ""
    snapshots: tuple[SnapshotKey, ...] = ()
    content: Content | None = None

    @property
    def is_damage(self) -> bool:
        """Whether a snapshot or a record is lost by it."""
        return self.kind in DAMAGE

    def to_json(self) -> JsonObject:
        """The finding for programs."""
        return {
            "finding": self.kind.value,
            "key": self.key,
            "problem": self.problem,
            "snapshots": [key.reference for key in self.snapshots],
        }


def contents_of(
    history: History, *, chosen: Collection[SnapshotKey] | None = None
) -> dict[Content, tuple[Manifest, ...]]:
    """The contents that a project's snapshots rightly name, each once, with the snapshots that share it.

    A snapshot that has it for a model is given as if it were its own (`Manifest.views`). With `chosen`, only contents
    that one of these snapshots needs.
    """
    shared: defaultdict[Content, list[Manifest]] = defaultdict(list)
    for manifest in filter(names_own_content, history.snapshots):
        for view in manifest.views:
            shared[view.content].append(view)
    return {
        content: tuple(manifests)
        for content, manifests in shared.items()
        if chosen is None or any(key_of(one) in chosen for one in manifests)
    }


def suspects(history: History, contents: Iterable[Content]) -> list[Content]:
    """The contents that the listing showed not at all, or in another size; each deserves a look of its own."""
    return [content for content in contents if not is_there(content, history.contents)]


def classify(
    history: History, faults: Mapping[Content, Fault], *, chosen: Collection[SnapshotKey] | None = None
) -> tuple[Finding, ...]:
    """The findings of one project; with `chosen`, only what harms one of these snapshots.

    Args:
        history: What the vault holds of the project.
        faults: What is wrong with which content.
        chosen: The snapshots that matter; all when None.
    """
    findings = [*_manifests(history), *_contents(history, faults)]
    if chosen is None:
        return (*findings, *_unreferenced(history))
    return tuple(one for one in findings if not set(chosen).isdisjoint(one.snapshots))


def foreign(keys: Iterable[str]) -> tuple[Finding, ...]:
    """The findings on objects that no vault writes."""
    return tuple(Finding(FindingKind.FOREIGN, key, "no vault writes an object of this name") for key in keys)


def unreadable_record(key: str, fault: VaultError) -> Finding:
    """The finding on a record that cannot be understood."""
    kind = FindingKind.TOO_NEW if isinstance(fault, VaultTooNew) else FindingKind.DAMAGED
    resource, project = _place_of(key)
    return Finding(kind, key, str(fault).removeprefix(f"{key}: "), resource=resource, project=project)


def lost_records(keys: Iterable[str]) -> Iterator[Finding]:
    """The findings on records of promotions and intakes that must have been there, for later ones are."""
    numbers: defaultdict[PromotionKey | IntakeKey, set[int]] = defaultdict(set)
    for key in keys:
        if (place := parse_series_key(key)) is not None:
            numbers[place[0]].add(place[1])
    for series, there in numbers.items():
        what = "promotion" if isinstance(series, PromotionKey) else "intake"
        for number in sorted(set(range(max(there))) - there):
            yield Finding(
                FindingKind.MISSING,
                series.record(number),
                f"is missing, though later records of its {what} are there",
                resource=series.resource,
                project=series.project,
            )


def _place_of(key: str) -> tuple[str, str]:
    """Resource and project of a record; empty for that of a run."""
    if (series := parse_series_key(key)) is not None:
        return series[0].resource, series[0].project
    if (replica := parse_replica_key(key)) is not None:
        return replica.resource, replica.project
    if (hold := parse_hold_key(key)) is not None:
        return hold.snapshot.resource, hold.snapshot.project
    prune = parse_prune_key(key)
    return ("", "") if prune is None else prune[:2]


def exit_code(findings: Iterable[Finding]) -> int:
    """5 when a snapshot or record is lost, 2 when one cannot be judged by this version, else 0."""
    kinds = {one.kind for one in findings}
    if kinds.intersection(DAMAGE):
        return DamagedSnapshot.exit_code
    return VaultTooNew.exit_code if FindingKind.TOO_NEW in kinds else 0


def claims(history: History, key: str) -> frozenset[str]:
    """The stored digests that a project's snapshots expect at a key."""
    return frozenset(one.sha256 for manifest in history.snapshots for one in manifest.contents if one.key == key)


def _manifests(history: History) -> Iterator[Finding]:
    for key, problem in history.unreadable.items():
        yield _unusable(key, FindingKind.TOO_NEW if key in history.newer else FindingKind.DAMAGED, problem)
    for manifest in history.snapshots:
        if not names_own_content(manifest):
            problem = "names a content that is none of this project's; it is not believed"
            yield _unusable(key_of(manifest), FindingKind.DAMAGED, problem)


def _unusable(key: SnapshotKey, kind: FindingKind, problem: str) -> Finding:
    return Finding(kind, key.manifest, problem, resource=key.resource, project=key.project, snapshots=(key,))


def _contents(history: History, faults: Mapping[Content, Fault]) -> Iterator[Finding]:
    for content, manifests in contents_of(history).items():
        if (fault := faults.get(content)) is not None:
            yield Finding(
                fault.kind,
                content.key,
                fault.problem,
                resource=history.resource,
                project=history.project,
                snapshots=tuple(key_of(one) for one in manifests),
                content=content,
            )


def _unreferenced(history: History) -> Iterator[Finding]:
    for key in history.unreferenced():
        problem = f"{history.contents[key].size} bytes that no snapshot refers to; a later prune removes them"
        yield Finding(FindingKind.UNREFERENCED, key, problem, resource=history.resource, project=history.project)
