"""What was written down of the published documents, against the official SDK and against the emulator."""

from __future__ import annotations

import re
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, cast, get_args

import pytest
from azure.ai.language.conversations.authoring import models as sdk

from cluvault.emulator.routes import OPERATIONS
from cluvault.emulator.versions import EVERY_VERSION
from tests.support.published import EVERY_DEVIATION, FOLDER, deviations, published, read_notation, versions

if TYPE_CHECKING:
    from cluvault.emulator.calls import Operation

NEWEST: Final = "2025-11-15-preview"
NONE: Final = frozenset[int]()
VARIABLE: Final = r"\{\w+\}"
SAID: Final = read_notation(FOLDER / "authoring.yaml")["models"]
MODELS: Final = [name for name, says in SAID.items() if isinstance(says, dict) and hasattr(sdk, name)]


def sdk_members(name: str) -> dict[str, bool]:
    """The members of a model of the SDK as the wire has them; true for those that it must have."""
    members: dict[str, bool] = {}
    for base in cast("tuple[type, ...]", getattr(sdk, name).__mro__):
        for attribute, annotation in getattr(base, "__annotations__", {}).items():
            field = cast("dict[str, object]", vars(base)).get(attribute)
            if type(field).__name__ == "_RestField":
                wire = attrgetter("_rest_name_input")(field) or attribute
                members.setdefault(wire, type(None) not in get_args(annotation))
    return members


def test_most_models_are_known_to_the_official_sdk() -> None:
    """The next test is worth something: it sees nearly every model that an answer can have."""
    assert len(MODELS) >= 50


@pytest.mark.parametrize("name", MODELS)
def test_a_model_has_the_members_of_the_official_sdk(name: str) -> None:
    """What was written down by hand is what Microsoft's generator made of the same source."""
    assert published(NEWEST, NONE).members(name) == sdk_members(name)


def shape_of(operation: Operation) -> str:
    """The name that the notation has for an operation."""
    return f"{operation.method} {re.sub(VARIABLE, '{}', operation.path)}"


@pytest.mark.parametrize("version", versions())
def test_the_emulator_has_the_operations_of_every_version(version: str) -> None:
    """No more and no less, but for the result of an export, which is a known deviation."""
    emulated = {shape_of(operation) for operation in OPERATIONS if version in operation.versions}
    assert emulated == set(published(version).operations)


def test_every_version_of_the_emulator_has_a_document() -> None:
    """An answer of any version is held against its own document."""
    assert set(versions()) == set(EVERY_VERSION)


@pytest.mark.parametrize("index", sorted(EVERY_DEVIATION))
def test_every_deviation_has_a_reason_and_an_effect(index: int) -> None:
    """An entry that changes nothing any more has to go."""
    assert len(deviations()[index]["reason"]) > 40
    others = EVERY_DEVIATION - {index}
    assert any(_everything(version, EVERY_DEVIATION) != _everything(version, others) for version in versions())


def _everything(version: str, known: frozenset[int]) -> Any:
    documents = published(version, known)
    types = ("ExportedProject", "Page<ProjectDetails>")
    return documents.operations, *(documents.schema(name) for name in types)


@pytest.mark.parametrize(
    "path, name",
    [
        ("projects/global/languages", "GET projects/global/languages"),
        ("projects/swap/deployments/swap/jobs/1", "GET projects/{}/deployments/swap/jobs/{}"),
        ("projects/A/deployments/production/jobs/1", "GET projects/{}/deployments/{}/jobs/{}"),
        ("projects/A/models", "GET projects/{}/models"),
    ],
)
def test_literal_parts_of_a_path_win(path: str, name: str) -> None:
    """`global` and `swap` are words of the API, though a project or deployment could have such a name."""
    found = published(NEWEST).find("GET", path.split("/"))
    assert found is not None
    assert found.name == name


def test_unknown_paths_and_methods_are_no_operations() -> None:
    """What the documents do not have is not found."""
    assert published(NEWEST).find("PUT", ["projects"]) is None
    assert published(NEWEST).find("GET", ["projects", "A", "secrets"]) is None
