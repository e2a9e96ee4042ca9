"""cleanup: shows before it acts, keeps before it deletes, and when in doubt does not delete."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cluvault.errors import ConfigurationError, GuardRefused, NotAVault, StorageFull, UsageError
from cluvault.model.manifest import Reason
from cluvault.ops.cleanup import CleanupOptions, cleanup
from cluvault.settings import CleanupSettings
from tests.support.faulty_store import FaultyStore, StopPoint, raising
from tests.support.world import Send, World, once_before, project_file

if TYPE_CHECKING:
    from cluvault.plan.cleanup import CleanupPlan


def rules(world: World, **changes: Any) -> None:
    """Configure the clean-up."""
    values: dict[str, Any] = {"rules": {"old": {"not-modified-days": 30}}, "max-share": 1.0} | changes
    world.settings = world.settings.model_copy(update={"cleanup": CleanupSettings.model_validate(values)})


@pytest.fixture
async def aged(world: World) -> World:
    """In dev are Fresh, and Old and Stale, which were last changed long ago; a rule deletes such."""
    for name, days in {"Fresh": 1, "Old": 100, "Stale": 60}.items():
        await world.put("dev", name, project_file(name, f"text of {name}"))
        world.age("dev", name, days=days)
    rules(world)
    world.events.clear()
    return world


async def test_without_apply_nothing_happens(aged: World) -> None:
    """The plan names every project with its reason; only questions are asked, and nothing is stored."""
    report = await aged.cleanup()
    assert [one.project for one in report.plan.deletions] == ["Old", "Stale"]
    assert [one.project for one in report.plan.kept] == ["Fresh"]
    assert report.run is None
    assert {event.split()[0] for event in aged.events} == {"GET"}
    found = report.to_json()
    assert (found["resource"], found["run"], len(found["plan"]["deletions"])) == ("dev", None, 2)


async def test_what_goes_is_kept_first(aged: World) -> None:
    """For each project: export, content, read back, manifest, read back, a last look, and only then DELETE."""
    report = await aged.cleanup(apply=True)
    assert await aged.projects("dev") == ["Fresh"]
    assert report.run is not None
    assert report.run.summary == "2 deleted"
    for manifest in await aged.snapshots():
        assert manifest.reason is Reason.PRE_DELETE
        folder = manifest.content.key.rpartition("/")[0]
        wanted = [
            f"POST dev/{manifest.project}/:export",
            f"put_new {folder}/config.json.gz",
            f"get {folder}/config.json.gz",
            f"put_new {folder}/manifest.json",
            f"get {folder}/manifest.json",
            f"GET dev/{manifest.project}",
            f"DELETE dev/{manifest.project}",
        ]
        events = [event for event in aged.events if event in wanted]
        assert events[events.index(wanted[0]) :] == wanted
    assert sorted(event for event in aged.changes) == ["DELETE dev/Old", "DELETE dev/Stale"]


async def test_undo_is_restore(aged: World) -> None:
    """The command that the report prints brings back the same meaning."""
    before = await aged.digest("dev", "Old")
    report = await aged.cleanup(apply=True)
    assert report.run is not None
    command = (report.run.items[0].detail or "").split()
    assert command[:3] == ["undo:", "cluvault", "restore"]
    await aged.restore(command[3], command[5])
    assert await aged.digest("dev", "Old") == before


async def test_the_record_of_a_clean_up(aged: World) -> None:
    """Each deletion with its snapshot; the same for programs."""
    report = await aged.cleanup(apply=True)
    [record] = await aged.runs()
    assert (record.kind, record.resources) == ("cleanup", ("dev",))
    assert {one.project: one.snapshot_id for one in record.items} == {
        one.project: one.snapshot_id for one in await aged.snapshots()
    }
    assert report.to_json()["run"]["summary"] == "2 deleted"


async def test_a_second_run_finds_nothing(aged: World) -> None:
    """Running it again deletes nothing, and writes no record of having done so."""
    await aged.cleanup(apply=True)
    report = await aged.cleanup(apply=True)
    assert (report.plan.deletions, report.run) == ((), None)
    assert len(await aged.runs()) == 1


# --- no snapshot, no deletion --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "operation, verb", [(2, "list"), (3, "put_new"), (4, "get"), (5, "put_new"), (6, "get"), (7, "put_new runs/")]
)
async def test_whenever_the_vault_fails_the_project_stays(aged: World, operation: int, verb: str) -> None:
    """At each store operation up to the last reading back the project is failed, named, and not deleted."""
    rules(aged, rules={"old": {"names": ["Old"]}})
    await aged.backup(resources=("prod",))  # makes the vault
    fault = raising(StorageFull("full"))
    faulty = FaultyStore(aged.store, point=StopPoint(operation, "before"), fault=fault, stays_down=False)
    aged.store = faulty
    aged.events.clear()
    if verb == "put_new runs/":
        with pytest.raises(StorageFull, match="the cleanup itself ended: 1 deleted"):
            await aged.cleanup(apply=True)
    else:
        report = await aged.cleanup(apply=True)
        assert report.run is not None
        assert [(one.outcome, one.detail) for one in report.run.items] == [("failed", "full")]
        assert (report.run.exit_code, aged.changes) == (1, [])
    assert faulty.calls[operation - 1].startswith(verb)


async def test_a_vault_that_lies(aged: World) -> None:
    """Content that comes back other than it was given is damage: the project stays."""

    class Lying(FaultyStore):
        async def get(self, key: str) -> bytes:
            body = await super().get(key)
            return body[:-1] if key.endswith(".gz") else body

    aged.store = Lying(aged.store)
    report = await aged.cleanup(apply=True)
    assert report.run is not None
    assert report.run.summary == "2 failed"
    assert await aged.projects("dev") == ["Fresh", "Old", "Stale"]
    assert await aged.snapshots() == []


async def test_a_place_that_is_no_vault(aged: World) -> None:
    """Known before anything is exported; exit code 2."""
    await aged.store.put_new("holiday.jpg", b"")
    with pytest.raises(NotAVault):
        await aged.cleanup(apply=True)
    assert {event.split()[0] for event in aged.requests} == {"GET"}
    assert await aged.projects("dev") == ["Fresh", "Old", "Stale"]


# --- the world moves on --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["content", "training", "deployment"])
async def test_what_changes_after_the_plan_is_not_deleted(aged: World, change: str) -> None:
    """A new content, model or service deployment: somebody works with the project, so it stays."""

    async def meanwhile() -> None:
        if change == "content":
            aged.age("dev", "Old", days=0)
            return
        aged.emulator.add_model("dev", "Old", "v1")
        if change == "deployment":
            aged.emulator.add_deployment("dev", "Old", "production", model_label="v1")

    aged.hook = once_before("/Old/:export", meanwhile)
    report = await aged.cleanup(apply=True)
    assert report.run is not None
    old, stale = report.run.items
    assert (old.outcome, old.detail) == ("skipped", "was changed or deployed after the plan was made; not deleted")
    assert (stale.outcome, report.run.exit_code) == ("deleted", 0)
    assert await aged.projects("dev") == ["Fresh", "Old"]
    assert old.snapshot_id in {one.snapshot_id for one in await aged.snapshots("dev", "Old")}


async def delete_old(world: World) -> None:
    """What somebody else does meanwhile."""
    async with world.workspace() as workspace:
        await (await workspace.client("dev")).delete_project("Old")


@pytest.mark.parametrize("moment", ["GET {p}/Old", "POST {p}/Old/:export", "GET {p}/Old/deployments"])
async def test_what_is_gone_already_is_success(aged: World, moment: str) -> None:
    """Somebody else was faster, at any moment after the plan: skipped, and the rest goes on."""

    def arm(plan: CleanupPlan) -> None:
        assert len(plan.deletions) == 2
        aged.hook = once_before(moment.format(p="/projects").partition(" ")[2], lambda: delete_old(aged))

    async with aged.workspace() as workspace:
        report = await cleanup(workspace, CleanupOptions(resource="dev", apply=True), on_plan=arm)
    assert report.run is not None
    old, stale = report.run.items
    assert (old.outcome, old.detail, stale.outcome) == ("skipped", "is gone already", "deleted")
    assert await aged.projects("dev") == ["Fresh"]


async def test_what_vanishes_while_the_plan_is_made(aged: World) -> None:
    """A project that is listed and then gone is in no plan; the others are."""
    aged.hook = once_before("/Old/models", lambda: delete_old(aged))
    report = await aged.cleanup()
    assert [one.project for one in report.plan.deletions] == ["Stale"]


async def test_a_deletion_that_fails(aged: World) -> None:
    """It is named, its snapshot stays, the others go, exit code 3."""

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        if request.method == "DELETE" and request.url.path.endswith("/Old"):
            return httpx.Response(409, json={"error": {"code": "Conflict", "message": "in use"}})
        return await send(request)

    aged.hook = hook
    report = await aged.cleanup(apply=True)
    assert report.run is not None
    assert (report.run.summary, report.run.exit_code) == ("1 deleted, 1 failed", 3)
    assert await aged.projects("dev") == ["Fresh", "Old"]
    assert len(await aged.snapshots("dev", "Old")) == 1


# --- what decides --------------------------------------------------------------------------------------------------


async def test_the_guard(aged: World) -> None:
    """More than one run may delete: exit code 4, the plan is shown, nothing is asked to change or stored."""
    plans: list[CleanupPlan] = []
    async with aged.workspace() as workspace:
        with pytest.raises(GuardRefused, match="clean-up of dev: 2 of 3 projects would be deleted") as caught:
            await cleanup(workspace, CleanupOptions(resource="dev", apply=True, max_deletions=1), on_plan=plans.append)
    assert (caught.value.exit_code, len(plans)) == (4, 1)
    assert {event.split()[0] for event in aged.events} == {"GET"}


@pytest.mark.parametrize("options", [{"max_deletions": 0}, {"max_share": 0.34}, {"max_share": 0.0}])
async def test_limits_of_the_call_count_before_the_configuration(aged: World, options: dict[str, Any]) -> None:
    """Zero is a limit, too."""
    with pytest.raises(GuardRefused):
        await aged.cleanup(**options)


async def test_limits_of_the_configuration(aged: World) -> None:
    """Without limits of the call those of the configuration count."""
    rules(aged, **{"max-deletions": 1})
    with pytest.raises(GuardRefused, match=r"1 \(max-deletions\)"):
        await aged.cleanup(apply=True)
    assert await aged.projects("dev") == ["Fresh", "Old", "Stale"]


async def test_what_is_protected_stays(aged: World) -> None:
    """Also when the whole resource is retired."""
    rules(aged, protect=["O*"])
    report = await aged.cleanup(apply=True, everything=True)
    assert report.run is not None
    assert await aged.projects("dev") == ["Old"]


async def test_only_the_chosen_rules(aged: World) -> None:
    """A rule that is not chosen deletes nothing."""
    rules(aged, rules={"old": {"not-modified-days": 30}, "fresh": {"names": ["Fresh"]}})
    report = await aged.cleanup(rules=("fresh",))
    assert [one.project for one in report.plan.deletions] == ["Fresh"]


async def test_an_unknown_rule(aged: World) -> None:
    """A typing error is exit code 2, and names the rules that there are."""
    with pytest.raises(UsageError, match="no clean-up rule is named 'odl'; choose from: old") as caught:
        await aged.cleanup(rules=("odl",))
    assert (caught.value.exit_code, aged.events) == (2, [])


async def test_an_unknown_resource(aged: World) -> None:
    """Exit code 2, nothing is asked."""
    with pytest.raises(ConfigurationError, match="'qa' is not configured"):
        await aged.cleanup("qa", apply=True)
    assert aged.events == []


async def test_models_and_deployments_decide(aged: World) -> None:
    """Each project's own lists say when it was trained and deployed; the listing of projects does not."""
    for name, days in {"Old": 50, "Stale": 5}.items():
        then = aged.moment - timedelta(days=days)
        aged.emulator.add_model("dev", name, "v1", trained_at=then)
        aged.emulator.add_deployment("dev", name, "production", model_label="v1", deployed_at=then)
    rules(aged, rules={"idle": {"not-deployed-days": 30, "not-trained-days": 30, "names": ["Old", "Stale"]}})
    report = await aged.cleanup()
    assert [one.project for one in report.plan.deletions] == ["Old"]
    assert any("last deployed 50 days ago" in reason for reason in report.plan.deletions[0].reasons)
    rules(aged)
    kept = {one.project: one.reason for one in (await aged.cleanup()).plan.kept}
    assert kept["Old"] == "rule old applies, but its service deployment may be answering traffic"


async def test_an_unknown_time_is_never_old(aged: World) -> None:
    """A service that does not say when a project was changed keeps it; retired, it is kept in the vault and goes."""

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        answer = await send(request)
        await answer.aread()
        content = answer.content.replace(b"lastModifiedDateTime", b"lastSomething")
        headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
        return httpx.Response(answer.status_code, headers=headers, content=content)

    aged.hook = hook
    assert (await aged.cleanup()).plan.deletions == ()
    report = await aged.cleanup(apply=True, everything=True)
    assert report.run is not None
    assert report.run.summary == "3 deleted"
    assert len(await aged.snapshots("dev")) == 3
