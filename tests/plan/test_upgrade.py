from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import assume, given

from cluvault.errors import InvalidProjectFile
from cluvault.model.project_file import ProjectFile, read_project_file
from cluvault.plan.upgrade import CURRENT_VERSION, inspect_upgrade, rename_project, upgrade_project_file
from tests.strategies import QUICK, TEXTS, project_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.model.json_text import JsonObject

    Sample = Callable[[str], bytes]


def current() -> JsonObject:
    """A document to which nothing needs to be done."""
    return {
        "projectFileVersion": "2022-05-01",
        "stringIndexType": "Utf16CodeUnit",
        "metadata": {"projectKind": "Conversation", "projectName": "Travel", "language": "en-us"},
        "assets": {
            "projectKind": "Conversation",
            "intents": [{"category": "None"}, {"category": "Book"}],
            "entities": [{"category": "City"}],
            "utterances": [
                {"text": "to Rome", "intent": "Book", "entities": [{"category": "City", "offset": 3, "length": 4}]},
                {"text": "to Paris", "intent": "Book", "dataset": "Test"},
            ],
        },
    }


def oldest() -> JsonObject:
    """The same project in the shape of 2021-11-01-preview."""
    return {
        "api-version": "2021-11-01-preview",
        "metadata": {"name": "Travel", "type": "Conversation", "language": "en-us"},
        "assets": {
            "intents": [{"name": "None"}, {"name": "Book"}],
            "entities": [{"name": "City", "list": None, "prebuiltEntities": None}],
            "examples": [
                {"text": "to Rome", "intent": "Book", "entities": [{"entityName": "City", "offset": 3, "length": 4}]},
                {"text": "to Paris", "intent": "Book", "dataset": "Test"},
            ],
        },
    }


def read(document: JsonObject) -> ProjectFile:
    """The file that a document is read as."""
    return read_project_file(json.dumps(document).encode())


def upgraded(document: JsonObject) -> JsonObject:
    """The document after the upgrade."""
    return cast("JsonObject", upgrade_project_file(read(document)).file.document)


def changes(document: JsonObject) -> tuple[str, ...]:
    """What an upgrade says about it."""
    return upgrade_project_file(read(document)).changes


def put(document: JsonObject, pointer: str, value: Any) -> JsonObject:
    """The document with one member set, on a copy."""
    changed = deepcopy(document)
    *parents, last = pointer.split("/")[1:]
    place: Any = changed
    for part in parents:
        place = place[int(part) if part.isdigit() else part]
    place[last] = value
    return changed


# --- nothing to do -------------------------------------------------------------------------------------------------


def test_a_current_file_comes_back_as_the_same_object() -> None:
    """A file in the current shape is not copied, and nothing is said about it."""
    file = read(current())
    upgrade = upgrade_project_file(file)
    assert upgrade.file is file
    assert upgrade.changes == ()


@pytest.mark.parametrize(
    "name", ["chitchat-large", "clinical-trials", "emailapp-demo", "orchestration-placeholders", "pizza-small"]
)
def test_current_samples_come_back_as_the_same_object(name: str, sample: Sample) -> None:
    """Exports of 2022-05-01 and later have the current shape, whatever version they state."""
    file = read_project_file(sample(name))
    assert upgrade_project_file(file).file is file


@pytest.mark.parametrize("assets", [None, {}])
def test_a_file_without_assets_is_current(assets: JsonObject | None) -> None:
    """A project may be described without anything in it."""
    document = put(current(), "/assets", assets)
    assert upgraded(document)["assets"] == (assets if assets is None else {"projectKind": "Conversation"})


# --- the oldest shape ----------------------------------------------------------------------------------------------


def test_the_oldest_shape_becomes_the_current_one() -> None:
    """Every old name gets its present one, and what a current file must state is filled in."""
    expected = put(current(), "/projectFileVersion", CURRENT_VERSION)
    assert upgraded(oldest()) == expected


def test_every_change_is_told() -> None:
    """The list of changes names single places by pointer and repeated ones by number."""
    assert changes(oldest()) == (
        "/api-version renamed to /projectFileVersion",
        "/metadata/name renamed to /metadata/projectName",
        "/metadata/type renamed to /metadata/projectKind",
        "'name' renamed to 'category' on 2 intents",
        "'name' renamed to 'category' on 1 entity",
        "null removed from 'list' on 1 entity",
        "null removed from 'prebuiltEntities' on 1 entity",
        "'entityName' renamed to 'category' on 1 label",
        "/assets/examples renamed to /assets/utterances",
        "/projectFileVersion 2021-11-01-preview written as 2023-04-01",
        "/stringIndexType added: Utf16CodeUnit",
        "/assets/projectKind added: Conversation",
    )


def test_the_clock_sample_keeps_its_content(sample: Sample) -> None:
    """A real export of 2021-11-01-preview keeps intents, entities, utterances and labels."""
    data = sample("clock-2021-preview")
    old, new = json.loads(data), upgrade_project_file(read_project_file(data)).file
    assert new.name == "Clock"
    assert new.version == CURRENT_VERSION
    assert [intent["category"] for intent in new.intents] == [intent["name"] for intent in old["assets"]["intents"]]
    assert [utterance["text"] for utterance in new.utterances] == [item["text"] for item in old["assets"]["examples"]]
    assert new.entities[2].get("prebuilts") == [{"category": "DateTime"}]
    assert [entity.get("compositionSetting") for entity in new.entities] == ["returnLongestOverlap"] * 3


def test_members_keep_their_order() -> None:
    """A renamed member stands where the old one stood; members that are filled in come where exports have them."""
    assert list(upgraded(oldest())) == ["projectFileVersion", "stringIndexType", "metadata", "assets"]
    assert list(upgraded(oldest())["assets"]) == ["projectKind", "intents", "entities", "utterances"]


@pytest.mark.parametrize(
    "old, category",
    [
        ({"displayName": "DateTime", "semanticType": "DateTime", "semanticSubtype": None}, "DateTime"),
        ({"displayName": ""}, ""),
        ({"displayName": "", "semanticType": "Email", "semanticSubtype": None}, "Email"),
        ({"displayName": "Phone Number", "semanticType": "PhoneNumber", "semanticSubtype": None}, "Phone Number"),
        ({"semanticType": "Quantity", "semanticSubtype": "Number"}, "Quantity.Number"),
        ({"semanticType": "Email"}, "Email"),
        ({"category": "URL"}, "URL"),
    ],
)
def test_old_prebuilts_get_the_category_that_their_members_spell(old: JsonObject, category: str) -> None:
    """A prebuilt was named by display name, or by semantic type and subtype."""
    document = put(oldest(), "/assets/entities/0/prebuiltEntities", [old])
    assert upgraded(document)["assets"]["entities"][0]["prebuilts"] == [{"category": category}]


@pytest.mark.parametrize(
    "pointer",
    [
        "/x-new",
        "/metadata/x-new",
        "/assets/x-new",
        "/assets/intents/1/x-new",
        "/assets/entities/0/x-new",
        "/assets/examples/0/x-new",
        "/assets/examples/0/entities/0/x-new",
    ],
)
@pytest.mark.parametrize("value", [None, 1, {"deep": [None]}])
def test_unknown_members_are_kept(pointer: str, value: Any) -> None:
    """What cluvault does not know passes through an upgrade, nulls included."""
    document = put(oldest(), pointer, value)
    expected = put(
        put(current(), "/projectFileVersion", CURRENT_VERSION), pointer.replace("examples", "utterances"), value
    )
    assert upgraded(document) == expected


def test_unknown_members_of_a_prebuilt_are_kept() -> None:
    """What a prebuilt said beside its name is kept too."""
    document = put(oldest(), "/assets/entities/0/prebuiltEntities", [{"displayName": "Email", "x-new": 1}])
    assert upgraded(document)["assets"]["entities"][0]["prebuilts"] == [{"category": "Email", "x-new": 1}]


def test_old_and_new_names_side_by_side_are_taken_when_they_agree() -> None:
    """The same value under both names is no contradiction, and null under one of them says nothing."""
    document = put(oldest(), "/assets/intents/1/category", "Book")
    document = put(document, "/assets/entities/0/category", None)
    document = put(document, "/projectFileVersion", None)
    assert upgraded(document) == put(current(), "/projectFileVersion", CURRENT_VERSION)


@pytest.mark.parametrize(
    "pointer, value, message",
    [
        (
            "/metadata/projectName",
            "Other",
            "at /metadata/name: is an old name of /metadata/projectName but says 'Travel', not 'Other'",
        ),
        (
            "/projectFileVersion",
            "2022-05-01",
            "at /api-version: is an old name of /projectFileVersion but says '2021-11-01-preview', not '2022-05-01'",
        ),
        ("/assets/utterances", [], "at /assets/examples: is an old name of /assets/utterances but says"),
        (
            "/assets/intents/1/category",
            "Cancel",
            "at /assets/intents/1/name: is an old name of /assets/intents/1/category but says 'Book', not 'Cancel'",
        ),
        (
            "/assets/examples/0/entities/0/category",
            "Town",
            "at /assets/examples/0/entities/0/entityName: is an old name of /assets/examples/0/entities/0/category",
        ),
    ],
)
def test_old_and_new_names_that_contradict_each_other_are_refused(pointer: str, value: Any, message: str) -> None:
    """Nobody can know which of two values is meant; the error names both places."""
    with pytest.raises(InvalidProjectFile) as caught:
        upgrade_project_file(read(put(oldest(), pointer, value)), source="clock.json")
    assert str(caught.value).startswith(f"clock.json: no upgrade, {message}")


def test_prebuilts_under_both_names_are_compared_in_the_present_form() -> None:
    """Equal prebuilts in the old and in the new form agree; different ones are refused."""
    both = put(oldest(), "/assets/entities/0/prebuiltEntities", [{"displayName": "Email"}])
    agreeing = put(both, "/assets/entities/0/prebuilts", [{"category": "Email"}])
    assert upgraded(agreeing)["assets"]["entities"][0]["prebuilts"] == [{"category": "Email"}]
    with pytest.raises(InvalidProjectFile, match="/assets/entities/0/prebuiltEntities"):
        upgraded(put(both, "/assets/entities/0/prebuilts", [{"category": "URL"}]))


@pytest.mark.parametrize(
    "pointer, value, message",
    [
        ("/metadata/language", 5, "at /metadata/language: should be a string"),
        ("/api-version", 5, "at /projectFileVersion: should be a string"),
        ("/assets/intents/0/name", None, "at /assets/intents/0/category: is missing"),
        ("/assets/examples/1/text", [5], "at /assets/utterances/1/text: should be a string"),
        ("/assets/examples/0/entities", 5, "at /assets/utterances/0/entities: should be an array"),
        ("/assets/examples/0/entities", [5], "at /assets/utterances/0/entities/0: should be an object"),
        ("/assets/entities/0/prebuiltEntities", 5, "at /assets/entities/0/prebuilts: should be an array"),
        ("/assets/entities/0/prebuiltEntities", [5], "at /assets/entities/0/prebuilts/0: should be an object"),
        ("/assets/entities/0/prebuiltEntities", [{"x": 1}], "at /assets/entities/0/prebuilts/0/category: is missing"),
    ],
)
def test_what_has_not_the_current_shape_after_the_upgrade_is_refused(pointer: str, value: Any, message: str) -> None:
    """A fault that only shows under the present names is named there."""
    with pytest.raises(InvalidProjectFile) as caught:
        upgraded(put(oldest(), pointer, value))
    assert str(caught.value) == f"project file: no upgrade, {message}"


def test_the_number_of_further_faults_is_told() -> None:
    """The error names the first fault and how many more there are; inspection gives all of them."""
    document = put(put(oldest(), "/metadata/language", 5), "/assets/examples/1/text", [])
    with pytest.raises(InvalidProjectFile, match=r"\(and 1 more\)"):
        upgraded(document)
    _, faults = inspect_upgrade(read(document))
    assert [fault.pointer for fault in faults] == ["/metadata/language", "/assets/utterances/1/text"]


@pytest.mark.parametrize("assets", [None, "absent"])
def test_an_oldest_file_without_assets_is_upgraded(assets: object) -> None:
    """Metadata alone is a project file in every shape."""
    document = oldest()
    if assets is None:
        document["assets"] = None
    else:
        del document["assets"]
    assert upgraded(document)["metadata"] == current()["metadata"]


# --- 2022-03-01-preview and small differences ----------------------------------------------------------------------


def test_the_shape_of_2022_03_becomes_the_current_one(sample: Sample) -> None:
    """A real file of 2022-03-01-preview loses its old version member, kind and composition setting."""
    upgrade = upgrade_project_file(read_project_file(sample("flightbooking-2022-03")))
    assert upgrade.changes == (
        "/api-version renamed to /projectFileVersion",
        "/projectFileVersion 2022-03-01-preview written as 2023-04-01",
        "/metadata/projectKind 'conversation' written as 'Conversation'",
        "/assets/projectKind added: Conversation",
        "compositionSetting 'returnUnion' written as 'combineComponents' on 3 entities",
    )


@pytest.mark.parametrize(
    "pointer, old, new, change",
    [
        ("/stringIndexType", "utf16codeunit", "Utf16CodeUnit",
         "/stringIndexType 'utf16codeunit' written as 'Utf16CodeUnit'"),
        ("/stringIndexType", None, "Utf16CodeUnit", "/stringIndexType added: Utf16CodeUnit"),
        ("/stringIndexType", "", "Utf16CodeUnit", "/stringIndexType added: Utf16CodeUnit"),
        ("/projectFileVersion", "", CURRENT_VERSION, "/projectFileVersion added: 2023-04-01"),
        ("/projectFileVersion", "2022-03-01-preview", CURRENT_VERSION,
         "/projectFileVersion 2022-03-01-preview written as 2023-04-01"),
        ("/metadata/projectKind", "CONVERSATION", "Conversation",
         "/metadata/projectKind 'CONVERSATION' written as 'Conversation'"),
        ("/metadata/multilingual", "true", True, "/metadata/multilingual 'true' written as true"),
        ("/metadata/multilingual", "False", False, "/metadata/multilingual 'False' written as false"),
        ("/assets/projectKind", None, "Conversation", "/assets/projectKind added: Conversation"),
        ("/assets/projectKind", "conversation", "Conversation",
         "/assets/projectKind 'conversation' written as 'Conversation'"),
        ("/assets/utterances/0/dataset", "train", "Train", "dataset 'train' written as 'Train' on 1 utterance"),
        ("/assets/entities/0/compositionSetting", "ReturnUnion", "combineComponents",
         "compositionSetting 'ReturnUnion' written as 'combineComponents' on 1 entity"),
        ("/assets/entities/0/requiredComponents", ["Learned", "list"], ["learned", "list"],
         "requiredComponents 'Learned' written as 'learned' on 1 entity"),
        ("/assets/intents/1/orchestration", {"targetProjectKind": "luis"}, {"targetProjectKind": "Luis"},
         "targetProjectKind 'luis' written as 'Luis' on 1 intent"),
        ("/assets/conversations", [{"dataset": "test"}], [{"dataset": "Test"}],
         "dataset 'test' written as 'Test' on 1 conversation"),
    ],
)  # fmt: skip
def test_a_value_gets_its_present_spelling(pointer: str, old: Any, new: Any, change: str) -> None:
    """One old value is mended and told, and everything else stays as it is."""
    document = put(current(), pointer, old)
    assert upgraded(document) == put(current(), pointer, new)
    assert changes(document) == (change,)


@pytest.mark.parametrize(
    "pointer, value",
    [
        ("/projectFileVersion", "2025-11-15-preview"),
        ("/projectFileVersion", "{API-VERSION}"),
        ("/stringIndexType", "Graphemes"),
        ("/metadata/projectKind", "Workflow"),
        ("/assets/projectKind", "Orchestration"),
        ("/assets/utterances/0/dataset", "Validation"),
        ("/assets/entities/0/compositionSetting", "other"),
        ("/assets/entities/0/requiredComponents", ["other"]),
        ("/assets/intents/1/orchestration", {"targetProjectKind": "Other"}),
        ("/assets/intents/1/orchestration", {"targetProjectKind": ["luis"]}),
    ],
)
def test_unknown_values_are_left_to_validation(pointer: str, value: Any) -> None:
    """An upgrade guesses at nothing."""
    document = put(current(), pointer, value)
    assert upgraded(document) == document
    assert changes(document) == ()


def test_a_file_that_was_built_by_hand_leaves_its_old_shape_behind() -> None:
    """A current document under an old shape's name comes out as current."""
    file = ProjectFile(read(current()).document, "2022-03-01-preview")
    upgrade = upgrade_project_file(file)
    assert upgrade.file.shape == "current"
    assert upgrade.file.document is file.document
    assert upgrade.changes == ()


# --- laws ----------------------------------------------------------------------------------------------------------

OLD_NAMES = frozenset({"api-version", "displayName", "entityName", "examples", "name", "prebuiltEntities", "type"})
OLD_SPELLINGS = {"combineComponents": "returnUnion", "returnLongestOverlap": "ReturnLongestOverlap"}


def aged(document: JsonObject) -> JsonObject:
    """A current document rewritten in the shape of 2021-11-01-preview."""
    metadata, assets = document["metadata"], document.get("assets")
    old: JsonObject = {key: value for key, value in document.items() if key not in ("projectFileVersion", "assets")}
    old["api-version"] = "2021-11-01-preview"
    old["metadata"] = _renamed(metadata, projectName="name", projectKind="type")
    if assets is not None:
        old["assets"] = _renamed(assets, utterances="examples")
        for key, age in (("intents", _aged_item), ("entities", _aged_item), ("examples", _aged_utterance)):
            if old["assets"].get(key) is not None:
                old["assets"][key] = [age(item) for item in old["assets"][key]]
    return old


def _aged_item(item: JsonObject) -> JsonObject:
    old = _renamed(item, category="name", prebuilts="prebuiltEntities")
    if setting := old.get("compositionSetting"):
        old["compositionSetting"] = OLD_SPELLINGS.get(setting, setting)
    if prebuilts := old.get("prebuiltEntities"):
        old["prebuiltEntities"] = [_renamed(prebuilt, category="displayName") for prebuilt in prebuilts]
    return old


def _aged_utterance(item: JsonObject) -> JsonObject:
    labels = item.get("entities")
    return item | ({"entities": [_renamed(label, category="entityName") for label in labels]} if labels else {})


def _names(value: Any) -> set[str]:
    """The names of all members, at any depth."""
    if isinstance(value, dict):
        members = cast("JsonObject", value)
        return set(members).union(*map(_names, members.values()))
    return set[str]().union(*map(_names, cast("list[Any]", value))) if isinstance(value, list) else set()


def _renamed(members: JsonObject, **names: str) -> JsonObject:
    return {names.get(key, key): value for key, value in members.items()}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        members = cast("JsonObject", value)
        return {key: _without_nulls(item) for key, item in members.items() if item is not None}
    return [_without_nulls(item) for item in cast("list[Any]", value)] if isinstance(value, list) else value


@QUICK
@given(project_files())
def test_upgrading_twice_changes_nothing(file: ProjectFile) -> None:
    """An upgraded file is current: upgrading it again gives the same object."""
    once = upgrade_project_file(file).file
    twice = upgrade_project_file(once)
    assert twice.file is once
    assert twice.changes == ()


@QUICK
@given(project_files())
def test_an_upgrade_never_changes_its_input(file: ProjectFile) -> None:
    """The input reads the same afterwards, and an upgraded file is a file of the current shape again."""
    before = file.to_bytes()
    upgrade = upgrade_project_file(file)
    assert file.to_bytes() == before
    assert (upgrade.file is file) == (upgrade.changes == ())
    assert read_project_file(upgrade.file.to_bytes()).shape == "current"


@QUICK
@given(project_files())
def test_an_aged_file_becomes_what_it_was(file: ProjectFile) -> None:
    """Rewriting a file in the oldest shape and upgrading it again loses nothing but nulls, and never the input."""
    young = cast("JsonObject", upgrade_project_file(file).file.document) | {"projectFileVersion": CURRENT_VERSION}
    assume(OLD_NAMES.isdisjoint(_names(young)))  # an unknown member of such a name would be taken for the old one
    old = ProjectFile(cast("Any", aged(young)), "2021-11-01-preview")
    before = old.to_bytes()
    again = upgrade_project_file(old).file
    assert _without_nulls(again.document) == _without_nulls(young)
    assert old.to_bytes() == before


# --- rename --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", [current(), oldest()], ids=["current", "oldest"])
def test_a_renamed_project_has_the_new_name_and_nothing_else_new(document: JsonObject) -> None:
    """Renaming works in every shape and does not touch the input."""
    file = read(document)
    renamed = rename_project(file, "Other")
    assert renamed.name == "Other"
    assert renamed.shape == file.shape
    assert file.name == "Travel"
    assert upgrade_project_file(rename_project(renamed, "Travel")).file.document == (
        upgrade_project_file(file).file.document
    )


def test_renaming_sets_both_names_where_there_are_two() -> None:
    """An old file that has its name twice does not contradict itself after it was renamed."""
    file = rename_project(read(put(oldest(), "/metadata/projectName", "Travel")), "Other")
    assert upgrade_project_file(file).file.name == "Other"


@QUICK
@given(project_files(), TEXTS)
def test_renaming_sets_the_name_of_every_file(file: ProjectFile, name: str) -> None:
    """The new name is what the file says afterwards, and the rest is as it was."""
    before = file.to_bytes()
    renamed = rename_project(file, name)
    assert renamed.metadata.get("projectName") == name
    assert {**renamed.metadata, "projectName": None} == {**file.metadata, "projectName": None}
    assert file.to_bytes() == before
