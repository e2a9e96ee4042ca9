"""The emulator's own OpenAPI document: whole, sound, and no other than the published ones."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
import schemathesis

from cluvault.emulator.app import create_app
from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.openapi import SCHEMAS, openapi_document
from cluvault.emulator.openapi_operations import DESCRIPTIONS
from cluvault.emulator.routes import OPERATIONS
from tests.support.published import FOLDER, published, read_notation, versions

if TYPE_CHECKING:
    from cluvault.emulator.calls import Operation

DOCUMENT: Final = openapi_document(EmulatorConfig(resources=("dev", "prod")))
MODELS: Final = {
    name
    for file in ("authoring.yaml", "runtime.yaml")
    for name, says in read_notation(FOLDER / file)["models"].items()
    if isinstance(says, dict) and "properties" in SCHEMAS.get(name, {})
}
UNSENT: Final = {
    "AssignedProjectResource": {"assignedAoaiResource"},
    "ConversationExportedEntity": {"entities"},
    "InnerError": {"details", "target", "innererror"},
}
"""Members of the documents that the emulator never sends."""


def entry(operation: Operation) -> dict[str, Any]:
    """What the document says of an operation."""
    return DOCUMENT["paths"][f"/{{resource}}/{operation.root}/{operation.path}"][operation.method.lower()]


def test_the_document_is_sound() -> None:
    """It is OpenAPI 3.1 by that standard's own schema, as schemathesis has it."""
    schemathesis.openapi.from_dict(DOCUMENT).validate()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.title)
def test_every_operation_is_described(operation: Operation) -> None:
    """An operation that reads a body has a schema for it, and one that answers 200 has one for the answer."""
    said = entry(operation)
    assert ("requestBody" in said) == (operation.read is not None)
    assert said["operationId"] == operation.title.replace(" ", "")
    success = {status: answer for status, answer in said["responses"].items() if status != "4XX"}
    assert success
    for status, answer in success.items():
        assert ("content" in answer) == (status in ("200", "201"))
        assert ("headers" in answer) == (status == "202")


def test_nothing_is_described_that_is_no_operation() -> None:
    """The table of descriptions has an entry for each operation, and no more."""
    assert len(DESCRIPTIONS) == len(OPERATIONS)


def test_every_component_is_used_and_none_is_missing() -> None:
    """References lead somewhere, and nothing lies about."""
    used = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(DOCUMENT)))
    assert used == set(SCHEMAS)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_component_has_the_members_of_all_versions(name: str) -> None:
    """It is the union of what the published documents have, known deviations included."""
    members = {member for version in versions() for member in published(version).members(name)}
    assert set(SCHEMAS[name]["properties"]) == members - UNSENT.get(name, set())


@pytest.mark.parametrize("name", sorted(MODELS - {"ProjectSettings"}))
def test_what_every_version_needs_is_needed(name: str) -> None:
    """Readers of the emulator's document may rely on what all published ones promise; settings are also a request."""
    needed = [
        {member for member, is_needed in published(version).members(name).items() if is_needed}
        for version in versions()
    ]
    assert set(SCHEMAS[name]["required"]) >= set[str].intersection(*needed)


def test_values_of_parameters_are_those_of_the_emulator() -> None:
    """Resources and api-versions are the configured ones; an operation without any version is left out."""
    document = openapi_document(EmulatorConfig(resources=("one",), api_versions=("2022-05-01",)))
    listed = document["paths"]["/{resource}/language/authoring/analyze-conversations/projects"]
    assert listed["parameters"][0]["schema"]["enum"] == ["one"]
    assert listed["get"]["parameters"][0]["schema"]["enum"] == ["2022-05-01"]
    assert not [path for path in document["paths"] if "exported-models" in path]


async def test_the_document_is_served_without_a_key() -> None:
    """Whoever generates a client from it needs no more than the address."""
    transport = httpx.ASGITransport(create_app(EmulatorConfig(resources=("dev", "prod"))))
    async with httpx.AsyncClient(transport=transport, base_url="http://clu.test") as client:
        answer = await client.get("/_emulator/openapi.json")
    assert answer.status_code == 200
    assert answer.json() == DOCUMENT
