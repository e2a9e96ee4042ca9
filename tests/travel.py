"""A small project that uses every part of the format, and edits of it by JSON pointer."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from cluvault.model.project_file import ProjectFile, read_project_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.model.json_text import JsonObject

    Edit = Callable[[JsonObject], None]


BOOK = "/assets/intents/1"
CITY = "/assets/entities/0"
TRIP = "/assets/utterances/0"
OFF = "/assets/utterances/1"
"""Where things are in `travel()`."""


def travel() -> JsonObject:
    """A conversation project; nothing in it is a default that could be left out, but for the intent None."""
    return {
        "projectFileVersion": "2025-05-15-preview",
        "stringIndexType": "Utf16CodeUnit",
        "metadata": {
            "projectKind": "Conversation",
            "settings": {"confidenceThreshold": 0.5, "normalizeCasing": True, "augmentDiacritics": True},
            "projectName": "Travel",
            "multilingual": True,
            "description": "Trips",
            "language": "en-us",
        },
        "assets": {
            "projectKind": "Conversation",
            "intents": [
                {"category": "None"},
                {
                    "category": "Book",
                    "description": "Books a trip",
                    "associatedEntities": [{"category": "City"}, {"category": "Date"}],
                },
                {"category": "Cancel"},
            ],
            "entities": [
                {
                    "category": "City",
                    "description": "Where to",
                    "compositionSetting": "separateComponents",
                    "list": {
                        "sublists": [
                            {
                                "listKey": "PAR",
                                "synonyms": [
                                    {"language": "de", "values": ["Paris"]},
                                    {"language": "fr", "values": ["Paris", "Paname"]},
                                ],
                            },
                            {"listKey": "ROM", "synonyms": [{"language": "de", "values": ["Rom"]}]},
                        ]
                    },
                    "regex": {
                        "expressions": [
                            {"regexKey": "iata", "language": "de", "regexPattern": "[A-Z]{3}"},
                            {"regexKey": "icao", "language": "de", "regexPattern": "[A-Z]{4}"},
                        ]
                    },
                    "prebuilts": [{"category": "Geography.Location"}, {"category": "General.Event"}],
                    "requiredComponents": ["learned", "list"],
                },
                {"category": "Date", "compositionSetting": "requireExactOverlap"},
            ],
            "utterances": [
                {
                    "text": "from Rome to Paris",
                    "language": "de",
                    "intent": "Book",
                    "entities": [
                        {"category": "City", "offset": 5, "length": 4},
                        {"category": "City", "offset": 13, "length": 5},
                    ],
                    "dataset": "Test",
                },
                {"text": "call it off", "language": "de", "intent": "Cancel", "entities": [], "dataset": "Test"},
            ],
        },
    }


def switchboard() -> JsonObject:
    """An orchestration project."""
    target = {
        "targetProjectKind": "Conversation",
        "conversationOrchestration": {"projectName": "Travel", "deploymentName": "production"},
    }
    return {
        "projectFileVersion": "2023-04-01",
        "stringIndexType": "Utf16CodeUnit",
        "metadata": {"projectKind": "Orchestration", "projectName": "Switchboard", "language": "en-us"},
        "assets": {
            "projectKind": "Orchestration",
            "intents": [{"category": "None"}, {"category": "Travel", "orchestration": target}],
            "utterances": [{"text": "a trip", "intent": "Travel"}],
        },
    }


def minutes() -> JsonObject:
    """A summarization project."""
    return {
        "projectFileVersion": "2023-04-15-preview",
        "stringIndexType": "Utf16CodeUnit",
        "metadata": {
            "projectKind": "CustomConversationSummarization",
            "projectName": "Minutes",
            "language": "en-us",
            "storageInputContainerName": "calls",
        },
        "assets": {
            "projectKind": "CustomConversationSummarization",
            "conversations": [
                {"location": "a.json", "summaryLocation": "a.txt", "language": "de", "dataset": "Test"},
                {"location": "b.json", "language": "de", "dataset": "Test"},
            ],
        },
    }


def read(document: JsonObject) -> ProjectFile:
    """The project file that a document is read as."""
    return read_project_file(json.dumps(document).encode())


def edited(document: JsonObject, *edits: Edit) -> JsonObject:
    """The document after some edits, on a copy."""
    changed = deepcopy(document)
    for edit in edits:
        edit(changed)
    return changed


def put(pointer: str, value: Any) -> Edit:
    """Set what a JSON pointer names; `-` as its last part appends."""

    def edit(document: JsonObject) -> None:
        place, key = _find(document, pointer)
        if key == "-":
            place.append(value)
        else:
            place[key] = value

    return edit


def both(*edits: Edit) -> Edit:
    """Several edits as one."""

    def edit(document: JsonObject) -> None:
        for one in edits:
            one(document)

    return edit


def unchanged(_document: JsonObject) -> None:
    """The edit that leaves the document as it is."""


def drop(pointer: str) -> Edit:
    """Remove what a JSON pointer names."""

    def edit(document: JsonObject) -> None:
        place, key = _find(document, pointer)
        del place[key]

    return edit


def reverse(pointer: str) -> Edit:
    """Turn an array around."""

    def edit(document: JsonObject) -> None:
        place, key = _find(document, pointer)
        assert len(place[key]) > 1
        place[key].reverse()

    return edit


def repeat(pointer: str) -> Edit:
    """Append a copy of an array's first item to it."""

    def edit(document: JsonObject) -> None:
        place, key = _find(document, pointer)
        place[key].append(deepcopy(place[key][0]))

    return edit


def _find(document: JsonObject, pointer: str) -> tuple[Any, Any]:
    *parents, last = (int(part) if part.isdigit() else part for part in pointer.split("/")[1:])
    place: Any = document
    for part in parents:
        place = place[part]
    return place, last
