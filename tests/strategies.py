"""Hypothesis strategies for project files.

`project_documents()` draws every kind of document that has the shape of a project file, sensible or not: unknown
members, explicit nulls, missing optionals, any case of enumerated values, astral characters, offsets out of range,
names that occur twice or nowhere. `project_files()` reads such documents back from bytes, as cluvault always does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st

from cluvault.model.json_text import JsonObject, write_json
from cluvault.model.project_file import ProjectFile, read_project_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hypothesis.strategies import SearchStrategy

QUICK = settings(max_examples=60, deadline=None)
"""For laws over whole documents: enough to meet each member, seconds in all, and no clock that a busy machine fails."""

TEXTS = st.text(
    st.sampled_from("abc AB.é\u00a0\u05d0😀\U0001d4b3") | st.characters(exclude_categories=["Cs"]),
    max_size=12,
)
"""Short texts with letters of one to four UTF-8 bytes; astral ones take two UTF-16 code units."""

JSON_SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
)
JSON_VALUES = st.recursive(
    JSON_SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2), max_leaves=4
)

INTENT_NAMES = st.sampled_from(["None", "Book", "Cancel", "none"]) | TEXTS
ENTITY_NAMES = st.sampled_from(["City", "Date", "city"]) | TEXTS
LANGUAGES = st.sampled_from(["en-us", "EN-US", "de", "zh-Hans", "xx", ""]) | TEXTS
NUMBERS = st.integers(-1, 2) | st.floats(0, 1) | st.floats(allow_nan=False, allow_infinity=False)
OFFSETS = st.integers(0, 12) | st.integers(-3, 600) | st.integers(-(2**70), 2**70)


def enumerated(*names: str) -> SearchStrategy[str]:
    """One of the service's names in any case, or something that it does not know."""
    spellings = [spelling for name in names for spelling in (name, name.lower(), name.upper())]
    return st.sampled_from(names) | st.sampled_from([*spellings, "Other"])


def objects(
    required: Mapping[str, SearchStrategy[Any]], optional: Mapping[str, SearchStrategy[Any]]
) -> SearchStrategy[JsonObject]:
    """Objects with the required members, some of the optional ones or null in their place, and unknown members."""
    nullable = {key: st.none() | value for key, value in optional.items()}
    known = st.fixed_dictionaries(dict(required), optional=nullable)
    unknown = st.dictionaries(st.sampled_from(["x-one", "x-two"]), JSON_VALUES, max_size=1)
    return st.tuples(known, unknown, st.booleans()).map(lambda parts: _joined(*parts))


def _joined(known: JsonObject, unknown: JsonObject, unknown_first: bool) -> JsonObject:  # noqa: FBT001  # drawn
    return unknown | known if unknown_first else known | unknown


def few(items: SearchStrategy[Any], at_most: int = 3) -> SearchStrategy[list[Any]]:
    """Short lists."""
    return st.lists(items, max_size=at_most)


CATEGORY_REFS = objects({"category": ENTITY_NAMES}, {})

INTENTS = objects(
    {"category": INTENT_NAMES},
    {
        "description": TEXTS,
        "associatedEntities": few(CATEGORY_REFS),
        "orchestration": objects(
            {},
            {
                "targetProjectKind": enumerated("Conversation", "Luis", "QuestionAnswering") | JSON_VALUES,
                "conversationOrchestration": objects({}, {"projectName": TEXTS, "deploymentName": TEXTS}) | JSON_VALUES,
                "luisOrchestration": objects({}, {"appId": TEXTS}) | JSON_VALUES,
                "questionAnsweringOrchestration": objects({}, {"projectName": TEXTS}) | JSON_VALUES,
            },
        ),
    },
)

SYNONYMS = objects({}, {"language": LANGUAGES, "values": few(TEXTS)})

ENTITIES = objects(
    {"category": ENTITY_NAMES},
    {
        "description": TEXTS,
        "compositionSetting": enumerated(
            "combineComponents", "separateComponents", "returnLongestOverlap", "requireExactOverlap", "returnUnion"
        ),
        "list": objects({}, {"sublists": few(objects({}, {"listKey": TEXTS, "synonyms": few(SYNONYMS)}))}),
        "prebuilts": few(objects({"category": st.sampled_from(["DateTime", "Quantity.Number"]) | TEXTS}, {})),
        "regex": objects(
            {},
            {
                "expressions": few(
                    objects(
                        {},
                        {
                            "regexKey": TEXTS,
                            "language": LANGUAGES,
                            "regexPattern": st.sampled_from(["[A-Z]{3}", "(?<year>[0-9]+)", "("]) | TEXTS,
                        },
                    )
                )
            },
        ),
        "requiredComponents": few(enumerated("learned", "list", "prebuilts", "regex")),
    },
)

LABELS = objects({"category": ENTITY_NAMES, "offset": OFFSETS, "length": OFFSETS}, {})

UTTERANCES = objects(
    {"text": TEXTS, "intent": INTENT_NAMES},
    {"language": LANGUAGES, "dataset": enumerated("Train", "Test"), "entities": few(LABELS)},
)

CONVERSATIONS = objects(
    {}, {"location": TEXTS, "summaryLocation": TEXTS, "language": LANGUAGES, "dataset": enumerated("Train", "Test")}
)

KINDS = enumerated("Conversation", "Orchestration", "CustomConversationSummarization")

METADATA = objects(
    {"projectKind": KINDS, "language": LANGUAGES},
    {
        "projectName": st.sampled_from(["EmailApp", "My App"]) | TEXTS,
        "multilingual": st.booleans() | st.sampled_from(["true", "false", "True", "False"]),
        "description": TEXTS,
        "settings": objects(
            {},
            {"confidenceThreshold": NUMBERS, "normalizeCasing": st.booleans(), "augmentDiacritics": st.booleans()},
        ),
        "storageInputContainerName": TEXTS,
    },
)

ASSETS = objects(
    {},
    {
        "projectKind": KINDS,
        "intents": few(INTENTS),
        "entities": few(ENTITIES),
        "utterances": few(UTTERANCES, at_most=5),
        "conversations": few(CONVERSATIONS),
    },
)


def project_documents() -> SearchStrategy[JsonObject]:
    """Documents in the current shape of every project kind, sensible or not."""
    return objects(
        {"metadata": METADATA},
        {
            "projectFileVersion": st.sampled_from(["2021-11-01-preview", "2022-05-01", "2023-04-01", "", "next"]),
            "stringIndexType": enumerated("Utf16CodeUnit", "Utf8CodeUnit", "Utf32CodeUnit"),
            "assets": ASSETS,
        },
    )


def project_files() -> SearchStrategy[ProjectFile]:
    """The same documents, read back from their bytes: numbers keep their spelling, as in files of the service."""
    return project_documents().map(lambda document: read_project_file(write_json(document)))
