"""What keeps a snapshot besides the retention policy: holds, what serves traffic, recent safety snapshots; pure.

A snapshot is what a service deployment serves when it holds the content that the deployment's model was trained on: of
the snapshots whose project was last modified before that training, the newest. Deployments are those that the newest
snapshot knows of.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cluvault.model.manifest import Reason
from cluvault.plan.history import key_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from cluvault.model.hold import Hold
    from cluvault.model.manifest import Manifest
    from cluvault.plan.keys import SnapshotKey

_KEPT_FOR_UNDOING: Final = {Reason.SAFETY: "safety snapshot", Reason.PRE_DELETE: "snapshot from before a deletion"}


def protections(
    snapshots: Sequence[Manifest],
    *,
    holds: Mapping[SnapshotKey, Sequence[Hold]],
    safety_days: int,
    now: datetime,
) -> dict[SnapshotKey, list[str]]:
    """The reasons outside the policy for which snapshots of one project stay.

    Args:
        snapshots: All that can be read.
        holds: The holds that nobody released.
        safety_days: For how long a snapshot is kept that was taken before something replaced or deleted the project.
        now: The present instant.
    """
    reasons: defaultdict[SnapshotKey, list[str]] = defaultdict(list)
    for key, held in holds.items():
        reasons[key].extend(f"held by {one.by} since {one.held_at:%Y-%m-%d}: {one.reason}" for one in held)
    for manifest in snapshots:
        what = _KEPT_FOR_UNDOING.get(manifest.reason)
        if what is not None and now - manifest.captured_at < timedelta(days=safety_days):
            reasons[key_of(manifest)].append(f"{what} of the last {safety_days} days")
    for key, sentence in _serving(snapshots):
        reasons[key].append(sentence)
    return dict(reasons)


def _serving(snapshots: Collection[Manifest]) -> Iterator[tuple[SnapshotKey, str]]:
    newest = max(snapshots, key=lambda one: (one.captured_at, one.snapshot_id), default=None)
    if newest is None:
        return
    trained = {model.label: model.trained_at for model in newest.models}
    for deployment in newest.deployments:
        at = trained.get(deployment.model or "")
        source = None if at is None else _trained_on(snapshots, at)
        if source is not None:
            yield key_of(source), f"what {deployment.name} serves was trained on it ({deployment.model})"


def _trained_on(snapshots: Collection[Manifest], at: datetime) -> Manifest | None:
    fitting = [one for one in snapshots if (one.project_last_modified or one.captured_at) <= at]
    return max(
        fitting,
        key=lambda one: (one.project_last_modified or one.captured_at, one.captured_at, one.snapshot_id),
        default=None,
    )
