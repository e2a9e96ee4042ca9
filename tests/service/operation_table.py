"""Every operation of the client beyond the basic ones of projects and files, and the request that it is.

The tests walk through this table: what is written here is the contract as the client reads it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from cluvault.service.calls.deployments import DeploymentResource
from cluvault.service.calls.resources import ProjectResource
from cluvault.service.calls.training import OpenAIConnection, Training
from cluvault.service.features import (
    COPY,
    EVALUATION_JOBS,
    EVERYWHERE,
    EXPORTED_MODELS,
    OPENAI,
    RESOURCES,
    SNAPSHOTS,
    Feature,
)
from cluvault.service.jobs import JobHandle
from cluvault.service.models import CopyAuthorization
from tests.service.scripted import ENDPOINT, PROJECTS, accepted, answer, project

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from starlette.responses import Response

    from cluvault.service.client import CluClient
    from cluvault.service.job_models import Job
    from tests.service.scripted import ScriptedService, Seen

RUNTIME: Final = "//language/:analyze-conversations"
RESOURCE_ID: Final = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/weu"
ON_WEU: Final = DeploymentResource(RESOURCE_ID, "weu")
TOKEN: Final = "c0py/t0k3n+numb3r=1"
JOB: Final = "66fa9a67-a561-42f1-8a13-f3a879b1a324_637858368000000000"
AUTHORIZATION: Final = {
    "projectKind": "Conversation",
    "targetProjectName": "A",
    "accessToken": TOKEN,
    "expiresAt": "2026-01-02T03:04:05.1234567Z",
    "targetResourceId": RESOURCE_ID,
    "targetResourceRegion": "westeurope",
}
FIGURES: Final[dict[str, Any]] = {
    f"{kind}{figure}": 0.5 for kind in ("micro", "macro") for figure in ("F1", "Precision", "Recall")
}
SUMMARY: Final[dict[str, Any]] = {"intentsEvaluation": {**FIGURES, "intents": {}}}
UTTERANCE: Final = {"text": "t", "intentsResult": {"expectedIntent": "x", "predictedIntent": "y"}}
PREDICTION: Final = {"kind": "ConversationResult", "result": {"prediction": {"topIntent": "x"}}}


def authorization() -> CopyAuthorization:
    """What a target has answered."""
    return CopyAuthorization.model_validate(AUTHORIZATION)


@dataclass(frozen=True)
class Operation:
    """One operation: how to call it, and what it sends.

    Attributes:
        name: The client's method.
        run: Calls it to its end; of a list that is its last page, of a job its start.
        method: HTTP verb.
        path: Below the projects, or absolute.
        good: The body of a good answer; None for the 202 that starts a job.
        query: Besides api-version.
        body: What is sent as JSON.
        role: The role that a 403 names.
        feature: Which api-versions have it.
        repeatable: Whether it is sent again when the answer was lost.
        status: Of a good answer with a body.
    """

    name: str
    run: Callable[[CluClient], Coroutine[Any, Any, object]]
    method: str
    path: str
    good: Any = None
    query: tuple[tuple[str, str], ...] = ()
    body: Any = None
    role: str = "Reader"
    feature: Feature = EVERYWHERE
    repeatable: bool = True
    status: int = 200

    @property
    def is_job(self) -> bool:
        """Whether it starts a job."""
        return self.good is None and self.status == 200

    @property
    def is_list(self) -> bool:
        """Whether it lists."""
        return "value" in (self.good or ())

    @property
    def is_runtime(self) -> bool:
        """Whether it is the runtime's, which has versions of its own."""
        return self.path == RUNTIME

    def good_answer(self) -> Response:
        """What the service says when all is well."""
        return accepted(self.job_url) if self.is_job else answer(self.good, self.status)

    @property
    def job_url(self) -> str:
        """Where the job is that it starts."""
        return f"{ENDPOINT}/the-jobs/job-1?api-version={self.feature.versions[0]}"

    def script(self, service: ScriptedService, *steps: Response) -> None:
        """Let the service answer the operation."""
        service.on(self.method, self.path, *(steps or (self.good_answer(),)))

    def sent(self, service: ScriptedService) -> list[Seen]:
        """Its requests."""
        path = self.path.removeprefix("/") if self.is_runtime else PROJECTS + self.path
        return [seen for seen in service.requests if (seen.method, seen.path) == (self.method, path)]

    async def begin(self, client: CluClient) -> JobHandle[Job]:
        """Start its job."""
        handle = await self.run(client)
        assert isinstance(handle, JobHandle)
        return cast("JobHandle[Job]", handle)


async def everything(listed: AsyncIterator[Any]) -> list[Any]:
    """All that a list yields."""
    return [item async for item in listed]


def page(*items: Any) -> dict[str, Any]:
    """A last page."""
    return {"value": list(items), "nextLink": None}


OPERATIONS: Final = (
    # --- training
    Operation(
        "begin_train", lambda c: c.begin_train("A", Training(label="m1")), "POST", "/A/:train",
        body={"modelLabel": "m1", "trainingMode": "standard"}, role="Writer", repeatable=False,
    ),
    Operation(
        "begin_train with generated data",
        lambda c: c.begin_train("A", Training(label="m1", data_generation=OpenAIConnection("gpt", "r"))),
        "POST", "/A/:train", role="Writer", repeatable=False, feature=OPENAI,
        body={
            "modelLabel": "m1",
            "trainingMode": "standard",
            "dataGenerationSettings": {
                "enableDataGeneration": True,
                "dataGenerationConnectionInfo": {"kind": "AzureOpenAI", "deploymentName": "gpt", "resourceId": "r"},
            },
        },
    ),
    Operation(
        "list_training_jobs", lambda c: everything(c.list_training_jobs("A")), "GET", "/A/train/jobs",
        good=page({"jobId": "j", "status": "running"}),
    ),
    Operation(
        "get_training_job", lambda c: c.get_training_job("A", job_id=JOB), "GET", f"/A/train/jobs/{JOB}",
        good={"jobId": JOB, "status": "running"},
    ),
    Operation(
        "begin_cancel_training", lambda c: c.begin_cancel_training("A", job_id=JOB),
        "POST", f"/A/train/jobs/{JOB}/:cancel", role="Writer",
    ),
    # --- models
    Operation("list_models", lambda c: everything(c.list_models("A")), "GET", "/A/models", good=page({"label": "m"})),
    Operation("get_model", lambda c: c.get_model("A", label="m1"), "GET", "/A/models/m1", good={"label": "m1"}),
    Operation(
        "delete_model", lambda c: c.delete_model("A", label="m1"), "DELETE", "/A/models/m1",
        good=None, status=204, role="Owner",
    ),
    Operation(
        "begin_load_snapshot", lambda c: c.begin_load_snapshot("A", label="m1"), "POST", "/A/models/m1/:load-snapshot",
        role="Writer", repeatable=False, feature=SNAPSHOTS,
    ),
    Operation(
        "get_evaluation_summary", lambda c: c.get_evaluation_summary("A", label="m1"),
        "GET", "/A/models/m1/evaluation/summary-result", good=SUMMARY,
    ),
    Operation(
        "list_evaluation_results", lambda c: everything(c.list_evaluation_results("A", label="m1")),
        "GET", "/A/models/m1/evaluation/result", good=page(UTTERANCE), query=(("stringIndexType", "Utf16CodeUnit"),),
    ),
    Operation(
        "begin_evaluate", lambda c: c.begin_evaluate("A", label="m1"), "POST", "/A/models/m1/:evaluate",
        body={}, role="Writer", feature=EVALUATION_JOBS,
    ),
    # --- exported models
    Operation(
        "list_exported_models", lambda c: everything(c.list_exported_models("A")), "GET", "/A/exported-models",
        good=page({"exportedModelName": "x"}), feature=EXPORTED_MODELS,
    ),
    Operation(
        "get_exported_model", lambda c: c.get_exported_model("A", name="x1"), "GET", "/A/exported-models/x1",
        good={"exportedModelName": "x1"}, feature=EXPORTED_MODELS,
    ),
    Operation(
        "begin_export_model", lambda c: c.begin_export_model("A", name="x1", label="m1"),
        "PUT", "/A/exported-models/x1", body={"trainedModelLabel": "m1"}, role="Writer", feature=EXPORTED_MODELS,
    ),
    Operation(
        "begin_delete_exported_model", lambda c: c.begin_delete_exported_model("A", name="x1"),
        "DELETE", "/A/exported-models/x1", role="Owner", feature=EXPORTED_MODELS,
    ),
    # --- deployments
    Operation(
        "list_deployments", lambda c: everything(c.list_deployments("A")), "GET", "/A/deployments",
        good=page({"deploymentName": "d"}),
    ),
    Operation(
        "get_deployment", lambda c: c.get_deployment("A", deployment="prod"), "GET", "/A/deployments/prod",
        good={"deploymentName": "prod"},
    ),
    Operation(
        "begin_deploy", lambda c: c.begin_deploy("A", deployment="prod", label="m1"), "PUT", "/A/deployments/prod",
        body={"trainedModelLabel": "m1"}, role="Owner",
    ),
    Operation(
        "begin_deploy on resources",
        lambda c: c.begin_deploy("A", deployment="prod", label="m1", resources=[ON_WEU]),
        "PUT", "/A/deployments/prod", role="Owner", feature=RESOURCES,
        body={"trainedModelLabel": "m1", "azureResourceIds": [RESOURCE_ID]},
    ),
    Operation(
        "begin_deploy with Azure OpenAI",
        lambda c: c.begin_deploy(
            "A", deployment="prod", label="m1",
            resources=[DeploymentResource(RESOURCE_ID, "weu", OpenAIConnection("gpt"))],
        ),
        "PUT", "/A/deployments/prod", role="Owner", feature=OPENAI,
        body={
            "trainedModelLabel": "m1",
            "azureResourceIds": [
                {
                    "azureResourceId": RESOURCE_ID,
                    "region": "weu",
                    "assignedAoaiResource": {"kind": "AzureOpenAI", "deploymentName": "gpt"},
                }
            ],
        },
    ),
    Operation(
        "begin_delete_deployment", lambda c: c.begin_delete_deployment("A", deployment="prod"),
        "DELETE", "/A/deployments/prod", role="Owner",
    ),
    Operation(
        "begin_delete_deployment_from_resources",
        lambda c: c.begin_delete_deployment_from_resources("A", deployment="prod", resource_ids=[RESOURCE_ID]),
        "POST", "/A/deployments/prod/:delete-from-resources",
        body={"azureResourceIds": [RESOURCE_ID]}, role="Owner", feature=RESOURCES,
    ),
    Operation(
        "begin_delete_deployment_from_resources, all of them",
        lambda c: c.begin_delete_deployment_from_resources("A", deployment="prod", resource_ids=None),
        "POST", "/A/deployments/prod/:delete-from-resources", body={}, role="Owner", feature=RESOURCES,
    ),
    Operation(
        "begin_swap_deployments", lambda c: c.begin_swap_deployments("A", first="staging", second="prod"),
        "POST", "/A/deployments/:swap", role="Owner", repeatable=False,
        body={"firstDeploymentName": "staging", "secondDeploymentName": "prod"},
    ),
    # --- resources
    Operation(
        "list_project_resources", lambda c: everything(c.list_project_resources("A")), "GET", "/A/resources",
        good=page({"azureResourceId": RESOURCE_ID}), feature=RESOURCES,
    ),
    Operation(
        "begin_assign_resources",
        lambda c: c.begin_assign_resources(
            "A", [ProjectResource(resource_id=RESOURCE_ID, custom_domain="weu", region="westeurope")]
        ),
        "POST", "/A/resources/:assign", role="Owner", feature=RESOURCES,
        body={
            "projectResources": [{"azureResourceId": RESOURCE_ID, "customDomain": "weu", "region": "westeurope"}]
        },
    ),
    Operation(
        "begin_unassign_resources", lambda c: c.begin_unassign_resources("A", [RESOURCE_ID]),
        "POST", "/A/resources/:unassign", body={"azureResourceIds": [RESOURCE_ID]}, role="Owner", feature=RESOURCES,
    ),
    Operation(
        "list_assigned_resource_deployments", lambda c: everything(c.list_assigned_resource_deployments()),
        "GET", "/global/deployments/resources", good=page({"projectName": "P"}), feature=RESOURCES,
    ),
    # --- copy
    Operation(
        "authorize_copy", lambda c: c.authorize_copy("A"), "POST", "/A/:authorize-copy",
        good=AUTHORIZATION, body={"projectKind": "Conversation"}, role="Writer", feature=COPY,
    ),
    Operation(
        "begin_copy", lambda c: c.begin_copy("Source", authorization()), "POST", "/Source/:copy",
        body=AUTHORIZATION, role="Writer", repeatable=False, feature=COPY,
    ),
    # --- reference
    Operation(
        "list_supported_languages", lambda c: everything(c.list_supported_languages(kind="Orchestration")),
        "GET", "/global/languages", good=page({"languageCode": "en-us"}), query=(("projectKind", "Orchestration"),),
    ),
    Operation(
        "list_supported_prebuilt_entities, of a language",
        lambda c: everything(c.list_supported_prebuilt_entities(language="de")),
        "GET", "/global/prebuilt-entities", good=page({"category": "Email"}),
        query=(("language", "de"), ("multilingual", "false")),
    ),
    Operation(
        "list_supported_prebuilt_entities", lambda c: everything(c.list_supported_prebuilt_entities()),
        "GET", "/global/prebuilt-entities", good=page({"category": "Email"}), query=(("multilingual", "true"),),
    ),
    Operation(
        "list_training_config_versions", lambda c: everything(c.list_training_config_versions()),
        "GET", "/global/training-config-versions", good=page({"trainingConfigVersion": "2022-09-01"}),
        query=(("projectKind", "Conversation"),),
    ),
    # --- files with options
    Operation(
        "begin_import of LUIS", lambda c: c.begin_import("A", b"{}", file_format="luis"), "POST", "/A/:import",
        body={}, query=(("format", "luis"),), role="Writer", repeatable=False,
    ),
    Operation(
        "begin_export with options", lambda c: c.begin_export("A", file_format="luis", asset_kind="k"),
        "POST", "/A/:export",
        query=(("stringIndexType", "Utf16CodeUnit"), ("format", "luis"), ("assetKind", "k")),
    ),
    Operation(
        "begin_export of a model", lambda c: c.begin_export("A", trained_model_label="m1"), "POST", "/A/:export",
        query=(("stringIndexType", "Utf16CodeUnit"), ("trainedModelLabel", "m1")), feature=SNAPSHOTS,
    ),
    # --- projects
    Operation("list_projects", lambda c: everything(c.list_projects()), "GET", "", good=page(project("A"))),
    Operation("get_project", lambda c: c.get_project("A"), "GET", "/A", good=project("A")),
    Operation("begin_delete_project", lambda c: c.begin_delete_project("A"), "DELETE", "/A", role="Owner"),
    # --- runtime
    Operation(
        "predict", lambda c: c.predict("A", deployment="prod", text="fly to 🇫🇷", language="en"), "POST", RUNTIME,
        good=PREDICTION,
        body={
            "kind": "Conversation",
            "analysisInput": {
                "conversationItem": {"id": "1", "participantId": "1", "text": "fly to 🇫🇷", "language": "en"}
            },
            "parameters": {"projectName": "A", "deploymentName": "prod", "stringIndexType": "Utf16CodeUnit"},
        },
    ),
)  # fmt: skip


def named(operation: Operation) -> str:
    """For pytest."""
    return operation.name


def sent_json(seen: Seen) -> Any:
    """The JSON that was sent."""
    return json.loads(seen.body) if seen.body else None
