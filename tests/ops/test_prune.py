"""prune: shows what no rule keeps and why; with `apply` it goes, and nothing that anybody needs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.errors import ConfigurationError, NotAVault, ObjectLocked, SnapshotNotFound, StoreUnavailable, UsageError
from cluvault.model.hold import Hold
from cluvault.model.promotion import Abandoned, Planned
from cluvault.model.run import Outcome
from cluvault.ops.prune import PruneOptions, plan_vault_prune, prune, prune_project
from cluvault.plan.history import key_of
from cluvault.plan.keys import PromotionKey
from cluvault.vault.promotions import Promotions
from tests.plan.promotions import SOURCE
from tests.plan.promotions import plan as plan_of
from tests.support.faulty_store import FaultyStore, Killed, KilledBehindDeletion, StopPoint
from tests.support.snapshots import everything, overwrite
from tests.support.world import World, project_file

if TYPE_CHECKING:
    from cluvault.model.manifest import Manifest
    from cluvault.model.run import RunItem
    from cluvault.ops.prune import PruneReport
    from cluvault.plan.prune import ProjectPrune

DAY = timedelta(days=1)


async def edit(world: World, *texts: str, place: str = "dev/Travel") -> None:
    """Change a project once a day, and back it up each time."""
    resource, project = place.split("/")
    for text in texts:
        await world.put(resource, project, project_file(project, text))
        await world.backup()
        world.moment += DAY


@pytest.fixture
async def kept(world: World) -> World:
    """Three snapshots of dev/Travel, two of prod/Hotels; the newest of each is to stay."""
    await edit(world, "to Rome", "to Oslo", "to Bern")
    await edit(world, "a room", "a suite", place="prod/Hotels")
    world.configure("vault", retention={"keep-last": 1})
    world.events.clear()
    return world


def rows(report: PruneReport) -> list[tuple[str, str, str | None]]:
    """Project, outcome and snapshot of each item."""
    assert report.run is not None
    return [(f"{one.resource}/{one.project}", one.outcome, one.snapshot_id) for one in report.run.items]


def removed(report: PruneReport) -> dict[str, int]:
    """How many snapshots of each project a plan removes."""
    return {f"{plan.resource}/{plan.project}": len(plan.removed) for plan in report.plans}


# --- the plan and its end ------------------------------------------------------------------------------------------


async def test_nothing_happens_without_apply(kept: World) -> None:
    """Every snapshot has its verdict; the vault is as it was, and no resource was asked."""
    before = await everything(kept.store)
    report = await kept.prune()
    assert removed(report) == {"dev/Travel": 2, "prod/Hotels": 1}
    assert sum(len(plan.verdicts) for plan in report.plans) == 5
    assert report.run is None
    assert await everything(kept.store) == before
    assert kept.requests == []
    assert not [event for event in kept.events if event.startswith(("put_new", "delete"))]


async def test_what_no_rule_keeps_goes(kept: World) -> None:
    """Each is an item of the report and of the record; what stays can be read; the contents wait."""
    doomed = [one for one in await kept.snapshots() if one != (await kept.snapshots(one.resource))[-1]]
    report = await kept.prune(apply=True)
    assert rows(report) == [(f"{one.resource}/{one.project}", "removed", one.snapshot_id) for one in doomed]
    assert report.run is not None
    assert (report.run.summary, report.run.exit_code) == ("3 removed", 0)
    record = (await kept.runs())[-1]
    assert (record.kind, record.resources, record.items) == ("prune", ("dev", "prod"), report.run.items)
    assert report.run.record_key in await everything(kept.store)
    assert len(await kept.snapshots()) == 2
    assert len([key for key in await everything(kept.store) if key.endswith(".gz")]) == 5
    assert set((await kept.damage()).values()) == {None}


async def test_contents_go_after_the_grace_period(kept: World) -> None:
    """By a later run; until then nothing is left to do, and another run changes nothing."""
    await kept.prune(apply=True)
    before = {key for key in await everything(kept.store) if not key.startswith("runs/")}
    kept.moment += timedelta(hours=11)
    assert rows(await kept.prune(apply=True)) == []
    assert {key for key in await everything(kept.store) if not key.startswith("runs/")} == before
    kept.moment += timedelta(hours=1)
    report = await kept.prune(apply=True)
    assert report.run is not None
    assert [one.detail for one in report.run.items] == [
        f"{plan.to_dict()['contents']['expired']} unreferenced contents, {plan.bytes_expired} bytes"
        for plan in report.plans
    ]
    assert len([key for key in await everything(kept.store) if key.endswith(".gz")]) == 2
    assert set((await kept.damage()).values()) == {None}
    assert (await kept.prune(apply=True)).run is None


async def test_a_backup_after_a_prune_stores_only_what_changed(kept: World) -> None:
    """The newest snapshot is always there to compare with; content that waits is not pointed to."""
    await kept.prune(apply=True)
    assert (await kept.backup()).summary == "2 unchanged"
    await edit(kept, "to Rome")
    assert set((await kept.damage()).values()) == {None}
    kept.moment += DAY
    await kept.prune(apply=True)
    assert set((await kept.damage()).values()) == {None}


async def test_a_watcher_sees_plan_and_progress(kept: World) -> None:
    """The plan comes first, then each item as it is done."""
    plans: list[tuple[ProjectPrune, ...]] = []
    done: list[RunItem] = []
    async with kept.workspace() as workspace:
        report = await prune(workspace, PruneOptions(apply=True), on_plan=plans.append, on_done=done.append)
    assert plans == [report.plans]
    assert report.run is not None
    assert sorted(done, key=str) == sorted(report.run.items, key=str)


async def test_the_report_for_programs(kept: World) -> None:
    """The plan by project, and the run when there was one."""
    planned = (await kept.prune()).to_json()
    assert [one["project"] for one in planned["projects"]] == ["Travel", "Hotels"]
    assert planned["run"] is None
    applied = (await kept.prune(apply=True)).to_json()
    assert applied["projects"] == planned["projects"]
    assert applied["run"]["summary"] == "3 removed"


# --- what is looked at ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "places, expected",
    [
        ((), ["dev/Travel", "prod/Hotels"]),
        (("dev",), ["dev/Travel"]),
        (("prod/Hotels", "dev", "dev/Travel"), ["dev/Travel", "prod/Hotels"]),
    ],
)
async def test_chosen_places(kept: World, places: tuple[str, ...], expected: list[str]) -> None:
    """Resources and projects; what is named twice is looked at once, and nothing else is touched."""
    report = await kept.prune(*places, apply=True)
    assert list(removed(report)) == expected
    assert {project for project, _, _ in rows(report)} == set(expected)


@pytest.mark.parametrize("place", ["dev/Travle", "pord", "prod/Travel"])
async def test_a_place_that_is_not_there(kept: World, place: str) -> None:
    """Most likely a typing error: it is named, and nothing is removed anywhere."""
    before = await everything(kept.store)
    with pytest.raises(SnapshotNotFound, match=f"^{place} is not in memory:; `cluvault snapshots` lists what is$"):
        await kept.prune("dev", place, apply=True)
    assert await everything(kept.store) == before


@pytest.mark.parametrize("place", ["", "a b", "dev/", "dev/a/b", "../x"])
async def test_a_place_that_is_none(kept: World, place: str) -> None:
    """Exit code 2."""
    with pytest.raises(UsageError) as caught:
        await kept.prune(place, apply=True)
    assert caught.value.exit_code == 2


async def test_other_things_in_the_vault_do_not_matter(kept: World) -> None:
    """Folders that no vault makes are passed over."""
    for key in ("snapshots/a b/notes.txt", "snapshots/%/x/y", "snapshots/dev/Tr%61vel/x", "snapshots/new/notes.txt"):
        await kept.store.put_new(key, b"")
    assert removed(await kept.prune(apply=True)) == {"dev/Travel": 2, "prod/Hotels": 1}


async def test_an_empty_vault(world: World) -> None:
    """Has nothing to prune; where there is none, that is said."""
    world.configure("vault", retention={"keep-last": 1})
    with pytest.raises(NotAVault):
        await world.prune(apply=True)
    await world.backup()
    report = await world.prune(apply=True)
    assert (report.plans, report.run) == ((), None)


# --- the configuration ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values, sentence",
    [
        ({"retention": {}}, "vault.retention is not set, so nothing says which snapshots may go; nothing was removed"),
        ({"retention": {"keep-lasst": 1}}, "vault.retention: 'keep-lasst' is no rule; there are keep-last, "),
        ({"retention": {"keep-last": 0}}, "vault.retention: keeps nothing; give at least one rule"),
        ({"vanished": {"keep-daily": 0}}, "vault.vanished: keeps nothing"),
        ({"vanished": {"forget-after": 3}}, "vault.vanished: 'forget-after' is no rule"),
    ],
)
async def test_a_policy_that_says_nothing_removes_nothing(kept: World, values: dict[str, Any], sentence: str) -> None:
    """One line before the vault is looked at."""
    kept.configure("vault", **values)
    with pytest.raises(ConfigurationError) as caught:
        await kept.prune(apply=True)
    assert str(caught.value).startswith(sentence)
    assert kept.events == []


async def test_a_policy_that_need_not_be(kept: World, caplog: pytest.LogCaptureFixture) -> None:
    """What a schedule asks for: without one nothing fails, and the log says so; nonsense still fails."""
    kept.configure("vault", retention={})
    report = await kept.prune(apply=True, policy_required=False)
    assert (report.plans, report.run, kept.events) == ((), None, [])
    assert "vault.retention is not set" in caplog.text
    kept.configure("vault", retention={"keep-last": 0})
    with pytest.raises(ConfigurationError, match="keeps nothing"):
        await kept.prune(apply=True, policy_required=False)


async def test_a_project_that_is_gone(kept: World) -> None:
    """All of it stays without a rule; it goes by its own, and in the end altogether, held ones excepted."""
    async with kept.workspace() as workspace:
        await (await workspace.client("dev")).delete_project("Travel")
    await kept.backup()
    report = await kept.prune()
    assert removed(report) == {"dev/Travel": 0, "prod/Hotels": 1}
    assert report.plans[0].gone_since is not None
    kept.configure("vault", vanished={"keep-last": 2, "forget-after-days": 30})
    assert removed(await kept.prune())["dev/Travel"] == 1
    kept.moment += 29 * DAY
    assert removed(await kept.prune())["dev/Travel"] == 1
    kept.moment += DAY
    first = (await kept.snapshots("dev"))[0]
    await kept.hold(first.reference)
    assert removed(await kept.prune(apply=True))["dev/Travel"] == 2
    assert await kept.snapshots("dev") == [first]
    await kept.release(first.reference)
    kept.moment += DAY
    await kept.prune(apply=True)
    kept.moment += DAY
    await kept.prune(apply=True)
    assert [key for key in await everything(kept.store) if key.startswith("snapshots/dev/")] == []
    assert removed(await kept.prune()) == {"prod/Hotels": 0}


async def test_a_project_that_is_back_lives_by_the_rules_of_the_living(kept: World) -> None:
    """Although an older run says that it is gone."""
    kept.configure("vault", vanished={"forget-after-days": 0})
    async with kept.workspace() as workspace:
        await (await workspace.client("dev")).delete_project("Travel")
    await kept.backup()
    await edit(kept, "once more")
    assert removed(await kept.prune(apply=True)) == {"dev/Travel": 3, "prod/Hotels": 1}
    assert len(await kept.snapshots("dev")) == 1


async def test_safety_snapshots_are_kept_for_their_days(kept: World) -> None:
    """What a clean-up deleted can be brought back for as long as was configured."""
    kept.configure("prune", safety_days=10)
    await kept.cleanup(everything=True, max_deletions=9, max_share=1, apply=True)
    await edit(kept, "anew")
    [deleted] = [one for one in await kept.snapshots("dev") if one.reason == "pre-delete"]
    await kept.prune(apply=True)
    assert deleted in await kept.snapshots("dev")
    kept.moment += 10 * DAY
    await kept.prune(apply=True)
    assert deleted not in await kept.snapshots("dev")


async def test_what_serves_is_kept(kept: World) -> None:
    """The content that the deployed model was trained on."""
    kept.emulator.add_model("dev", "Travel", "v1")
    kept.emulator.add_deployment("dev", "Travel", "production", model_label="v1")
    served = (await kept.snapshots("dev"))[-1]
    kept.moment += DAY
    await edit(kept, "later", "latest")
    plan = (await kept.prune()).plans[0]
    reasons = {one.candidate.key: one.reasons for one in plan.verdicts}
    assert reasons[key_of(served)] == ("what production serves was trained on it (v1)",)
    assert len(plan.removed) == 3


# --- damage --------------------------------------------------------------------------------------------------------


async def test_damaged_snapshots_stay_until_they_are_dropped(kept: World) -> None:
    """They take no good one's place."""
    newest = (await kept.snapshots("dev"))[-1]
    await kept.store.delete(newest.content.key)
    report = await kept.prune("dev", apply=True)
    assert removed(report) == {"dev/Travel": 1}
    assert len(await kept.snapshots("dev")) == 2
    assert removed(await kept.prune("dev", apply=True, drop_damaged=True)) == {"dev/Travel": 1}
    [left] = await kept.snapshots("dev")
    assert await kept.damage(left.reference) == {left.reference: None}


async def test_an_unreadable_manifest(kept: World) -> None:
    """It stays with its reason, and so does every content of its project; other projects are pruned."""
    newest = (await kept.snapshots("dev"))[-1]
    await overwrite(kept.store, key_of(newest).manifest, b"{")
    await kept.prune(apply=True)
    kept.moment += DAY
    report = await kept.prune(apply=True)
    assert "not a manifest" in str(report.plans[0].to_dict()["snapshots"][-1]["reasons"])
    contents = [key for key in await everything(kept.store) if key.endswith(".gz")]
    assert [key.split("/")[2] for key in contents] == ["Travel"] * 3 + ["Hotels"]


# --- promotions that cannot be read --------------------------------------------------------------------------------


async def begun(kept: World, target: str, source: Manifest) -> PromotionKey:
    """A promotion to a project that only has its first record."""
    made = plan_of(source=SOURCE.model_copy(update={"reference": source.reference}))
    resource, project = target.split("/")
    key = PromotionKey(resource, project, f"{kept.moment:%Y%m%dT%H%M%SZ}-00000001")
    await Promotions(kept.store).begin(key, Planned(plan=made), at=kept.moment, by="anna", holder="worker")
    return key


async def test_an_unreadable_promotion_keeps_what_it_may_need_and_nothing_else(kept: World) -> None:
    """The target's snapshots and the source; the rest is pruned, the record is named, and the exit code is 5."""
    oldest, middle, _ = await kept.snapshots("dev")
    key = await begun(kept, "prod/Hotels", oldest)
    await kept.store.put_new(key.record(1), b"{")
    before = await everything(kept.store)
    shown = await kept.prune()
    assert (shown.run, shown.exit_code, removed(shown)) == (None, 5, {"dev/Travel": 1, "prod/Hotels": 0})
    assert await everything(kept.store) == before
    reasons = {one.candidate.key: one.reasons for found in shown.plans for one in found.verdicts}
    assert reasons[key_of(oldest)] == (f"promotion {key}, which cannot be read, may need it",)
    report = await kept.prune(apply=True)
    assert report.exit_code == 5
    assert rows(report) == [("prod/Hotels", "damaged", None), ("dev/Travel", "removed", middle.snapshot_id)]
    assert report.run is not None
    assert f"{key.record(1)}: not a promotion's record" in str(report.run.items[0].detail)
    assert "bring it back from a copy of the vault" in str(report.run.items[0].detail)
    again = await kept.prune(apply=True)
    assert again.exit_code == 5
    await kept.store.delete(key.record(1))
    promotions = Promotions(kept.store)
    end = Abandoned(why="it is mended")
    await promotions.add(await promotions.load(key), end, at=kept.moment, by="anna", holder="worker")
    assert removed(await kept.prune(apply=True)) == {"dev/Travel": 1, "prod/Hotels": 1}


@pytest.mark.parametrize("body", [b"{", b'{"format": 7}', b""])
async def test_where_the_plan_cannot_be_read_what_was_there_stays(kept: World, body: bytes) -> None:
    """Nobody knows what was promoted: of every project what is older; what came later is pruned."""
    key = PromotionKey("prod", "Elsewhere", f"{kept.moment:%Y%m%dT%H%M%SZ}-00000001")
    await kept.store.put_new(key.record(0), body)
    shown = await kept.prune(apply=True)
    assert (removed(shown), shown.run, shown.exit_code) == ({"dev/Travel": 0, "prod/Hotels": 0}, None, 5)
    kept.moment += 2 * DAY
    await edit(kept, "to Kyiv", "to Baku", "to Riga")
    assert removed(await kept.prune("dev", apply=True)) == {"dev/Travel": 2}


async def test_a_record_that_is_missing_before_others_is_no_end_of_a_prune(kept: World) -> None:
    """Of a promotion without its first record nobody knows the source either."""
    key = await begun(kept, "prod/Hotels", (await kept.snapshots("dev"))[0])
    await kept.store.put_new(key.record(1), b"{")
    await kept.store.delete(key.record(0))
    shown = await kept.prune()
    assert [f"{key.record(0)}: is missing" in str(one.detail) for one in shown.damaged] == [True]
    assert removed(shown) == {"dev/Travel": 0, "prod/Hotels": 0}


async def test_a_plan_that_was_shown_is_held_back_by_a_record_that_broke_since(kept: World) -> None:
    """What it may need stays when the plan is carried out."""
    key = await begun(kept, "prod/Hotels", (await kept.snapshots("dev"))[-1])
    options = PruneOptions(places=("prod",), apply=True)
    async with kept.workspace() as workspace:
        (shown,) = await plan_vault_prune(workspace, options)
        await kept.store.put_new(key.record(1), b"{")
        (item,) = await prune_project(workspace, shown, options)
    assert (item.outcome, len(shown.removed)) == (Outcome.SKIPPED, 1)
    assert "which cannot be read, may need it" in str(item.detail)


# --- meanwhile -----------------------------------------------------------------------------------------------------


async def test_a_hold_after_the_plan(kept: World) -> None:
    """Is seen in time, and reported as skipped."""
    old = (await kept.snapshots("prod"))[0]
    async with kept.workspace() as workspace:
        plan = next(one for one in (await kept.prune()).plans if one.resource == "prod")
        await kept.hold(old.reference)
        [item] = await prune_project(workspace, plan, PruneOptions(apply=True))
    assert (item.outcome, item.snapshot_id) == ("skipped", old.snapshot_id)
    assert "stays since the plan was made: held by" in (item.detail or "")
    assert old in await kept.snapshots("prod")


async def test_a_held_snapshot_that_a_killed_prune_removed(world: World) -> None:
    """The next run puts it back, though it has nothing else to do: another snapshot shares its content."""
    await edit(world, "to Rome", "to Oslo", "to Rome")
    world.configure("vault", retention={"keep-tag": "none", "floor": 2})
    old = (await world.snapshots("dev"))[0]
    inner = world.store
    vault = await world.vault()
    hold = Hold(reason="audit", by="ada", held_at=world.moment)

    class HeldThenKilled(KilledBehindDeletion):
        async def delete(self, key: str) -> None:
            await vault.holds.place(key_of(old), hold, hold_id="20261122T120000Z-00000001")
            await super().delete(key)

    world.store = HeldThenKilled(inner)
    with pytest.raises(BaseExceptionGroup):  # not an error that anybody handles
        await world.prune(apply=True)
    world.store = inner
    assert old not in await world.snapshots("dev")
    report = await world.prune(apply=True)
    assert rows(report) == [("dev/Travel", "restored", old.snapshot_id)]
    assert await world.damage(old.reference) == {old.reference: None}
    assert (await world.prune(apply=True)).run is None


@pytest.mark.parametrize("sort", ["manifest.json", "config.json.gz"])
async def test_locked_objects_are_no_failure(kept: World, sort: str) -> None:
    """They stay and are reported with their time; the snapshot is named."""
    inner = kept.store
    if sort == "config.json.gz":
        await kept.prune(apply=True)
        kept.moment += DAY

    class Locking(FaultyStore):
        async def delete(self, key: str) -> None:
            if key.endswith(sort):
                raise ObjectLocked(f"{key} is locked until 2027-01-01 00:00 UTC")
            await super().delete(key)

    kept.store = Locking(inner)
    report = await kept.prune("prod", apply=True)
    assert report.run is not None
    [item] = report.run.items
    assert (item.outcome, report.run.exit_code) == (Outcome.LOCKED, 0)
    assert (item.detail or "").endswith(f"{sort} is locked until 2027-01-01 00:00 UTC")
    assert (item.snapshot_id is None) == (sort == "config.json.gz")


async def test_one_project_that_fails_does_not_stop_the_others(kept: World) -> None:
    """It is named with the error; exit code 3; the next run does its work."""
    inner = kept.store

    class Away(FaultyStore):
        async def put_new(self, key: str, body: bytes) -> None:
            if key.startswith("prunes/dev/"):
                raise StoreUnavailable("the cable")
            await super().put_new(key, body)

    kept.store = Away(inner)
    report = await kept.prune(apply=True)
    assert report.run is not None
    assert (report.run.summary, report.run.exit_code) == ("1 failed, 1 removed", 3)
    [failed] = report.run.failed
    assert (failed.resource, failed.project) == ("dev", "Travel")
    assert failed.detail == "the cable; waited for it in vain for 120 s"
    kept.store = inner
    assert removed(await kept.prune(apply=True)) == {"dev/Travel": 2, "prod/Hotels": 0}
    assert len(await kept.snapshots()) == 2


async def test_a_slow_store_leaves_the_rest_to_the_next_run(kept: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run does not get to in time stays, and is said."""
    seconds = iter(range(0, 10**9, 3000))
    monkeypatch.setattr("cluvault.vault.vault.steady_seconds", lambda: next(seconds))
    async with kept.workspace() as workspace:
        vault = await workspace.vault()
        monkeypatch.setattr(vault.removal, "_clock", lambda: next(seconds))
        report = await prune(workspace, PruneOptions(places=("dev",), apply=True))
    assert report.run is not None
    assert report.run.summary == "1 removed, 1 skipped"
    assert [one.detail for one in report.run.items][-1] == "took too long; the next run removes it"


async def test_killed_at_any_store_operation(world: World) -> None:
    """Whatever is listed can be read, and the next run ends the work; the big form is the crash suite's."""
    await edit(world, "to Rome", "to Oslo", "to Bern")
    world.configure("vault", retention={"keep-last": 1})
    await world.prune(apply=True)
    world.moment += DAY
    await edit(world, "to Nice")
    before, moment = await everything(world.store), world.moment
    operation = 0
    while True:
        operation += 1
        world.moment = moment
        for key in list(await everything(world.store)):
            await world.store.delete(key)
        for key, body in before.items():
            await world.store.put_new(key, body)
        world.moment += 2 * DAY
        inner = world.store
        world.store = FaultyStore(inner, point=StopPoint(operation, "before"))
        try:
            await world.prune(apply=True)
        except BaseExceptionGroup:
            ended = False
        except Killed:
            ended = False
        else:
            ended = True
        world.store = inner
        assert set((await world.damage()).values()) == {None}
        await world.prune(apply=True)
        world.moment += DAY
        await world.prune(apply=True)
        assert len(await world.snapshots()) == 1
        assert set((await world.damage()).values()) == {None}
        if ended:
            break
    assert operation > 15
