"""Operations on trained models and deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from cluvault.emulator.calls import page_answer
from cluvault.emulator.jobs import to_seconds, to_ticks
from cluvault.emulator.projects import find_project
from cluvault.emulator.rendering import to_json

if TYPE_CHECKING:
    from cluvault.emulator.calls import Answer, Call
    from cluvault.emulator.records import Deployment, Model


def list_models(call: Call) -> Answer:
    """A page of a project's trained models, newest first."""
    project = find_project(call.state, call.project_name)
    newest = sorted(project.models, key=lambda model: model.trained_at, reverse=True)
    return page_answer(call, f"projects/{quote(project.name, safe='')}/models", newest, _model_json)


def _model_json(model: Model) -> bytes:
    return to_json(
        {
            "label": model.label,
            "modelId": model.model_id,
            "lastTrainedDateTime": to_seconds(model.trained_at),
            "lastTrainingDurationInSeconds": model.duration_seconds,
            "modelExpirationDate": model.expires,
            "modelTrainingConfigVersion": model.config_version,
            "hasSnapshot": model.snapshot is not None,
        }
    )


def list_deployments(call: Call) -> Answer:
    """A page of a project's deployments, newest first."""
    project = find_project(call.state, call.project_name)
    newest = sorted(project.deployments, key=lambda deployment: deployment.deployed_at, reverse=True)
    return page_answer(call, f"projects/{quote(project.name, safe='')}/deployments", newest, _deployment_json)


def _deployment_json(deployment: Deployment) -> bytes:
    return to_json(
        {
            "deploymentName": deployment.name,
            "modelId": deployment.model_id,
            "lastTrainedDateTime": to_ticks(deployment.trained_at),
            "lastDeployedDateTime": to_seconds(deployment.deployed_at),
            "deploymentExpirationDate": deployment.expires,
            "modelTrainingConfigVersion": deployment.config_version,
        }
    )
