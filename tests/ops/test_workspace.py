"""The workspace: everything is opened when it is first asked for, once, and closed at the end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from cluvault.errors import ConfigurationError, NotAVault
from cluvault.model.reference import SNAPSHOT_ID
from cluvault.ops.workspace import Workspace
from cluvault.settings import Settings, VaultSettings
from cluvault.vault.memory import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

    from cluvault.vault.store import ObjectStore
    from tests.support.world import World


async def test_one_client_a_resource_and_one_vault(world: World) -> None:
    """Whoever asks at the same time gets the same."""
    async with world.workspace() as workspace:
        clients = await asyncio.gather(*(workspace.client("dev") for _ in range(5)))
        assert {id(client) for client in clients} == {id(clients[0])}
        assert await workspace.client("prod") is not clients[0]
        vaults = await asyncio.gather(*(workspace.vault(create=True) for _ in range(5)))
        assert {id(vault) for vault in vaults} == {id(vaults[0])}
        assert await workspace.has_vault()


async def test_a_vault_is_made_only_on_demand(world: World) -> None:
    """Looking and reading leave an empty place empty; it can be made a vault afterwards."""
    async with world.workspace() as workspace:
        assert not await workspace.has_vault()
        with pytest.raises(NotAVault):
            await workspace.vault()
        assert [found async for found in world.store.list()] == []
        made = await workspace.vault(create=True)
        assert await workspace.vault() is made


async def test_everything_is_closed_at_the_end(settings: Settings) -> None:
    """Client and store."""
    closed: list[str] = []

    class Closing(MemoryStore):
        async def aclose(self) -> None:
            closed.append("store")

    def open_closing(_url: str) -> ObjectStore:
        return Closing()

    async with Workspace(settings, environment={"KEY": "a-key"}, open_vault_store=open_closing) as workspace:
        client = await workspace.client("dev")
        await workspace.has_vault()
        assert closed == []
    assert closed == ["store"]
    with pytest.raises(RuntimeError, match="closed"):
        await client.project_exists("Any")


async def test_another_vault_beside_the_first(settings: Settings) -> None:
    """The same one for the same name, over a store of its own that is closed with the first."""
    closed: list[str] = []

    class Closing(MemoryStore):
        def __init__(self, url: str) -> None:
            super().__init__()
            self.place = url

        async def aclose(self) -> None:
            closed.append(self.place)

    async with Workspace(settings, environment={}, open_vault_store=Closing) as workspace:
        other = workspace.beside("s3://bucket/copy")
        assert workspace.beside("s3://bucket/copy") is other
        first, second = await workspace.vault(create=True), await other.vault(create=True)
        assert first.vault_id != second.vault_id
        assert closed == []
    assert sorted(closed) == ["./vault", "s3://bucket/copy"]


async def test_the_configuration_decides_by_default(settings: Settings, tmp_path: Path) -> None:
    """The vault's URL is opened, keys are found in the environment, ids are fresh and of the present."""
    chosen = settings.model_copy(update={"vault": VaultSettings(url=str(tmp_path / "vault"))})
    async with Workspace(chosen, environment={"KEY": "a-key"}) as workspace:
        assert (await workspace.client("dev")).name == "dev"
        assert (await workspace.vault(create=True)).url == (tmp_path / "vault").as_uri()
        first, second = workspace.new_run_id(), workspace.new_snapshot_id(workspace.now())
    assert SNAPSHOT_ID.fullmatch(first)
    assert SNAPSHOT_ID.fullmatch(second)
    assert first != second
    assert (tmp_path / "vault" / "cluvault.json").is_file()


async def test_keys_of_prefect_blocks(settings: Settings) -> None:
    """A key that a Prefect block holds is read by whoever knows Prefect; elsewhere it is an error that says so."""
    document = settings.resources["dev"].model_dump(by_alias=True) | {"key": {"prefect-secret": "clu-dev"}}
    chosen = Settings.model_validate({"resources": {"dev": document}})
    asked: list[str] = []

    def read(name: str) -> SecretStr:
        asked.append(name)
        return SecretStr("a-key")

    async with Workspace(chosen, prefect_secret=read) as workspace:
        await workspace.client("dev")
    assert asked == ["clu-dev"]
    async with Workspace(chosen) as workspace:
        with pytest.raises(ConfigurationError, match="clu-dev"):
            await workspace.client("dev")
