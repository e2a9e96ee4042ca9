"""Operations on exported models: list, get, create or replace, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from cluvault.emulator import exported_models
from cluvault.emulator.calls import Answer, page_answer
from cluvault.emulator.jobs import to_seconds
from cluvault.emulator.parsing import read_body
from cluvault.emulator.projects import find_project
from cluvault.emulator.rendering import to_json
from cluvault.emulator.training_shapes import exported_model_reader

if TYPE_CHECKING:
    from cluvault.emulator.calls import Call, Unread
    from cluvault.emulator.records import ExportedModel


def list_exported_models(call: Call) -> Answer:
    """A page of a project's exported models, newest first."""
    project = find_project(call.state, call.project_name)
    newest = sorted(project.exported_models, key=lambda exported: exported.exported_at, reverse=True)
    return page_answer(call, f"projects/{quote(project.name, safe='')}/exported-models", newest, _exported_json)


def get_exported_model(call: Call) -> Answer:
    """One exported model."""
    project = find_project(call.state, call.project_name)
    return Answer(200, _exported_json(exported_models.find_exported_model(project, call.names["part"])))


def read_exported_model(request: Unread) -> str:
    """Read the body of a PUT: the label of the trained model."""
    return read_body(request.body, exported_model_reader(strict=request.emulator.config.strict_members))


def put_exported_model(call: Call) -> Answer:
    """Start to create or replace an exported model."""
    start, name = call.start(), call.names["part"]
    return call.begin(
        exported_models.start_model_export(call.state, call.project_name, name, call.document, start=start)
    )


def delete_exported_model(call: Call) -> Answer:
    """Start to delete an exported model."""
    start, name = call.start(), call.names["part"]
    return call.begin(exported_models.start_removal(call.state, call.project_name, name, start=start))


def _exported_json(exported: ExportedModel) -> bytes:
    return to_json(
        {
            "exportedModelName": exported.name,
            "modelId": exported.model_id,
            "lastTrainedDateTime": to_seconds(exported.trained_at),
            "lastExportedModelDateTime": to_seconds(exported.exported_at),
            "modelExpirationDate": exported.expires,
            "modelTrainingConfigVersion": exported.config_version,
        }
    )
