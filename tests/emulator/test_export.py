"""The bytes of an export (contract 3.3): key order, omissions, defaults, versions; and the real samples."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from cluvault.model.project_file import read_project_file
from cluvault.plan.upgrade import upgrade_project_file
from tests.emulator.wire import Wire, project_file

if TYPE_CHECKING:
    from collections.abc import Callable

NEWEST = "2025-11-15-preview"

CONTRACT_EXAMPLE = (
    b'{"projectFileVersion":"2023-04-01","stringIndexType":"Utf16CodeUnit",'
    b'"metadata":{"projectKind":"Conversation",'
    b'"settings":{"confidenceThreshold":0.4,"normalizeCasing":false,"augmentDiacritics":false},'
    b'"projectName":"Travel","multilingual":false,"description":"","language":"en-us"},'
    b'"assets":{"projectKind":"Conversation",'
    b'"intents":[{"category":"None"},{"category":"Book"}],'
    b'"entities":[{"category":"City","compositionSetting":"combineComponents",'
    b'"list":{"sublists":[{"listKey":"PAR","synonyms":[{"language":"en-us","values":["Paris","Paname"]}]}]},'
    b'"prebuilts":[{"category":"Geography.Location"}],'
    b'"regex":{"expressions":[{"regexKey":"iata","language":"en-us","regexPattern":"[A-Z]{3}"}]},'
    b'"requiredComponents":["learned"]}],'
    b'"utterances":[{"text":"fly to Paris","language":"en-us","intent":"Book",'
    b'"entities":[{"category":"City","offset":7,"length":5}],"dataset":"Train"}]}}'
)


def shuffled(value: Any) -> Any:
    """The same JSON with every object's members in the opposite order."""
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return {name: shuffled(item) for name, item in reversed(members.items())}
    return [shuffled(item) for item in cast("list[Any]", value)] if isinstance(value, list) else value


async def test_an_export_gives_an_exported_file_back_byte_for_byte(wire: Wire) -> None:
    """Contract 3.3: what an export wrote is imported and exported without a difference, whatever order it came in."""
    await wire.put("Travel", CONTRACT_EXAMPLE)
    assert await wire.export("Travel") == CONTRACT_EXAMPLE
    await wire.put("Travel", shuffled(json.loads(CONTRACT_EXAMPLE)))
    assert await wire.export("Travel") == CONTRACT_EXAMPLE


async def test_an_import_fills_in_what_is_missing(wire: Wire) -> None:
    """Contract 3.3, 9.8.10: the None intent first, language of the project, dataset Train, labels, all settings."""
    file = {
        "projectFileVersion": "2022-05-01",
        "stringIndexType": "Utf16CodeUnit",
        "metadata": {"projectKind": "Conversation", "projectName": "A", "language": "de"},
        "assets": {
            "projectKind": "Conversation",
            "intents": [{"category": "Book"}],
            "entities": [{"category": "City"}],
            "utterances": [{"text": "nach Rom", "intent": "Book"}],
        },
    }
    await wire.put("A", file)
    assert await wire.export("A") == (
        b'{"projectFileVersion":"2023-04-01","stringIndexType":"Utf16CodeUnit",'
        b'"metadata":{"projectKind":"Conversation",'
        b'"settings":{"confidenceThreshold":0.0,"normalizeCasing":false,"augmentDiacritics":false},'
        b'"projectName":"A","multilingual":false,"language":"de"},'
        b'"assets":{"projectKind":"Conversation","intents":[{"category":"None"},{"category":"Book"}],'
        b'"entities":[{"category":"City","compositionSetting":"combineComponents"}],'
        b'"utterances":[{"text":"nach Rom","language":"de","intent":"Book","entities":[],"dataset":"Train"}]}}'
    )


@pytest.mark.parametrize("number", ["0", "0.0", "0.70", "1e-1", "1"])
async def test_the_threshold_keeps_its_value_and_digits(wire: Wire, number: str) -> None:
    """Numbers come out as they were given; an exponent is written out."""
    body = json.dumps(project_file()).replace('"confidenceThreshold": 0.4', f'"confidenceThreshold": {number}')
    await wire.put("A", body.encode())
    exported = await wire.export("A")
    assert b'"confidenceThreshold":%b,' % number.replace("1e-1", "0.1").encode() in exported


async def test_none_keeps_its_place(wire: Wire) -> None:
    """Contract 3.3: None is added when it is missing, and not moved when it is there."""
    await wire.put("A", project_file(assets={"intents": [{"category": "Book"}, {"category": "None"}]}))
    assert [intent["category"] for intent in json.loads(await wire.export("A"))["assets"]["intents"]] == [
        "Book",
        "None",
    ]


@pytest.mark.parametrize(
    "kind, assets",
    [
        ("Conversation", b'"intents":[{"category":"None"}],"entities":[],"utterances":[]'),
        ("Orchestration", b'"intents":[{"category":"None"}],"utterances":[]'),
        ("CustomConversationSummarization", b'"conversations":[]'),
    ],
)
async def test_a_project_that_was_only_created_exports_empty(wire: Wire, kind: str, assets: bytes) -> None:
    """Contract 3.2, 3.3: no settings, since none were sent, and the None intent, which always exists."""
    body = {"projectKind": kind, "projectName": "A", "language": "en-us"}
    assert (await wire.send("PATCH", "projects/A", json=body, version=NEWEST)).status_code == 201
    assert await wire.export("A") == (
        b'{"projectFileVersion":"2023-04-01","stringIndexType":"Utf16CodeUnit","metadata":{"projectKind":"%(kind)b",'
        b'"projectName":"A","multilingual":false,"language":"en-us"},"assets":{"projectKind":"%(kind)b",%(assets)b}}'
        % {b"kind": kind.encode(), b"assets": assets}
    )


async def test_an_orchestration_project_keeps_its_targets(wire: Wire) -> None:
    """Contract 3.3, 10.17: targets need not exist at import; utterances have no labels."""
    intents = [
        {"category": "None"},
        {"category": "C", "orchestration": {"targetProjectKind": "Conversation",
         "conversationOrchestration": {"projectName": "<p>", "deploymentName": "<d>"}}},
        {"category": "L", "orchestration": {"targetProjectKind": "Luis",
         "luisOrchestration": {"appId": "12345678-1234-1234-1234-123456789abc", "slotName": "Production"}}},
        {"category": "Q", "orchestration": {"targetProjectKind": "QuestionAnswering",
         "questionAnsweringOrchestration": {"projectName": "<p>"}}},
    ]  # fmt: skip
    utterances = [{"text": "hi", "language": "en-us", "intent": "C", "dataset": "Test"}]
    await wire.put("A", project_file(kind="Orchestration", assets={"intents": intents, "utterances": utterances}))
    assets = json.loads(await wire.export("A"))["assets"]
    assert assets == {"projectKind": "Orchestration", "intents": intents, "utterances": utterances}


async def test_a_summarization_project_keeps_its_container(wire: Wire) -> None:
    """Contract 3.3: conversations lie in a storage container; the previews know this kind."""
    conversations = [{"location": "a.json", "summaryLocation": "b.json", "language": "en", "dataset": "Train"}]
    file = project_file(
        kind="CustomConversationSummarization",
        metadata={"storageInputContainerName": "box"},
        assets={"conversations": conversations},
    )
    await wire.put("A", file, version="2023-04-15-preview")
    exported = json.loads(await wire.export("A", version="2023-04-15-preview"))
    assert exported["assets"]["conversations"] == conversations
    assert exported["metadata"]["storageInputContainerName"] == "box"


async def test_an_export_leaves_out_what_its_version_does_not_know(wire: Wire) -> None:
    """Contract 1, 10.3: descriptions and associations in two previews only, regexes from 2022-10-01-preview."""
    intents: list[dict[str, Any]] = [
        {"category": "None", "description": "all else"},
        {"category": "Book", "description": "d", "associatedEntities": [{"category": "City"}]},
    ]
    regex = {"expressions": [{"regexKey": "k", "regexPattern": "x"}]}
    entities = [{"category": "City", "description": "", "compositionSetting": "combineComponents", "regex": regex}]
    await wire.put("A", project_file(assets={"intents": intents, "entities": entities}), version=NEWEST)
    seen: dict[str, Any] = {
        version: json.loads(await wire.export("A", version=version))["assets"]
        for version in (NEWEST, "2025-11-01", "2023-04-01", "2022-05-01")
    }
    assert seen[NEWEST]["intents"] == intents
    assert list(seen[NEWEST]["entities"][0]) == ["category", "description", "compositionSetting", "regex"]
    for version in ("2025-11-01", "2023-04-01"):
        assert seen[version]["intents"] == [{"category": "None"}, {"category": "Book"}]
        assert list(seen[version]["entities"][0]) == ["category", "compositionSetting", "regex"]
    assert list(seen["2022-05-01"]["entities"][0]) == ["category", "compositionSetting"]


async def test_offsets_are_given_in_the_units_that_the_export_asks_for(wire: Wire) -> None:
    """Contract 2.3, 3.3: one label, three ways to count, and imported in each of them it is the same label."""
    labels = {"Utf16CodeUnit": (3, 6), "Utf8CodeUnit": (5, 7), "Utf32CodeUnit": (2, 6)}
    for given, (offset, length) in labels.items():
        utterance = {
            "text": "😀 Zürich",
            "intent": "Book",
            "entities": [{"category": "City", "offset": offset, "length": length}],
        }
        plain = {"text": "nothing here", "intent": "Book"}
        file = project_file(assets={"utterances": [utterance, plain]}, stringIndexType=given)
        await wire.put("A", file, version=NEWEST)
        for asked, (asked_offset, asked_length) in labels.items():
            exported = await wire.export("A", version=NEWEST, params={"stringIndexType": asked})
            document = json.loads(exported)
            assert document["stringIndexType"] == asked
            label = document["assets"]["utterances"][0]["entities"][0]
            assert (label["offset"], label["length"]) == (asked_offset, asked_length)


async def test_an_orchestration_project_has_no_offsets_to_convert(wire: Wire) -> None:
    """Its utterances have no labels in any units."""
    utterances = [{"text": "😀", "language": "en-us", "intent": "None", "dataset": "Train"}]
    await wire.put("A", project_file(kind="Orchestration", assets={"utterances": utterances}))
    exported = await wire.export("A", version=NEWEST, params={"stringIndexType": "Utf8CodeUnit"})
    assert json.loads(exported)["assets"]["utterances"] == utterances


# --- the real files ------------------------------------------------------------------------------------------------


def importable(name: str, data: bytes) -> bytes:
    """A sample as a client sends it: the oldest shape has to be upgraded first."""
    return upgrade_project_file(read_project_file(data)).file.to_bytes() if name == "clock-2021-preview" else data


def as_the_service_keeps_it(data: bytes, name: str) -> dict[str, Any]:
    """A sample with what the service fills in, written by hand from contract 3.3."""
    document: dict[str, Any] = json.loads(data)
    metadata, assets = document["metadata"], document["assets"]
    kind = metadata["projectKind"].capitalize()
    intents = list(assets["intents"])
    if not any(intent["category"] == "None" for intent in intents):
        intents.insert(0, {"category": "None"})
    settings = {"confidenceThreshold": 0.0, "normalizeCasing": False, "augmentDiacritics": False}
    kept: dict[str, Any] = {"projectKind": kind, "intents": intents}
    if kind == "Conversation":
        kept["entities"] = [
            {key: value for key, value in entity.items() if value is not None}
            | {"compositionSetting": entity.get("compositionSetting", "x").replace("returnUnion", "combineComponents")}
            if "compositionSetting" in entity
            else entity | {"compositionSetting": "combineComponents"}
            for entity in assets["entities"]
        ]
    kept["utterances"] = [{"language": metadata["language"], "dataset": "Train"} | one for one in assets["utterances"]]
    return {
        "projectFileVersion": "2023-04-01",
        "stringIndexType": "Utf16CodeUnit",
        "metadata": metadata | {"projectKind": kind, "projectName": name, "settings": settings | metadata["settings"]},
        "assets": kept,
    }


async def test_every_sample_imports_and_exports_with_the_same_content(
    wire: Wire, sample: Callable[[str], bytes], sample_name: str
) -> None:
    """Eight real projects of five versions: nothing is lost, nothing is added but the documented defaults."""
    data = importable(sample_name, sample(sample_name))
    job = await wire.put(sample_name, data)
    assert job["status"] == "succeeded"
    assert len(job.get("warnings", [])) == (6 if sample_name == "wildlife-tours" else 0)
    exported = await wire.export(sample_name)
    assert json.loads(exported) == as_the_service_keeps_it(data, sample_name)
    await wire.put("again", exported)
    assert await wire.export("again") == exported.replace(
        b'"projectName":"%b"' % sample_name.encode(), b'"projectName":"again"'
    )
