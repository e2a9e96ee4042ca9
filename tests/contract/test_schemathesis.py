# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (schemathesis leaves the parameters of its generic types open)
"""Schemathesis reads the emulator's own document and tries what it allows, and what it does not.

The number of examples an operation is small by default; CLUVAULT_FUZZ_EXAMPLES=500 makes a thorough run of it.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any, Final, cast

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.openapi import openapi_document
from tests.emulator.wire import KEY, KEY_HEADER

if TYPE_CHECKING:
    from tests.contract.conftest import Stage

importlib.import_module("numpy")  # before a thread of the emulator does: hypothesis stumbles over half of it

EXAMPLES: Final = int(os.environ.get("CLUVAULT_FUZZ_EXAMPLES", "8"))
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
API: Final = schemathesis.openapi.from_dict(openapi_document(EmulatorConfig(resources=("dev", "prod"))))
OPERATIONS: Final[dict[str, Any]] = {
    operation.definition.raw["operationId"]: operation
    for result in API.get_all_operations()
    for operation in [cast("Any", result).ok()]
}


def _put_what_it_is_about(stage: Stage, path: str, *, project: str) -> dict[str, Any]:
    """Put in place what a path can lead to, and give the values of its variables that lead there."""
    stage.put(project)
    part = "v1" if "/models/" in path else "production"
    job = stage.job(path, project=project) if "{job}" in path else ""
    values = {"resource": "dev", "project": project, "part": part, "job": job}
    return {name: value for name, value in values.items() if f"{{{name}}}" in path}


@pytest.mark.parametrize("title", OPERATIONS)
def test_whatever_is_asked_the_answer_is_as_described(stage: Stage, title: str) -> None:
    """No request, sound or not, about what exists or not, brings a 5xx or an answer that the document lacks."""
    operation = OPERATIONS[title]
    existing = _put_what_it_is_about(stage, operation.path, project=title)

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(data=st.data())
    def ask(data: st.DataObject) -> None:
        mode = data.draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
        where = data.draw(st.sampled_from([existing, None]))
        case = data.draw(operation.as_strategy(mode, path_parameters=where))
        answer = case.call(base_url=stage.server.url, session=session, headers={KEY_HEADER: KEY})
        case.validate_response(answer, checks=CHECKS)

    with requests.Session() as session:
        session.trust_env = False
        ask()
