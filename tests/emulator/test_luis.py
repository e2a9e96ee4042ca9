"""`format=luis`: LUIS applications become projects as Microsoft documents it; the rest is a warning of the job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.emulator.luis_entities import PREBUILTS
from tests.emulator.wire import NOON, Wire, project_file

if TYPE_CHECKING:
    from collections.abc import Callable

LUIS = {"format": "luis"}


def luis_app(**members: Any) -> dict[str, Any]:
    """A LUIS application in schema 7."""
    return {"luis_schema_version": "7.0.0", "culture": "en-us", "name": "Travel", "versionId": "0.1"} | members


def label(entity: str, start: int, end: int, *children: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A label; `end` is inclusive."""
    return {"entity": entity, "startPos": start, "endPos": end, "children": list(children)} | members


def said(text: str, *labels: dict[str, Any]) -> dict[str, Any]:
    """An application's utterance of the intent None."""
    return {"text": text, "intent": "None", "entities": list(labels)}


class Migration:
    """What became of an application: the job and the exported assets."""

    def __init__(self, job: dict[str, Any], document: dict[str, Any]) -> None:
        self.status: str = job["status"]
        self.warnings: list[str] = [warning["message"] for warning in job.get("warnings", ())]
        self.metadata: dict[str, Any] = document["metadata"]
        self.assets: dict[str, Any] = document["assets"]

    @property
    def entities(self) -> dict[str, dict[str, Any]]:
        """The entities' components by category."""
        return {entity.pop("category"): entity for entity in json.loads(json.dumps(self.assets["entities"]))}

    @property
    def labels(self) -> list[tuple[str, int, int]]:
        """The labels of the first utterance."""
        entities = self.assets["utterances"][0]["entities"]
        return [(entity["category"], entity["offset"], entity["length"]) for entity in entities]


async def migrate(wire: Wire, app: bytes | dict[str, Any], **options: Any) -> Migration:
    """Import an application and export the project."""
    job = await wire.put("A", app, params=LUIS, **options)
    assert job["status"] == "succeeded", job
    return Migration(job, json.loads(await wire.export("A", **options)))


# --- real applications ---------------------------------------------------------------------------------------------


async def test_the_pizza_sample_becomes_its_published_counterpart(wire: Wire, sample: Callable[[str], bytes]) -> None:
    """Microsoft publishes this application together with the project it became: same entities, texts and labels.

    The published project lacks the lists and the prebuilt themselves; the documentation says that they come along.
    """
    found = await migrate(wire, sample("luis-pizza"))
    published: dict[str, Any] = json.loads(sample("pizza-small"))["assets"]
    assert found.assets["intents"] == published["intents"]
    entities = {entity["category"]: entity for entity in found.assets["entities"]}
    assert [entities[entity["category"]] for entity in published["entities"]] == published["entities"]
    assert [name for name in entities if "." not in name] == [
        *("CrustList", "ModifierList", "ScopeList", "SizeList", "ToppingList", "number")
    ]
    assert [(one["text"], one["intent"], one["entities"]) for one in found.assets["utterances"]] == [
        (one["text"], one["intent"], one["entities"]) for one in published["utterances"]
    ]
    assert found.warnings == [
        "The application's phrase lists are not transferred (9).",
        "The application's settings are not transferred (1).",
        "The features of intents are not transferred: `ModifyOrder`.",
        "Only the leaves of the structured entity `Order` are transferred.",
        "Labels of the entity `Order` are not transferred (90).",
        "Labels of the entity `FullPizzaWithModifiers` are not transferred (108).",
        "Labels of the entity `ToppingModifiers` are not transferred (104).",
        "Labels of the entity `SideOrder` are not transferred (21).",
    ]


async def test_the_old_human_resources_sample_imports(wire: Wire, sample: Callable[[str], bytes]) -> None:
    """Schema 3: hierarchical and composite entities, roles, patterns; what has no counterpart is said."""
    found = await migrate(wire, sample("luis-human-resources-patterns"))
    assert len(found.assets["utterances"]) == 164
    assert list(found.entities) == [
        "Job",
        "NewEmployee",
        "NewEmployeeRelocation",
        "NewEmployeeReloDestination",
        "NewEmployeeReloOrigin",
        "Locations.Destination",
        "Locations.Origin",
        "Employee",
        "HRF-number",
        "datetimeV2",
        "number",
    ]
    assert found.entities["HRF-number"]["regex"] == {
        "expressions": [{"regexKey": "HRF-number", "language": "en-us", "regexPattern": "hrf-[0-9]{6}"}]
    }
    [move] = [one for one in found.assets["utterances"] if one["text"] == "234-56-7891 to hh-2345"]
    assert move["entities"] == [{"category": "Locations.Destination", "offset": 15, "length": 7}]
    ties = ", ".join(f"`Utilities.{name}`" for name in ("Cancel", "Confirm", "Help", "StartOver", "Stop"))
    assert found.warnings == [
        "The schema version 3.0.0 is not 7.0.0, the one that is supported.",
        "The application's patterns are not transferred (17).",
        "The application's phrase lists are not transferred (2).",
        f"The intents' ties to prebuilt domains are not transferred: {ties}.",
        "Only the leaves of the structured entity `Locations` are transferred.",
        "The entity without a counterpart `keyPhrase` is not transferred.",
        "The composite entity `requestemployeemove` is not transferred.",
        "The Pattern.Any entity `FormName` is not transferred.",
        "Labels of the entity `requestemployeemove` are not transferred (18).",
    ]


# --- the project ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "culture, language, warned",
    [
        ("en-us", "en-us", False),
        ("EN-US", "en-us", False),
        ("pt-br", "pt-br", False),
        ("fr-ca", "fr", True),
        ("zh-cn", "zh-hans", True),
        ("de", "de", False),
    ],
)
async def test_the_culture_becomes_the_language(wire: Wire, culture: str, language: str, *, warned: bool) -> None:
    """The service knows few regions; where it does not know one, the language alone is left, and that is said."""
    found = await migrate(wire, luis_app(culture=culture, desc="to travel", utterances=[said("hi")]))
    assert found.metadata == {
        "projectKind": "Conversation",
        "settings": {"confidenceThreshold": 0.0, "normalizeCasing": False, "augmentDiacritics": False},
        "projectName": "A",
        "multilingual": False,
        "description": "to travel",
        "language": language,
    }
    assert found.assets["utterances"] == [
        {"text": "hi", "language": language, "intent": "None", "entities": [], "dataset": "Train"}
    ]
    assert bool(found.warnings) == warned


async def test_a_bare_application(wire: Wire) -> None:
    """Only the schema version and the culture are needed; the intent None is always there."""
    found = await migrate(wire, luis_app())
    assert found.assets == {
        "projectKind": "Conversation",
        "intents": [{"category": "None"}],
        "entities": [],
        "utterances": [],
    }
    assert (found.warnings, found.status) == ([], "succeeded")


async def test_what_is_left_out_as_a_whole_is_said(wire: Wire) -> None:
    """Also members that nobody documents; empty ones are not worth a word."""
    app = luis_app(
        patterns=[{"pattern": "fly to {City}", "intent": "Book"}],
        regex_features=[{"name": "r"}],
        settings=[{"name": "UseAllTrainingData", "value": "true"}],
        actions=[1],
        x_empty=[],
        intents=[{"name": "Book", "features": [{"modelName": "City"}], "inherits": {"domain_name": "Travel"}}],
    )
    assert (await migrate(wire, app)).warnings == [
        "The application's patterns are not transferred (1).",
        "The application's pattern features are not transferred (1).",
        "The application's settings are not transferred (1).",
        "The features of intents are not transferred: `Book`.",
        "The intents' ties to prebuilt domains are not transferred: `Book`.",
        "The member `actions` is not known and not transferred.",
    ]


# --- entities ------------------------------------------------------------------------------------------------------

SIZES = {"name": "SizeList", "subLists": [{"canonicalForm": "L", "list": ["large", "L"]}, {"canonicalForm": "S"}]}
SIZE_COMPONENT = {
    "sublists": [
        {"listKey": "L", "synonyms": [{"language": "en-us", "values": ["large", "L"]}]},
        {"listKey": "S", "synonyms": [{"language": "en-us", "values": ["S"]}]},
    ]
}
COMBINE = {"compositionSetting": "combineComponents"}
EXACT = {"compositionSetting": "requireExactOverlap"}


async def test_entities_of_one_component(wire: Wire) -> None:
    """Lists, regular expressions and prebuilts keep their names; a list key is one of its own synonyms."""
    app = luis_app(
        closedLists=[SIZES],
        regex_entities=[{"name": "Flight", "regexPattern": "[A-Z]{2}[0-9]+"}],
        prebuiltEntities=[{"name": "personName"}],
        bing_entities=["email"],
    )
    expression = {"regexKey": "Flight", "language": "en-us", "regexPattern": "[A-Z]{2}[0-9]+"}
    assert (await migrate(wire, app)).entities == {
        "SizeList": COMBINE | {"list": SIZE_COMPONENT},
        "Flight": COMBINE | {"regex": {"expressions": [expression]}},
        "personName": COMBINE | {"prebuilts": [{"category": "Person.Name"}]},
        "email": COMBINE | {"prebuilts": [{"category": "Email"}]},
    }


async def test_every_prebuilt_has_its_successor(wire: Wire) -> None:
    """All of LUIS's prebuilt entities, but the two that nothing follows; those are said."""
    names = [*PREBUILTS, "keyPhrase", "Encyclopedia"]
    found = await migrate(wire, luis_app(prebuiltEntities=[{"name": name, "roles": []} for name in names]))
    assert list(found.entities) == list(PREBUILTS)
    assert found.warnings == [
        "The entity without a counterpart `keyPhrase` is not transferred.",
        "The entity without a counterpart `Encyclopedia` is not transferred.",
    ]


async def test_features_become_components(wire: Wire) -> None:
    """Those that are required in the way of the published sample; phrase lists and learned entities are not."""
    features = [{"modelName": "SizeList", "isRequired": True}, {"modelName": "number"}, {"featureName": "Words"}]
    app = luis_app(
        entities=[
            {"name": "Size", "features": features},
            {"name": "Double", "features": [{"modelName": "number"}, {"modelName": "number"}, {"modelName": "Size"}]},
        ],
        closedLists=[SIZES],
        prebuiltEntities=[{"name": "number"}],
        phraselists=[{"name": "Words", "words": "a,b"}],
    )
    found = await migrate(wire, app)
    assert found.entities["Size"] == EXACT | {"list": SIZE_COMPONENT, "prebuilts": [{"category": "Quantity.Number"}]}
    assert found.entities["Double"] == COMBINE | {"prebuilts": [{"category": "Quantity.Number"}]}
    assert found.warnings == [
        "The application's phrase lists are not transferred (1).",
        "The feature `Size` of the entity `Double` is not transferred.",
    ]


async def test_only_leaves_of_structured_entities_stay(wire: Wire) -> None:
    """Named by their parent and themselves, however deep; features and roles of parents have nowhere to go."""
    order = {
        "name": "Order",
        "roles": ["first"],
        "features": [{"modelName": "number"}, {"featureName": "Words"}],
        "children": [{"name": "Pizza", "children": [{"name": "Size"}]}, {"name": "Drink"}],
    }
    found = await migrate(wire, luis_app(entities=[order], prebuiltEntities=[{"name": "number"}]))
    assert list(found.entities) == ["Pizza.Size", "Order.Drink", "number"]
    assert found.warnings == [
        "Only the leaves of the structured entity `Order` are transferred.",
        "The features of the structured entity `Order` are not transferred: `number`.",
        "The roles of the structured entity `Order` are not transferred: `first`.",
    ]


async def test_roles_become_entities_of_the_same_components(wire: Wire) -> None:
    """A role of a list is a list; labels that name a role go to it, the others to the entity."""
    app = luis_app(
        closedLists=[SIZES | {"roles": ["from", "to"]}],
        utterances=[said("L to S or L", label("SizeList", 0, 0, role="from"), label("SizeList", 5, 5, role="to"),
                         label("SizeList", 10, 10))],
    )  # fmt: skip
    found = await migrate(wire, app)
    assert found.entities == dict.fromkeys(("SizeList", "from", "to"), COMBINE | {"list": SIZE_COMPONENT})
    assert found.labels == [("from", 0, 1), ("to", 5, 1), ("SizeList", 10, 1)]


async def test_two_of_a_name_become_one(wire: Wire) -> None:
    """CLU has one entity of a name: the components are joined, and that is said."""
    app = luis_app(
        entities=[
            {"name": "A", "children": [{"name": "X", "children": [{"name": "Y", "features": [{"modelName": "L"}]}]}]},
            {"name": "B", "children": [{"name": "X", "children": [{"name": "Y", "features": [{"modelName": "R"}]}]}]},
            {"name": "C", "children": [{"name": "X", "children": [{"name": "Y", "features": [{"modelName": "L"}]}]}]},
            {"name": "D", "children": [{"name": "X", "children": [{"name": "Y", "features": [{"modelName": "R"}]}]}]},
        ],
        closedLists=[{"name": "L", "subLists": [{"canonicalForm": "k"}]}],
        regex_entities=[{"name": "R", "regexPattern": "r"}],
    )
    found = await migrate(wire, app)
    both = found.entities["X.Y"]
    assert [sublist["listKey"] for sublist in both["list"]["sublists"]] == ["k", "k"]
    assert [one["regexPattern"] for one in both["regex"]["expressions"]] == ["r", "r"]
    assert found.warnings.count("Several entities or roles become `X.Y`; their components were joined.") == 3


async def test_regular_expressions_need_a_version_that_knows_them(wire: Wire) -> None:
    """Before October 2022 they were removed, with their labels."""
    app = luis_app(
        regex_entities=[{"name": "Flight", "regexPattern": "x"}], utterances=[said("LH 1", label("Flight", 0, 3))]
    )
    found = await migrate(wire, app, version="2022-05-01")
    assert (found.entities, found.labels) == ({}, [])
    assert found.warnings == [
        "The entity without a counterpart `Flight` is not transferred.",
        "Labels of the entity `Flight` are not transferred (1).",
    ]


# --- labels --------------------------------------------------------------------------------------------------------


async def test_labels_go_to_the_leaves(wire: Wire) -> None:
    """Of nested labels the innermost that are leaves by their definition, whether or not their parents are labelled."""
    order = {"name": "Order", "children": [{"name": "Pizza", "children": [{"name": "Size"}]}, {"name": "Drink"}]}
    text = "a large pizza and a coke"
    pizza = label("Pizza", 2, 12, label("Size", 2, 6))
    app = luis_app(entities=[order], utterances=[said(text, label("Order", 0, 23, pizza, label("Drink", 20, 23)))])
    found = await migrate(wire, app)
    assert found.labels == [("Pizza.Size", 2, 5), ("Order.Drink", 20, 4)]
    assert found.warnings[1:] == [
        "Labels of the entity `Order` are not transferred (1).",
        "Labels of the entity `Pizza` are not transferred (1).",
    ]


async def test_ends_are_inclusive_and_count_utf16_units(wire: Wire) -> None:
    """LUIS runs on .NET: a character beyond the basic plane counts two, in LUIS as in CLU."""
    app = luis_app(entities=[{"name": "City"}], utterances=[said("😀 Rome", label("City", 3, 6))])
    assert (await migrate(wire, app)).labels == [("City", 3, 4)]


async def test_of_overlapping_labels_the_longest_stays(wire: Wire) -> None:
    """Of equally long ones the first; the others are counted."""
    app = luis_app(
        entities=[{"name": name} for name in ("A", "B", "C")],
        utterances=[
            said("one two three", label("A", 0, 2), label("B", 0, 6), label("C", 4, 6), label("A", 8, 12)),
            said("one", label("C", 0, 2), label("A", 0, 2)),
        ],
    )
    found = await migrate(wire, app)
    assert found.labels == [("B", 0, 7), ("A", 8, 5)]
    assert found.assets["utterances"][1]["entities"] == [{"category": "C", "offset": 0, "length": 3}]
    assert found.warnings == ["Labels that overlap a longer one are not transferred (3)."]


async def test_labels_of_old_schemas(wire: Wire) -> None:
    """Parts of hierarchical entities are strings, and their labels `Parent::Part`; composites dissolve."""
    app = luis_app(
        luis_schema_version="2.1.0",
        hierarchicals=[{"name": "Place", "children": ["From", {"name": "To"}]}],
        composites=[{"name": "Trip", "children": ["Place::From", "Size"]}],
        closedLists=[{"name": "Size"}],
        patternAnyEntities=[{"name": "Any"}],
        utterances=[
            said("Rome Oslo L x", label("Trip", 0, 8, label("Place::From", 0, 3)), label("Place::To", 5, 8),
                 label("Size", 10, 10), label("Any", 12, 12)),
        ],
    )  # fmt: skip
    found = await migrate(wire, app)
    assert found.labels == [("Place.From", 0, 4), ("Place.To", 5, 4), ("Size", 10, 1)]
    assert found.warnings == [
        "The schema version 2.1.0 is not 7.0.0, the one that is supported.",
        "Only the leaves of the structured entity `Place` are transferred.",
        "The composite entity `Trip` is not transferred.",
        "The Pattern.Any entity `Any` is not transferred.",
        "Labels of the entity `Trip` are not transferred (1).",
        "Labels of the entity `Any` are not transferred (1).",
    ]


# --- what fails ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "members, message",
    [
        ({"utterances": [said("x", label("Nobody", 0, 0))]}, "The entity `Nobody` does not exist in the project."),
        ({"utterances": [said("x", label("A::B", 0, 0))]}, "The entity `A::B` does not exist in the project."),
        (
            {"entities": [{"name": "A"}], "utterances": [said("x", label("A", 1, 0))]},
            "The label at 1 with length 0 covers no text.",
        ),
        ({"intents": [{"name": "a:b"}]}, "The intent name `a:b` contains `:`, which is not allowed."),
        ({"utterances": [said("x" * 501)]}, "The text of an utterance has 1 to 500 characters, this one 501."),
        (
            {"entities": [{"name": "x" * 26, "children": [{"name": "y" * 26}]}]},
            f"The name of an entity has 1 to 50 characters; `{'x' * 26}.{'y' * 26}` has not.",
        ),
        ({"culture": "tlh"}, "The value `tlh` provided for the parameter `Language` is invalid."),
    ],
)
async def test_what_clu_does_not_take_fails_the_job(wire: Wire, members: dict[str, Any], message: str) -> None:
    """The limits of a project hold for one that was a LUIS application, too."""
    job = await wire.put("A", luis_app(**members), params=LUIS)
    assert (job["status"], [error["message"] for error in job["errors"]]) == ("failed", [message])
    assert (await wire.get("projects/A")).status_code == 404


@pytest.mark.parametrize(
    "body, detail",
    [
        ({"culture": "en-us"}, "Required property 'luis_schema_version' not found in JSON."),
        ({"luis_schema_version": "7.0.0"}, "Required property 'culture' not found in JSON."),
        (luis_app(entities=[{"name": "A", "children": [5]}]),
         "Unexpected character encountered while parsing value: 5."),
        (luis_app(utterances=[{"text": "x", "intent": "y", "entities": [{"entity": "A", "startPos": 0}]}]),
         "Required property 'endPos' not found in JSON."),
        (project_file(), "Required property 'luis_schema_version' not found in JSON."),
    ],
)  # fmt: skip
async def test_what_is_no_application_is_refused_at_once(wire: Wire, body: dict[str, Any], detail: str) -> None:
    """400, with the place of the first fault."""
    answer = await wire.start_import("A", body, params={"format": "Luis"})
    assert answer.status_code == 400
    [problem] = answer.json()["error"]["details"]
    assert problem["message"].startswith(detail)


async def test_a_luis_application_needs_the_format(wire: Wire) -> None:
    """Without it the body is read as a project file, whose members these are not."""
    answer = await wire.start_import("A", luis_app())
    assert answer.status_code == 400
    assert "Could not find member 'luis_schema_version'" in answer.json()["error"]["details"][0]["message"]


async def test_nothing_is_exported_as_luis(wire: Wire) -> None:
    """What the service gives then is undocumented: the emulator says that it does not do it, and starts no job."""
    await wire.create("A")
    answer = await wire.start_export("A", params={"format": "LUIS"})
    assert answer.status_code == 400
    assert answer.json()["error"] == {
        "code": "InvalidArgument",
        "message": "A project cannot be exported as a LUIS application.",
        "target": "format",
    }
    assert not wire.emulator.state("dev", NOON).jobs


async def test_an_application_replaces_a_project(wire: Wire) -> None:
    """As any import does; what was there before is gone."""
    await wire.put("A", project_file())
    found = await migrate(wire, luis_app(entities=[{"name": "Airline"}]))
    assert list(found.entities) == ["Airline"]
    assert found.assets["utterances"] == []
