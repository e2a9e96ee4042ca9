"""The canonical digest: equal for files that mean the same, different for all others."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.model.json_text import JsonObject, write_json
from cluvault.model.project_file import read_project_file
from cluvault.plan import canonical
from cluvault.plan.canonical import canonical_digest, canonical_form
from cluvault.plan.diff import diff_project_files
from cluvault.plan.spans import boundaries
from cluvault.plan.upgrade import upgrade_project_file
from tests.strategies import QUICK, TEXTS, project_documents
from tests.travel import (
    BOOK,
    CITY,
    OFF,
    TRIP,
    drop,
    edited,
    minutes,
    put,
    read,
    repeat,
    reverse,
    switchboard,
    travel,
    unchanged,
)
from tests.variations import said_otherwise

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.travel import Edit


def digest(document: JsonObject) -> str:
    """The digest of the file that a document is read as."""
    return canonical_digest(read(document))


# --- equal ---------------------------------------------------------------------------------------------------------

EQUAL: list[tuple[str, Callable[[], JsonObject], Edit, Edit]] = [
    ("order of intents", travel, unchanged, reverse("/assets/intents")),
    ("associated entities", travel, unchanged, reverse(f"{BOOK}/associatedEntities")),
    ("entities", travel, unchanged, reverse("/assets/entities")),
    ("list keys", travel, unchanged, reverse(f"{CITY}/list/sublists")),
    ("synonyms", travel, unchanged, reverse(f"{CITY}/list/sublists/0/synonyms")),
    ("synonyms", travel, unchanged, reverse(f"{CITY}/list/sublists/0/synonyms/1/values")),
    ("prebuilts", travel, unchanged, reverse(f"{CITY}/prebuilts")),
    ("regexes", travel, unchanged, reverse(f"{CITY}/regex/expressions")),
    ("required components", travel, unchanged, reverse(f"{CITY}/requiredComponents")),
    ("utterances", travel, unchanged, reverse("/assets/utterances")),
    ("labels", travel, unchanged, reverse(f"{TRIP}/entities")),
    ("conversations", minutes, unchanged, reverse("/assets/conversations")),
    ("null", travel, drop("/metadata/settings"), put("/metadata/settings", None)),
    ("null", travel, drop("/metadata/description"), put("/metadata/description", None)),
    ("null", travel, drop("/metadata/multilingual"), put("/metadata/multilingual", None)),
    ("null", travel, drop(f"{BOOK}/description"), put(f"{BOOK}/description", None)),
    ("null", travel, drop(f"{CITY}/list"), put(f"{CITY}/list", None)),
    ("null", travel, drop(f"{CITY}/prebuilts"), put(f"{CITY}/prebuilts", None)),
    ("null", travel, drop(f"{TRIP}/entities"), put(f"{TRIP}/entities", None)),
    ("null", travel, unchanged, put("/metadata/x-new", None)),
    ("null", travel, put(f"{BOOK}/x-new", {"a": {}}), put(f"{BOOK}/x-new", {"a": {"b": None}})),
    ("null", travel, unchanged, put(f"{TRIP}/x-new", None)),
    ("null", travel, unchanged, put(f"{TRIP}/entities/0/x-new", None)),
    ("null", travel, unchanged, put("/x-new", None)),
    ("null", minutes, unchanged, put("/assets/conversations/1/summaryLocation", None)),
    ("description", travel, drop("/metadata/description"), put("/metadata/description", "")),
    ("description", travel, drop(f"{BOOK}/description"), put(f"{BOOK}/description", "")),
    ("description", travel, drop(f"{CITY}/description"), put(f"{CITY}/description", "")),
    ("associated entities", travel, drop(f"{BOOK}/associatedEntities"), put(f"{BOOK}/associatedEntities", [])),
    ("target", switchboard, drop(f"{BOOK}/orchestration"), put(f"{BOOK}/orchestration", {})),
    ("component", travel, drop(f"{CITY}/list"), put(f"{CITY}/list", {})),
    ("component", travel, drop(f"{CITY}/list"), put(f"{CITY}/list/sublists", [])),
    ("component", travel, drop(f"{CITY}/regex"), put(f"{CITY}/regex/expressions", [])),
    ("component", travel, drop(f"{CITY}/prebuilts"), put(f"{CITY}/prebuilts", [])),
    ("component", travel, drop(f"{CITY}/requiredComponents"), put(f"{CITY}/requiredComponents", [])),
    (
        "list key",
        travel,
        drop(f"{CITY}/list/sublists/0/listKey"),
        put(f"{CITY}/list/sublists/0/listKey", ""),
    ),
    (
        "group of synonyms",
        travel,
        unchanged,
        put(f"{CITY}/list/sublists/0/synonyms/-", {"language": "it", "values": []}),
    ),
    (
        "regex key or pattern",
        travel,
        drop(f"{CITY}/regex/expressions/0/regexKey"),
        put(f"{CITY}/regex/expressions/0/regexKey", ""),
    ),
    (
        "regex key or pattern",
        travel,
        drop(f"{CITY}/regex/expressions/0/regexPattern"),
        put(f"{CITY}/regex/expressions/0/regexPattern", ""),
    ),
    ("labels", travel, drop(f"{OFF}/entities"), unchanged),
    ("settings", travel, drop("/metadata/settings"), put("/metadata/settings", {})),
    ("assets", switchboard, drop("/assets"), put("/assets", {})),
    ("assets", switchboard, drop("/assets"), put("/assets", {"projectKind": "Orchestration", "intents": []})),
    ("language or dataset of an utterance", travel, drop(f"{TRIP}/language"), put(f"{TRIP}/language", "")),
    ("language or dataset of an utterance", travel, drop(f"{TRIP}/dataset"), put(f"{TRIP}/dataset", "")),
    ("dataset Train", travel, drop(f"{TRIP}/dataset"), put(f"{TRIP}/dataset", "Train")),
    (
        "dataset Train",
        minutes,
        drop("/assets/conversations/0/dataset"),
        put("/assets/conversations/0/dataset", "Train"),
    ),
    ("language on utterances", travel, drop(f"{TRIP}/language"), put(f"{TRIP}/language", "en-us")),
    (
        "language on utterances",
        minutes,
        drop("/assets/conversations/0/language"),
        put("/assets/conversations/0/language", "en-us"),
    ),
    (
        "synonyms and regexes",
        travel,
        drop(f"{CITY}/list/sublists/1/synonyms/0/language"),
        put(f"{CITY}/list/sublists/1/synonyms/0/language", "en-us"),
    ),
    (
        "synonyms and regexes",
        travel,
        drop(f"{CITY}/regex/expressions/0/language"),
        put(f"{CITY}/regex/expressions/0/language", "en-us"),
    ),
    ("multilingual false", travel, drop("/metadata/multilingual"), put("/metadata/multilingual", value=False)),
    (
        "confidenceThreshold 0",
        travel,
        drop("/metadata/settings/confidenceThreshold"),
        put("/metadata/settings/confidenceThreshold", 0),
    ),
    (
        "normalizeCasing",
        travel,
        drop("/metadata/settings/normalizeCasing"),
        put("/metadata/settings/normalizeCasing", value=False),
    ),
    (
        "augmentDiacritics",
        travel,
        drop("/metadata/settings/augmentDiacritics"),
        put("/metadata/settings/augmentDiacritics", value=False),
    ),
    (
        "compositionSetting combineComponents",
        travel,
        drop(f"{CITY}/compositionSetting"),
        put(f"{CITY}/compositionSetting", "combineComponents"),
    ),
    ("the bare intent None", travel, unchanged, drop("/assets/intents/0")),
    ("the bare intent None", switchboard, unchanged, drop("/assets/intents/0")),
    ("projectFileVersion", travel, unchanged, put("/projectFileVersion", "2022-05-01")),
    ("projectFileVersion", travel, unchanged, drop("/projectFileVersion")),
    ("older shapes", travel, put("/metadata/multilingual", value=True), put("/metadata/multilingual", "True")),
    ("language tags", travel, unchanged, put("/metadata/language", "en-US")),
    ("language tags", travel, unchanged, put(f"{TRIP}/language", "DE")),
    ("language tags", travel, unchanged, put(f"{CITY}/list/sublists/0/synonyms/0/language", "De")),
    ("language tags", travel, unchanged, put(f"{CITY}/regex/expressions/0/language", "dE")),
    ("language tags", minutes, unchanged, put("/assets/conversations/0/language", "DE")),
    ("enumerated values", travel, unchanged, put("/metadata/projectKind", "conversation")),
    ("enumerated values", travel, unchanged, put(f"{TRIP}/dataset", "test")),
    ("enumerated values", travel, unchanged, put(f"{CITY}/compositionSetting", "SeparateComponents")),
    ("enumerated values", travel, unchanged, put(f"{CITY}/requiredComponents/0", "Learned")),
    ("enumerated values", switchboard, unchanged, put(f"{BOOK}/orchestration/targetProjectKind", "conversation")),
    ("a required component named twice", travel, unchanged, repeat(f"{CITY}/requiredComponents")),
    (
        "list keys given twice",
        travel,
        put(f"{CITY}/list/sublists/-", {"listKey": "PAR", "synonyms": [{"language": "FR", "values": ["Lutèce"]}]}),
        put(f"{CITY}/list/sublists/0/synonyms/1/values/-", "Lutèce"),
    ),
    ("stringIndexType", travel, unchanged, drop("/stringIndexType")),
    ("stringIndexType", travel, unchanged, put("/stringIndexType", "Utf32CodeUnit")),  # its texts are ASCII
    ("projectName", travel, unchanged, put("/metadata/projectName", "Travel-restored")),
    ("projectName", travel, unchanged, drop("/metadata/projectName")),
]


@pytest.mark.parametrize("project, one, other", [case[1:] for case in EQUAL], ids=[f"{case[0]}" for case in EQUAL])
def test_what_means_the_same_has_one_digest(project: Callable[[], JsonObject], one: Edit, other: Edit) -> None:
    """Two files that differ only in what the table calls equal have the same digest and no difference."""
    first, second = edited(project(), one), edited(project(), other)
    assert json.dumps(first) != json.dumps(second)
    assert digest(first) == digest(second)
    assert not diff_project_files(read(first), read(second))


def test_every_case_stands_in_the_table_of_the_module() -> None:
    """The equivalences that are tested are those that the module documents."""
    rows = re.findall(r"^\| (.*?) +\|", canonical.__doc__ or "", flags=re.MULTILINE)
    documented = " ".join(rows)
    assert [case[0] for case in EQUAL if case[0] not in documented] == []


@pytest.mark.parametrize("text", ["0.5", "0.50", "5e-1", "50E-2", "0.5e0"])
def test_a_number_is_one_however_it_is_spelt(text: str) -> None:
    """0.5, 0.50 and 5e-1 are one confidence threshold."""
    data = write_json(edited(travel(), put("/metadata/settings/confidenceThreshold", "@"))).replace(
        b'"@"', text.encode()
    )
    assert canonical_digest(read_project_file(data)) == digest(travel())


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(travel(), sort_keys=True).encode(),
        json.dumps(travel(), indent="\t").encode(),
        json.dumps(travel(), indent=2).replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + json.dumps(travel()).encode(),
        json.dumps(travel()).replace("from Rome", "\\u0066rom\\u0020Rome").encode(),
    ],
    ids=["key order", "white space", "line ends", "byte order mark", "escapes"],
)
def test_layout_means_nothing(data: bytes) -> None:
    """Key order, indentation, line ends, a byte order mark and escapes change no digest."""
    assert canonical_digest(read_project_file(data)) == digest(travel())


def test_line_ends_of_a_real_file_mean_nothing(sample: Callable[[str], bytes]) -> None:
    """The EmailApp sample and its own re-serialised form, which differ in line ends and indentation, are equal."""
    data = sample("emailapp-demo")
    file = read_project_file(data)
    assert b"\r\n" in data
    assert file.to_bytes(indent=True) != data
    assert canonical_digest(read_project_file(file.to_bytes(indent=True))) == canonical_digest(file)


# --- older shapes --------------------------------------------------------------------------------------------------


def test_the_oldest_shape_means_what_the_current_one_says() -> None:
    """A file in the shape of 2021-11-01-preview has the digest of its present twin."""
    old = {
        "api-version": "2021-11-01-preview",
        "metadata": {"name": "Travel", "type": "conversation", "language": "en-US", "multilingual": "true"},
        "assets": {
            "intents": [{"name": "Book"}],
            "entities": [{"name": "City", "compositionSetting": "returnUnion", "list": None}],
            "examples": [
                {
                    "text": "to Rome",
                    "intent": "Book",
                    "dataset": "train",
                    "entities": [{"entityName": "City", "offset": 3, "length": 4}],
                }
            ],
        },
    }
    new = {
        "projectFileVersion": "2023-04-01",
        "stringIndexType": "Utf16CodeUnit",
        "metadata": {"projectKind": "Conversation", "projectName": "T", "language": "en-us", "multilingual": True},
        "assets": {
            "projectKind": "Conversation",
            "intents": [{"category": "None"}, {"category": "Book"}],
            "entities": [{"category": "City", "compositionSetting": "combineComponents"}],
            "utterances": [
                {
                    "text": "to Rome",
                    "language": "en-us",
                    "intent": "Book",
                    "entities": [{"category": "City", "offset": 3, "length": 4}],
                    "dataset": "Train",
                }
            ],
        },
    }
    assert digest(old) == digest(new)


def test_an_upgraded_sample_means_what_it_meant(sample: Callable[[str], bytes], sample_name: str) -> None:
    """The upgrade of each sample has the sample's digest, and so have its bytes once written and read again."""
    file = read_project_file(sample(sample_name))
    upgraded = upgrade_project_file(file).file
    assert canonical_digest(upgraded) == canonical_digest(file)
    assert canonical_digest(read_project_file(upgraded.to_bytes())) == canonical_digest(file)


GOLDEN = {
    "chitchat-large": "98280fbe7f2992c7144384f36fa7c1cb108f358a5a7d03e5d5f55217c94c406d",
    "clinical-trials": "c26038187b484537047dd091e032a720aa5a05d43cc1eb42af69e67ebc0dde25",
    "clock-2021-preview": "6b274854bf4fd267691aa51b01f22d386d55405902437591e8b71ba3763d0480",
    "emailapp-demo": "a70f67fd72c0efddedccdb613834d8083ba7fdf6ca3f9f993b538792616a2e0d",
    "flightbooking-2022-03": "65c953d8f25245ee9833c3c93ea8999cf4f0c5d7a6aab4e2190002a8e8b2dba6",
    "orchestration-placeholders": "40e11a265cb95bcbb90169ba57f72256c410264f3ef87ea009df8cd8f0edbf8d",
    "pizza-small": "33d9f6244cef57f2c5285ef40721e379b688aee44cbedd4131bb7413753d1136",
    "wildlife-tours": "21b47de0dd0abdd1d1163267840e03fb95ff563861f4c01a21e4e297fe6d98ec",
}


def test_the_canonical_form_of_the_samples_is_what_it_was(sample: Callable[[str], bytes], sample_name: str) -> None:
    """Digests in vaults stay comparable: a change of the canonical form is never made without notice.

    Whoever changes it on purpose counts up its version, as its first line, and then these.
    """
    assert canonical_digest(read_project_file(sample(sample_name))) == GOLDEN[sample_name]


# --- laws ----------------------------------------------------------------------------------------------------------


@QUICK
@given(project_documents(), st.randoms(use_true_random=False))
def test_saying_the_same_otherwise_changes_no_digest(document: JsonObject, random: Random) -> None:
    """Shuffled, renamed, without nulls, with defaults filled in and tags in another case, a file means the same."""
    otherwise = said_otherwise(document, random)
    assert digest(otherwise) == digest(document)
    assert not diff_project_files(read(otherwise), read(document))


@QUICK
@given(project_documents(), st.booleans())
def test_writing_and_upgrading_change_no_digest(document: JsonObject, indent: bool) -> None:  # noqa: FBT001  # drawn
    """A file that was read, upgraded, written and read again means the same."""
    file = read(document)
    upgraded = upgrade_project_file(file).file
    assert canonical_digest(upgraded) == canonical_digest(file)
    assert canonical_digest(read_project_file(upgraded.to_bytes(indent=indent))) == canonical_digest(file)


@QUICK
@given(project_documents())
def test_the_input_stays_as_it_is(document: JsonObject) -> None:
    """Bringing a file into its canonical form does not touch its tree."""
    file = read(document)
    before = file.to_bytes()
    canonical_form(file)
    assert file.to_bytes() == before


# --- what offsets count --------------------------------------------------------------------------------------------


def labelled(text: str, *labels: tuple[int, int], index_type: str = "Utf16CodeUnit") -> JsonObject:
    """A project with one utterance, labelled at (offset, length) in units of `index_type`."""
    entities = [{"category": "City", "offset": offset, "length": length} for offset, length in labels]
    utterance = {"text": text, "intent": "Book", "entities": entities}
    return edited(travel(), put("/stringIndexType", index_type), put("/assets/utterances", [utterance]))


@pytest.mark.parametrize(
    "index_type, offset, length",
    [("Utf16CodeUnit", 9, 6), ("Utf8CodeUnit", 13, 7), ("Utf32CodeUnit", 8, 6), ("utf32codeunit", 8, 6)],
)
def test_a_span_is_one_however_it_is_counted(index_type: str, offset: int, length: int) -> None:
    """Accented and astral characters before and in a span count differently; the label is the same."""
    file = read(labelled("à 😀 für Zürich", (offset, length), index_type=index_type))
    assert [json.loads(line)[4] for line in canonical_form(file).utterance_lines] == [[[9, 6, "City", ""]]]


@QUICK
@given(TEXTS, st.data())
def test_counting_anew_changes_no_digest(text: str, data: st.DataObject) -> None:
    """Spans between characters have one digest in all three string index types."""
    places = st.integers(0, len(text))
    start, end = sorted((data.draw(places), data.draw(places)))
    digests = set[str]()
    for index_type in ("Utf8CodeUnit", "Utf16CodeUnit", "Utf32CodeUnit"):
        ends = boundaries(text, index_type=index_type)
        span = (ends[start], ends[end] - ends[start])
        digests.add(digest(labelled(text, span, span, index_type=index_type)))
    assert len(digests) == 1


def test_spans_that_cut_a_character_stay_distinct() -> None:
    """Half an é in UTF-8 and half an emoji in UTF-16 have no twin: each counts as it is written, and for itself."""
    cut_or_outside: dict[str, list[tuple[int, int]]] = {
        "Utf8CodeUnit": [(0, 1), (0, 3), (1, 1), (1, 2), (2, 1), (3, 1), (-1, 1), (0, 99), (2**70, 1)],
        "Utf16CodeUnit": [(0, 2), (1, 1), (2, 1), (3, 1), (-1, 1), (0, 99), (2**70, 1)],
        "Utf32CodeUnit": [(0, 3), (1, 2), (2, 1), (3, 1), (-1, 1), (0, 99), (2**70, 1)],
    }
    digests = [
        digest(labelled("é😀", span, index_type=index_type))
        for index_type, found in cut_or_outside.items()
        for span in found
    ]
    whole = [digest(labelled("é😀", span)) for span in ((0, 1), (0, 3), (1, 2))]
    assert len({*digests, *whole}) == len(digests) + len(whole)


def test_a_cut_span_keeps_its_other_members() -> None:
    """What a label says beside its span counts, also when the span cuts a character."""
    cut = labelled("é", (1, 1), index_type="Utf8CodeUnit")
    said = edited(cut, put("/assets/utterances/0/entities/0/x-new", 1))
    assert digest(cut) != digest(said)


def test_an_unknown_index_type_counts_as_it_is() -> None:
    """Offsets in units that this version does not know are compared as they are written, unit and all."""
    unknown = labelled("é😀", (0, 1), index_type="GraphemeCluster")
    assert digest(unknown) != digest(labelled("é😀", (0, 1)))
    assert digest(unknown) != digest(labelled("é😀", (0, 2), index_type="GraphemeCluster"))
    assert digest(unknown) == digest(edited(unknown, put("/projectFileVersion", "2025-11-01")))
