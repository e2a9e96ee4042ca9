"""What comes of a LUIS application as it is documented, what is lost, and whether the service did it."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.emulator.luis import convert_app
from cluvault.emulator.luis_shapes import read_app
from cluvault.emulator.versions import API_VERSIONS
from cluvault.model.luis_app import read_luis_app
from cluvault.model.project_file import ProjectFile, read_project_file
from cluvault.plan.diff_report import summary
from cluvault.plan.luis import LuisMigration, migrate_luis_app
from cluvault.plan.luis_proof import compare_migration
from tests.luis_strategies import luis_applications
from tests.strategies import QUICK

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.model.json_text import JsonObject
    from cluvault.model.project_shape import Document

NEWEST = "2025-11-15-preview"


def migrate(version: str = NEWEST, **members: Any) -> LuisMigration:
    """The migration of an application in schema 7."""
    document = {"luis_schema_version": "7.0.0", "culture": "en-us", "name": "Travel"} | members
    return migrate_luis_app(read_luis_app(json.dumps(document).encode(), source="x"), name="Travel", version=version)


def lost(migration: LuisMigration) -> list[str]:
    """Places and sentences."""
    return [f"{loss.pointer}: {loss.sentence}" for loss in migration.losses]


def entities(migration: LuisMigration) -> dict[str, JsonObject]:
    """Components by category."""
    found = [dict(cast("JsonObject", entity)) for entity in migration.file.entities]
    return {entity.pop("category"): entity for entity in found}


def label(entity: str, start: int, end: int, *children: JsonObject, **members: Any) -> JsonObject:
    """A label; `end` is inclusive."""
    return {"entity": entity, "startPos": start, "endPos": end, "children": list(children)} | members


def labels(*given: JsonObject, **members: Any) -> tuple[list[tuple[str, int, int]], list[str]]:
    """What the labels of one utterance become, and what is lost of them."""
    utterance = {"text": "one two three four", "intent": "None", "entities": list(given)}
    migration = migrate(utterances=[utterance], **members)
    kept = migration.file.utterances[0].get("entities") or ()
    sentences = [loss.sentence for loss in migration.losses if loss.pointer == "/utterances"]
    return [(one["category"], one["offset"], one["length"]) for one in kept], sentences


# --- the whole -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["luis-pizza", "luis-human-resources-patterns"])
@pytest.mark.parametrize("version", ["2022-05-01", "2023-04-01", NEWEST])
def test_two_conversions_agree(name: str, version: str, sample: Callable[[str], bytes]) -> None:
    """The emulator's was written from the same page by itself: whatever one of them got wrong would show here."""
    expected = migrate_luis_app(read_luis_app(sample(name), source=name), name="A", version=version)
    emulated = convert_app(read_app(json.loads(sample(name))), name="A", version=API_VERSIONS[version])
    found = read_project_file(json.dumps(emulated.document).encode())
    assert not compare_migration(expected.file, found)
    assert read_project_file(expected.file.to_bytes()).name == "A"


@QUICK
@given(luis_applications(), st.sampled_from(["2022-05-01", NEWEST]))
def test_two_conversions_agree_on_any_application(app: JsonObject, version: str) -> None:
    """However odd; and the labels that stay never overlap."""
    data = json.dumps(app).encode()
    expected = migrate_luis_app(read_luis_app(data, source="x"), name="A", version=version).file
    emulated = convert_app(read_app(json.loads(data)), name="A", version=API_VERSIONS[version])
    assert not compare_migration(expected, read_project_file(json.dumps(emulated.document).encode()))
    found = sorted((one["offset"], one["length"]) for one in expected.utterances[0].get("entities") or ())
    assert all(one[0] + one[1] <= other[0] for one, other in pairwise(found))


def test_the_losses_of_the_pizza_sample(sample: Callable[[str], bytes]) -> None:
    """Each with its place; a migration without them does not exist, so none needs leave."""
    migration = migrate_luis_app(read_luis_app(sample("luis-pizza"), source="x"), name="A", version=NEWEST)
    assert lost(migration) == [
        "/phraselists: 9 phrase lists",
        "/settings: 1 setting",
        "/intents/3/features: the features of the intent 'ModifyOrder'",
        "/entities/0: the structured entity 'Order': only its leaves become entities",
        "/utterances: 90 labels of the entity 'Order'",
        "/utterances: 108 labels of the entity 'FullPizzaWithModifiers'",
        "/utterances: 104 labels of the entity 'ToppingModifiers'",
        "/utterances: 21 labels of the entity 'SideOrder'",
    ]
    assert not any(loss.needs_leave for loss in migration.losses)
    assert migration.notes == ()


def test_the_project_of_a_bare_application() -> None:
    """A valid project file under the name that was asked for."""
    migration = migrate()
    assert migration.file.document == {
        "projectFileVersion": NEWEST,
        "stringIndexType": "Utf16CodeUnit",
        "metadata": {"projectKind": "Conversation", "projectName": "Travel", "language": "en-us"},
        "assets": {"projectKind": "Conversation", "intents": [], "entities": [], "utterances": []},
    }
    assert migration.losses == ()


@pytest.mark.parametrize(
    "culture, language",
    [("en-us", "en-us"), ("EN-GB", "en-gb"), ("fr-ca", "fr"), ("zh-CN", "zh-hans"), ("de", "de")],
)
def test_the_culture_becomes_the_language(culture: str, language: str) -> None:
    """Where that is another tag, a note says so."""
    migration = migrate(culture=culture)
    assert migration.file.metadata["language"] == language
    expected = () if culture.lower() == language else (f"culture {culture} becomes language {language}",)
    assert migration.notes == expected


def test_an_older_schema_is_noted() -> None:
    """The service documents the import of the newest alone."""
    assert migrate(luis_schema_version="3.0.0").notes == ("schema 3.0.0: documented is the import of 7.0.0 alone",)


def test_what_has_no_counterpart_at_all() -> None:
    """Each member with its count; members that nobody documents too; empty ones are no loss."""
    migration = migrate(
        patterns=[{"pattern": "a", "intent": "Book"}, {"pattern": "b", "intent": "Book"}],
        model_features=[{"name": "w"}],
        regex_features=[{"name": "r"}],
        intents=[{"name": "Book", "inherits": {"domain_name": "Travel"}, "features": []}],
        actions=[1],
        empty=[],
    )
    assert lost(migration) == [
        "/patterns: 2 patterns",
        "/model_features: 1 phrase list",
        "/regex_features: 1 pattern feature",
        "/intents/0/inherits: the tie to a prebuilt domain of the intent 'Book'",
        "/actions: 'actions', which nobody documents",
    ]
    assert migration.file.intents == [{"category": "Book"}]


# --- entities ------------------------------------------------------------------------------------------------------

SIZES = {"name": "SizeList", "subLists": [{"canonicalForm": "L", "list": ["large", "L"]}, {"canonicalForm": "S"}]}
SIZE_LIST = {
    "sublists": [
        {"listKey": "L", "synonyms": [{"language": "en-us", "values": ["large", "L"]}]},
        {"listKey": "S", "synonyms": [{"language": "en-us", "values": ["S"]}]},
    ]
}
FLIGHT = {"name": "Flight", "regexPattern": "[A-Z]{2}"}
FLIGHT_REGEX = {"expressions": [{"regexKey": "Flight", "language": "en-us", "regexPattern": "[A-Z]{2}"}]}
NUMBER = [{"category": "Quantity.Number"}]


def test_entities_of_one_component() -> None:
    """Lists, regular expressions and prebuilts of every generation."""
    migration = migrate(
        closedLists=[SIZES], regex_entities=[FLIGHT], prebuiltEntities=[{"name": "number"}], bing_entities=["email"]
    )
    assert entities(migration) == {
        "SizeList": {"list": SIZE_LIST},
        "Flight": {"regex": FLIGHT_REGEX},
        "number": {"prebuilts": NUMBER},
        "email": {"prebuilts": [{"category": "Email"}]},
    }
    assert migration.losses == ()


def test_entities_without_a_counterpart() -> None:
    """Prebuilts that nothing follows, composites, Pattern.Any; regular expressions where no version knows them."""
    migration = migrate(
        version="2022-07-01-preview",
        regex_entities=[FLIGHT],
        prebuiltEntities=[{"name": "keyPhrase", "roles": ["what"]}],
        composites=[{"name": "Trip", "children": ["Flight"]}],
        patternAnyEntities=[{"name": "Any"}],
    )
    assert entities(migration) == {}
    assert lost(migration) == [
        "/regex_entities/0: the entity 'Flight', which has no counterpart",
        "/prebuiltEntities/0: the entity 'keyPhrase', which has no counterpart",
        "/composites/0: the composite entity 'Trip'",
        "/patternAnyEntities/0: the Pattern.Any entity 'Any'",
    ]


def test_features_become_components() -> None:
    """Of leaves; a feature that is itself learned has no place, nor has one of a parent."""
    number, sizes = {"modelName": "number"}, {"modelName": "SizeList", "isRequired": True}
    order: JsonObject = {
        "name": "Order",
        "roles": ["first"],
        "features": [number, {"featureName": "Words"}],
        "children": [
            {"name": "Size", "features": [sizes, number, number, {"featureName": "Words"}]},
            {"name": "Side", "children": [{"name": "Drink", "features": [{"modelName": "Order"}]}]},
        ],
    }
    migration = migrate(entities=[order], closedLists=[SIZES], prebuiltEntities=[{"name": "number"}])
    assert entities(migration) == {
        "Order.Size": {"list": SIZE_LIST, "compositionSetting": "requireExactOverlap", "prebuilts": NUMBER},
        "Side.Drink": {},
        "SizeList": {"list": SIZE_LIST},
        "number": {"prebuilts": NUMBER},
    }
    assert lost(migration) == [
        "/entities/0: the structured entity 'Order': only its leaves become entities",
        "/entities/0/features/0: the feature 'number' of 'Order'",
        "/entities/0/roles/0: the role 'first' of the structured entity 'Order'",
        "/entities/0/children/1/children/0/features/0: the feature 'Order' of the entity 'Drink'",
    ]


def test_two_of_a_name_become_one() -> None:
    """With the components of both."""
    both = [{"modelName": "Flight"}, {"modelName": "SizeList"}]
    migration = migrate(
        entities=[{"name": "A", "roles": ["B"], "features": both}, {"name": "B", "features": both}],
        closedLists=[SIZES],
        regex_entities=[FLIGHT],
    )
    joined = entities(migration)["B"]
    assert len(joined["list"]["sublists"]) == 4
    assert len(joined["regex"]["expressions"]) == 2
    assert lost(migration) == ["/entities/1: 'B' is the name of several entities or roles, which become one"]


# --- labels --------------------------------------------------------------------------------------------------------

ORDER = {"name": "Order", "children": [{"name": "Pizza", "children": [{"name": "Size"}]}, {"name": "Drink"}]}


def test_labels_go_to_leaves() -> None:
    """Ends are inclusive in LUIS."""
    nested = label("Order", 0, 17, label("Pizza", 0, 6, label("Size", 0, 2)), label("Drink", 8, 12))
    assert labels(nested, entities=[ORDER]) == (
        [("Pizza.Size", 0, 3), ("Order.Drink", 8, 5)],
        ["1 label of the entity 'Order'", "1 label of the entity 'Pizza'"],
    )


def test_labels_of_old_schemas() -> None:
    """Hierarchical parts are named with their parent; composites are ignored in favour of what is in them."""
    given = (
        label("Trip", 0, 12, label("Place::From", 0, 2)),
        label("Place::To", 4, 6),
        label("Size", 8, 12),
        label("Any", 14, 17),
    )
    assert labels(
        *given,
        hierarchicals=[{"name": "Place", "children": ["From", "To"]}],
        composites=[{"name": "Trip", "children": ["Size"]}],
        closedLists=[{"name": "Size"}],
        patternAnyEntities=[{"name": "Any"}],
    ) == (
        [("Place.From", 0, 3), ("Place.To", 4, 3), ("Size", 8, 5)],
        ["1 label of the entity 'Trip'", "1 label of the entity 'Any'"],
    )


def test_labels_with_roles() -> None:
    """They go to the role's entity; a role that is not defined changes nothing."""
    given = (label("Size", 0, 2, role="from"), label("Size", 4, 6, role="nobody"), label("Size", 8, 12, role=None))
    kept, _ = labels(*given, closedLists=[{"name": "Size", "roles": ["from"]}])
    assert kept == [("from", 0, 3), ("Size", 4, 3), ("Size", 8, 5)]


def test_of_overlapping_labels_the_longest_stays() -> None:
    """Of equally long ones the first."""
    given = (label("A", 0, 2), label("B", 0, 6), label("A", 8, 12), label("B", 8, 12))
    assert labels(*given, entities=[{"name": "A"}, {"name": "B"}]) == (
        [("B", 0, 7), ("A", 8, 5)],
        ["2 labels in the place of a longer one"],
    )


def test_a_label_of_nothing_that_is_defined_keeps_its_name() -> None:
    """The service refuses it; that is the application's fault and not a loss."""
    assert labels(label("Nobody", 0, 2), label("A::B", 4, 6)) == ([("Nobody", 0, 3), ("A::B", 4, 3)], [])


# --- the proof -----------------------------------------------------------------------------------------------------

EXPECTED = migrate(
    intents=[{"name": "Book"}],
    entities=[{"name": "City", "features": [{"modelName": "SizeList", "isRequired": True}, {"modelName": "Flight"}]}],
    closedLists=[SIZES],
    regex_entities=[FLIGHT],
    utterances=[{"text": "to Rome", "intent": "Book", "entities": [label("City", 3, 6)]}],
).file


def exported(**changes: Any) -> ProjectFile:
    """The expected project as the service would export it, with what only the service knows, and changes of assets."""
    document: JsonObject = json.loads(EXPECTED.to_bytes())
    document["metadata"] |= {"description": "d", "multilingual": True, "settings": {"confidenceThreshold": 0.5}}
    assets: JsonObject = document["assets"]
    assets["intents"].insert(0, {"category": "None"})
    for entity in assets["entities"]:
        entity["compositionSetting"] = "combineComponents"
    for utterance in assets["utterances"]:
        utterance |= {"language": "en-us", "dataset": "Train"}
    document["assets"] = assets | changes
    return ProjectFile(cast("Document", document))


def test_what_nobody_documents_is_not_compared() -> None:
    """Settings, description, composition settings, the None intent, defaults."""
    assert not compare_migration(EXPECTED, exported())


def test_a_list_key_may_be_missing_among_its_synonyms() -> None:
    """Only one public pair of projects shows that it is there; and what a pattern is called is free."""
    document: JsonObject = json.loads(exported().to_bytes())
    [city, *_] = document["assets"]["entities"]
    city["list"]["sublists"][0]["synonyms"][0]["values"] = ["large"]
    city["regex"]["expressions"][0]["regexKey"] = "other"
    assert not compare_migration(EXPECTED, ProjectFile(cast("Document", document)))


def test_a_language_may_have_a_region() -> None:
    """Which tag the service makes of a culture is not documented, the language itself is."""
    document: JsonObject = json.loads(exported().to_bytes())
    document["metadata"]["language"] = "en-GB"
    for utterance in document["assets"]["utterances"]:
        utterance["language"] = "en-gb"
    assert not compare_migration(EXPECTED, ProjectFile(cast("Document", document)))


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"intents": [{"category": "Other"}]}, "intents"),
        ({"entities": [{"category": "City"}]}, "entities"),
        ({"utterances": []}, "utterances"),
        ({"utterances": [{"text": "to Rome", "intent": "Book"}]}, "utterances"),
        ({"utterances": [{"text": "to Rome", "intent": "Book", "language": "de",
                          "entities": [{"category": "City", "offset": 3, "length": 4}]}]}, "utterances"),
    ],
)  # fmt: skip
def test_what_is_documented_must_be_there(changes: JsonObject, said: str) -> None:
    """A missing intent, entity, component, utterance or label is a difference, and so is another language."""
    difference = compare_migration(EXPECTED, exported(**changes))
    assert difference
    assert said in summary(difference)


def test_another_language_is_a_difference() -> None:
    """The project's language is the application's culture."""
    document: JsonObject = json.loads(exported().to_bytes())
    document["metadata"]["language"] = "fr"
    assert compare_migration(EXPECTED, ProjectFile(cast("Document", document)))
