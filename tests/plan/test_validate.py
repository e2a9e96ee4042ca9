from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import InvalidProjectFile
from cluvault.model.project_file import ProjectFile, read_project_file
from cluvault.plan.limits import LANGUAGES
from cluvault.plan.rules import RULES
from cluvault.plan.upgrade import upgrade_project_file
from cluvault.plan.validate import DOCUMENTED, Limits, Severity, validate_bytes, validate_project_file
from tests.strategies import QUICK, project_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.model.json_text import JsonObject
    from cluvault.plan.validate import Finding

    Sample = Callable[[str], bytes]

Edits = dict[str, Any]
Places = list[tuple[str, str]]

CONVERSATION: JsonObject = {
    "projectFileVersion": "2023-04-01",
    "stringIndexType": "Utf16CodeUnit",
    "metadata": {
        "projectKind": "Conversation",
        "settings": {"confidenceThreshold": 0.4},
        "projectName": "Travel",
        "multilingual": False,
        "description": "",
        "language": "en-us",
    },
    "assets": {
        "projectKind": "Conversation",
        "intents": [{"category": "None"}, {"category": "Book"}],
        "entities": [{"category": "City", "compositionSetting": "combineComponents"}],
        "utterances": [
            {
                "text": "fly to Paris",
                "language": "en-us",
                "intent": "Book",
                "entities": [{"category": "City", "offset": 7, "length": 5}],
                "dataset": "Train",
            },
            {"text": "hello", "intent": "None"},
        ],
    },
}
"""A project file with nothing to say about it."""

ORCHESTRATION: JsonObject = CONVERSATION | {
    "metadata": CONVERSATION["metadata"] | {"projectKind": "Orchestration"},
    "assets": {
        "projectKind": "Orchestration",
        "intents": [
            {
                "category": "Flights",
                "orchestration": {
                    "targetProjectKind": "Conversation",
                    "conversationOrchestration": {"projectName": "Travel", "deploymentName": "production"},
                },
            },
            {
                "category": "Questions",
                "orchestration": {
                    "targetProjectKind": "QuestionAnswering",
                    "questionAnsweringOrchestration": {"projectName": "Travel FAQ"},
                },
            },
            {
                "category": "Old",
                "orchestration": {
                    "targetProjectKind": "Luis",
                    "luisOrchestration": {"appId": "0c4a3b52-9d0e-4d6a-8f53-1b2a3c4d5e6f"},
                },
            },
            {"category": "Plain"},
        ],
        "utterances": [{"text": "hello", "intent": "Plain"}, {"text": "hm", "intent": "None"}],
    },
}

SUMMARIZATION: JsonObject = CONVERSATION | {
    "metadata": CONVERSATION["metadata"] | {"projectKind": "CustomConversationSummarization"},
    "assets": {
        "projectKind": "CustomConversationSummarization",
        "conversations": [{"location": "a.json", "summaryLocation": "a.txt", "language": "en-us", "dataset": "Train"}],
    },
}


def edited(document: JsonObject, edits: Edits) -> JsonObject:
    """A copy with members set by pointer; `-` appends to an array, a function gets the present value."""
    changed = deepcopy(document)
    for pointer, value in edits.items():
        *parents, last = pointer.split("/")[1:]
        place: Any = changed
        for part in parents:
            place = place[int(part) if part.isdigit() else part]
        if last == "-":
            place.append(value)
        else:
            place[int(last) if last.isdigit() else last] = value
    return changed


def validate(document: JsonObject, *, limits: Limits = DOCUMENTED) -> tuple[Finding, ...]:
    """The findings about a document that is read from bytes."""
    return validate_bytes(json.dumps(document).encode(), source="test", limits=limits)


def places(findings: tuple[Finding, ...]) -> Places:
    """Severity and pointer of each finding."""
    return [(finding.severity.value, finding.pointer) for finding in findings]


def utterance(text: str, **members: Any) -> JsonObject:
    """An utterance of the intent Book."""
    return {"text": text, "intent": "Book", **members}


def label(offset: int, length: int, category: str = "City") -> JsonObject:
    """A label."""
    return {"category": category, "offset": offset, "length": length}


def labelled(text: str, *labels: JsonObject, **edits: Any) -> Edits:
    """Edits that make the labels those of the first utterance."""
    return {"/assets/utterances/0": utterance(text, entities=list(labels)), **edits}


# --- files with nothing to say about -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document", [CONVERSATION, ORCHESTRATION, SUMMARIZATION], ids=["Conversation", "Orchestration", "Summarization"]
)
def test_a_sound_file_has_no_findings(document: JsonObject) -> None:
    """A well-made file of each kind passes without a word."""
    assert validate(document) == ()


def test_samples_of_real_projects_have_no_errors(sample: Sample, sample_name: str) -> None:
    """The real service imports these files, so that nothing in them can be an error."""
    findings = validate_bytes(sample(sample_name), source=sample_name)
    assert [finding for finding in findings if finding.severity is Severity.ERROR] == []


@pytest.mark.parametrize(
    "name, warnings",
    [("chitchat-large", 0), ("emailapp-demo", 0), ("pizza-small", 0), ("clinical-trials", 1), ("wildlife-tours", 10)],
)
def test_samples_have_the_warnings_that_they_deserve(name: str, warnings: int, sample: Sample) -> None:
    """Carefully made projects have none; hand-made offsets have one each."""
    assert len(validate_bytes(sample(name), source=name)) == warnings


def test_labels_past_the_end_are_warnings_with_evidence(sample: Sample) -> None:
    """The wildlife tours accelerator is imported with such labels; each is named with its end and the text's."""
    findings = validate_bytes(sample("wildlife-tours"), source="wildlife-tours")
    past = [finding for finding in findings if "ends at" in finding.sentence]
    assert len(past) == 6
    assert past[0].pointer == "/assets/utterances/1/entities/3"
    assert past[0].sentence == "the label 'TravelDate' ends at 61, the text at 60"


SILENT: dict[str, tuple[JsonObject, Edits]] = {
    "language in another case": (CONVERSATION, {"/metadata/language": "EN-US"}),
    "utterance language in another case": (CONVERSATION, {"/assets/utterances/0/language": "EN-us"}),
    "empty utterance language": (CONVERSATION, {"/assets/utterances/0/language": ""}),
    "other language in a multilingual project": (
        CONVERSATION,
        {"/metadata/multilingual": True, "/assets/utterances/0/language": "de"},
    ),
    "no test set": (CONVERSATION, {"/assets/utterances/0/dataset": None}),
    "a test set": (CONVERSATION, {"/assets/utterances/0/dataset": "Test"}),
    "threshold as whole number": (CONVERSATION, {"/metadata/settings/confidenceThreshold": 1}),
    "no settings": (CONVERSATION, {"/metadata/settings": None}),
    "nested object names": (CONVERSATION, {"/assets/intents/1/associatedEntities": [{"category": "City"}]}),
    "required learned component": (CONVERSATION, {"/assets/entities/0/requiredComponents": ["learned"]}),
    "component instead of labels": (
        CONVERSATION,
        {"/assets/entities/-": {"category": "When", "prebuilts": [{"category": "DateTime"}]}},
    ),
    "prebuilt that nobody knows": (CONVERSATION, {"/assets/entities/0/prebuilts": [{"category": "Media.Artist"}]}),
    "legacy composition": (CONVERSATION, {"/assets/entities/0/compositionSetting": "requireExactOverlap"}),
    "text of 500 characters": (CONVERSATION, {"/assets/utterances/-": utterance("x" * 500)}),
    "name with spaces and dots": (CONVERSATION, {"/assets/entities/-": {"category": "a b.c-d_e", "list": {
        "sublists": [{"listKey": "k", "synonyms": [{"language": "EN-us", "values": ["v"]}]}]}}}),
    "label after an emoji": (CONVERSATION, labelled("😀 Rome", label(3, 4))),
    "label of an emoji": (CONVERSATION, labelled("😀 Rome", label(0, 2))),
    "label in UTF-32": (CONVERSATION, labelled("😀 Rome", label(2, 4)) | {"/stringIndexType": "Utf32CodeUnit"}),
    "label in UTF-8": (CONVERSATION, labelled("😀é Rome", label(7, 4)) | {"/stringIndexType": "Utf8CodeUnit"}),
    "labels side by side": (CONVERSATION, labelled("RomeParis", label(4, 5), label(0, 4))),
    "same text in two languages": (CONVERSATION, {
        "/metadata/multilingual": True,
        "/assets/utterances/-": utterance("hello", language="de"),
    }),
    "utterances of None without that intent": (ORCHESTRATION, {"/assets/intents/3": {"category": "Plain"}}),
    "no assets": (CONVERSATION, {"/assets": None}),
    "regex with a group of .NET": (CONVERSATION, {"/assets/entities/0/regex": {
        "expressions": [{"regexPattern": r"(?<iata>\p{Lu}{3})"}]}}),
}  # fmt: skip


@pytest.mark.parametrize("case", SILENT)
def test_what_the_service_takes_as_it_is_has_no_finding(case: str) -> None:
    """No rule cries wolf."""
    document, edits = SILENT[case]
    assert validate(edited(document, edits)) == ()


# --- one rule a row ------------------------------------------------------------------------------------------------

Row = tuple[Edits, Places, str]

PROJECT: dict[str, Row] = {
    "no name": ({"/metadata/projectName": None}, [("error", "/metadata/projectName")], "is empty"),
    "name with a space": (
        {"/metadata/projectName": "My App"},
        [("error", "/metadata/projectName")],
        "project name 'My App' contains ' '",
    ),
    "name of 51 characters": (
        {"/metadata/projectName": "x" * 51},
        [("error", "/metadata/projectName")],
        "has 51 characters, the service allows 50",
    ),
    "unknown kind": (
        {"/metadata/projectKind": "Workflow", "/assets/projectKind": "Workflow"},
        [("error", "/metadata/projectKind")],
        "'Workflow' is no project kind",
    ),
    "different kinds": (
        {"/assets/projectKind": "Orchestration"},
        [("error", "/assets/projectKind")],
        "the assets are of kind 'Orchestration', the project is of kind 'Conversation'",
    ),
    "unknown index type": (
        {"/stringIndexType": "Graphemes"},
        [("error", "/stringIndexType")],
        "'Graphemes' is no index type",
    ),
    "threshold over one": (
        {"/metadata/settings/confidenceThreshold": 40},
        [("error", "/metadata/settings/confidenceThreshold")],
        "the threshold is 40",
    ),
    "threshold below zero": (
        {"/metadata/settings/confidenceThreshold": -0.5},
        [("error", "/metadata/settings/confidenceThreshold")],
        "the threshold is -0.5",
    ),
    "conversations in a conversation project": (
        {"/assets/conversations": [{"location": "a.json"}]},
        [("error", "/assets/conversations")],
        "projects of kind Conversation have no conversations",
    ),
    "no None intent": (
        {"/assets/intents": [{"category": "Book"}]},
        [("warning", "/assets/intents")],
        "there is no intent None; the service adds it",
    ),
}

LANGUAGE: dict[str, Row] = {
    "unknown language": ({"/metadata/language": "tlh"}, [("error", "/metadata/language"),
                         ("warning", "/assets/utterances/0/language")], "'tlh' is no language"),
    "unknown utterance language": (
        {"/metadata/multilingual": True, "/assets/utterances/0/language": "en-au"},
        [("error", "/assets/utterances/0/language")],
        "'en-au' is no language that the service knows",
    ),
    "other utterance language": (
        {"/assets/utterances/0/language": "de"},
        [("warning", "/assets/utterances/0/language")],
        "the utterance is in 'de', the project is in 'en-us' and not multilingual",
    ),
    "unknown synonym language": (
        {"/assets/entities/0/list": {"sublists": [{}, {"synonyms": [{"values": ["v"]}, {"language": "xx"}]}]}},
        [("error", "/assets/entities/0/list/sublists/1/synonyms/1/language")],
        "'xx' is no language",
    ),
    "unknown regex language": (
        {"/assets/entities/0/regex": {"expressions": [{"regexPattern": "a"}, {"regexPattern": "b", "language": "x"}]}},
        [("error", "/assets/entities/0/regex/expressions/1/language")],
        "'x' is no language",
    ),
}  # fmt: skip

SCHEMA: dict[str, Row] = {
    "empty intent name": (
        {"/assets/intents/1/category": "", "/assets/utterances/0/intent": ""},
        [("error", "/assets/intents/1/category")],
        "the name is empty",
    ),
    "intent name of 51 characters": (
        {"/assets/intents/1/category": "x" * 51, "/assets/utterances/0/intent": "x" * 51},
        [("error", "/assets/intents/1/category")],
        "has 51 characters, the service allows 50",
    ),
    "intent name of 51 UTF-16 code units": (
        {"/assets/intents/1/category": "x" * 49 + "😀", "/assets/utterances/0/intent": "x" * 49 + "😀"},
        [("warning", "/assets/intents/1/category")],
        "has 51 characters, the service allows 50",
    ),
    "symbols in an entity name": (
        {"/assets/entities/0/category": "a/b:c", "/assets/utterances/0/entities/0/category": "a/b:c"},
        [("error", "/assets/entities/0/category")],
        "the name 'a/b:c' contains '/' ':'",
    ),
    "intent twice": (
        {"/assets/intents/-": {"category": "Book"}},
        [("error", "/assets/intents/2/category")],
        "the name 'Book' is taken by /assets/intents/1",
    ),
    "entity twice": (
        {"/assets/entities/-": {"category": "City"}},
        [("error", "/assets/entities/1/category")],
        "the name 'City' is taken by /assets/entities/0",
    ),
    "unknown associated entity": (
        {"/assets/intents/1/associatedEntities": [{"category": "City"}, {"category": "Date"}]},
        [("error", "/assets/intents/1/associatedEntities/1/category")],
        "there is no entity 'Date'",
    ),
    "unknown required component": (
        {"/assets/entities/0/requiredComponents": ["learned", "magic"]},
        [("warning", "/assets/entities/0/requiredComponents/1")],
        "'magic' is no known component",
    ),
    "required component that is not there": (
        {"/assets/entities/0/requiredComponents": ["list"], "/assets/entities/0/list": {"sublists": []}},
        [("warning", "/assets/entities/0/requiredComponents/0")],
        "the entity 'City' requires a component that it has not: list",
    ),
    "required learned component without labels": (
        {"/assets/entities/-": {"category": "When", "prebuilts": [{"category": "DateTime"}],
                                "requiredComponents": ["prebuilts", "learned"]}},
        [("warning", "/assets/entities/1/requiredComponents/1")],
        "requires a component that it has not: learned",
    ),
    "unknown composition setting": (
        {"/assets/entities/0/compositionSetting": "mix"},
        [("warning", "/assets/entities/0/compositionSetting")],
        "'mix' is no known setting",
    ),
    "eight prebuilts": (
        {"/assets/entities/0/prebuilts": [{"category": "Email"}] * 8},
        [("error", "/assets/entities/0/prebuilts")],
        "8 prebuilt components in one entity, the service allows 7",
    ),
    "twenty-one expressions": (
        {"/assets/entities/0/regex": {"expressions": [{"regexPattern": "a"}] * 21}},
        [("error", "/assets/entities")],
        "21 regular expressions, the service allows 20 in a project",
    ),
    "pattern that nobody can read": (
        {"/assets/entities/0/regex": {"expressions": [{"regexPattern": "(a"}]}},
        [("warning", "/assets/entities/0/regex/expressions/0/regexPattern")],
        "the pattern '(a' looks broken: missing ), unterminated subpattern",
    ),
    "no pattern": (
        {"/assets/entities/0/regex": {"expressions": [{"regexKey": "k"}]}},
        [("warning", "/assets/entities/0/regex/expressions/0/regexPattern")],
        "the pattern '' looks broken: it is empty",
    ),
    "intent without utterances": (
        {"/assets/intents/-": {"category": "Cancel"}},
        [("warning", "/assets/intents/2")],
        "no utterance has the intent 'Cancel'",
    ),
    "entity without labels and components": (
        {"/assets/entities/-": {"category": "Date", "regex": {"expressions": []}}},
        [("warning", "/assets/entities/1")],
        "no utterance labels the entity 'Date', and it has no component",
    ),
    "target in a conversation project": (
        {"/assets/intents/1/orchestration": {"targetProjectKind": "Luis"}},
        [("error", "/assets/intents/1/orchestration")],
        "intents of Conversation projects have no target",
    ),
}  # fmt: skip

UTTERANCES: dict[str, Row] = {
    "empty text": ({"/assets/utterances/1/text": ""}, [("error", "/assets/utterances/1/text")], "the text is empty"),
    "text of 501 characters": (
        {"/assets/utterances/1/text": "x" * 501},
        [("error", "/assets/utterances/1/text")],
        "the text has 501 characters, the service allows 500",
    ),
    "text of 501 UTF-16 code units": (
        {"/assets/utterances/1/text": "x" * 499 + "😀"},
        [("warning", "/assets/utterances/1/text")],
        "the text has 501 characters, the service allows 500",
    ),
    "unknown intent": (
        {"/assets/utterances/1/intent": "book"},
        [("error", "/assets/utterances/1/intent")],
        "there is no intent 'book'",
    ),
    "third dataset": (
        {"/assets/utterances/1/dataset": "Test2"},
        [("warning", "/assets/utterances/1/dataset")],
        "'Test2' is neither Train nor Test",
    ),
    "same utterance twice": (
        {"/assets/utterances/-": {"text": "hello", "intent": "None", "dataset": "Test", "language": "EN-US"}},
        [("warning", "/assets/utterances/2")],
        "'hello' is at /assets/utterances/1 too, with the same intent",
    ),
    "same text with two intents": (
        {"/assets/utterances/-": utterance("hello")},
        [("warning", "/assets/utterances/2")],
        "'hello' has the intent 'Book' here, and 'None' at /assets/utterances/1",
    ),
    "same text three times": (
        {
            "/assets/utterances/0": utterance("hello", entities=[label(0, 5)]),
            "/assets/utterances/-": utterance("hello"),
        },
        [("warning", "/assets/utterances/1"), ("warning", "/assets/utterances/2")],
        "'hello' has the intent 'None' here, and 'Book' at /assets/utterances/0",
    ),
}

LABELS: dict[str, Row] = {
    "unknown entity": (
        labelled("to Rome", label(3, 4), label(0, 2, "Way")),
        [("error", "/assets/utterances/0/entities/1/category")],
        "there is no entity 'Way'",
    ),
    "negative offset": (
        labelled("to Rome", label(3, 4), label(-1, 2)),
        [("error", "/assets/utterances/0/entities/1/offset")],
        "the offset is -1",
    ),
    "no length": (
        labelled("to Rome", label(3, 4), label(0, 0)),
        [("error", "/assets/utterances/0/entities/1/length")],
        "the length is 0",
    ),
    "numbers beyond 32 bits": (
        labelled("to Rome", label(2**31, 2**31)),
        [("error", "/assets/utterances/0/entities/0/offset"), ("error", "/assets/utterances/0/entities/0/length")],
        "the offset is beyond 32 bits",
    ),
    "past the end": (
        labelled("to Rome", label(3, 5)),
        [("warning", "/assets/utterances/0/entities/0")],
        "the label 'City' ends at 8, the text at 7",
    ),
    "past the end in UTF-16": (
        labelled("😀 to Rome", label(6, 5)),
        [("warning", "/assets/utterances/0/entities/0")],
        "the label 'City' ends at 11, the text at 10",
    ),
    "beginning inside a surrogate pair": (
        labelled("😀 Rome", label(1, 6)),
        [("warning", "/assets/utterances/0/entities/0")],
        "the label 'City' begins or ends inside a character",
    ),
    "ending inside a surrogate pair": (
        labelled("Rome😀", label(0, 5)),
        [("warning", "/assets/utterances/0/entities/0")],
        "the label 'City' begins or ends inside a character",
    ),
    "leading space": (
        labelled("to Rome", label(2, 5)),
        [("warning", "/assets/utterances/0/entities/0")],
        "the label 'City' covers ' Rome', white space included",
    ),
    "trailing space after an emoji": (
        labelled("😀 Rome !", label(3, 5)),
        [("warning", "/assets/utterances/0/entities/0")],
        "the label 'City' covers 'Rome ', white space included",
    ),
    "same span twice": (
        labelled("to Rome", label(3, 4), label(3, 4, "Place"), **{
            "/assets/entities/-": {"category": "Place"}}),
        [("error", "/assets/utterances/0/entities/1")],
        "the label 'Place' covers the same span as 'City' at /assets/utterances/0/entities/0",
    ),
    "same label twice": (
        labelled("to Rome", label(3, 4), label(3, 4)),
        [("error", "/assets/utterances/0/entities/1")],
        "covers the same span as 'City'",
    ),
    "overlap": (
        labelled("to New York City", label(7, 9), label(3, 8)),
        [("warning", "/assets/utterances/0/entities/0")],
        "the label 'City' overlaps 'City' at /assets/utterances/0/entities/1",
    ),
    "one inside another": (
        labelled("to New York City", label(3, 13), label(3, 3), label(7, 4), label(0, 2)),
        [("warning", "/assets/utterances/0/entities/0"), ("warning", "/assets/utterances/0/entities/2")],
        "the label 'City' overlaps 'City' at /assets/utterances/0/entities/1",
    ),
}  # fmt: skip

MEMBERS: dict[str, Row] = {
    "unknown members everywhere": (
        {
            "/x": 1,
            "/metadata/x": None,
            "/metadata/settings/x": 1,
            "/assets/x": 1,
            "/assets/intents/1/a~b": 1,
            "/assets/entities/0/a": {},
            "/assets/entities/0/list": {"x": 1, "sublists": [{"x": 1, "synonyms": [{"values": ["v"], "a/b": 1}]}]},
            "/assets/utterances/0/x": 1,
            "/assets/utterances/0/entities/0/x": 1,
        },
        [
            ("warning", "/metadata/settings/x"),
            ("warning", "/metadata/x"),
            ("warning", "/assets/intents/1/a~0b"),
            ("warning", "/assets/entities/0/a"),
            ("warning", "/assets/entities/0/list/x"),
            ("warning", "/assets/entities/0/list/sublists/0/x"),
            ("warning", "/assets/entities/0/list/sublists/0/synonyms/0/a~1b"),
            ("warning", "/assets/utterances/0/entities/0/x"),
            ("warning", "/assets/utterances/0/x"),
            ("warning", "/assets/x"),
            ("warning", "/x"),
        ],
        "cluvault does not know the member 'x', the service may refuse it",
    ),
    "list under the name that the SDK gives it": (
        {"/assets/entities/0/entities": {"sublists": []}},
        [("warning", "/assets/entities/0/entities")],
        "cluvault does not know the member 'entities'",
    ),
}

ROWS = PROJECT | LANGUAGE | SCHEMA | UTTERANCES | LABELS | MEMBERS


@pytest.mark.parametrize("case", ROWS)
def test_each_rule_finds_exactly_its_fault(case: str) -> None:
    """A sound file with one fault has exactly the findings of that fault, with the place and the evidence."""
    edits, expected, sentence = ROWS[case]
    findings = validate(edited(CONVERSATION, edits))
    assert places(findings) == expected
    assert sentence in findings[0].sentence
    assert all(finding.mend for finding in findings)


TARGET = "/assets/intents/0/orchestration"

ORCHESTRATED: dict[str, Row] = {
    "entities": (
        {"/assets/entities": [{"category": "City"}]},
        [("error", "/assets/entities")],
        "projects of kind Orchestration have no entities",
    ),
    "labels": (
        {"/assets/utterances/0/entities": [label(0, 5)]},
        [("error", "/assets/utterances/0/entities")],
        "utterances of orchestration projects have no labels",
    ),
    "no target kind": ({TARGET: {}}, [("error", f"{TARGET}/targetProjectKind")], "the target has no kind"),
    "unknown target kind": (
        {f"{TARGET}/targetProjectKind": "Bot"},
        [("error", f"{TARGET}/targetProjectKind")],
        "'Bot' is no kind of target",
    ),
    "target kind that is no text": (
        {f"{TARGET}/targetProjectKind": ["Luis"]},
        [("error", f"{TARGET}/targetProjectKind")],
        "is no kind of target",
    ),
    "no description of the target": (
        {f"{TARGET}/conversationOrchestration": None},
        [("error", f"{TARGET}/conversationOrchestration")],
        "is missing",
    ),
    "no project and no deployment": (
        {f"{TARGET}/conversationOrchestration": {"projectName": ""}},
        [
            ("error", f"{TARGET}/conversationOrchestration/projectName"),
            ("error", f"{TARGET}/conversationOrchestration/deploymentName"),
        ],
        "is missing",
    ),
    "placeholder": (
        {f"{TARGET}/conversationOrchestration/deploymentName": "<deployment>"},
        [("warning", f"{TARGET}/conversationOrchestration/deploymentName")],
        "'<deployment>' cannot be the deploymentName of a target",
    ),
    "placeholder for a knowledge base": (
        {"/assets/intents/1/orchestration/questionAnsweringOrchestration/projectName": "<project>"},
        [("warning", "/assets/intents/1/orchestration/questionAnsweringOrchestration/projectName")],
        "'<project>' cannot be the projectName of a target",
    ),
    "application id that is none": (
        {"/assets/intents/2/orchestration/luisOrchestration/appId": "travel"},
        [("warning", "/assets/intents/2/orchestration/luisOrchestration/appId")],
        "'travel' cannot be the appId of a target",
    ),
    "unlinked intent without utterances": (
        {"/assets/intents/-": {"category": "Lost"}},
        [("warning", "/assets/intents/4")],
        "no utterance has the intent 'Lost'",
    ),
}


@pytest.mark.parametrize("case", ORCHESTRATED)
def test_orchestration_projects_have_rules_of_their_own(case: str) -> None:
    """Targets must be complete; entities and labels do not exist."""
    edits, expected, sentence = ORCHESTRATED[case]
    findings = validate(edited(ORCHESTRATION, edits))
    assert places(findings) == expected
    assert sentence in findings[0].sentence


SUMMARIZED: dict[str, Row] = {
    "no location": (
        {"/assets/conversations/0/location": None},
        [("error", "/assets/conversations/0/location")],
        "is missing",
    ),
    "third dataset": (
        {"/assets/conversations/0/dataset": "Other"},
        [("warning", "/assets/conversations/0/dataset")],
        "'Other' is neither Train nor Test",
    ),
    "unknown language": (
        {"/assets/conversations/0/language": "xx"},
        [("error", "/assets/conversations/0/language")],
        "'xx' is no language",
    ),
    "no language": ({"/assets/conversations/0/language": None, "/x": 1}, [("warning", "/x")], "does not know"),
}


@pytest.mark.parametrize("case", SUMMARIZED)
def test_summarization_projects_have_rules_of_their_own(case: str) -> None:
    """Conversations lie in a container, and say where."""
    edits, expected, sentence = SUMMARIZED[case]
    findings = validate(edited(SUMMARIZATION, edits))
    assert places(findings) == expected
    assert sentence in findings[0].sentence


def test_a_list_under_the_sdk_name_is_told_its_name_on_the_wire() -> None:
    """The SDK's models write `entities` where the service reads `list`; the mend says so."""
    (finding,) = validate(edited(CONVERSATION, {"/assets/entities/0/entities": {}}))
    assert finding.mend == "call it 'list': that is its name on the wire"


@pytest.mark.parametrize(
    "tag, mend", [("en-au", "use en or en-gb or en-us"), ("zh", "use zh-hans or zh-hant"), ("xx", "use a tag such as")]
)
def test_an_unknown_language_gets_a_suggestion(tag: str, mend: str) -> None:
    """The mend names the tags of the same language that the service knows."""
    findings = validate(edited(CONVERSATION, {"/metadata/language": tag, "/metadata/multilingual": True}))
    assert findings[0].mend.startswith(mend)


# --- limits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document, limits, pointer, sentence",
    [
        (CONVERSATION, {"intents": 1}, "/assets/intents", "2 intents, the service allows 1"),
        (CONVERSATION, {"entities": 0}, "/assets/entities", "1 entities, the service allows 0"),
        (CONVERSATION, {"utterances": 1}, "/assets/utterances", "2 utterances, the service allows 1"),
        (ORCHESTRATION, {"orchestration_utterances": 1}, "/assets/utterances", "2 utterances, the service allows 1"),
        (CONVERSATION, {"project_name_length": 5}, "/metadata/projectName", "has 6 characters, the service allows 5"),
        (CONVERSATION, {"utterance_length": 11}, "/assets/utterances/0/text", "12 characters, the service allows 11"),
    ],
)
def test_limits_are_an_argument(document: JsonObject, limits: dict[str, int], pointer: str, sentence: str) -> None:
    """Whoever knows other limits than the documented ones can say so; found and allowed are both told."""
    (finding,) = validate(document, limits=replace(DOCUMENTED, **cast("Any", limits)))
    assert finding.severity is Severity.ERROR
    assert finding.pointer == pointer
    assert sentence in finding.sentence


def test_each_kind_of_project_has_its_own_number_of_utterances() -> None:
    """The limit of orchestration projects does not hold for others, nor the other way round."""
    assert validate(CONVERSATION, limits=replace(DOCUMENTED, orchestration_utterances=0)) == ()
    assert validate(ORCHESTRATION, limits=replace(DOCUMENTED, utterances=0)) == ()


def test_synonyms_are_counted_by_entity_and_by_project() -> None:
    """One entity may hold so many, all entities together so many."""
    many = {"sublists": [{"listKey": "k", "synonyms": [{"values": ["a", "b"]}, {"values": ["c"]}, {"values": None}]}]}
    document = edited(
        CONVERSATION, {"/assets/entities/0/list": many, "/assets/entities/-": {"category": "Other", "list": many}}
    )
    assert validate(document, limits=replace(DOCUMENTED, synonyms_per_entity=3, synonyms=6)) == ()
    by_entity = validate(document, limits=replace(DOCUMENTED, synonyms_per_entity=2))
    assert places(by_entity) == [("error", "/assets/entities/0/list"), ("error", "/assets/entities/1/list")]
    (by_project,) = validate(document, limits=replace(DOCUMENTED, synonyms=5))
    assert by_project.pointer == "/assets/entities"
    assert by_project.sentence == "6 synonyms, the service allows 5 in a project"


def test_the_documented_limits_are_those_of_the_documentation() -> None:
    """The numbers that users know from the service-limits page."""
    assert (DOCUMENTED.intents, DOCUMENTED.entities, DOCUMENTED.utterances) == (500, 350, 50_000)
    assert {"en-us", "en", "zh-hans"} <= LANGUAGES
    assert all(tag == tag.lower() for tag in LANGUAGES)


# --- shapes --------------------------------------------------------------------------------------------------------


def test_every_fault_of_the_shape_is_an_error_finding() -> None:
    """Wrong types are findings too, all of them, in the file's order; other rules wait until they are mended."""
    document = edited(
        CONVERSATION,
        {
            "/metadata/language": 5,
            "/assets/intents/1": {},
            "/assets/utterances/0/entities/0/offset": "7",
            "/assets/utterances/1/text": None,
            "/metadata/projectName": "no such name!",
        },
    )
    findings = validate(document)
    assert places(findings) == [
        ("error", "/metadata/language"),
        ("error", "/assets/intents/1/category"),
        ("error", "/assets/utterances/0/entities/0/offset"),
        ("error", "/assets/utterances/1/text"),
    ]
    assert findings[1].sentence == "is missing"


def test_an_older_shape_is_validated_after_an_upgrade(sample: Sample) -> None:
    """Each change of the upgrade is a warning in front of what the rules find."""
    data = sample("clock-2021-preview")
    findings = validate_bytes(data, source="clock")
    changes = upgrade_project_file(read_project_file(data)).changes
    assert [finding.sentence for finding in findings] == [f"not in the present shape: {change}" for change in changes]
    assert set(places(findings)) == {("warning", "")}


def test_what_stands_against_an_upgrade_is_an_error_finding() -> None:
    """Contradictions between old and new names, and faults that show under the present names."""
    document = {
        "api-version": "2021-11-01-preview",
        "metadata": {"name": "Travel", "projectName": "Trip", "type": "Conversation", "language": "en-us"},
        "assets": {"examples": [{"text": "a", "intent": "Book"}] * 2 + [{"intent": "Book"}, {"text": "b"}]},
    }
    findings = validate(document)
    assert places(findings) == [
        ("error", "/metadata/name"),
        ("error", "/assets/utterances/2/text"),
        ("error", "/assets/utterances/3/intent"),
    ]


@pytest.mark.parametrize("data", [b"", b"[]", b"<html>", b'{"luis_schema_version": "7.0.0"}', b'{"metadata": 1}'])
def test_bytes_that_are_no_project_file_are_refused(data: bytes) -> None:
    """There is nothing to validate; the error names the source."""
    with pytest.raises(InvalidProjectFile, match=r"^input\.json: "):
        validate_bytes(data, source="input.json")


# --- laws ----------------------------------------------------------------------------------------------------------


@QUICK
@given(project_files(), st.permutations(RULES))
def test_findings_never_depend_on_the_order_of_the_rules(file: ProjectFile, rules: Any) -> None:
    """Any document of the right shape is validated without an exception, and rules know nothing of each other."""
    assert validate_project_file(file, rules=rules) == validate_project_file(file)


@QUICK
@given(project_files())
def test_an_upgrade_takes_its_warnings_away_and_nothing_else(file: ProjectFile) -> None:
    """The rules look at the upgraded file in any case."""
    upgrade = upgrade_project_file(file)
    assert validate_project_file(upgrade.file) == validate_project_file(file)[len(upgrade.changes) :]


@QUICK
@given(project_files())
def test_validation_changes_nothing(file: ProjectFile) -> None:
    """The file reads the same afterwards."""
    before = file.to_bytes()
    validate_project_file(file)
    assert file.to_bytes() == before


@QUICK
@given(project_files())
def test_every_finding_points_into_the_upgraded_document(file: ProjectFile) -> None:
    """A pointer names a member or item that exists, or one that is missing in an object that exists."""
    document = upgrade_project_file(file).file.document
    for finding in validate_project_file(file):
        place: Any = document
        for part in finding.pointer.split("/")[1:-1]:
            place = place[int(part) if part.isdigit() else part]
        assert isinstance(place, dict | list), finding
