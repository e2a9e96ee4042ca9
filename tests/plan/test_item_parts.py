"""What changed inside an intent or entity, one value a change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

from cluvault.model.json_text import write_json
from cluvault.plan.canonical import canonical_form
from cluvault.plan.item_parts import ItemKind, ValueChange, item_parts
from tests.strategies import QUICK
from tests.travel import read
from tests.variations import edited_pairs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cluvault.model.json_text import JsonObject

Change = tuple[str, Any, Any]

SYNONYMS = {"keys": {"PAR": {"de": ["Paris"], "fr": ["Paname", "Paris"]}}}
IATA = {"regexKey": "iata", "language": "de", "regexPattern": "[A-Z]{3}"}


def parts(kind: ItemKind, before: JsonObject, after: JsonObject) -> list[Change]:
    """The changes between two items, as plain tuples."""
    return [(one.path, one.before, one.after) for one in item_parts(kind, before, after)]


@pytest.mark.parametrize(
    "before, after, changes",
    [
        ({}, {"description": "a"}, [("description", None, "a")]),
        ({"description": "a"}, {"description": "b"}, [("description", "a", "b")]),
        ({"compositionSetting": "a"}, {"compositionSetting": "b"}, [("compositionSetting", "a", "b")]),
        (
            {"prebuilts": [{"category": "A"}, {"category": "B"}]},
            {"prebuilts": [{"category": "B"}, {"category": "C"}]},
            [("prebuilts", "A", None), ("prebuilts", None, "C")],
        ),
        (
            {"prebuilts": [{"category": "A"}]},
            {"prebuilts": [{"category": "A", "x-new": 1}]},
            [("prebuilts", "A", None), ("prebuilts", None, {"category": "A", "x-new": 1})],
        ),
        (
            {"requiredComponents": ["learned"]},
            {"requiredComponents": ["learned", "list"]},
            [("requiredComponents", None, "list")],
        ),
        ({"requiredComponents": ["learned"]}, {}, [("requiredComponents", "learned", None)]),
    ],
)
def test_components_of_an_entity_come_go_and_change(
    before: JsonObject, after: JsonObject, changes: list[Change]
) -> None:
    """One value for another is a change; what is in a collection is removed and added."""
    assert parts("entity", before, after) == changes


NOTHING: JsonObject = {}
NOWHERE: list[str] = []


@pytest.mark.parametrize(
    "after, changes",
    [
        ({"keys": {"PAR": {"de": ["Paris"], "fr": ["Paris"]}}}, [("list/PAR/fr", "Paname", None)]),
        (
            {"keys": {"PAR": {"de": ["Paris"], "fr": ["Paname", "Paname", "Paris"]}}},
            [("list/PAR/fr", None, "Paname")],
        ),
        ({"keys": {**SYNONYMS["keys"], "": {"de": ["?"]}}}, [("list", None, ""), ('list/""/de', None, "?")]),
        ({"keys": {**SYNONYMS["keys"], "ROM": {}}}, [("list", None, "ROM")]),
        (SYNONYMS | {"other": [{"at": NOWHERE, "members": {"x": 1}}]}, [("list/x", None, 1)]),
        (SYNONYMS | {"other": [{"at": ["PAR", "de"], "members": {"x": NOTHING}}]}, [("list/PAR/de/x", None, NOTHING)]),
    ],
    ids=["removed", "twice", "empty key", "key without synonyms", "unknown", "unknown of synonyms"],
)
def test_a_list_changes_by_key_and_synonym(after: JsonObject, changes: list[Change]) -> None:
    """Each synonym is named by its key and language, each key by itself."""
    assert parts("entity", {"list": SYNONYMS}, {"list": after}) == changes


@pytest.mark.parametrize(
    "after, changes",
    [
        ([IATA | {"regexPattern": "[A-Z]+"}], [("regex/iata/de", "[A-Z]{3}", "[A-Z]+")]),
        (
            [IATA | {"regexPattern": "a"}, IATA | {"regexPattern": "b"}],
            [("regex/iata/de", "[A-Z]{3}", None), ("regex/iata/de", None, "a"), ("regex/iata/de", None, "b")],
        ),
        ([IATA, {"language": "de"}], [('regex/""/de', None, "")]),
        ([IATA | {"x-new": True}], [("regex/iata/de/x-new", None, True)]),
    ],
    ids=["pattern", "two patterns", "nothing but a language", "unknown"],
)
def test_a_regex_changes_by_key_and_language(after: list[JsonObject], changes: list[Change]) -> None:
    """Each pattern is named by its key and language."""
    assert parts("entity", {"regex": {"expressions": [IATA]}}, {"regex": {"expressions": after}}) == changes


def test_a_regex_component_that_comes_with_unknown_members_only_is_named() -> None:
    """What is not an expression is named by its own path."""
    assert parts("entity", {}, {"regex": {"other": {"x-new": {"a": 1}}}}) == [("regex/x-new/a", None, 1)]


def test_what_no_leaf_tells_apart_is_told_whole() -> None:
    """Two patterns of one key that exchange their unknown members change the component as a whole."""
    one, other = IATA | {"regexPattern": "a"}, IATA | {"regexPattern": "b"}
    before = {"expressions": [one | {"x-new": 1}, other | {"x-new": 2}]}
    after = {"expressions": [one | {"x-new": 2}, other | {"x-new": 1}]}
    assert item_parts("entity", {"regex": before}, {"regex": after}) == (ValueChange("regex", before, after),)


@pytest.mark.parametrize(
    "before, after, changes",
    [
        (
            {"associatedEntities": [{"category": "City"}]},
            {"associatedEntities": [{"category": "Date"}]},
            [("associatedEntities", "City", None), ("associatedEntities", None, "Date")],
        ),
        (
            {"orchestration": {"targetProjectKind": "Luis", "luisOrchestration": {"appId": "a", "slotName": "s"}}},
            {"orchestration": {"targetProjectKind": "Luis", "luisOrchestration": {"appId": "b"}}},
            [
                ("orchestration/luisOrchestration/appId", "a", "b"),
                ("orchestration/luisOrchestration/slotName", "s", None),
            ],
        ),
        ({"x-new": [1, 2]}, {"x-new": [2, 1]}, [("x-new", [1, 2], [2, 1])]),
        ({"x-new": 1}, {"x-new": True}, [("x-new", 1, True)]),
        ({"x-new": {"a": NOTHING}}, {"x-new": {"a": {"b": 1}}}, [("x-new/a", NOTHING, None), ("x-new/a/b", None, 1)]),
        ({"list": 1, "prebuilts": "a"}, {"list": 2, "prebuilts": "a"}, [("list", 1, None), ("list", None, 2)]),
        ({"category": "A"}, {"category": "A (again)"}, [("category", "A", "A (again)")]),
    ],
    ids=["associated entities", "target", "array", "true for 1", "empty object", "names of entities' members", "name"],
)
def test_an_intent_changes_by_its_own_members(before: JsonObject, after: JsonObject, changes: list[Change]) -> None:
    """Targets change by path, unknown members too; arrays whose order may have a meaning change as a whole."""
    assert parts("intent", before, after) == changes


def swapped(changes: Iterable[ValueChange]) -> list[str]:
    """The changes with their values swapped, in an order of their own."""
    return sorted(repr(ValueChange(one.path, one.after, one.before)) for one in changes)


@QUICK
@given(edited_pairs())
def test_items_differ_if_and_only_if_they_have_parts(pair: tuple[JsonObject, JsonObject]) -> None:
    """Equal items have no parts; different ones have, and swapping them swaps each part's values."""
    old, new = (canonical_form(read(document)) for document in pair)
    kinds: list[tuple[ItemKind, Mapping[str, JsonObject], Mapping[str, JsonObject]]] = [
        ("intent", old.intents, new.intents),
        ("entity", old.entities, new.entities),
    ]
    for kind, before, after in kinds:
        for name in before.keys() & after.keys():
            found = item_parts(kind, before[name], after[name])
            assert bool(found) == (write_json(before[name], sort_keys=True) != write_json(after[name], sort_keys=True))
            assert swapped(item_parts(kind, after[name], before[name])) == sorted(map(repr, found))
