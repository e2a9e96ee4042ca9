"""backup, again: what did not change costs a listing; what changed is never missed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from cluvault.model.run import Outcome
from tests.support.world import project_file

if TYPE_CHECKING:
    import httpx

    from cluvault.ops.report import Report
    from tests.support.world import Send, World


@pytest.fixture
async def backed_up(world: World) -> World:
    """Two projects, modified long before they were backed up."""
    await world.put("dev", "Alpha", project_file("Alpha", "one"))
    await world.put("dev", "Beta", project_file("Beta", "two"))
    pass_time(world, hours=1)
    await world.backup(resources=("dev",))
    pass_time(world, hours=1)
    world.events.clear()
    return world


def pass_time(world: World, **delta: float) -> None:
    """For everybody: the emulator's clock is the world's."""
    world.moment += timedelta(**delta)


def outcomes(report: Report) -> dict[str, str]:
    """Project → what became of it."""
    return {one.project: one.outcome for one in report.items}


async def test_an_unchanged_resource_costs_one_listing(backed_up: World) -> None:
    """No export, no model, no deployment, and no content is read from the store; run after run."""
    for _ in range(3):
        backed_up.events.clear()
        report = await backed_up.backup(resources=("dev",))
        assert outcomes(report) == {"Alpha": Outcome.UNCHANGED, "Beta": Outcome.UNCHANGED}
        assert set(backed_up.requests) == {"GET dev"}
        assert not [one for one in backed_up.events if one.startswith("get ") and one.endswith("config.json.gz")]
        pass_time(backed_up, hours=7)
    assert len(await backed_up.snapshots()) == 2


async def test_only_what_changed_is_exported(backed_up: World) -> None:
    """By its time; the other one is not."""
    await backed_up.put("dev", "Alpha", project_file("Alpha", "changed"))
    pass_time(backed_up, hours=1)
    report = await backed_up.backup(resources=("dev",))
    assert outcomes(report) == {"Alpha": Outcome.STORED, "Beta": Outcome.UNCHANGED}
    assert [one for one in backed_up.requests if one.endswith("/:export")] == ["POST dev/Alpha/:export"]


async def test_a_time_that_moved_for_nothing_is_remembered(backed_up: World) -> None:
    """The same content was imported: exported once, found equal, and not exported again."""
    await backed_up.put("dev", "Alpha", project_file("Alpha", "one"))
    pass_time(backed_up, hours=1)
    assert outcomes(await backed_up.backup(resources=("dev",)))["Alpha"] == Outcome.UNCHANGED
    assert "POST dev/Alpha/:export" in backed_up.requests
    pass_time(backed_up, hours=1)
    backed_up.events.clear()
    assert outcomes(await backed_up.backup(resources=("dev",)))["Alpha"] == Outcome.UNCHANGED
    assert not [one for one in backed_up.requests if one.startswith("POST ")]


async def test_what_was_trained_and_deployed_is_recorded_without_an_export(backed_up: World) -> None:
    """A new snapshot shares the content, and says the models and deployments of now."""
    backed_up.emulator.add_model("dev", "Alpha", "v1")
    backed_up.emulator.add_deployment("dev", "Alpha", "production", model_label="v1")
    pass_time(backed_up, days=1)
    report = await backed_up.backup(resources=("dev",))
    assert outcomes(report) == {"Alpha": Outcome.STORED, "Beta": Outcome.UNCHANGED}
    assert "POST" not in {one.partition(" ")[0] for one in backed_up.requests}
    old, new = await backed_up.snapshots("dev", "Alpha")
    assert new.content == old.content
    assert [(one.name, one.model) for one in new.deployments] == [("production", "v1")]
    pass_time(backed_up, hours=1)
    backed_up.events.clear()
    await backed_up.backup(resources=("dev",))
    assert set(backed_up.requests) == {"GET dev"}


@pytest.mark.parametrize("how", ["asked for", "a week later", "another tag"])
async def test_a_full_pass(backed_up: World, how: str) -> None:
    """When it is asked for, and at least once a week; a tag that no snapshot has needs one as well."""
    if how == "a week later":
        pass_time(backed_up, days=7)
    await backed_up.backup(resources=("dev",), full=how == "asked for", tags=("x",) if how == "another tag" else ())
    assert len([one for one in backed_up.requests if one.endswith("/:export")]) == 2


async def test_a_missing_content_is_noticed(backed_up: World) -> None:
    """The listing tells; the project is exported and stored whole."""
    [snapshot] = await backed_up.snapshots("dev", "Alpha")
    await backed_up.store.delete(snapshot.content.key)
    assert outcomes(await backed_up.backup(resources=("dev",)))["Alpha"] == Outcome.STORED


async def test_a_damaged_content_is_noticed_when_it_is_needed(backed_up: World) -> None:
    """Models are new, and the content to refer to cannot be read: the project is exported."""
    backed_up.emulator.add_model("dev", "Alpha", "v1")
    [snapshot] = await backed_up.snapshots("dev", "Alpha")
    await backed_up.store.delete(snapshot.content.key)
    await backed_up.store.put_new(snapshot.content.key, b"x" * snapshot.content.bytes)
    pass_time(backed_up, days=1)
    assert outcomes(await backed_up.backup(resources=("dev",)))["Alpha"] == Outcome.STORED
    assert "POST dev/Alpha/:export" in backed_up.requests


async def test_a_change_between_the_listing_and_the_look_at_models(backed_up: World) -> None:
    """The content is no longer that of the newest snapshot: the project is exported."""
    backed_up.emulator.add_model("dev", "Alpha", "v1")
    pass_time(backed_up, days=1)

    async def change_first(request: httpx.Request, send: Send) -> httpx.Response:
        if request.method == "GET" and request.url.path.endswith("/projects/Alpha"):
            backed_up.hook = None
            await backed_up.put("dev", "Alpha", project_file("Alpha", "changed"))
        return await send(request)

    backed_up.hook = change_first
    assert outcomes(await backed_up.backup(resources=("dev",)))["Alpha"] == Outcome.STORED
    _, new = await backed_up.snapshots("dev", "Alpha")
    assert b"changed" in await (await backed_up.vault()).read(new)


async def test_models_that_cannot_be_listed(backed_up: World) -> None:
    """The project is named as failed; the other one is done, and its models are known for another day."""
    pass_time(backed_up, days=1)

    async def refuse(request: httpx.Request, send: Send) -> httpx.Response:
        if request.url.path.endswith("/projects/Alpha/models"):
            raise ZeroDivisionError
        return await send(request)

    backed_up.hook = refuse
    report = await backed_up.backup(resources=("dev",))
    assert outcomes(report) == {"Alpha": Outcome.FAILED, "Beta": Outcome.UNCHANGED}
    assert report.exit_code == 3
