"""Operations on trained models: list, get, delete, load what one was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from cluvault.emulator import training
from cluvault.emulator.calls import Answer, page_answer
from cluvault.emulator.jobs import to_seconds
from cluvault.emulator.projects import find_model, find_project
from cluvault.emulator.rendering import to_json

if TYPE_CHECKING:
    from cluvault.emulator.calls import Call
    from cluvault.emulator.records import Model


def list_models(call: Call) -> Answer:
    """A page of a project's trained models, newest first."""
    project = find_project(call.state, call.project_name)
    newest = sorted(project.models, key=lambda model: model.trained_at, reverse=True)
    return page_answer(call, f"projects/{quote(project.name, safe='')}/models", newest, _model_json)


def get_model(call: Call) -> Answer:
    """One trained model."""
    return Answer(200, _model_json(find_model(find_project(call.state, call.project_name), call.names["part"])))


def delete_model(call: Call) -> Answer:
    """Delete a trained model at once."""
    call.commit(training.delete_model(call.state, call.project_name, call.names["part"]))
    return Answer(204)


def load_snapshot(call: Call) -> Answer:
    """Start to replace the working copy by what a model was trained on."""
    start, label = call.start(), call.names["part"]
    return call.begin(training.start_load_snapshot(call.state, call.project_name, label, start=start))


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
