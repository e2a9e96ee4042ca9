from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import InvalidProjectFile
from cluvault.model.compression import compress, decompress
from cluvault.model.json_text import JsonObject, write_json
from cluvault.model.project_file import inspect_project_file, read_project_file
from cluvault.model.project_shape import ShapeFault, pointer_part
from tests.strategies import QUICK, project_documents

if TYPE_CHECKING:
    from collections.abc import Callable

    Sample = Callable[[str], bytes]


def document(**members: Any) -> JsonObject:
    """A small project file."""
    return {"metadata": {"projectKind": "Conversation", "projectName": "Travel", "language": "en-us"}} | members


def faults(content: JsonObject) -> list[tuple[str, str]]:
    """Pointer and sentence of each fault of a document's shape."""
    _, found = inspect_project_file(json.dumps(content).encode(), source="test")
    return [(fault.pointer, fault.sentence) for fault in found]


# --- nothing is lost -----------------------------------------------------------------------------------------------


def test_a_sample_that_is_read_and_written_says_the_same(sample: Sample, sample_name: str) -> None:
    """Unknown keys, nulls and the order of keys survive for every generation of the format."""
    data = sample(sample_name)
    written = read_project_file(data, source=sample_name).to_bytes()
    pairs = (json.loads(text, object_pairs_hook=list, parse_float=str, parse_int=str) for text in (data, written))
    assert next(pairs) == next(pairs)


@QUICK
@given(project_documents())
def test_what_was_read_is_written_byte_for_byte(content: JsonObject) -> None:
    """Any document of the right shape comes back with its own keys, order, nulls and numbers."""
    data = write_json(content)
    assert read_project_file(data).to_bytes() == data


def test_numbers_keep_their_spelling() -> None:
    """0.70 and 1e-1 are not tidied up; the digest decides what is equal, not the reader."""
    data = b'{"metadata":{"projectKind":"C","language":"en","settings":{"confidenceThreshold":0.70,"x":1e-1,"y":-0}}}'
    assert read_project_file(data).to_bytes() == data.replace(b"-0}", b"0}")


def test_a_file_can_be_written_for_people() -> None:
    """Indented by two, in UTF-8."""
    file = read_project_file(json.dumps(document()).encode())
    assert file.to_bytes(indent=True).startswith(b'{\n  "metadata": {\n    "projectKind"')


# --- generations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, identity, counts",
    [
        ("clock-2021-preview", ("Clock", "2021-11-01-preview", "2021-11-01-preview"), (4, 3, 20)),
        ("flightbooking-2022-03", ("FlightBooking", "2022-03-01-preview", "2022-03-01-preview"), (4, 3, 47)),
        ("emailapp-demo", ("EmailAppDemo", "2022-05-01", "current"), (15, 14, 607)),
        ("orchestration-placeholders", ("contoso-outdoors-orch", "2023-04-01", "current"), (2, 0, 0)),
    ],
)
def test_samples_are_recognised(
    name: str, identity: tuple[str, str, str], counts: tuple[int, int, int], sample: Sample
) -> None:
    """Each generation gives its name, version and content under the same attributes."""
    file = read_project_file(sample(name))
    assert (file.name, file.version, file.shape) == identity
    assert (len(file.intents), len(file.entities), len(file.utterances)) == counts


@pytest.mark.parametrize(
    "content, shape",
    [
        (document(), "current"),
        (document(**{"api-version": "2022-03-01-preview"}), "2022-03-01-preview"),
        (document(**{"api-version": "x", "projectFileVersion": "y"}), "current"),
        (document(assets={"examples": []}), "2021-11-01-preview"),
        ({"metadata": {"type": "Conversation"}}, "2021-11-01-preview"),
        ({"metadata": {"name": "Clock"}}, "2021-11-01-preview"),
    ],
)
def test_a_generation_is_told_by_its_names(content: JsonObject, shape: str) -> None:
    """Names of members decide, not the version that a file states."""
    assert read_project_file(json.dumps(content).encode()).shape == shape


@pytest.mark.parametrize(
    "metadata, name",
    [
        ({"type": "Conversation", "name": "Clock"}, "Clock"),
        ({"type": "Conversation", "name": "Clock", "projectName": "Watch"}, "Watch"),
        ({"type": "Conversation", "projectName": ""}, ""),
        ({"type": "Conversation", "name": 5}, ""),
    ],
)
def test_a_name_that_is_no_text_is_no_name(metadata: JsonObject, name: str) -> None:
    """An old file is read before its metadata were checked; its name is a text all the same."""
    file = read_project_file(json.dumps({"metadata": metadata, "api-version": 7}).encode())
    assert file.name == name
    assert file.version == ""


def test_a_file_without_assets_holds_nothing() -> None:
    """Absent and null both mean no intents, entities, utterances or conversations."""
    for content in (document(), document(assets=None), document(assets={"intents": None})):
        file = read_project_file(json.dumps(content).encode())
        assert (file.intents, file.entities, file.utterances, file.conversations) == ([], [], [], [])


def test_conversations_are_at_hand() -> None:
    """Summarization projects hold conversations instead of utterances."""
    file = read_project_file(json.dumps(document(assets={"conversations": [{"location": "a.json"}]})).encode())
    assert file.conversations == [{"location": "a.json"}]
    assert file.metadata["language"] == "en-us"


# --- shape ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content, expected",
    [
        ({"metadata": {"projectKind": "C"}}, [("/metadata/language", "is missing")]),
        ({"metadata": {"projectKind": 1, "language": "en"}}, [("/metadata/projectKind", "should be a string")]),
        (document(assets=[]), [("/assets", "should be an object")]),
        (document(assets={"intents": {}}), [("/assets/intents", "should be an array")]),
        (document(assets={"utterances": {}}), [("/assets/utterances", "should be an array")]),
        (document(assets={"utterances": [5]}), [("/assets/utterances/0", "should be an object")]),
        (document(assets={"utterances": [{"text": "a"}]}), [("/assets/utterances/0/intent", "is missing")]),
        (
            document(
                assets={
                    "utterances": [
                        {"text": "a", "intent": "b", "entities": [{"category": "c", "offset": 1.0, "length": True}]}
                    ]
                }
            ),
            [
                ("/assets/utterances/0/entities/0/offset", "should be an integer"),
                ("/assets/utterances/0/entities/0/length", "should be an integer"),
            ],
        ),
        (
            document(assets={"entities": [{"category": "c", "list": {"sublists": [{"synonyms": [{"values": [1]}]}]}}]}),
            [("/assets/entities/0/list/sublists/0/synonyms/0/values/0", "should be a string")],
        ),
    ],
)
def test_each_fault_of_shape_has_its_place(content: JsonObject, expected: list[tuple[str, str]]) -> None:
    """Faults are told in words of JSON, with a JSON pointer."""
    assert faults(content) == expected


@pytest.mark.parametrize(
    "metadata, expected",
    [
        ({"multilingual": 1}, [("/metadata/multilingual", "should be a boolean")]),
        ({"multilingual": "yes"}, [("/metadata/multilingual", "should be a boolean")]),
        ({"multilingual": "true"}, []),
        ({"multilingual": None}, []),
        (
            {"settings": {"confidenceThreshold": "0.5"}},
            [("/metadata/settings/confidenceThreshold", "should be a number")],
        ),
        (
            {"settings": {"confidenceThreshold": True}},
            [("/metadata/settings/confidenceThreshold", "should be a number")],
        ),
        ({"settings": {"confidenceThreshold": 1}}, []),
        ({"settings": {"confidenceThreshold": None}}, []),
    ],
)
def test_flags_and_numbers_are_one_thing_each(metadata: JsonObject, expected: list[tuple[str, str]]) -> None:
    """A wrong flag has one fault, although early previews wrote flags as strings too."""
    assert faults({"metadata": document()["metadata"] | metadata}) == expected


@pytest.mark.parametrize(
    "assets, expected",
    [
        ("a", [("/assets", "should be an object")]),
        ({"examples": "a"}, [("/assets/examples", "should be an array")]),
        ({"examples": [5], "intents": ["a", {"name": "b"}]},
         [("/assets/intents/0", "should be an object"), ("/assets/examples/0", "should be an object")]),
        (None, []),
    ],
)  # fmt: skip
def test_the_oldest_shape_is_checked_as_far_as_an_upgrade_needs(
    assets: object, expected: list[tuple[str, str]]
) -> None:
    """The rest is checked under the present names, by the upgrade."""
    assert faults({"metadata": {"name": "Clock", "type": "Conversation"}, "assets": assets}) == expected


def test_reading_names_the_first_fault_and_how_many_follow() -> None:
    """One line, with the source, the place and where to see the rest."""
    content: JsonObject = {"metadata": {"projectKind": "C"}, "assets": {"intents": [{}]}}
    with pytest.raises(InvalidProjectFile) as caught:
        read_project_file(json.dumps(content).encode(), source="bad.json")
    assert str(caught.value) == (
        "bad.json: at /metadata/language: is missing (and 1 more; `cluvault validate` lists all)"
    )


def test_a_single_fault_is_not_counted() -> None:
    """No word of others where there are none."""
    with pytest.raises(InvalidProjectFile, match=r"^project file: at /metadata/language: is missing$"):
        read_project_file(b'{"metadata": {"projectKind": "C"}}')


@pytest.mark.parametrize("part, expected", [("plain", "plain"), ("a/b~c", "a~1b~0c"), (3, "3")])
def test_a_part_of_a_pointer_is_escaped(part: object, expected: str) -> None:
    """As RFC 6901 says: ~ before /."""
    assert pointer_part(part) == expected


def test_a_fault_is_a_value() -> None:
    """Faults can be compared, as plans are."""
    _, found = inspect_project_file(b'{"metadata": {"projectKind": "C"}}', source="test")
    assert found == [ShapeFault("/metadata/language", "is missing")]


# --- what is no project file ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "the file is empty"),
        (b"null", "a project file is a JSON object, this is null"),
        (b"true", "this is a boolean"),
        (b"[]", "this is an array"),
        (b'"text"', "this is a string"),
        (b"1.5", "this is a number"),
        (b"{}", "not a CLU project file: no object at /metadata (keys: none)"),
        (b'{"metadata": 5, "a\\nb": 1}', "no object at /metadata (keys: 'metadata', 'a\\nb')"),
        (b'{"luis_schema_version": "7.0.0"}', "this is a LUIS app (luis_schema_version 7.0.0), not a CLU project file"),
        (b'{"asset": {}, "metadata": {}}', "key 'asset' at /asset holds a converted LUIS app"),
        (b'{"error": {"code": "401"}}', "this is an error answer of the service"),
        (b"<!DOCTYPE html><html></html>", "this is an HTML or XML page, not JSON"),
        ('{"metadata": "caf\u00e9"}'.encode("latin-1"), "byte 0xe9 at line 1 column 18 is not UTF-8"),
        (b'{"metadata": {"projectKind": "Conv', "the JSON ends too early (truncated?)"),
        (b"[" * 100_000, "nested deeper than 200 levels"),
        (b'{"metadata": {}, "metadata": {}}', 'detected duplicate key "metadata" at line 1 column'),
        (b'{"metadata": NaN}', "not valid JSON: expected value at line 1 column"),
    ],
)
def test_what_is_no_project_file_is_refused_in_one_line(data: bytes, message: str) -> None:
    """The line says what the bytes are, and where they come from."""
    with pytest.raises(InvalidProjectFile) as caught:
        read_project_file(data, source="input.json")
    text = str(caught.value)
    assert text.startswith("input.json: ")
    assert message in text
    assert "\n" not in text


@pytest.mark.parametrize("name", ["luis-pizza", "luis-human-resources-patterns"])
def test_luis_apps_are_recognised(name: str, sample: Sample) -> None:
    """Real LUIS exports are told apart, with the way out."""
    with pytest.raises(InvalidProjectFile, match=r"this is a LUIS app .* migrate it to CLU first"):
        read_project_file(sample(name))


@QUICK
@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_no_bytes_raise_anything_but_the_one_error(data: bytes) -> None:
    """Whatever is handed in, the answer is a file or one clear line."""
    try:
        outcome = str(read_project_file(data).shape)
    except InvalidProjectFile as err:
        outcome = str(err)
    assert "\n" not in outcome


# --- compression ---------------------------------------------------------------------------------------------------


@QUICK
@given(st.binary(max_size=200))
def test_compression_loses_nothing(data: bytes) -> None:
    """What was compressed comes back, and equal bytes give equal bytes."""
    packed = compress(data)
    assert decompress(packed, source="test") == data
    assert compress(data) == packed


def test_bytes_that_are_not_compressed_come_back() -> None:
    """The first two bytes decide."""
    assert decompress(b"plain", source="test") == b"plain"


PACKED = compress(b"a project file, or what was one" * 10)


@pytest.mark.parametrize(
    "data, message",
    [
        (PACKED[:-1], "the gzip data ends too early"),
        (PACKED[:20], "the gzip data ends too early"),
        (PACKED[:2], "the gzip data ends too early"),
        (PACKED[:-8] + b"\0" * 8, "damaged gzip data"),
        (PACKED[:12] + b"\xff" + PACKED[13:], "damaged gzip data"),
        (b"age-encryption.org/v1\n-> X25519 x", "is encrypted with age; decrypt it: age -d"),
        (PACKED + b"more", "4 bytes follow the gzip data"),
        (PACKED + gzip.compress(b"second", mtime=0), "bytes follow the gzip data"),
    ],
)
def test_damaged_compression_is_named(data: bytes, message: str) -> None:
    """Nothing is guessed from half a file, and nothing is left out in silence."""
    with pytest.raises(InvalidProjectFile, match=f"^backup.gz: .*{message}"):
        decompress(data, source="backup.gz")


def test_decompression_has_a_limit() -> None:
    """A file that would fill the memory is refused; one of just the limit is not."""
    packed = compress(b"\0" * 100_000)
    assert len(decompress(packed, source="test", limit=100_000)) == 100_000
    with pytest.raises(InvalidProjectFile, match="decompresses to more than 99999 bytes; refused"):
        decompress(packed, source="test", limit=99_999)


def test_a_damaged_checksum_is_damage() -> None:
    """The check of gzip itself counts."""
    packed = bytearray(compress(b"a project file"))
    packed[-6] ^= 1
    with pytest.raises(InvalidProjectFile, match="damaged gzip data"):
        decompress(bytes(packed), source="test")
