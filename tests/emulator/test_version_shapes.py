"""What each api-version takes and gives of a project file; the client's table of versions says the same by itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.plan.api_versions import VERSION_SHAPES, VersionShape
from tests.emulator.wire import Wire, project_file

if TYPE_CHECKING:
    from collections.abc import Callable

NEWEST = "2025-11-15-preview"
REGEX = {"expressions": [{"regexKey": "k", "language": "en-us", "regexPattern": "x"}]}
PARTS: list[tuple[str, Callable[[VersionShape], bool]]] = [
    ("metadata.settings.normalizeCasing", lambda shape: shape.normalization),
    ("metadata.settings.augmentDiacritics", lambda shape: shape.normalization),
    ("assets.intents.0.description", lambda shape: shape.descriptions),
    ("assets.intents.0.associatedEntities", lambda shape: shape.descriptions),
    ("assets.entities.0.description", lambda shape: shape.descriptions),
    ("assets.entities.0.regex", lambda shape: shape.components),
    ("assets.entities.0.requiredComponents", lambda shape: shape.components),
]
VALUES: dict[str, Any] = {
    "normalizeCasing": True,
    "augmentDiacritics": True,
    "description": "d",
    "associatedEntities": [{"category": "City"}],
    "regex": REGEX,
    "requiredComponents": ["learned"],
}


def file_with(*paths: str) -> dict[str, Any]:
    """A project file that has these members, and of the others only those that every version knows."""
    intents, entities = [{"category": "None"}], [{"category": "City"}]
    document = project_file(metadata={"settings": {}}, assets={"intents": intents, "entities": entities})
    document["assets"]["utterances"] = []
    for path in paths:
        found, name = place(document, path)
        found[name] = VALUES[name]
    return document


def place(document: Any, path: str) -> tuple[dict[str, Any], str]:
    """The object that a path leads to, and the name of the member in it."""
    *steps, name = path.split(".")
    found = document
    for step in steps:
        found = found[int(step) if step.isdecimal() else step]
    return found, name


@pytest.mark.parametrize("version", VERSION_SHAPES)
@pytest.mark.parametrize("path, is_known", PARTS)
async def test_a_version_takes_what_it_knows(
    wire: Wire, version: str, path: str, is_known: Callable[[VersionShape], bool]
) -> None:
    """Anything else is an unknown member: 400 before any job."""
    answer = await wire.start_import("A", file_with(path), version=version)
    assert answer.status_code == (202 if is_known(VERSION_SHAPES[version]) else 400)


@pytest.mark.parametrize("version", VERSION_SHAPES)
async def test_a_version_gives_what_it_knows(wire: Wire, version: str) -> None:
    """Its exports leave out the rest; what it gives it takes again."""
    await wire.put("A", file_with(*(path for path, _ in PARTS)), version=NEWEST)
    exported = json.loads(await wire.export("A", version=version))
    for path, is_known in PARTS:
        found, name = place(exported, path)
        assert (name in found) == is_known(VERSION_SHAPES[version])
    assert (await wire.put("B", exported, version=version))["status"] == "succeeded"


@pytest.mark.parametrize("version", VERSION_SHAPES)
async def test_kinds_and_units_by_version(wire: Wire, version: str) -> None:
    """Summarization projects are a matter of previews, other units than UTF-16 came after 2023-04-01."""
    shape = VERSION_SHAPES[version]
    talks = project_file(name="Talks", kind="CustomConversationSummarization")
    assert (await wire.start_import("Talks", talks, version=version)).status_code == (
        202 if shape.summarization else 400
    )
    counted = project_file(stringIndexType="Utf32CodeUnit", metadata={"settings": {}})
    assert (await wire.start_import("A", counted, version=version)).status_code == (
        202 if shape.every_index_type else 400
    )
