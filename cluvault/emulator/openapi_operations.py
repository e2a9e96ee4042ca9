"""What goes into the emulator's operations and what comes out, for its OpenAPI document."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cluvault.emulator.openapi_notation import TEXT, Schema, one_of, page_of, ref

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cluvault.emulator.calls import Operation

_VARIABLE: Final = re.compile(r"\{\w+\}")
_NUMBER: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
_PAGING: Final[Mapping[str, Schema]] = {"top": _NUMBER, "skip": _NUMBER, "maxpagesize": _NUMBER}
_FORMAT: Final[Mapping[str, Schema]] = {"format": one_of("Conversation", "Luis")}
_KIND: Final[Mapping[str, Schema]] = {"projectKind": ref("ProjectKind")}
_INDEX: Final[Mapping[str, Schema]] = {"stringIndexType": ref("StringIndexType")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """The bodies and the query of an operation.

    Attributes:
        answer: The body of success; None for none.
        statuses: Those of success. 202 has no body but an `operation-location`.
        body: The body of the request.
        media: Its type.
        needs: Parameters that the query must have.
        may: Parameters that it may have.
    """

    answer: Schema | None = None
    statuses: tuple[int, ...] = (200,)
    body: Schema | None = None
    media: str = "application/json"
    needs: Mapping[str, Schema] | None = None
    may: Mapping[str, Schema] | None = None


def described(operation: Operation) -> Described:
    """What is known of an operation."""
    return DESCRIPTIONS[f"{operation.method} {_VARIABLE.sub('{}', operation.path)}"]


def _gives(name: str) -> Described:
    return Described(answer=ref(name))


def _lists(name: str, needs: Mapping[str, Schema] | None = None, **more: Schema) -> Described:
    return Described(answer=page_of(name), needs=needs, may={**_PAGING, **more})


def _starts(
    body: str | None = None, needs: Mapping[str, Schema] | None = None, may: Mapping[str, Schema] | None = None
) -> Described:
    return Described(statuses=(202,), body=None if body is None else ref(body), needs=needs, may=may)


_JOB: Final = _gives("Job")

DESCRIPTIONS: Final[Mapping[str, Described]] = {
    "GET projects": _lists("ProjectDetails"),
    "GET projects/{}": _gives("ProjectDetails"),
    "PATCH projects/{}": Described(
        answer=ref("ProjectDetails"),
        statuses=(200, 201),
        body=ref("CreateProjectOptions"),
        media="application/merge-patch+json",
    ),
    "DELETE projects/{}": _starts(),
    "GET projects/global/deletion-jobs/{}": _JOB,
    "POST projects/{}/:import": _starts("ExportedProject", may=_FORMAT),
    "GET projects/{}/import/jobs/{}": _JOB,
    "POST projects/{}/:export": _starts(needs=_INDEX, may={**_FORMAT, "assetKind": TEXT, "trainedModelLabel": TEXT}),
    "GET projects/{}/export/jobs/{}": _gives("ExportProjectState"),
    "GET projects/{}/export/jobs/{}/result": _gives("ExportedProject"),
    "POST projects/{}/:authorize-copy": Described(
        answer=ref("CopyProjectDetails"), body=ref("CopyProjectAuthorizationDetails")
    ),
    "POST projects/{}/:copy": _starts("CopyProjectDetails"),
    "GET projects/{}/copy/jobs/{}": _JOB,
    # --- training, models, evaluation
    "POST projects/{}/:train": _starts("TrainingJobDetails"),
    "GET projects/{}/train/jobs": _lists("TrainingState"),
    "GET projects/{}/train/jobs/{}": _gives("TrainingState"),
    "POST projects/{}/train/jobs/{}/:cancel": _starts(),
    "GET projects/{}/models": _lists("ProjectTrainedModel"),
    "GET projects/{}/models/{}": _gives("ProjectTrainedModel"),
    "DELETE projects/{}/models/{}": Described(statuses=(204,)),
    "POST projects/{}/models/{}/:load-snapshot": _starts(),
    "GET projects/{}/models/{}/load-snapshot/jobs/{}": _JOB,
    "POST projects/{}/models/{}/:evaluate": _starts("EvaluationDetails"),
    "GET projects/{}/models/{}/evaluate/jobs/{}": _gives("EvaluationState"),
    "GET projects/{}/models/{}/evaluation/result": _lists("UtteranceEvaluationResult", _INDEX),
    "GET projects/{}/models/{}/evaluation/summary-result": _gives("EvalSummary"),
    # --- deployments and their resources
    "GET projects/{}/deployments": _lists("ProjectDeployment"),
    "GET projects/{}/deployments/{}": _gives("ProjectDeployment"),
    "PUT projects/{}/deployments/{}": _starts("CreateDeploymentDetails"),
    "DELETE projects/{}/deployments/{}": _starts(),
    "GET projects/{}/deployments/{}/jobs/{}": _JOB,
    "POST projects/{}/deployments/:swap": _starts("SwapDeploymentsDetails"),
    "GET projects/{}/deployments/swap/jobs/{}": _JOB,
    "POST projects/{}/deployments/{}/:delete-from-resources": _starts("ProjectResourceIds"),
    "GET projects/{}/deployments/{}/delete-from-resources/jobs/{}": _JOB,
    "GET projects/{}/resources": _lists("AssignedProjectResource"),
    "POST projects/{}/resources/:assign": _starts("AssignProjectResourcesDetails"),
    "GET projects/{}/resources/assign/jobs/{}": _JOB,
    "POST projects/{}/resources/:unassign": _starts("ProjectResourceIds"),
    "GET projects/{}/resources/unassign/jobs/{}": _JOB,
    "GET projects/global/deployments/resources": _lists("AssignedProjectDeploymentsMetadata"),
    # --- exported models
    "GET projects/{}/exported-models": _lists("ExportedTrainedModel"),
    "GET projects/{}/exported-models/{}": _gives("ExportedTrainedModel"),
    "PUT projects/{}/exported-models/{}": _starts("ExportedModelDetails"),
    "DELETE projects/{}/exported-models/{}": _starts(),
    "GET projects/{}/exported-models/{}/jobs/{}": _JOB,
    # --- the service's own lists, and predictions
    "GET projects/global/languages": _lists("SupportedLanguage", _KIND),
    "GET projects/global/prebuilt-entities": _lists(
        "PrebuiltEntity", language=TEXT, multilingual=one_of("true", "false")
    ),
    "GET projects/global/training-config-versions": _lists("TrainingConfigVersion", _KIND),
    "POST :analyze-conversations": Described(
        answer=ref("ConversationActionResult"), body=ref("AnalyzeConversationTask")
    ),
}
"""By method and path template, whatever the path's variable parts are called."""
