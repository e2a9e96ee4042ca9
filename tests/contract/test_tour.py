"""Every operation of every api-version, called once with success: the record holds each answer against its document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from cluvault.emulator.arm import arm_id
from cluvault.emulator.versions import API_VERSIONS, EVERY_VERSION, ApiVersion
from tests.emulator.wire import KEY_HEADER, Wire, project_file, travels
from tests.support.published import published

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from tests.support.recorded import Record

TRAINING_SECONDS: Final = 60
PAGED: Final = {"top": 5, "maxpagesize": 1}
ENTITY: Final = {
    "category": "City",
    "compositionSetting": "combineComponents",
    "list": {"sublists": [{"listKey": "PAR", "synonyms": [{"language": "en-us", "values": ["Paris", "Paname"]}]}]},
    "prebuilts": [{"category": "Quantity.Number"}],
}
REGEX: Final = {
    "regex": {"expressions": [{"regexKey": "iata", "language": "en-us", "regexPattern": "[A-Z]{3}"}]},
    "requiredComponents": ["learned"],
}
DESCRIBED: Final = {"description": "To book a flight.", "associatedEntities": [{"category": "City"}]}


class Tour:
    """One visitor with one api-version."""

    def __init__(self, wire: Wire, version: str) -> None:
        self.wire = wire
        self.name = version
        self.version: ApiVersion = EVERY_VERSION[version]
        self.has = published(version).operations

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Ask for success."""
        answer = await self.wire.send(method, path, version=self.name, **options)
        assert answer.is_success, f"{method} {path}: {answer.text}"
        return answer

    async def run(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Start a job and see it through."""
        job = await self.wire.finish(await self.send(method, path, **options))
        assert job["status"] == "succeeded", job
        return job

    def file(self) -> dict[str, Any]:
        """A project file with everything that the version knows."""
        entity = ENTITY | (REGEX if self.version.regex else {})
        book = {"category": "Book"} | (DESCRIBED if self.version.descriptions else {})
        assets = {"intents": [{"category": "None"}, book], "entities": [entity], "utterances": travels(40)}
        return project_file(
            projectFileVersion=self.name, assets=assets, metadata={"settings": {"confidenceThreshold": 0}}
        )

    # --- the stations ----------------------------------------------------------------------------------------------

    async def projects(self) -> None:
        """Create, update, list, import, export."""
        body = {"projectKind": "Conversation", "projectName": "Travel", "language": "en-us"}
        for _ in range(2):
            await self.send("PATCH", "projects/Travel", json=body)
        await self.send("PATCH", "projects/Other", json=body | {"projectName": "Other"})
        await self.send("GET", "projects/Travel")
        await self.send("GET", "projects", params=PAGED)
        await self.run("POST", "projects/Travel/:import", json=self.file())
        exported = await self.run("POST", "projects/Travel/:export", params={"stringIndexType": "Utf16CodeUnit"})
        assert (await self.wire.get(exported["resultUrl"])).json()["projectFileVersion"] == self.name
        for path in ("languages", "training-config-versions"):
            await self.send("GET", f"projects/global/{path}", params={"projectKind": "Conversation"})
        await self.send("GET", "projects/global/prebuilt-entities", params={"multilingual": "true"})

    async def training(self) -> None:
        """Train twice, look at the second while it runs, cancel it."""
        body = {"modelLabel": "v1", "trainingMode": "standard"}
        await self.run("POST", "projects/Travel/:train", json=body)
        started = await self.send("POST", "projects/Travel/:train", json=body | {"modelLabel": "v2"})
        job = started.headers["operation-location"].partition("?")[0].rpartition("/")[2]
        self.wire.clock.advance(TRAINING_SECONDS / 2)
        await self.send("GET", f"projects/Travel/train/jobs/{job}")
        cancelled = await self.send("POST", f"projects/Travel/train/jobs/{job}/:cancel")
        assert (await self.wire.finish(cancelled))["status"] == "cancelled"
        await self.send("GET", "projects/Travel/train/jobs")

    async def models(self) -> None:
        """Everything about a model, and its end."""
        await self.send("GET", "projects/Travel/models")
        await self.send("GET", "projects/Travel/models/v1")
        await self.send("GET", "projects/Travel/models/v1/evaluation/summary-result")
        params = {"stringIndexType": "Utf16CodeUnit", **PAGED}
        await self.send("GET", "projects/Travel/models/v1/evaluation/result", params=params)
        if "POST projects/{}/models/{}/:load-snapshot" in self.has:
            await self.run("POST", "projects/Travel/models/v1/:load-snapshot")
        if "POST projects/{}/models/{}/:evaluate" in self.has:
            await self.run("POST", "projects/Travel/models/v1/:evaluate", json={"kind": "percentage"})
        self.wire.emulator.add_model("dev", "Travel", "old")
        await self.send("DELETE", "projects/Travel/models/old")

    async def exported_models(self) -> None:
        """Make a model ready for a container, and take it away."""
        if "PUT projects/{}/exported-models/{}" in self.has:
            path = "projects/Travel/exported-models"
            await self.run("PUT", f"{path}/box", json={"trainedModelLabel": "v1"})
            await self.send("GET", path)
            await self.send("GET", f"{path}/box")
            await self.run("DELETE", f"{path}/box")

    async def deployments(self) -> None:
        """Deploy, ask, swap, take away."""
        path = "projects/Travel/deployments"
        for name in ("production", "staging"):
            await self.run("PUT", f"{path}/{name}", json={"trainedModelLabel": "v1"})
        await self.send("GET", path)
        await self.send("GET", f"{path}/production")
        names = {"firstDeploymentName": "production", "secondDeploymentName": "staging"}
        await self.run("POST", f"{path}/:swap", json=names)
        await self.ask()
        await self.run("DELETE", f"{path}/staging")

    async def ask(self) -> None:
        """Predict with the deployment."""
        task = {
            "kind": "Conversation",
            "analysisInput": {"conversationItem": {"id": "1", "participantId": "1", "text": "fly to Paname 12"}},
            "parameters": {"projectName": "Travel", "deploymentName": "production"},
        }
        base = self.wire.base.removesuffix("/authoring/analyze-conversations")
        url = f"{base}/:analyze-conversations"
        answer = await self.wire.client.post(url, params={"api-version": self.name}, json=task)
        assert answer.json()["result"]["prediction"]["topIntent"] == "Book"

    async def resources(self) -> None:
        """Assign another resource, deploy to it, see it there, take it away."""
        members = self.version.resources
        if members is None:
            return
        azure_id, path = arm_id("prod"), "projects/Travel"
        token = {"Authorization": f"Bearer {self.wire.emulator.mint_token()}"}
        key = self.wire.client.headers.pop(KEY_HEADER)
        wanted = [{"azureResourceId": azure_id, "customDomain": "prod", "region": "eastus"}]
        started = await self.send("POST", f"{path}/resources/:assign", json={members.assign: wanted}, headers=token)
        self.wire.client.headers[KEY_HEADER] = key
        await self.wire.finish(started)
        await self.send("GET", f"{path}/resources")
        target = {members.deploy_id: azure_id, "region": "eastus"} if members.deploy_id else azure_id
        await self.run(
            "PUT", f"{path}/deployments/production", json={"trainedModelLabel": "v1", members.deploy: [target]}
        )
        await self.send("GET", f"{path}/deployments/production")
        base, self.wire.base = self.wire.base, self.wire.base.replace("/dev/", "/prod/")
        placed = await self.send("GET", "projects/global/deployments/resources")
        assert placed.json()["value"][0]["projectName"] == "Travel"
        self.wire.base = base
        ids = {members.ids: [azure_id]}
        await self.run("POST", f"{path}/deployments/production/:delete-from-resources", json=ids)
        await self.run("POST", f"{path}/resources/:unassign", json=ids)

    async def copies(self) -> None:
        """Copy the project to the other resource."""
        if "POST projects/{}/:copy" in self.has:
            base, self.wire.base = self.wire.base, self.wire.base.replace("/dev/", "/prod/")
            kind = {"projectKind": "Conversation"}
            allowed = (await self.send("POST", "projects/Travel/:authorize-copy", json=kind)).json()
            self.wire.base = base
            await self.run("POST", "projects/Travel/:copy", json=allowed)

    async def the_end(self) -> None:
        """Delete the project."""
        await self.run("DELETE", "projects/Travel")


@pytest.mark.parametrize("version", API_VERSIONS)
async def test_every_operation_answers_as_its_documents_say(
    make_wire: Callable[..., Wire], record: Record, version: str
) -> None:
    """No operation and no status of success of any version is left out of the comparison."""
    wire = make_wire(training_seconds=TRAINING_SECONDS)
    before = record.seen.copy()
    tour = Tour(wire, version)
    await tour.projects()
    await tour.training()
    await tour.models()
    await tour.exported_models()
    await tour.deployments()
    await tour.resources()
    await tour.copies()
    await tour.the_end()
    seen = {(name, status) for name, known, status in record.seen - before if known == version}
    wanted = {(name, status) for name, operation in tour.has.items() for status in operation.answers}
    assert wanted - seen == set()
