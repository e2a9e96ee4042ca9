"""What is deployed in a world: trained and deployed as owners do, and a resource whose backups capture it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.learning.learner import Learner
from cluvault.emulator.teacher import Teacher
from cluvault.service.calls.training import Split, Training
from cluvault.settings import Settings
from tests.support.promoting import desk
from tests.support.world import new_world

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluvault.model.manifest import Manifest
    from tests.support.world import World

OLD: Final = desk()
NEW: Final = desk(Refund="give me my money back for {}")
DRAFT: Final = desk(Hotel="find me a hotel in {}")
_LEARNER = Learner()


def capturing_world(*, capture: str = "environment") -> World:
    """A world in which backups of dev capture what is deployed."""
    resources = {
        name: {"endpoint": f"http://127.0.0.1:9/{name}", "key": {"env": "KEY"}, "limits": "off"}
        for name in ("dev", "prod")
    }
    resources["dev"]["capture"] = capture
    settings = Settings.model_validate({"resources": resources})
    world = new_world(settings, EmulatorConfig(resources=("dev", "prod"), first_poll_running=False))
    world.emulator.teacher = Teacher(_LEARNER)  # that of this process, which remembers what it has fitted
    return world


async def train(world: World, label: str, content: bytes, *, resource: str = "dev", **more: Any) -> None:
    """Import content and train a model of it."""
    await world.put(resource, "Desk", content)
    async with world.workspace() as workspace:
        client = await workspace.client(resource)
        await client.wait(await client.begin_train("Desk", Training(label=label, **more)), timeout=60)
    world.moment += timedelta(minutes=1)


async def deploy(world: World, name: str, label: str, *, resource: str = "dev") -> None:
    """Put a model into a deployment."""
    async with world.workspace() as workspace:
        client = await workspace.client(resource)
        await client.wait(await client.begin_deploy("Desk", deployment=name, label=label), timeout=60)
    world.moment += timedelta(minutes=1)


async def serve_two(world: World) -> None:
    """`production` serves a model of OLD, `staging` one of NEW; the draft is further on."""
    await train(world, "v1", OLD, config_version="2023-04-15")
    await deploy(world, "production", "v1")
    await train(world, "v2", NEW, mode="advanced", division=Split(70, 30))
    await deploy(world, "staging", "v2")
    await world.put("dev", "Desk", DRAFT)
    world.moment += timedelta(hours=1)


async def served(world: World, resource: str = "dev", project: str = "Desk") -> dict[str, str]:
    """Deployment → label of its model."""
    async with world.workspace() as workspace:
        client = await workspace.client(resource)
        return {one.name: one.model_label async for one in client.list_deployments(project)}


async def backed_up(world: World, **options: Any) -> tuple[list[str], Manifest]:
    """The POST calls of a backup of dev a day later, and the newest snapshot."""
    world.moment += timedelta(days=1)  # the service does not list when it was trained or deployed
    world.events.clear()
    await world.backup(resources=("dev",), **options)
    posts = [one.removeprefix("POST dev/") for one in world.requests if one.startswith("POST ")]
    return posts, (await world.snapshots("dev", "Desk"))[-1]


def captured(manifest: Manifest) -> Sequence[str]:
    """The labels of the models whose training data a snapshot holds."""
    return sorted(one.label for one in manifest.models if one.trained_on is not None)
