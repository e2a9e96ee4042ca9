"""What keeps a snapshot besides the retention policy: holds, promotions, what serves, recent safety snapshots; pure.

A snapshot is what a service deployment serves when it holds the content that the deployment's model was trained on: of
the snapshots whose project was last modified before that training, the newest. Deployments are those that the newest
snapshot knows of.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cluvault.model.manifest import Reason
from cluvault.model.promotion import Safety
from cluvault.model.reference import SnapshotReference, parse_reference
from cluvault.plan.history import key_of
from cluvault.plan.keys import SnapshotKey

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from cluvault.model.hold import Hold
    from cluvault.model.manifest import Manifest
    from cluvault.plan.promotion import Promotion

_KEPT_FOR_UNDOING: Final = {Reason.SAFETY: "safety snapshot", Reason.PRE_DELETE: "snapshot from before a deletion"}


def protections(
    snapshots: Sequence[Manifest],
    *,
    holds: Mapping[SnapshotKey, Sequence[Hold]],
    safety_days: int,
    now: datetime,
    promised: Mapping[SnapshotKey, Sequence[str]] | None = None,
) -> dict[SnapshotKey, list[str]]:
    """The reasons outside the policy for which snapshots of one project stay.

    Args:
        snapshots: All that can be read.
        holds: The holds that nobody released.
        safety_days: For how long a snapshot is kept that was taken before something replaced or deleted the project.
        now: The present instant.
        promised: What promotions need, as `promised_by` finds it.
    """
    reasons: defaultdict[SnapshotKey, list[str]] = defaultdict(list)
    for key, sentences in (promised or {}).items():
        reasons[key].extend(sentences)
    for key, held in holds.items():
        reasons[key].extend(f"held by {one.by} since {one.held_at:%Y-%m-%d}: {one.reason}" for one in held)
    for manifest in snapshots:
        what = _KEPT_FOR_UNDOING.get(manifest.reason)
        if what is not None and now - manifest.captured_at < timedelta(days=safety_days):
            reasons[key_of(manifest)].append(f"{what} of the last {safety_days} days")
    for key, sentence in _serving(snapshots):
        reasons[key].append(sentence)
    return dict(reasons)


def promised_by(promotions: Iterable[Promotion]) -> dict[SnapshotKey, list[str]]:
    """The snapshots that promotions need, by reason: those under way, and of each target the last that was promoted.

    Of each of these the source's snapshot stays, and the one that undoes it.
    """
    promised: defaultdict[SnapshotKey, list[str]] = defaultdict(list)
    last: dict[tuple[str, str], Promotion] = {}
    for promotion in promotions:
        if not promotion.has_ended:
            _promise(promised, promotion, promotion.state)
        elif promotion.is_promoted:
            place = promotion.key.resource, promotion.key.project
            last[place] = max(promotion, last.get(place, promotion), key=lambda one: one.key.promotion_id)
    for promotion in last.values():
        _promise(promised, promotion, "the last that was promoted")
    return dict(promised)


def _promise(promised: defaultdict[SnapshotKey, list[str]], promotion: Promotion, state: str) -> None:
    safety = promotion.find(Safety)
    for reference in (promotion.plan.source.reference, safety.snapshot if safety is not None else None):
        parsed = parse_reference(reference) if reference is not None else None
        if isinstance(parsed, SnapshotReference) and parsed.snapshot_id is not None:
            key = SnapshotKey(parsed.resource, parsed.project, parsed.snapshot_id)
            promised[key].append(f"of promotion {promotion.key}: {state}")


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
