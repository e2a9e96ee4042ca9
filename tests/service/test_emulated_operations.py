"""The client and the emulator, which know nothing of each other, agree on every operation beyond files."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cluvault.emulator.app import create_app
from cluvault.emulator.config import EmulatorConfig
from cluvault.errors import JobCancelled, NotFound, OperationNotInVersion, PermissionDenied, RequestRefused
from cluvault.model.json_text import write_json
from cluvault.model.project_file import read_project_file
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.upgrade import rename_project
from cluvault.service.budget import Budget
from cluvault.service.calls.deployments import DeploymentResource
from cluvault.service.calls.resources import ProjectResource
from cluvault.service.calls.training import Split, Training
from cluvault.service.client import CluClient
from cluvault.service.features import EVERYWHERE, RESOURCES
from cluvault.settings import ResourceSettings
from tests.service.operation_table import RESOURCE_ID
from tests.service.scripted import FakeTime, key_credential
from tests.support.near import approx

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.applications import Starlette

    from cluvault.service.job_models import TrainingJob

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class PatientTime(FakeTime):
    """Lets a little real time pass as well, in which the emulator's teacher fits a model in its own thread."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0.03)
        await super().sleep(min(seconds, 1.0))


@dataclass
class World:
    """An emulator of two resources, and clients of it."""

    app: Starlette
    time: FakeTime
    clients: list[CluClient] = field(default_factory=list[CluClient])

    def client(self, name: str = "dev", *, version: str = "auto") -> CluClient:
        """A client that the world closes."""
        resource = ResourceSettings.model_validate(
            {"endpoint": f"http://127.0.0.1:8080/{name}", "key": {"env": "K"}, "api-version": version, "limits": "off"}
        )
        made = CluClient(
            resource,
            key_credential("emulator-key-1"),
            name=name,
            budget=Budget("off"),
            transport=httpx.ASGITransport(self.app),
            clock=self.time.clock,
            sleep=self.time.sleep,
            jitter=lambda: 0.0,
        )
        self.clients.append(made)
        return made


@asynccontextmanager
async def world(**config: Any) -> AsyncGenerator[World]:
    """An emulator that lives on the clients' clock."""
    time = PatientTime()
    app = create_app(
        EmulatorConfig(resources=("dev", "prod"), **config), clock=lambda: START + timedelta(seconds=time.now)
    )
    made = World(app, time)
    try:
        yield made
    finally:
        for client in made.clients:
            await client.aclose()
        app.state.emulator.close()


@pytest.fixture
def pizza() -> bytes:
    """A project called A, just large enough to be trained."""
    utterances = [
        {"text": f"{words} {size} pizza", "intent": intent, "entities": [
            {"category": "Size", "offset": len(words) + 1, "length": len(size)}
        ]}
        for words, intent in [("bring me a", "Order"), ("we want one", "Order"), ("cancel the", "Cancel")]
        for size in ("small", "large", "huge", "tiny", "medium")
    ]  # fmt: skip
    metadata = {"projectKind": "Conversation", "projectName": "A", "language": "en-us"}
    assets = {
        "projectKind": "Conversation",
        "intents": [{"category": "Order"}, {"category": "Cancel"}],
        "entities": [{"category": "Size"}],
        "utterances": utterances,
    }
    head = {"projectFileVersion": "2023-04-01", "stringIndexType": "Utf16CodeUnit", "metadata": metadata}
    return write_json({**head, "assets": assets})


async def trained(client: CluClient, pizza: bytes, **training: Any) -> TrainingJob:
    """Import the project and train a model of it."""
    await client.import_project("A", pizza)
    handle = await client.begin_train("A", Training(label="m1", **training))
    return await client.wait(handle, timeout=3000)


async def test_the_life_of_a_model(pizza: bytes) -> None:
    """Trained, evaluated, deployed, asked, swapped, put back as the working copy, deleted."""
    async with world() as here:
        client = here.client()
        job = await trained(client, pizza, division=Split(80, 20))
        assert job.result is not None
        assert (job.result.model_label, job.result.training_config_version) == ("m1", "2022-09-01")
        assert [each.job_id async for each in client.list_training_jobs("A")] == [job.job_id]
        assert (await client.get_training_job("A", job_id=job.job_id)).result == job.result
        model = await client.get_model("A", label="m1")
        assert [model] == [each async for each in client.list_models("A")]
        assert model.has_snapshot
        summary = await client.get_evaluation_summary("A", label="m1")
        assert 0 <= summary.intents.micro_f1 <= 1
        assert summary.options is not None
        assert (summary.options.training_percent, summary.options.testing_percent) == (80, 20)
        tested = [each async for each in client.list_evaluation_results("A", label="m1")]
        right = sum(each.intents.expected == each.intents.predicted for each in tested)
        assert right / len(tested) == approx(summary.intents.micro_f1, abs=0.001)

        for name in ("prod", "staging"):
            await client.wait(await client.begin_deploy("A", deployment=name, label="m1"), timeout=60)
        await client.wait(await client.begin_swap_deployments("A", first="prod", second="staging"), timeout=60)
        assert (await client.get_deployment("A", deployment="prod")).model_label == "m1"
        spoken = "two pizzas please"
        prediction = await client.predict("A", deployment="prod", text=spoken, language="en-us")
        assert prediction.top_intent == prediction.intents[0].category
        assert all(each.text == spoken[each.offset :][: each.length] for each in prediction.entities)

        await client.wait(await client.begin_load_snapshot("A", label="m1"), timeout=60)
        exported = await client.export_project("A", trained_model_label="m1", api_version="2023-04-01")
        working = await client.export_project("A", api_version="2023-04-01")
        assert canonical_digest(read_project_file(exported.data)) == canonical_digest(read_project_file(working.data))

        for _ in range(2):
            await client.delete_deployment("A", deployment="staging")
            await client.delete_deployment("A", deployment="prod")
            await client.delete_model("A", label="m1")
        assert not await client.deployment_exists("A", deployment="prod")
        assert not await client.model_exists("A", label="m1")
        with pytest.raises(NotFound):
            await client.begin_deploy("A", deployment="prod", label="m1")
        with pytest.raises(NotFound):
            await client.predict("A", deployment="prod", text="t")


async def test_previews_evaluate_and_export_models(pizza: bytes) -> None:
    """What only previews have is found under `auto`."""
    async with world() as here:
        client = here.client()
        await trained(client, pizza)
        evaluated = await client.wait(
            await client.begin_evaluate("A", label="m1", division=Split(70, 30)), timeout=3000
        )
        assert evaluated.result is not None
        assert evaluated.result.options is not None
        assert evaluated.result.options.testing_percent == 30
        await client.wait(await client.begin_export_model("A", name="x1", label="m1"), timeout=60)
        assert [each.model_label async for each in client.list_exported_models("A")] == ["m1"]
        for _ in range(2):
            await client.delete_exported_model("A", name="x1")
        assert not await client.exported_model_exists("A", name="x1")


async def test_a_training_that_is_cancelled(pizza: bytes) -> None:
    """The emulator spells it `cancelled`; no one waits for ever."""
    async with world(training_seconds=600.0) as here:
        client = here.client()
        await client.import_project("A", pizza)
        training = await client.begin_train("A", Training(label="m1"))
        found = await client.training_handle("A", job_id=training.job_id)
        cancellation = await client.begin_cancel_training("A", job_id=training.job_id)
        assert (await client.wait(cancellation, timeout=300)).status == "cancelled"
        with pytest.raises(JobCancelled):
            await client.wait(found, timeout=300)
        with pytest.raises(RequestRefused):
            await client.begin_cancel_training("A", job_id=training.job_id)
        assert not await client.model_exists("A", label="m1")


async def test_a_copy_between_two_resources(pizza: bytes) -> None:
    """The target authorises, the source copies, the copy means the same."""
    async with world() as here:
        source, target = here.client("dev"), here.client("prod")
        await source.import_project("A", pizza)
        allowed = await target.authorize_copy("Copied", allow_overwrite=False)
        await source.wait(await source.begin_copy("A", allowed), timeout=60)
        copied = read_project_file((await target.export_project("Copied")).data)
        original = read_project_file((await source.export_project("A")).data)
        assert canonical_digest(rename_project(copied, "A")) == canonical_digest(original)


async def test_every_version_reads_its_own_words_for_resources(pizza: bytes) -> None:
    """The emulator's strict reader of each version knows the members that the client sends.

    It refuses members that it does not know, and here only that the resource is not assigned. Who may assign one is
    tested with the sign-in.
    """
    deployed = DeploymentResource(RESOURCE_ID, "westeurope")
    assigned = ProjectResource(resource_id=RESOURCE_ID, custom_domain="weu", region="westeurope")
    refused = rf"InvalidArgument: The resource `{RESOURCE_ID}` is not assigned"
    async with world() as here:
        await trained(here.client(), pizza)
        for version in RESOURCES.versions:
            client = here.client(version=version)
            with pytest.raises(RequestRefused, match=refused):
                await client.begin_deploy("A", deployment="prod", label="m1", resources=[deployed])
            with pytest.raises(RequestRefused, match=refused):
                await client.begin_unassign_resources("A", [RESOURCE_ID])
            with pytest.raises(PermissionDenied, match="with a key"):
                await client.begin_assign_resources("A", [assigned])
            assert [each async for each in client.list_project_resources("A")] == []
            assert [each async for each in client.list_assigned_resource_deployments()] == []


@pytest.mark.parametrize("version", EVERYWHERE.versions)
async def test_what_every_version_has(version: str) -> None:
    """Reference lists, and an empty project."""
    async with world() as here:
        client = here.client(version=version)
        languages = {each.code async for each in client.list_supported_languages()}
        assert {"en-us", "de"} <= languages
        categories = {each.category async for each in client.list_supported_prebuilt_entities()}
        assert "Quantity.Number" in categories
        assert {each.category async for each in client.list_supported_prebuilt_entities(language="en-us")} <= categories
        assert "2022-09-01" in {each.name async for each in client.list_training_config_versions()}
        await client.create_project("A", {"projectKind": "Conversation", "language": "en-us"})
        assert not await client.model_exists("A", label="m1")
        assert not await client.deployment_exists("A", deployment="prod")


async def test_a_resource_without_previews(pizza: bytes) -> None:
    """What no answered version has is said to be missing; what an answered one has is used."""
    async with world(api_versions=("2022-05-01", "2023-04-01")) as here:
        client = here.client()
        await client.import_project("A", pizza)
        with pytest.raises(OperationNotInVersion, match="copying of projects"):
            await client.authorize_copy("B")
        with pytest.raises(OperationNotInVersion, match="deployments on several resources"):
            _ = [each async for each in client.list_project_resources("A")]


@pytest.mark.parametrize("name", ["luis-pizza", "luis-human-resources-patterns"])
async def test_luis_applications_are_imported(sample: Any, name: str) -> None:
    """The service converts them; the name is the URL's."""
    async with world() as here:
        client = here.client()
        await client.import_project("FromLuis", sample(name), file_format="luis")
        exported = read_project_file((await client.export_project("FromLuis")).data)
        assert exported.name == "FromLuis"
        assert exported.intents
        assert exported.utterances
