"""The emulator's OpenAPI document, made from the table of its operations. Served at `/_emulator/openapi.json`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from cluvault import __version__
from cluvault.emulator.openapi_jobs import JOBS
from cluvault.emulator.openapi_models import LISTS, MODELS
from cluvault.emulator.openapi_notation import NAME, TEXT, Schema, one_of, ref
from cluvault.emulator.openapi_operations import described
from cluvault.emulator.openapi_predictions import PREDICTIONS
from cluvault.emulator.openapi_projects import PROJECTS
from cluvault.emulator.routes import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cluvault.emulator.calls import Operation
    from cluvault.emulator.config import EmulatorConfig
    from cluvault.emulator.openapi_operations import Described

SCHEMAS: Final = PROJECTS | JOBS | MODELS | LISTS | PREDICTIONS
"""Every component by its name, which is the one that the official SDK has for it, where it has one."""

_JSON: Final = "application/json"
_VARIABLE: Final = re.compile(r"\{(\w+)\}")
_VARIABLES: Final[Mapping[str, Schema]] = {"project": NAME, "part": NAME, "job": TEXT}
_REFUSED: Final = {
    "description": "Refused: a bad request, a bad key, something unknown, or in use, or too many calls.",
    "content": {_JSON: {"schema": ref("ErrorResponse")}},
}
_STARTED: Final = {
    "description": "A job has started.",
    "headers": {
        "operation-location": {
            "description": "Where the job's status is.",
            "required": True,
            "schema": {"type": "string", "format": "uri"},
        }
    },
}


def openapi_document(config: EmulatorConfig) -> dict[str, Any]:
    """The document of an emulator: its resources and api-versions are the values that their parameters can have."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        versions = [name for name in config.api_versions if name in operation.versions]
        if versions:
            path = paths.setdefault(_path(operation), {"parameters": _variables(operation, config.resources)})
            path[operation.method.lower()] = _operation(operation, versions)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "cluvault emulator",
            "version": __version__,
            "description": "The authoring and prediction API of Conversational Language Understanding, emulated.",
        },
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "Ocp-Apim-Subscription-Key"},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
        "security": [{"key": []}, {"token": []}],
    }


def _path(operation: Operation) -> str:
    return f"/{{resource}}/{operation.root}/{operation.path}"


def _variables(operation: Operation, resources: Iterable[str]) -> list[dict[str, Any]]:
    schemas = {name: _VARIABLES[name] for name in _VARIABLE.findall(operation.path)}
    return [_parameter(name, schema, "path") for name, schema in ({"resource": one_of(*resources)} | schemas).items()]


def _operation(operation: Operation, versions: Iterable[str]) -> dict[str, Any]:
    about = described(operation)
    needs = {"api-version": one_of(*versions), **(about.needs or {})}
    wire: dict[str, Any] = {
        "operationId": operation.title.replace(" ", ""),
        "summary": operation.title,
        "parameters": [
            *(_parameter(name, schema, "query") for name, schema in needs.items()),
            *(_parameter(name, schema, "query", required=False) for name, schema in (about.may or {}).items()),
        ],
        "responses": {**{str(status): _answer(status, about) for status in about.statuses}, "4XX": _REFUSED},
    }
    if about.body is not None:
        wire["requestBody"] = {"required": True, "content": {about.media: {"schema": about.body}}}
    return wire


def _parameter(name: str, schema: Schema, where: str, *, required: bool = True) -> dict[str, Any]:
    return {"name": name, "in": where, "required": required, "schema": schema}


def _answer(status: int, about: Described) -> dict[str, Any]:
    if about.answer is not None:
        return {"description": "Done.", "content": {_JSON: {"schema": about.answer}}}
    return _STARTED if status == 202 else {"description": "Done."}  # noqa: PLR2004  # accepted
