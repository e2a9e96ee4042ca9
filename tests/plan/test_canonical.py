"""The canonical digest: equal for files that mean the same, different for all others."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.model.json_text import JsonObject, write_json
from cluvault.model.project_file import ProjectFile, read_project_file
from cluvault.plan import canonical
from cluvault.plan.canonical import canonical_digest, canonical_form
from cluvault.plan.diff import diff_project_files
from cluvault.plan.diff_report import diff_lines
from cluvault.plan.spans import boundaries
from cluvault.plan.upgrade import upgrade_project_file
from tests.strategies import QUICK, project_documents
from tests.travel import drop, edited, minutes, put, read, repeat, reverse, switchboard, travel
from tests.variations import said_otherwise

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.travel import Edit

CITY = "/assets/entities/0"
BOOK = "/assets/intents/1"
TRIP = "/assets/utterances/0"
OFF = "/assets/utterances/1"


def both(*edits: Edit) -> Edit:
    """Several edits as one."""

    def edit(document: JsonObject) -> None:
        for one in edits:
            one(document)

    return edit


def unchanged(_document: JsonObject) -> None:
    """The edit that leaves the document as it is."""


def digest(document: JsonObject) -> str:
    """The digest of the file that a document is read as."""
    return canonical_digest(read(document))


# --- equal ---------------------------------------------------------------------------------------------------------

EQUAL: list[tuple[str, Callable[[], JsonObject], Edit, Edit]] = [
    ("key order", travel, unchanged, lambda document: _turn_keys(document)),
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
    ("multilingual false", travel, drop("/metadata/multilingual"), put("/metadata/multilingual", False)),  # noqa: FBT003
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
        put("/metadata/settings/normalizeCasing", False),  # noqa: FBT003
    ),
    (
        "augmentDiacritics",
        travel,
        drop("/metadata/settings/augmentDiacritics"),
        put("/metadata/settings/augmentDiacritics", False),  # noqa: FBT003
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
    ("older shapes", travel, put("/metadata/multilingual", True), put("/metadata/multilingual", "True")),  # noqa: FBT003
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


def _turn_keys(value: Any) -> None:
    """Reverse the key order of every object."""
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _turn_keys(item)
    if isinstance(value, dict):
        members = [*value.items()][::-1]
        value.clear()
        value.update(members)


@pytest.mark.parametrize(
    "project, one, other", [case[1:] for case in EQUAL], ids=[f"{case[0]}" for case in EQUAL]
)
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
    data = write_json(edited(travel(), put("/metadata/settings/confidenceThreshold", "@"))).replace(b'"@"', text.encode())
    assert canonical_digest(read_project_file(data)) == digest(travel())


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(travel(), indent="\t").encode(),
        json.dumps(travel(), indent=2).replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + json.dumps(travel()).encode(),
        json.dumps(travel()).replace("from Rome", "\\u0066rom\\u0020Rome").encode(),
    ],
    ids=["white space", "line ends", "byte order mark", "escapes"],
)
def test_layout_means_nothing(data: bytes) -> None:
    """Indentation, line ends, a byte order mark and escapes change no digest."""
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
}


def test_the_canonical_form_of_the_samples_is_what_it_was(sample: Callable[[str], bytes], sample_name: str) -> None:
    """Digests in vaults stay comparable: a change of the canonical form is never made without notice.

    Whoever changes it on purpose counts up its version, as its first line, and then these.
    """
    assert canonical_digest(read_project_file(sample(sample_name))) == GOLDEN[sample_name]


# --- different -----------------------------------------------------------------------------------------------------

DIFFERENT: list[tuple[str, Callable[[], JsonObject], Edit, list[str]]] = []


@pytest.mark.parametrize("project, edit, report", [case[1:] for case in DIFFERENT], ids=[case[0] for case in DIFFERENT])
def test_every_other_change_has_another_digest_and_is_named(
    project: Callable[[], JsonObject], edit: Edit, report: list[str]
) -> None:
    """A change that can change a model changes the digest, and the difference names it."""
    before, after = project(), edited(project(), edit)
    assert digest(before) != digest(after)
    diff = diff_project_files(read(before), read(after))
    assert [f"{sign} {text}" for sign, text in diff_lines(diff) if sign != " "] == report
