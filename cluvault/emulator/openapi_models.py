"""Trained models, deployments, resources and the service's lists as JSON schemas. See `openapi_notation.py`."""

from __future__ import annotations

from typing import Final

from cluvault.emulator.openapi_notation import (
    COUNT,
    DATE,
    FLAG,
    NUMBER,
    SHARE,
    SPAN,
    TEXT,
    TIME,
    Schema,
    list_of,
    map_of,
    object_of,
    ref,
)

_TRAINED: Final = {"modelId": TEXT, "lastTrainedDateTime": TIME, "modelTrainingConfigVersion": TEXT}
_AVERAGES: Final[dict[str, Schema]] = dict.fromkeys(
    ("microF1", "microPrecision", "microRecall", "macroF1", "macroPrecision", "macroRecall"), SHARE
)
_FIGURES: Final[dict[str, Schema]] = {
    **dict.fromkeys(("f1", "precision", "recall"), SHARE),
    **dict.fromkeys(("truePositiveCount", "trueNegativeCount", "falsePositiveCount", "falseNegativeCount"), COUNT),
}
_MATRIX: Final = map_of(map_of(object_of({"normalizedValue": NUMBER, "rawValue": NUMBER})))

MODELS: Final[dict[str, Schema]] = {
    "ProjectTrainedModel": object_of(
        {"label": TEXT, **_TRAINED, "lastTrainingDurationInSeconds": COUNT, "modelExpirationDate": DATE},
        {"hasSnapshot": FLAG},
    ),
    "EvalSummary": object_of(
        {
            "entitiesEvaluation": object_of(
                {"confusionMatrix": _MATRIX, "entities": map_of(object_of(_FIGURES)), **_AVERAGES}
            ),
            "intentsEvaluation": object_of(
                {"confusionMatrix": _MATRIX, "intents": map_of(object_of(_FIGURES)), **_AVERAGES}
            ),
        },
        {"evaluationOptions": ref("EvaluationDetails")},
    ),
    "UtteranceEvaluationResult": object_of(
        {
            "text": TEXT,
            "language": TEXT,
            "entitiesResult": object_of(
                {"expectedEntities": list_of(object_of(SPAN)), "predictedEntities": list_of(object_of(SPAN))}
            ),
            "intentsResult": object_of({"expectedIntent": TEXT, "predictedIntent": TEXT}),
        }
    ),
    "ProjectDeployment": object_of(
        {"deploymentName": TEXT, **_TRAINED, "lastDeployedDateTime": TIME, "deploymentExpirationDate": DATE},
        {"assignedResources": list_of(ref("DeploymentResource"))},
    ),
    "DeploymentResource": object_of(
        {"region": TEXT},
        {
            "azureResourceId": TEXT,
            "resourceId": TEXT,
            "assignedAoaiResource": ref("DataGenerationConnectionInfo"),
        },
    ),
    "DataGenerationConnectionInfo": object_of(
        {"kind": {"const": "AzureOpenAI"}, "deploymentName": TEXT}, {"resourceId": TEXT}
    ),
    "CreateDeploymentDetails": object_of(
        {"trainedModelLabel": TEXT},
        {
            "azureResourceIds": list_of({"anyOf": [TEXT, ref("DeploymentResource")]}),
            "assignedResources": list_of(ref("DeploymentResource")),
            "assignedResourceIds": list_of(TEXT),
        },
    ),
    "SwapDeploymentsDetails": object_of({"firstDeploymentName": TEXT, "secondDeploymentName": TEXT}),
    "ProjectResourceIds": object_of({}, {"azureResourceIds": list_of(TEXT), "assignedResourceIds": list_of(TEXT)}),
    "AssignProjectResourcesDetails": object_of(
        {},
        {"projectResources": list_of(ref("ResourceMetadata")), "resourcesMetadata": list_of(ref("ResourceMetadata"))},
    ),
    "ResourceMetadata": object_of({"azureResourceId": TEXT, "customDomain": TEXT, "region": TEXT}),
    "AssignedProjectResource": object_of({"azureResourceId": TEXT, "region": TEXT}),
    "AssignedProjectDeploymentsMetadata": object_of(
        {
            "projectName": TEXT,
            "deploymentsMetadata": list_of(
                object_of({"deploymentName": TEXT, "lastDeployedDateTime": TIME, "deploymentExpirationDate": DATE})
            ),
        }
    ),
    "CopyProjectAuthorizationDetails": object_of(
        {"projectKind": ref("ProjectKind")}, {"storageInputContainerName": TEXT, "allowOverwrite": FLAG}
    ),
    "CopyProjectDetails": object_of(
        {
            "projectKind": ref("ProjectKind"),
            "targetProjectName": TEXT,
            "accessToken": TEXT,
            "expiresAt": TIME,
            "targetResourceId": TEXT,
            "targetResourceRegion": TEXT,
        }
    ),
    "ExportedModelDetails": object_of({"trainedModelLabel": TEXT}),
    "ExportedTrainedModel": object_of(
        {"exportedModelName": TEXT, **_TRAINED, "lastExportedModelDateTime": TIME, "modelExpirationDate": DATE}
    ),
}

LISTS: Final[dict[str, Schema]] = {
    "SupportedLanguage": object_of({"languageName": TEXT, "languageCode": TEXT}),
    "PrebuiltEntity": object_of({"category": TEXT, "description": TEXT, "examples": TEXT}),
    "TrainingConfigVersion": object_of({"trainingConfigVersion": TEXT, "modelExpirationDate": DATE}),
}
