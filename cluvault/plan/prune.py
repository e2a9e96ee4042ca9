"""Which snapshots of a project go, and which contents may be removed behind them; pure.

A content is removed only when every snapshot that referred to it has been gone for a grace period: a backup may have
looked at one of them just before it went, and be about to refer to the same content. `docs/vault.md` has the argument.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from cluvault.plan.history import key_of
from cluvault.plan.protection import protections
from cluvault.plan.retention import Candidate, decide, decide_vanished

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from cluvault.model.hold import Hold
    from cluvault.model.prune_record import PruneRecord, RemovedSnapshot
    from cluvault.plan.history import History
    from cluvault.plan.keys import SnapshotKey
    from cluvault.plan.protection import UnreadablePromotion
    from cluvault.plan.retention import RetentionPolicy, VanishedPolicy, Verdict

COMMIT_LIMIT: Final = timedelta(hours=1)
"""For how long whoever writes a manifest relies on having seen its content; and a prune on its own record."""
LEAST_GRACE: Final = 3 * COMMIT_LIMIT
"""A decision up to one limit after the record, a manifest up to another limit later, and one to spare."""
RECORD_DAYS: Final = 90
"""For how long the records of prunes are kept; longer than any grace period that can be configured."""
PUT_BACK: Final = "is held; an earlier prune had removed it"
_NOT_SHOWN: Final = "was not in the plan that was shown"


@dataclass(frozen=True, slots=True)
class PruneRules:
    """What a prune goes by.

    Attributes:
        policy: For projects that exist.
        vanished: For those that are gone from their resource.
        safety_days: For how long safety snapshots are kept in any case.
        grace: For how long a content stays that no snapshot refers to.
        drop_damaged: Whether damaged snapshots go.
    """

    policy: RetentionPolicy
    vanished: VanishedPolicy
    safety_days: int
    grace: timedelta
    drop_damaged: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """The record of a prune, None when it is damaged, and when the store received it by the store's own clock."""

    record: PruneRecord | None
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class ProjectPrune:
    """What becomes of one project's snapshots and contents.

    Attributes:
        gone_since: Since when the project is gone from its resource; None when it is there.
        verdicts: On every snapshot that can be read, by id.
        unreadable: Snapshots that cannot be judged, and why; they stay, and so does every content.
        waiting: Contents that nothing refers to, or will once this plan is carried out, and that stay for now.
        expired: Contents that nothing has referred to for the grace period.
        returning: Held snapshots that an earlier prune removed and did not live to put back.
        bytes_waiting: The size of the former.
        bytes_expired: The size of the latter.
        doubtful: Promotions that cannot be read, for which some of its snapshots are kept.
    """

    resource: str
    project: str
    verdicts: tuple[Verdict, ...]
    unreadable: Mapping[SnapshotKey, str]
    waiting: tuple[str, ...]
    expired: tuple[str, ...]
    returning: tuple[SnapshotKey, ...] = ()
    bytes_waiting: int = 0
    bytes_expired: int = 0
    gone_since: datetime | None = None
    doubtful: tuple[UnreadablePromotion, ...] = ()

    @property
    def removed(self) -> tuple[SnapshotKey, ...]:
        """The snapshots that go."""
        return tuple(verdict.candidate.key for verdict in self.verdicts if not verdict.is_kept)

    @property
    def has_work(self) -> bool:
        """Whether carrying it out changes anything."""
        return bool(self.removed or self.waiting or self.expired or self.returning)

    def limited_to(self, shown: ProjectPrune) -> ProjectPrune:
        """This plan, made a moment ago, without the removal of what an earlier one, which was shown, keeps."""
        agreed = set(shown.removed)
        verdicts = tuple(
            one if one.is_kept or one.candidate.key in agreed else replace(one, reasons=(_NOT_SHOWN,))
            for one in self.verdicts
        )
        return replace(self, verdicts=verdicts)

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain JSON values."""
        return {
            "resource": self.resource,
            "project": self.project,
            "goneSince": self.gone_since.isoformat() if self.gone_since else None,
            "snapshots": list(self._rows()),
            "contents": {
                "waiting": len(self.waiting),
                "waitingBytes": self.bytes_waiting,
                "expired": len(self.expired),
                "expiredBytes": self.bytes_expired,
            },
        }

    def _rows(self) -> Iterator[dict[str, Any]]:
        for verdict in self.verdicts:
            yield {
                "snapshot": verdict.candidate.key.snapshot_id,
                "capturedAt": verdict.candidate.captured_at.isoformat(),
                "decision": "keep" if verdict.is_kept else "remove",
                "reasons": list(verdict.reasons),
            }
        for key, problem in self.unreadable.items():
            yield {"snapshot": key.snapshot_id, "capturedAt": None, "decision": "keep", "reasons": [problem]}
        for key in self.returning:
            yield {"snapshot": key.snapshot_id, "capturedAt": None, "decision": "put back", "reasons": [PUT_BACK]}


def plan_prune(
    history: History,
    rules: PruneRules,
    *,
    holds: Mapping[SnapshotKey, Sequence[Hold]],
    records: Sequence[Recorded],
    gone_since: datetime | None,
    now: datetime,
    promised: Mapping[SnapshotKey, Sequence[str]] | None = None,
    unreadable: Sequence[UnreadablePromotion] = (),
) -> ProjectPrune:
    """Decide about everything that a vault holds of a project.

    Args:
        history: What there is.
        rules: What to go by.
        holds: The holds that nobody released.
        records: What earlier prunes wrote about this project.
        gone_since: When a backup first missed the project in its resource.
        now: The present instant.
        promised: The snapshots that promotions need, with the reasons.
        unreadable: Promotions of which nobody can tell what they need: what they may need stays.
    """
    there = {key_of(one) for one in history.snapshots}
    candidates = [
        Candidate(key_of(one), one.captured_at, frozenset(one.tags), is_good=history.is_whole(one))
        for one in history.snapshots
    ]
    options: dict[str, Any] = {
        "now": now,
        "protected": protections(
            history.snapshots,
            holds=holds,
            safety_days=rules.safety_days,
            now=now,
            promised={key: reasons for key, reasons in (promised or {}).items() if key in there},
            unreadable=unreadable,
        ),
        "drop_damaged": rules.drop_damaged,
    }
    if gone_since is None:
        verdicts = decide(candidates, rules.policy, **options)
    else:
        seen = [one.captured_at for one in history.snapshots if one.captured_at <= now]
        gone_since = max([gone_since, *seen])  # it was there once more since a backup last said so
        verdicts = decide_vanished(candidates, rules.vanished, since=gone_since, **options)
    removed = [verdict.candidate.key for verdict in verdicts if not verdict.is_kept]
    loose = history.unreferenced(without=removed)
    expired = expired_contents(history.unreferenced(), records, now=now, grace=rules.grace)
    gone = set(expired)
    waiting = tuple(key for key in loose if key not in gone)
    return ProjectPrune(
        resource=history.resource,
        project=history.project,
        verdicts=verdicts,
        unreadable=history.unreadable,
        waiting=waiting,
        expired=expired,
        returning=tuple(to_put_back(history, holds, records)),
        bytes_waiting=sum(history.contents[key].size for key in waiting),
        bytes_expired=sum(history.contents[key].size for key in expired),
        gone_since=gone_since,
        doubtful=tuple(one for one in unreadable if any(map(one.may_need, there))),
    )


def expired_contents(
    unreferenced: Collection[str], records: Sequence[Recorded], *, now: datetime, grace: timedelta
) -> tuple[str, ...]:
    """The contents that nothing has referred to for the grace period.

    A content's time begins when the store receives the first record that calls it unreferenced, and begins anew with
    every record of a snapshot that referred to it and goes. A damaged record may have said so of any.

    Args:
        unreferenced: What nothing refers to now.
        records: Of this project.
        now: By the store's clock, as the records' times are.
        grace: At least `LEAST_GRACE`.
    """
    since = _unreferenced_since(records)
    return tuple(key for key in sorted(unreferenced) if key in since and since[key] + grace <= now)


def is_recorded(plan: ProjectPrune, records: Sequence[Recorded]) -> bool:
    """Whether the records of earlier prunes say already what this plan would record."""
    return not plan.removed and _unreferenced_since(records).keys() >= set(plan.waiting)


def _unreferenced_since(records: Sequence[Recorded]) -> dict[str, datetime]:
    """The first mention of each content since the last snapshot that referred to it was to go.

    A damaged record may have spoken of any content: nothing that was said before it counts.
    """
    damaged_at = max((one.stored_at for one in records if one.record is None), default=None)
    readable = [(one.record, one.stored_at) for one in records if one.record is not None]
    left: dict[str, datetime] = {}
    for record, stored_at in readable:
        for removed in record.removed:
            for key in removed.keys:
                left[key] = max(stored_at, left.get(key, stored_at))
    since: dict[str, datetime] = {}
    for record, stored_at in readable:
        if damaged_at is not None and stored_at <= damaged_at:
            continue
        for key in record.unreferenced:
            if stored_at >= left.get(key, stored_at):  # stores count in seconds: equal times have no order
                since[key] = min(stored_at, since.get(key, stored_at))
    return since


def to_put_back(
    history: History, holds: Collection[SnapshotKey], records: Sequence[Recorded]
) -> dict[SnapshotKey, RemovedSnapshot]:
    """Held snapshots that are gone though their content is there, each with its manifest from the record.

    The hold came while a prune was removing them, and the prune was killed before it looked at the holds.
    """
    there = {key_of(one) for one in history.snapshots} | set(history.unreadable)
    known = {
        removed.snapshot_id: removed
        for one in records
        if one.record is not None
        for removed in one.record.removed
        if all(key in history.contents for key in removed.keys)
    }
    return {key: known[key.snapshot_id] for key in sorted(holds) if key not in there and key.snapshot_id in known}


def stale_records(records: Sequence[Recorded], *, now: datetime) -> tuple[str, ...]:
    """The run ids of records that are too old to matter: their contents are gone or referred to again."""
    oldest = now - timedelta(days=RECORD_DAYS)
    return tuple(one.record.run_id for one in records if one.record is not None and one.stored_at < oldest)
