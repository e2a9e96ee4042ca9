"""Which snapshots go, and when a content may: never before it was unreferenced for the grace period."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from cluvault.model.hold import Hold
from cluvault.model.object_info import ObjectInfo
from cluvault.plan.history import key_of
from cluvault.plan.prune import (
    COMMIT_LIMIT,
    LEAST_GRACE,
    RECORD_DAYS,
    ProjectPrune,
    PruneRules,
    expired_contents,
    is_recorded,
    plan_prune,
    stale_records,
    to_put_back,
)
from cluvault.plan.retention import VanishedPolicy, read_policy, read_vanished_policy
from cluvault.settings import PruneSettings
from tests.strategies import QUICK
from tests.support.histories import NOW, SIZE, history_of, hours_ago, key_at, manifest_at, recorded

if TYPE_CHECKING:
    from random import Random

    from cluvault.model.manifest import Manifest
    from cluvault.plan.history import History
    from cluvault.plan.prune import Recorded

RULES = PruneRules(
    policy=read_policy({"keep-last": 1}), vanished=VanishedPolicy(), safety_days=30, grace=timedelta(hours=12)
)
A, B, C = (manifest_at(hours_ago(hours)) for hours in (72, 48, 24))
LIKE_A = manifest_at(hours_ago(36), content=key_of(A))
LOOSE = key_at(hours_ago(100)).content
HOLD = Hold(reason="audit", by="ada", held_at=NOW)


def plan(history: History, **changes: Any) -> ProjectPrune:
    """A plan by these rules."""
    arguments: dict[str, Any] = {"rules": RULES, "holds": {}, "records": (), "gone_since": None, "now": NOW}
    return plan_prune(history, **(arguments | changes))


# --- the plan ------------------------------------------------------------------------------------------------------


def test_snapshots_go_at_once_and_contents_later() -> None:
    """What nothing will refer to waits; nothing has expired yet."""
    found = plan(history_of(A, B, C, loose=[LOOSE]))
    assert found.removed == (key_of(A), key_of(B))
    assert found.waiting == tuple(sorted([LOOSE, A.content.key, B.content.key]))
    assert (found.bytes_waiting, found.bytes_expired, found.expired) == (3 * SIZE, 0, ())
    assert found.has_work


def test_a_content_that_another_snapshot_needs_does_not_wait() -> None:
    """It is deduplicated: it goes with the last that refers to it."""
    found = plan(history_of(A, replace_time(LIKE_A, 1)))
    assert (found.removed, found.waiting) == ((key_of(A),), ())


def replace_time(manifest: Manifest, hours: float) -> Manifest:
    """The same snapshot at another time."""
    moment = hours_ago(hours)
    return manifest.model_copy(update={"captured_at": moment, "snapshot_id": key_at(moment).snapshot_id})


def test_an_old_record_lets_a_content_go() -> None:
    """After the grace period by the records."""
    history = history_of(C, loose=[LOOSE, A.content.key])
    records = [recorded(hours_ago(12), unreferenced=[LOOSE]), recorded(hours_ago(11), unreferenced=[A.content.key])]
    found = plan(history, records=records)
    assert (found.expired, found.waiting) == ((LOOSE,), (A.content.key,))
    assert (found.bytes_expired, found.bytes_waiting) == (SIZE, SIZE)


def test_nothing_to_do() -> None:
    """A vault that is as the policy wants it."""
    found = plan(history_of(C))
    assert (found.has_work, found.removed, len(found.verdicts)) == (False, (), 1)


def test_what_is_protected_stays() -> None:
    """Held ones, with the reason; the damaged ones until they are dropped."""
    holds = {key_of(A): [HOLD]}
    verdicts = plan(history_of(A, B, C), holds=holds).verdicts
    assert [one.reasons for one in verdicts] == [("held by ada since 2026-11-22: audit",), (), ("last",)]
    damaged = history_of(A, B, C)
    damaged = replace(damaged, contents={key: one for key, one in damaged.contents.items() if key != C.content.key})
    assert plan(damaged).removed == (key_of(A),)
    assert plan(damaged, rules=replace(RULES, drop_damaged=True)).removed == (key_of(A), key_of(C))


def test_an_unreadable_snapshot_stays_and_so_does_every_content() -> None:
    """Snapshots that can be judged go all the same."""
    history = history_of(A, C, loose=[LOOSE], unreadable={key_of(B): "not a manifest"})
    found = plan(history, records=[recorded(hours_ago(99), unreferenced=[LOOSE])])
    assert (found.removed, found.waiting, found.expired) == ((key_of(A),), (), ())
    assert found.to_dict()["snapshots"][-1] == {
        "snapshot": B.snapshot_id, "capturedAt": None, "decision": "keep", "reasons": ["not a manifest"],
    }  # fmt: skip


def test_a_vanished_project_goes_by_its_own_rule() -> None:
    """Everything stays unless somebody said otherwise; its time begins no earlier than its newest snapshot."""
    assert plan(history_of(A, B, C), gone_since=hours_ago(2)).removed == ()
    forgetting = replace(RULES, vanished=read_vanished_policy({"forget-after-days": 1}))
    history = history_of(A, B, C)
    assert plan(history, rules=forgetting, gone_since=hours_ago(23)).removed == ()
    assert len(plan(history, rules=forgetting, gone_since=hours_ago(24)).removed) == 3
    assert plan(history_of(replace_time(C, 23)), rules=forgetting, gone_since=hours_ago(200)).removed == ()
    assert plan(history, rules=forgetting, gone_since=hours_ago(200)).gone_since == C.captured_at
    future = history_of(A, replace_time(C, -99))
    assert plan(future, rules=forgetting, gone_since=hours_ago(200)).gone_since == A.captured_at


def test_a_held_snapshot_that_a_killed_prune_removed_comes_back() -> None:
    """Though nothing else is to be done: its content is still needed by another snapshot."""
    records = [recorded(hours_ago(1), removed=[A])]
    history = history_of(replace_time(LIKE_A, 24))
    found = plan(history, holds={key_of(A): [HOLD]}, records=records)
    assert (found.returning, found.waiting, found.has_work) == ((key_of(A),), (), True)
    assert found.to_dict()["snapshots"][-1]["decision"] == "put back"
    assert not plan(history, records=records).has_work


def test_what_can_be_put_back() -> None:
    """What is held and gone, when a record has its manifest and the vault its content."""
    holds = {key_of(one) for one in (A, B, C)}
    records = [recorded(hours_ago(9), removed=[A]), recorded(hours_ago(1), removed=[B])]
    both = history_of(C, loose=[A.content.key, B.content.key])
    assert {key: one.manifest for key, one in to_put_back(both, holds, records).items()} == {
        key_of(A): A.to_bytes().decode(), key_of(B): B.to_bytes().decode(),
    }  # fmt: skip
    assert list(to_put_back(history_of(C, loose=[A.content.key]), holds, records)) == [key_of(A)]
    assert list(to_put_back(both, holds, records[:1])) == [key_of(A)]
    assert to_put_back(replace(both, unreadable={key_of(A): "x", key_of(B): "x"}), holds, records) == {}
    assert to_put_back(both, set(), records) == {}


def test_the_plan_for_programs() -> None:
    """Every snapshot with its decision and reasons, and the contents in numbers."""
    found = plan(history_of(A, C), gone_since=None).to_dict()
    assert found == {
        "resource": "prod",
        "project": "Travel",
        "goneSince": None,
        "snapshots": [
            {"snapshot": A.snapshot_id, "capturedAt": A.captured_at.isoformat(), "decision": "remove", "reasons": []},
            {"snapshot": C.snapshot_id, "capturedAt": C.captured_at.isoformat(), "decision": "keep",
             "reasons": ["last"]},
        ],
        "contents": {"waiting": 1, "waitingBytes": SIZE, "expired": 0, "expiredBytes": 0},
    }  # fmt: skip
    assert plan(history_of(C), gone_since=NOW).to_dict()["goneSince"] == NOW.isoformat()


def test_what_earlier_prunes_wrote_is_not_written_again() -> None:
    """Unless snapshots go, or a content is new among those that wait."""
    waiting = plan(history_of(C, loose=[LOOSE]))
    assert not is_recorded(waiting, [])
    assert is_recorded(waiting, [recorded(hours_ago(1), unreferenced=[LOOSE, A.content.key])])
    assert not is_recorded(plan(history_of(A, C)), [recorded(hours_ago(1), unreferenced=[A.content.key])])
    assert is_recorded(plan(history_of(C)), [])


def test_records_are_kept_for_a_while() -> None:
    """Longer than the longest grace period."""
    day = timedelta(days=1)
    records = [recorded(NOW - days * day, run_id=f"run{days}") for days in (RECORD_DAYS + 1, RECORD_DAYS, 1)]
    assert stale_records(records, now=NOW) == (f"run{RECORD_DAYS + 1}",)
    longest = PruneSettings(grace_hours=720)
    assert timedelta(hours=longest.grace_hours) < RECORD_DAYS * day


# --- when a content expires ----------------------------------------------------------------------------------------


def expired(*records: Recorded, keys: tuple[str, ...] = (LOOSE,), grace: float = 12) -> tuple[str, ...]:
    """What has expired now."""
    return expired_contents(keys, records, now=NOW, grace=timedelta(hours=grace))


def test_the_first_mention_counts() -> None:
    """A later one does not put it off; at the very end of the grace period it may go."""
    assert expired() == ()
    assert expired(recorded(hours_ago(11.99), unreferenced=[LOOSE])) == ()
    assert expired(recorded(hours_ago(12), unreferenced=[LOOSE])) == (LOOSE,)
    later = recorded(hours_ago(1), unreferenced=[LOOSE])
    assert expired(recorded(hours_ago(12), unreferenced=[LOOSE]), later) == (LOOSE,)


def test_a_snapshot_that_referred_to_it_and_goes_starts_the_clock_anew() -> None:
    """A backup may have looked at that snapshot just before."""
    mention = recorded(hours_ago(50), unreferenced=[A.content.key])
    again = recorded(hours_ago(5), removed=[LIKE_A], unreferenced=[A.content.key])
    assert expired(mention, keys=(A.content.key,)) == (A.content.key,)
    assert expired(mention, again, keys=(A.content.key,)) == ()
    assert expired(again, mention, keys=(A.content.key,)) == ()
    same = recorded(hours_ago(50), removed=[LIKE_A])
    assert expired(mention, same, keys=(A.content.key,)) == expired(same, mention, keys=(A.content.key,)) != ()


def test_the_grace_period_is_longer_than_what_relies_on_it() -> None:
    """A decision up to a limit after the record, a manifest up to a limit later; nobody can configure less."""
    assert timedelta(hours=3) == LEAST_GRACE > 2 * COMMIT_LIMIT
    assert PruneSettings.model_fields["grace_hours"].metadata[0].ge == LEAST_GRACE / timedelta(hours=1)


KEYS = [key_at(hours_ago(100 + number)).content for number in range(4)]
RECORDS = st.lists(
    st.tuples(st.integers(0, 40), st.sets(st.sampled_from(KEYS)), st.sets(st.sampled_from(range(4)))), max_size=6
).map(
    lambda rows: [
        recorded(
            hours_ago(hours),
            unreferenced=sorted(keys),
            removed=[manifest_at(hours_ago(90), content=key_at(hours_ago(100 + number))) for number in sorted(numbers)],
        )
        for hours, keys, numbers in rows
    ]
)
UNREFERENCED = st.sets(st.sampled_from(KEYS))


@QUICK
@given(RECORDS, UNREFERENCED, st.integers(3, 30), st.randoms(use_true_random=False))
def test_nothing_expires_before_its_time(
    records: list[Recorded], unreferenced: set[str], grace: int, random: Random
) -> None:
    """Only what nothing refers to; a record says so that is old enough, and since then no snapshot of it went."""
    found = expired(*records, keys=tuple(unreferenced), grace=grace)
    assert set(found) <= unreferenced
    edge = hours_ago(grace)
    said = [(one.record, one.stored_at) for one in records if one.record is not None]
    for key in found:
        assert any(key in record.unreferenced and stored_at <= edge for record, stored_at in said)
        assert all(at <= edge for record, at in said if key in {gone.content_key for gone in record.removed})
    assert expired(*random.sample(records, len(records)), keys=tuple(unreferenced), grace=grace) == found
    assert set(expired(*records, keys=tuple(unreferenced), grace=grace + 1)) <= set(found)


@QUICK
@given(RECORDS, UNREFERENCED)
def test_whatever_is_said_now_makes_nothing_expire(records: list[Recorded], unreferenced: set[str]) -> None:
    """A prune's own record lets nothing go, and holds back what its snapshots referred to."""
    keys = tuple(unreferenced)
    own = recorded(NOW, unreferenced=KEYS, removed=[manifest_at(hours_ago(90), content=key_at(hours_ago(100)))])
    assert set(expired(*records, own, keys=keys)) == set(expired(*records, keys=keys)) - {KEYS[0]}


@QUICK
@given(
    st.lists(st.tuples(st.integers(1, 200), st.integers(0, 5)), unique_by=lambda one: one[0], max_size=12),
    RECORDS, UNREFERENCED, st.sets(st.integers(0, 11)),
)  # fmt: skip
def test_a_plan_never_touches_what_stays(
    rows: list[tuple[int, int]], records: list[Recorded], loose: set[str], held: set[int]
) -> None:
    """Neither waiting nor expired is what a kept snapshot refers to; once carried out, nothing more is removed."""
    snapshots = [manifest_at(hours_ago(hours), content=key_at(hours_ago(100 + place))) for hours, place in rows]
    holds = {key_of(snapshots[place]): [HOLD] for place in held if place < len(snapshots)}
    history = history_of(*snapshots, loose=loose)
    found = plan(history, holds=holds, records=records)
    kept = [one for one in snapshots if key_of(one) not in found.removed]
    needed = {one.content.key for one in kept}
    assert needed.isdisjoint({*found.waiting, *found.expired})
    assert not {*found.waiting} & {*found.expired}
    assert {*found.waiting, *found.expired} | needed == set(history.contents)
    assert set(holds).isdisjoint(found.removed)
    after = history_of(*kept, loose=found.waiting)
    assert plan(after, holds=holds, records=records).removed == ()


def test_a_size_is_that_of_the_store() -> None:
    """Not what a manifest says."""
    history = replace(history_of(C), contents={LOOSE: ObjectInfo(LOOSE, 77, NOW)})
    assert plan(history).bytes_waiting == 77
