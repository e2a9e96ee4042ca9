"""Which snapshots of a project a copy brings to another vault, and which it does not; pure.

What the target has is left alone. What the target's own retention would remove is not brought: else every copy would
bring back what the target's last prune removed. A target without a policy of its own may be pruned by somebody else
all the same; there the records of its prunes say what not to bring.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from cluvault.plan.history import key_of, keys_of
from cluvault.plan.keys import snapshot_of
from cluvault.plan.prune import plan_prune

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from cluvault.model.hold import Hold
    from cluvault.model.manifest import Manifest
    from cluvault.plan.history import History, ProjectObjects
    from cluvault.plan.keys import SnapshotKey
    from cluvault.plan.prune import PruneRules, Recorded


@dataclass(frozen=True, slots=True)
class ProjectCopy:
    """What becomes of one project's snapshots.

    Attributes:
        groups: The snapshots to bring, those of one content together, the oldest first.
        unwanted: Those that the target would not keep, or has removed before.
        unreadable: Those whose manifest cannot be used, and why.
    """

    groups: tuple[tuple[SnapshotKey, ...], ...] = ()
    unwanted: tuple[SnapshotKey, ...] = ()
    unreadable: Mapping[SnapshotKey, str] | None = None


def is_complete(source: ProjectObjects, target: ProjectObjects) -> bool:
    """Whether the target has all that the source has, as far as listings tell."""
    return source.manifests.keys() <= target.manifests.keys() and source.contents.keys() <= target.contents.keys()


def may_be_hollow(source: ProjectObjects, target: ProjectObjects) -> bool:
    """Whether the target may list a snapshot without its content, as far as listings tell.

    It lacks a content that is not only that of a snapshot which it lacks as well.
    """
    lacking = source.manifests.keys() - target.manifests.keys()
    return any(snapshot_of(key) not in lacking for key in source.contents.keys() - target.contents.keys())


def plan_copy(
    source: History,
    target: History,
    *,
    rules: PruneRules | None,
    holds: Mapping[SnapshotKey, Sequence[Hold]],
    records: Sequence[Recorded],
    gone_since: datetime | None,
    now: datetime,
    promised: Mapping[SnapshotKey, Sequence[str]] | None = None,
) -> ProjectCopy:
    """Decide about every snapshot of a project.

    A snapshot that the target lists without having its content is brought again: its manifest is there already, and
    the content comes back.

    Args:
        source: What there is.
        target: What is there already.
        rules: What the target's prunes go by; None when it has no policy.
        holds: The holds on both sides.
        records: What the target's prunes wrote about this project.
        gone_since: When a backup first missed the project in its resource.
        now: The present instant.
        promised: What promotions need: the target's prunes keep it.
    """
    there = {key_of(one) for one in target.snapshots} | set(target.unreadable)
    whole = {key_of(one) for one in target.snapshots if set(keys_of(one)) <= target.contents.keys()}
    whole |= set(target.unreadable)
    missing = {key_of(one): one for one in source.snapshots if key_of(one) not in whole}
    if rules is None:
        removed = {one.snapshot_id for found in records if found.record is not None for one in found.record.removed}
        unwanted = {key for key in missing if key not in there and key.snapshot_id in removed and key not in holds}
    else:
        together = _together(source, target)
        plan = plan_prune(together, rules, holds=holds, records=(), gone_since=gone_since, now=now, promised=promised)
        unwanted = {key for key in plan.removed if key in missing and key not in there}
    return ProjectCopy(
        groups=_by_content([one for key, one in missing.items() if key not in unwanted]),
        unwanted=tuple(sorted(unwanted)),
        unreadable={key: fault for key, fault in source.unreadable.items() if key not in there},
    )


def _together(source: History, target: History) -> History:
    """The project as the target would have it, had everything been copied."""
    snapshots = {key_of(one): one for one in (*source.snapshots, *target.snapshots)}
    return replace(
        target,
        snapshots=tuple(snapshots[key] for key in sorted(snapshots)),
        contents={**source.contents, **target.contents},
    )


def _by_content(manifests: Sequence[Manifest]) -> tuple[tuple[SnapshotKey, ...], ...]:
    ordered = sorted(manifests, key=lambda one: (one.content.key, one.snapshot_id))
    groups = [tuple(map(key_of, group)) for _, group in groupby(ordered, key=lambda one: one.content.key)]
    return tuple(sorted(groups))
