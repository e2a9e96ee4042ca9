"""Jobs and errors as JSON schemas. See `openapi_notation.py`."""

from __future__ import annotations

from typing import Final

from cluvault.emulator.openapi_notation import (
    FLAG,
    LINK,
    NAME,
    PERCENT,
    TEXT,
    TIME,
    Schema,
    list_of,
    object_of,
    one_of,
    ref,
)


def _job(**result: Schema) -> Schema:
    times = dict.fromkeys(("createdDateTime", "lastUpdatedDateTime", "expirationDateTime"), TIME)
    problems = {"warnings": list_of(ref("Error")), "errors": list_of(ref("Error"))}
    return object_of({"jobId": TEXT, **times, "status": ref("OperationStatus"), **result}, problems)


JOBS: Final[dict[str, Schema]] = {
    "OperationStatus": one_of(
        "notStarted", "running", "succeeded", "failed", "cancelled", "cancelling", "partiallyCompleted"
    ),
    "Job": _job(),
    "ExportProjectState": _job() | {"properties": _job()["properties"] | {"resultUrl": LINK}},
    "TrainingState": _job(result=ref("TrainingJobResult")),
    "TrainingJobResult": object_of(
        {"modelLabel": TEXT, "trainingConfigVersion": TEXT, "trainingStatus": ref("SubTrainingState")},
        {
            "trainingMode": ref("TrainingMode"),
            "dataGenerationStatus": ref("SubTrainingState"),
            "evaluationStatus": ref("SubTrainingState"),
            "estimatedEndDateTime": TIME,
        },
    ),
    "SubTrainingState": object_of(
        {"percentComplete": PERCENT, "status": ref("OperationStatus")}, {"startDateTime": TIME, "endDateTime": TIME}
    ),
    "TrainingMode": one_of("standard", "advanced"),
    "TrainingJobDetails": object_of(
        {"modelLabel": NAME, "trainingMode": ref("TrainingMode")},
        {
            "trainingConfigVersion": TEXT,
            "evaluationOptions": ref("EvaluationDetails"),
            "dataGenerationSettings": object_of(
                {"enableDataGeneration": FLAG}, {"dataGenerationConnectionInfo": ref("DataGenerationConnectionInfo")}
            ),
        },
    ),
    "EvaluationDetails": object_of(
        {},
        {
            "kind": one_of("percentage", "manual"),
            "trainingSplitPercentage": PERCENT,
            "testingSplitPercentage": PERCENT,
        },
    ),
    "EvaluationState": _job(
        result=object_of(
            {
                "evaluationOptions": ref("EvaluationDetails"),
                "modelLabel": TEXT,
                "trainingConfigVersion": TEXT,
                "percentComplete": PERCENT,
            }
        )
    ),
    "Error": object_of(
        {"code": TEXT, "message": TEXT},
        {"target": TEXT, "details": list_of(ref("Error")), "innererror": ref("InnerError")},
    ),
    "InnerError": object_of({"code": TEXT, "message": TEXT}),
    "ErrorResponse": object_of({"error": ref("Error")}),
}
