"""A project file rebuilt from its canonical form means the same, in a shape that the service takes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given

from cluvault.model.project_file import read_project_file
from cluvault.plan.canonical import canonical_digest, canonical_form
from cluvault.plan.rebuild import rebuild_project_file
from tests.strategies import QUICK, project_documents
from tests.travel import BOOK, CITY, OFF, TRIP, drop, edited, minutes, put, read, switchboard, travel

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.model.json_text import JsonObject
    from tests.travel import Edit


def rebuilt(document: JsonObject) -> JsonObject:
    """The document after it went through its canonical form."""
    file = read(document)
    again: Any = rebuild_project_file(canonical_form(file), name=file.name).document
    return again


def in_one_order(value: Any) -> Any:
    """The value with every array sorted."""
    if isinstance(value, dict):
        return {key: in_one_order(item) for key, item in cast("JsonObject", value).items()}
    if isinstance(value, list):
        return sorted(map(in_one_order, cast("list[Any]", value)), key=lambda item: json.dumps(item, sort_keys=True))
    return value


@QUICK
@given(project_documents())
def test_a_rebuilt_file_means_the_same(document: JsonObject) -> None:
    """Whatever a file holds, the rebuilt one can be read and has its digest."""
    file = read(document)
    again = rebuild_project_file(canonical_form(file), name="Again")
    assert canonical_digest(read_project_file(again.to_bytes())) == canonical_digest(file)
    assert again.name == "Again"


def test_a_rebuilt_sample_means_the_same(sample: Callable[[str], bytes], sample_name: str) -> None:
    """Every sample survives its canonical form."""
    file = read_project_file(sample(sample_name))
    again = rebuild_project_file(canonical_form(file), name=file.name)
    assert canonical_digest(read_project_file(again.to_bytes())) == canonical_digest(file)


def test_a_rebuilt_file_says_what_the_file_said() -> None:
    """A file without defaults comes back member by member; only order and an empty array of labels are lost."""
    assert in_one_order(rebuilt(travel())) == in_one_order(edited(travel(), drop(f"{OFF}/entities")))


@pytest.mark.parametrize(
    "project, members",
    [
        (travel, ["projectKind", "intents", "entities", "utterances"]),
        (switchboard, ["projectKind", "intents", "utterances"]),
        (minutes, ["projectKind", "conversations"]),
    ],
    ids=["conversation", "orchestration", "summarization"],
)
def test_a_kind_gets_no_members_that_it_does_not_have(project: Callable[[], JsonObject], members: list[str]) -> None:
    """Orchestration projects have no entities, summarization projects conversations only; the service refuses more."""
    assert list(rebuilt(project())["assets"]) == members


def test_an_utterance_without_labels_has_no_member_for_them() -> None:
    """Utterances of orchestration projects take no labels, not even none."""
    (utterance,) = rebuilt(switchboard())["assets"]["utterances"]
    assert utterance == {"text": "a trip", "language": "en-us", "intent": "Travel", "dataset": "Train"}


@pytest.mark.parametrize(
    "edits, version",
    [
        ([], "2025-05-15-preview"),
        ([drop(f"{BOOK}/description"), drop(f"{CITY}/description")], "2025-05-15-preview"),
        ([drop(f"{BOOK}/description"), drop(f"{BOOK}/associatedEntities")], "2025-05-15-preview"),
        (
            [drop(f"{BOOK}/description"), drop(f"{BOOK}/associatedEntities"), drop(f"{CITY}/description")],
            "2023-04-01",
        ),
    ],
    ids=["all", "associated entities", "an entity's description", "neither"],
)
def test_the_version_is_one_that_knows_all_members(edits: list[Edit], version: str) -> None:
    """Descriptions and associated entities came with a preview, and only then the file states it."""
    assert rebuilt(edited(travel(), *edits))["projectFileVersion"] == version


def test_a_span_that_utf16_cannot_express_says_what_it_counts() -> None:
    """Half a character in UTF-8 stays what it was, in a label that the service will refuse rather than misread."""
    half = edited(
        travel(),
        put("/stringIndexType", "Utf8CodeUnit"),
        put(f"{TRIP}/text", "é"),
        put(f"{TRIP}/entities", [{"category": "City", "offset": 1, "length": 1, "x-new": 1}]),
    )
    document = rebuilt(half)
    label = {"category": "City", "offset": 1, "length": 1, "stringIndexType": "Utf8CodeUnit", "x-new": 1}
    assert document["stringIndexType"] == "Utf16CodeUnit"
    assert [one["entities"] for one in document["assets"]["utterances"] if "entities" in one] == [[label]]


def test_an_unknown_index_type_is_kept() -> None:
    """Offsets that this version cannot count anew keep their unit."""
    document = rebuilt(edited(travel(), put("/stringIndexType", "GraphemeCluster")))
    assert document["stringIndexType"] == "GraphemeCluster"


def test_members_of_tomorrow_are_kept_in_their_places() -> None:
    """What this version does not know of a component is written back where it stood."""
    places = [
        "/x-new",
        "/metadata/x-new",
        "/metadata/settings/x-new",
        "/assets/x-new",
        f"{BOOK}/x-new",
        f"{CITY}/list/x-new",
        f"{CITY}/regex/x-new",
        f"{CITY}/regex/expressions/0/x-new",
        f"{TRIP}/x-new",
        f"{TRIP}/entities/0/x-new",
    ]
    document = edited(travel(), drop(f"{OFF}/entities"), *(put(place, {"on": [1, 2]}) for place in places))
    assert in_one_order(rebuilt(document)) == in_one_order(document)


def test_members_of_tomorrow_in_a_list_are_kept_under_their_key_and_language() -> None:
    """Unknown members of a list key or of its synonyms come back in a list key of the same name."""
    sublists = f"{CITY}/list/sublists"
    document = edited(travel(), put(f"{sublists}/0/x-new", 1), put(f"{sublists}/0/synonyms/1/x-new", 2))
    written = next(entity for entity in rebuilt(document)["assets"]["entities"] if entity["category"] == "City")
    assert written["list"]["sublists"][2:] == [
        {"listKey": "PAR", "synonyms": [{"language": "fr", "x-new": 2}]},
        {"listKey": "PAR", "x-new": 1},
    ]
