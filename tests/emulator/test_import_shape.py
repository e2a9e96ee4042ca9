"""What an import refuses at once: JSON, members, types, enumerations, kinds (contract 3.3, 4.3, 4.5, 9.7, 10.8)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.wire import Wire, project_file, without

if TYPE_CHECKING:
    from collections.abc import Callable

NEWEST = "2025-11-15-preview"
ORCHESTRATION = {"targetProjectKind": "Luis", "luisOrchestration": {"appId": "12345678-1234-1234-1234-123456789abc"}}


def with_orchestration(orchestration: dict[str, Any]) -> dict[str, Any]:
    """An orchestration project with one intent."""
    intents = [{"category": "Go", "orchestration": orchestration}]
    return project_file(kind="Orchestration", assets={"intents": intents})


def with_entity(**members: Any) -> dict[str, Any]:
    """A project whose entity City has these members."""
    return project_file(assets={"entities": [{"category": "City", **members}]})


def with_intent(**members: Any) -> dict[str, Any]:
    """A project whose intent Book has these members."""
    return project_file(assets={"intents": [{"category": "Book", **members}]})


# --- unreadable ----------------------------------------------------------------------------------------------------


CITY_WITH_ENTITIES = json.dumps(with_entity(entities={})).encode()
PLACE = CITY_WITH_ENTITIES.index(b'"entities": {}') + len('"entities":')
UNREADABLE = [
    (
        b'{"stringIndexType":"Utf16CodeUnit",\n "x":1}',
        "Could not find member 'x' on object of type 'ExportedConversationProject'. Path 'x', line 2, position 5.",
        "x",
    ),
    (
        CITY_WITH_ENTITIES,
        (
            "Could not find member 'entities' on object of type 'ConversationExportedEntity'. "
            f"Path 'assets.entities[0].entities', line 1, position {PLACE}."
        ),
        "assets.entities[0].entities",
    ),
    (
        b'{"odd name":1}',
        (
            "Could not find member 'odd name' on object of type 'ExportedConversationProject'. "
            "Path '['odd name']', line 1, position 12."
        ),
        "['odd name']",
    ),
    (
        b'{"projectFileVersion":"v","metadata":{"projectKind":"Conversation","projectName":5}}',
        "Unexpected character encountered while parsing value: 5. Path 'metadata.projectName', line 1, position 81.",
        "metadata.projectName",
    ),
    (
        b'{"projectFileVersion":"v","METADATA":{"projectKind":"Conversation"}}',
        "Required property 'projectName' not found in JSON. Path 'metadata', line 1, position 37.",
        "metadata",
    ),
    (b'["x"]', "Unexpected character encountered while parsing value: [. Path '', line 1, position 0.", ""),
    (b"{projectKind:1}", "Key must be a string. Path '', line 1, position 2.", ""),
    (b"", "EOF while parsing a value. Path '', line 1, position 0.", ""),
    (b'{"a":NaN}', "Expected value. Path '', line 1, position 6.", ""),
]


@pytest.mark.parametrize("body, detail, target", UNREADABLE)
async def test_a_body_that_cannot_be_read_is_refused_with_its_place(
    wire: Wire, body: bytes, detail: str, target: str
) -> None:
    """Contract 4.3: the general sentence, and in details the member, its path, line and position."""
    answer = await wire.start_import("A", body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["message"]) == ("InvalidArgument", "Failed to parse the input.")
    expected = {"code": "InvalidArgument", "message": detail} | ({"target": target} if target else {})
    assert error["details"] == [expected]


@pytest.mark.parametrize(
    "body", [b"\xff\xfe{\x00}\x00", b'{"a":"\xe4"}', b"<html></html>", b"[" * 100_000, b'"\\ud800"']
)
async def test_what_is_no_json_is_refused(wire: Wire, body: bytes) -> None:
    """Contract 4.3: whatever the bytes are, the answer is a 400 with the same envelope."""
    answer = await wire.start_import("A", body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "Failed to parse the input."


@pytest.mark.parametrize(
    "path",
    [
        ("projectFileVersion",),
        ("metadata",),
        ("metadata", "projectKind"),
        ("metadata", "projectName"),
        ("metadata", "language"),
    ],
)
async def test_a_required_member_cannot_be_left_out(wire: Wire, path: tuple[str, ...]) -> None:
    """Contract 3.2, 3.3."""
    answer = await wire.start_import("A", without(project_file(), *path))
    assert answer.status_code == 400
    assert f"Required property '{path[-1]}'" in answer.json()["error"]["details"][0]["message"]


def label(**members: Any) -> dict[str, Any]:
    """Assets with one label, with these members in place of what it needs."""
    full: dict[str, Any] = {"category": "City", "offset": 0, "length": 1}
    return {"utterances": [{"text": "a", "intent": "Book", "entities": [full | members]}]}


OTHER_SHAPES: list[dict[str, Any]] = [
    {"intents": [{"name": "A"}]},
    {"intents": [{}]},
    {"intents": {}},
    {"intents": [None]},
    {"intents": ["Book"]},
    {"intents": 1.5},
    {"intents": True},
    {"entities": [{"category": "City", "description": 1}]},
    {"entities": [{"category": "City", "prebuilts": [{"name": "Email"}]}]},
    {"entities": [{"category": "City", "list": {"sublists": [{"synonyms": [{"values": [1]}]}]}}]},
    {"entities": [{"category": "City", "regex": {"expressions": [{"pattern": "x"}]}}]},
    {"entities": [{"category": "City", "requiredComponents": "learned"}]},
    {"utterances": [{"text": "a"}]},
    {"utterances": [{"text": "a", "intent": "Book", "dataset": 1}]},
    label(offset=None),
    label(length=1.0),
    label(length=2**31),
    label(length=True),
    label(length="1"),
    {"examples": []},
]


@pytest.mark.parametrize("assets", OTHER_SHAPES)
async def test_assets_of_another_shape_are_refused(wire: Wire, assets: dict[str, Any]) -> None:
    """Contract 3.3, 4.3: unknown members, missing ones and other types, wherever they are."""
    answer = await wire.start_import("A", project_file(assets=assets), version=NEWEST)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "Failed to parse the input."


# --- enumerations and what members say about each other ------------------------------------------------------------


@pytest.mark.parametrize(
    "file, parameter, value, target",
    [
        (without(project_file(), "stringIndexType"), "StringIndexType", "", "stringIndexType"),
        (project_file(stringIndexType=""), "StringIndexType", "", "stringIndexType"),
        (project_file(stringIndexType="Utf32CodeUnit"), "StringIndexType", "Utf32CodeUnit", "stringIndexType"),
        (project_file(metadata={"projectKind": "Chat"}), "ProjectKind", "Chat", "metadata.projectKind"),
        (project_file(metadata={"settings": {"confidenceThreshold": 1.5}}), "ConfidenceThreshold", "1.5",
         "metadata.settings.confidenceThreshold"),
        (with_entity(compositionSetting="best"), "CompositionSetting", "best", "assets.entities[0].compositionSetting"),
        (with_orchestration(ORCHESTRATION | {"targetProjectKind": "Bot"}), "TargetProjectKind", "Bot",
         "assets.intents[0].orchestration.targetProjectKind"),
        (with_orchestration(ORCHESTRATION | {"luisOrchestration": {"appId": "x"}}), "AppId", "x",
         "assets.intents[0].orchestration.luisOrchestration.appId"),
    ],
)  # fmt: skip
async def test_an_unknown_value_is_refused(
    wire: Wire, file: dict[str, Any], parameter: str, value: str, target: str
) -> None:
    """Contract 4.3 (gh#31363): 400 InvalidArgument with the parameter and the value, empty when missing."""
    answer = await wire.start_import("A", file)
    assert answer.status_code == 400
    assert answer.json()["error"] == {
        "code": "InvalidArgument",
        "message": f"The value `{value}` provided for the parameter `{parameter}` is invalid.",
        "target": target,
    }


@pytest.mark.parametrize("kind", ["Orchestration", ""])
async def test_the_kinds_of_metadata_and_assets_must_match(wire: Wire, kind: str) -> None:
    """Contract 4.3 (gh#96412): also when the assets say none."""
    answer = await wire.start_import("A", project_file(assets={"projectKind": kind}))
    assert answer.status_code == 400
    assert answer.json()["error"]["target"] == "assets.projectKind"
    assert "must match" in answer.json()["error"]["message"]


async def test_an_orchestration_intent_needs_the_member_of_its_target(wire: Wire) -> None:
    """Contract 3.3: discriminated by targetProjectKind."""
    answer = await wire.start_import("A", with_orchestration(ORCHESTRATION | {"targetProjectKind": "Conversation"}))
    assert answer.status_code == 400
    detail = answer.json()["error"]["details"][0]
    assert detail["message"].startswith("Required property 'conversationOrchestration' not found")
    assert detail["target"] == "assets.intents[0].orchestration"


async def test_the_2021_shape_is_refused(wire: Wire, sample: Callable[[str], bytes]) -> None:
    """A file of 2021-11-01-preview has to be upgraded first; this API never knew its members."""
    answer = await wire.start_import("A", sample("clock-2021-preview"))
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["target"] == "metadata.name"


# --- versions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "file, known_from, unknown_to",
    [
        (with_intent(description="d"), NEWEST, "2025-11-01"),
        (with_intent(associatedEntities=[]), NEWEST, "2024-11-15-preview"),
        (with_entity(description="d"), "2025-05-15-preview", "2023-04-01"),
        (with_entity(regex={"expressions": []}), "2022-10-01-preview", "2022-07-01-preview"),
        (project_file(stringIndexType="Utf8CodeUnit"), "2025-11-01", "2023-04-01"),
        (project_file(kind="CustomConversationSummarization"), "2023-04-15-preview", "2025-11-01"),
    ],
)  # fmt: skip
async def test_a_member_is_refused_by_versions_that_do_not_know_it(
    wire: Wire, file: dict[str, Any], known_from: str, unknown_to: str
) -> None:
    """Contract 1, 4.3: the same file, one version later or earlier."""
    assert (await wire.start_import("A", file, version=unknown_to)).status_code == 400
    assert (await wire.start_import("A", file, version=known_from)).status_code == 202


# --- tolerated spellings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given, canonical",
    [
        ("requireexactoverlap", "requireExactOverlap"),
        ("ReturnLongestOverlap", "returnLongestOverlap"),
        ("returnUnion", "combineComponents"),
        ("COMBINECOMPONENTS", "combineComponents"),
        ("separateComponents", "separateComponents"),
        (None, "combineComponents"),
    ],
)
async def test_composition_settings_come_out_canonical(wire: Wire, given: str | None, canonical: str) -> None:
    """Contract 3.1: legacy values are accepted and exported; the old name of combineComponents is not."""
    await wire.put("A", with_entity(compositionSetting=given))
    assert json.loads(await wire.export("A"))["assets"]["entities"][0]["compositionSetting"] == canonical


async def test_enumerations_and_members_match_in_any_letter_case(wire: Wire) -> None:
    """Contract 3.1, 10.20: accepted in any case, emitted in one."""
    file = {
        "ProjectFileVersion": "2022-05-01",
        "STRINGINDEXTYPE": "utf16codeunit",
        "metadata": {"ProjectKind": "conversation", "projectname": "A", "Language": "en-us", "multilingual": "true"},
        "assets": {
            "utterances": [{"Text": "hi", "intent": "None", "dataset": "test"}],
            "PROJECTKIND": "CONVERSATION",
        },
    }
    await wire.put("A", file)
    exported = json.loads(await wire.export("A"))
    assert exported["metadata"]["projectKind"] == exported["assets"]["projectKind"] == "Conversation"
    assert exported["metadata"]["multilingual"] is True
    assert exported["assets"]["utterances"] == [
        {"text": "hi", "language": "en-us", "intent": "None", "entities": [], "dataset": "Test"}
    ]


async def test_null_is_the_same_as_absent(wire: Wire) -> None:
    """Files in the wild say `"list": null`; exports leave members without a value out."""
    await wire.put("A", with_entity(list=None, prebuilts=None, regex=None, requiredComponents=None))
    assert json.loads(await wire.export("A"))["assets"]["entities"] == [
        {"category": "City", "compositionSetting": "combineComponents"}
    ]


async def test_the_last_of_duplicate_members_counts(wire: Wire) -> None:
    """As the .NET reader has it."""
    twice = b'"language": "xx", "language": "de", "intent"'
    body = json.dumps(project_file()).encode().replace(b'"language": "en-us", "intent"', twice)
    await wire.put("A", body)
    assert json.loads(await wire.export("A"))["assets"]["utterances"][0]["language"] == "de"


async def test_a_byte_order_mark_is_skipped(wire: Wire) -> None:
    """Editors put it there."""
    assert (await wire.start_import("A", b"\xef\xbb\xbf" + json.dumps(project_file()).encode())).status_code == 202


async def test_the_2022_03_shape_needs_no_kind_in_its_assets(wire: Wire) -> None:
    """A file of 2022-03-01-preview calls its version `api-version` and has no discriminator."""
    file = without(without(project_file(), "projectFileVersion"), "assets", "projectKind")
    assert (await wire.start_import("A", file | {"api-version": "2022-03-01-preview"})).status_code == 202
    assert (await wire.start_import("B", file | {"projectFileVersion": "2022-05-01"})).status_code == 400


# --- switches ------------------------------------------------------------------------------------------------------


async def test_the_name_in_the_url_wins(wire: Wire) -> None:
    """Contract 4.5, 10.6: the file's own name is ignored."""
    await wire.put("Other", project_file(name="Travel"))
    assert json.loads(await wire.export("Other"))["metadata"]["projectName"] == "Other"


async def test_names_may_have_to_match(make_wire: Callable[..., Wire]) -> None:
    """Contract 4.5: the documentation's reading, on request."""
    wire = make_wire(strict_names=True)
    answer = await wire.start_import("Other", project_file(name="Travel"))
    assert answer.status_code == 400
    assert answer.json()["error"]["target"] == "metadata.projectName"
    assert (await wire.start_import("Travel", project_file(name="Travel"))).status_code == 202


async def test_unknown_members_may_be_dropped(make_wire: Callable[..., Wire]) -> None:
    """Contract 9.7.1, 9.8.8: lenient reading drops them, and takes `entities` in an entity as the SDK's `list`."""
    wire = make_wire(strict_members=False)
    component = {"sublists": [{"listKey": "PAR", "synonyms": [{"language": "en-us", "values": ["Paris"]}]}]}
    await wire.put("A", with_entity(entities=component, x=1) | {"y": 2})
    assert json.loads(await wire.export("A"))["assets"]["entities"][0]["list"] == component
    assert (await wire.create("B", z=3)).status_code == 201


@pytest.mark.parametrize("threshold", ["0.5", True, []])
async def test_a_threshold_is_a_number(wire: Wire, threshold: object) -> None:
    """Contract 3.2."""
    answer = await wire.create("A", settings={"confidenceThreshold": threshold})
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["target"] == "settings.confidenceThreshold"


@pytest.mark.parametrize("multilingual", [1, "yes", []])
async def test_a_flag_is_a_flag(wire: Wire, multilingual: object) -> None:
    """Contract 3.2: true and false, at most written as text."""
    answer = await wire.create("A", multilingual=multilingual)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["target"] == "multilingual"


async def test_a_patch_is_read_as_strictly(wire: Wire) -> None:
    """Contract 4.3."""
    answer = await wire.create("A", kind="Conversation")
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["target"] == "kind"
