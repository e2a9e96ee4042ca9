"""What a copy brings, and what it leaves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from cluvault.model.hold import Hold
from cluvault.model.manifest import Content, Counts, Manifest, Reason, Tool, new_snapshot_id
from cluvault.model.object_info import ObjectInfo
from cluvault.model.prune_record import PruneRecord, RemovedSnapshot
from cluvault.plan.copy import ProjectCopy, is_complete, may_be_hollow, plan_copy
from cluvault.plan.history import History, key_of, sort_objects
from cluvault.plan.keys import SnapshotKey
from cluvault.plan.prune import LEAST_GRACE, PruneRules, Recorded
from cluvault.plan.retention import RetentionPolicy, VanishedPolicy

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2026, 11, 1, tzinfo=UTC)
TOOL = Tool(name="cluvault", version="0.1.0")


def snapshot(day: int, *, content: int | None = None) -> Manifest:
    """A snapshot of that many days ago; its content may be an older one's."""
    captured_at = NOW - timedelta(days=day)
    keys = [
        SnapshotKey("prod", "A", new_snapshot_id(NOW - timedelta(days=one), f"{one:08x}"))
        for one in (day, day if content is None else content)
    ]
    digest = f"{day if content is None else content:064x}"
    return Manifest(
        snapshot_id=keys[0].snapshot_id,
        vault_id="v",
        resource="prod",
        endpoint="https://x",
        project="A",
        captured_at=captured_at,
        reason=Reason.SCHEDULED,
        api_version="2023-04-01",
        content=Content(
            key=keys[1].content,
            sha256=digest,
            bytes=5,
            encoding="gzip",
            raw_sha256=digest,
            raw_bytes=9,
            canonical_sha256=digest,
        ),
        counts=Counts(intents=0, entities=0, utterances=0),
        tool=TOOL,
    )


def history(*snapshots: Manifest, without: Sequence[Manifest] = (), unreadable: Sequence[Manifest] = ()) -> History:
    """A vault with these snapshots and their contents, but for some contents."""
    contents = {one.content.key for one in snapshots} - {one.content.key for one in without}
    return History(
        "prod",
        "A",
        snapshots=snapshots,
        contents={key: ObjectInfo(key, 5, NOW) for key in contents},
        unreadable={key_of(one): "is malformed" for one in unreadable},
    )


def keep_last(number: int) -> PruneRules:
    """A policy of the target."""
    return PruneRules(RetentionPolicy(last=number), VanishedPolicy(), safety_days=0, grace=LEAST_GRACE)


def planned(
    source: History,
    target: History,
    *,
    rules: PruneRules | None = None,
    held: Sequence[Manifest] = (),
    removed: Sequence[Manifest] = (),
) -> ProjectCopy:
    """The plan, with what the target holds and what its records say."""
    record = PruneRecord(
        run_id="r",
        resource="prod",
        project="A",
        planned_at=NOW,
        removed=tuple(
            RemovedSnapshot(snapshot_id=one.snapshot_id, content_key=one.content.key, manifest="") for one in removed
        ),
        tool=TOOL,
    )
    holds = {key_of(one): [Hold(reason="audit", by="me", held_at=NOW)] for one in held}
    return plan_copy(
        source, target, rules=rules, holds=holds, records=[Recorded(record, NOW)], gone_since=None, now=NOW
    )


OLD, SAME, NEW = snapshot(9), snapshot(8, content=9), snapshot(1)


def test_what_is_missing_is_brought_by_content() -> None:
    """Snapshots of one content together, the oldest first."""
    plan = planned(history(OLD, SAME, NEW), history())
    assert plan.groups == ((key_of(OLD), key_of(SAME)), (key_of(NEW),))
    assert planned(history(OLD, SAME, NEW), history(OLD, NEW)).groups == ((key_of(SAME),),)
    assert planned(history(OLD), history(OLD, NEW)) == ProjectCopy(unreadable={})


def test_a_listed_snapshot_without_content_is_brought_again() -> None:
    """With every snapshot of that content."""
    target = history(OLD, SAME, NEW, without=[OLD])
    assert planned(history(OLD, SAME, NEW), target).groups == ((key_of(OLD), key_of(SAME)),)
    assert planned(history(OLD, SAME, NEW), target, rules=keep_last(1)).groups == ((key_of(OLD), key_of(SAME)),)


def test_the_targets_policy_decides() -> None:
    """Over what both have; what is held is wanted all the same."""
    source = history(OLD, SAME, NEW)
    plan = planned(source, history(), rules=keep_last(1))
    assert (plan.groups, plan.unwanted) == (((key_of(NEW),),), (key_of(OLD), key_of(SAME)))
    assert planned(source, history(), rules=keep_last(1), held=[OLD]).unwanted == (key_of(SAME),)
    assert planned(history(OLD, SAME), history(NEW), rules=keep_last(1)).groups == ()


def test_records_decide_where_there_is_no_policy() -> None:
    """What they say was removed is not brought, unless it is held; with a policy they say nothing."""
    source = history(OLD, SAME, NEW)
    assert planned(source, history(NEW), removed=[OLD]).unwanted == (key_of(OLD),)
    assert planned(source, history(NEW), removed=[OLD], held=[OLD]).unwanted == ()
    assert planned(source, history(NEW), removed=[OLD], rules=keep_last(9)).unwanted == ()
    back = history(OLD, NEW, without=[OLD])
    assert planned(source, back, removed=[OLD]).groups == ((key_of(OLD), key_of(SAME)),)


def test_what_cannot_be_read_is_named() -> None:
    """Unless the target has a manifest of that name: what is wrong with it, `verify` says there."""
    source = history(NEW, unreadable=[OLD, SAME])
    plan = planned(source, history(SAME, unreadable=[NEW]))
    assert plan.unreadable == {key_of(OLD): "is malformed"}
    assert plan.groups == ()


@pytest.mark.parametrize(
    "source, target, complete, hollow",
    [
        ("mc", "mc", True, False),
        ("mc", "mcMC", True, False),
        ("mc", "", False, False),
        ("mcM", "mc", False, False),
        ("mcM", "mM", False, True),
        ("mcMC", "mc", False, False),
        ("mcC", "mc", False, True),
        ("mc", "m", False, True),
    ],
)
def test_what_listings_tell(source: str, target: str, *, complete: bool, hollow: bool) -> None:
    """Two snapshots: `m` and `c` are manifest and content of the first, `M` and `C` of the second."""
    keys = {"m": key_of(OLD).manifest, "c": key_of(OLD).content, "M": key_of(NEW).manifest, "C": key_of(NEW).content}
    here, there = (sort_objects([ObjectInfo(keys[one], 5, NOW) for one in sorted(text)]) for text in (source, target))
    assert is_complete(here, there) is complete
    assert may_be_hollow(here, there) is hollow
