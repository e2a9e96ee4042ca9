"""Projects with models, deployments and other resources, for tests of what is served where."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from cluvault.emulator.arm import arm_id
from tests.emulator.wire import KEY_HEADER, VERSION, Wire, project_file, travels

if TYPE_CHECKING:
    import httpx

NEWEST = "2025-11-15-preview"
PROD = {"azureResourceId": arm_id("prod"), "customDomain": "prod", "region": "eastus"}


def at(wire: Wire, resource: str) -> Wire:
    """Another resource of the same emulator."""
    other = copy.copy(wire)
    other.base = wire.base.replace("/dev/", f"/{resource}/")
    return other


async def with_models(wire: Wire, name: str = "Travel", *labels: str, **file: Any) -> None:
    """Put a project in place that has models of these labels, v1 if none is named."""
    wanted: dict[str, Any] = {"name": name, "assets": {"utterances": travels()}} | file
    assert (await wire.put(name, project_file(**wanted)))["status"] == "succeeded"
    for label in labels or ("v1",):
        wire.emulator.add_model(resource_of(wire), name, label)


def resource_of(wire: Wire) -> str:
    """The name of the resource that a wire leads to."""
    return wire.base.split("/")[3]


async def start_deployment(
    wire: Wire, deployment: str = "production", *, name: str = "Travel", label: str = "v1", **options: Any
) -> httpx.Response:
    """PUT a deployment; `body` adds members."""
    body = {"trainedModelLabel": label} | options.pop("body", {})
    return await wire.send("PUT", f"projects/{name}/deployments/{deployment}", json=body, **options)


async def deploy(wire: Wire, deployment: str = "production", **options: Any) -> dict[str, Any]:
    """Deploy, and wait for the job."""
    return await wire.finish(await start_deployment(wire, deployment, **options))


async def start_assignment(
    wire: Wire,
    *resources: dict[str, Any],
    name: str = "Travel",
    version: str = NEWEST,
    member: str = "projectResources",
) -> httpx.Response:
    """POST an assignment, with a token as it must be."""
    request = wire.client.build_request(
        "POST",
        f"{wire.base}/projects/{name}/resources/:assign",
        params={"api-version": version},
        json={member: list(resources)},
        headers={"Authorization": f"Bearer {wire.emulator.mint_token()}"},
    )
    del request.headers[KEY_HEADER]
    return await wire.client.send(request)


async def assign(wire: Wire, *resources: dict[str, Any], name: str = "Travel") -> dict[str, Any]:
    """Assign resources, `prod` if none is given, and wait for the job."""
    return await wire.finish(await start_assignment(wire, *(resources or (PROD,)), name=name))


async def deploy_to_prod(wire: Wire, deployment: str = "production", **options: Any) -> dict[str, Any]:
    """Deploy to `prod` besides the home resource."""
    body = {"azureResourceIds": [{"azureResourceId": arm_id("prod"), "region": "eastus"}]}
    return await deploy(wire, deployment, version=NEWEST, body=body, **options)


async def ask(
    wire: Wire,
    text: str,
    *,
    name: str = "Travel",
    deployment: str = "production",
    version: str = VERSION,
    item: dict[str, Any] | None = None,
    **parameters: Any,
) -> httpx.Response:
    """POST a prediction."""
    body = {
        "kind": "Conversation",
        "analysisInput": {"conversationItem": {"id": "1", "participantId": "1", "text": text} | (item or {})},
        "parameters": {"projectName": name, "deploymentName": deployment} | parameters,
    }
    url = f"{wire.base.removesuffix('/authoring/analyze-conversations')}/:analyze-conversations"
    return await wire.send("POST", url, params={"api-version": version}, json=body)


async def prediction(wire: Wire, text: str, **options: Any) -> dict[str, Any]:
    """What a deployment says of a text."""
    answer = await ask(wire, text, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]["prediction"]


def problem(answer: httpx.Response) -> tuple[int, str]:
    """The status and the code of an error."""
    return answer.status_code, answer.json()["error"]["code"]
