"""What keeps a snapshot besides the retention policy: holds, promotions, what serves, recent safety snapshots; pure.

A snapshot is what a service deployment serves when it holds the content that the deployment's model was trained on: of
the snapshots whose project was last modified before that training, the newest. Deployments are those that the newest
snapshot knows of.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cluvault.model.manifest import Reason, id_moment
from cluvault.model.promotion import Safety
from cluvault.model.reference import SnapshotReference, parse_reference
from cluvault.plan.history import key_of
from cluvault.plan.keys import SnapshotKey

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from cluvault.model.hold import Hold
    from cluvault.model.manifest import Manifest
    from cluvault.plan.keys import PromotionKey
    from cluvault.plan.promotion import Promotion

_CLOCKS: Final = timedelta(days=1)
"""By how much the clocks of who took a snapshot and of who promoted it may differ."""
_UNDATED: Final = id_moment("")
_KEPT_FOR_UNDOING: Final = {Reason.SAFETY: "safety snapshot", Reason.PRE_DELETE: "snapshot from before a deletion"}


@dataclass(frozen=True, slots=True)
class UnreadablePromotion:
    """A promotion of which not every record can be read: whether it has ended, and what it needs, is not known.

    Attributes:
        problem: Which record, what is wrong with it, and the mend.
        source: The snapshot that it promotes; None when that cannot be read either.
    """

    key: PromotionKey
    problem: str
    source: SnapshotKey | None

    def may_need(self, snapshot: SnapshotKey) -> bool:
        """Whether it may need a snapshot: its source, and any of its target's, one of which would undo it.

        When nobody can tell the source, it may be any snapshot that was there when the promotion began.
        """
        if (snapshot.resource, snapshot.project) == (self.key.resource, self.key.project):
            return True
        if self.source is not None:
            return snapshot == self.source
        began = id_moment(self.key.promotion_id)
        return began == _UNDATED or id_moment(snapshot.snapshot_id) <= began + _CLOCKS


def protections(
    snapshots: Sequence[Manifest],
    *,
    holds: Mapping[SnapshotKey, Sequence[Hold]],
    safety_days: int,
    now: datetime,
    promised: Mapping[SnapshotKey, Sequence[str]] | None = None,
    unreadable: Collection[UnreadablePromotion] = (),
) -> dict[SnapshotKey, list[str]]:
    """The reasons outside the policy for which snapshots of one project stay.

    Args:
        snapshots: All that can be read.
        holds: The holds that nobody released.
        safety_days: For how long a snapshot is kept that was taken before something replaced or deleted the project.
        now: The present instant.
        promised: What promotions need, as `promised_by` finds it.
        unreadable: Promotions of which nobody can tell what they need.
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
        for one in unreadable:
            if one.may_need(key_of(manifest)):
                reasons[key_of(manifest)].append(f"promotion {one.key}, which cannot be read, may need it")
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
        if reference is not None and (key := snapshot_named(reference)) is not None:
            promised[key].append(f"of promotion {promotion.key}: {state}")


def snapshot_named(reference: str) -> SnapshotKey | None:
    """The snapshot that a reference names by its id; None when it does not."""
    parsed = parse_reference(reference)
    if not isinstance(parsed, SnapshotReference) or parsed.snapshot_id is None:
        return None
    return SnapshotKey(parsed.resource, parsed.project, parsed.snapshot_id)


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
