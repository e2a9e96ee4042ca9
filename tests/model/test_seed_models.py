"""The values that users write to create a project."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from cluvault.errors import InvalidSeed, SeedFault, UsageError
from cluvault.model.seed import ProjectDefinition, Schema, SeedUtterance, Target, fault_sentence


def test_what_is_not_said_is_none() -> None:
    """Only the name is needed; None leaves a value to the seed or to the default."""
    said = ProjectDefinition(name="Travel").model_dump(exclude={"name"})
    assert set(said.values()) == {None}


def test_languages_are_written_as_the_service_writes_them() -> None:
    """Case of a language tag means nothing; the service uses lower case."""
    assert ProjectDefinition(name="Travel", language="zh-Hans").language == "zh-hans"


@pytest.mark.parametrize(
    "fields, problem",
    [
        ({"name": "no spaces"}, "project name 'no spaces' contains ' '"),
        ({"name": ""}, "project name '' is empty"),
        ({"name": "Travel", "language": "english"}, "language 'english' should be a language tag such as en-us"),
    ],
)
def test_a_bad_name_or_language_is_a_usage_error(fields: dict[str, Any], problem: str) -> None:
    """What a user types on the command line is refused in one line."""
    with pytest.raises(UsageError) as caught:
        ProjectDefinition(**fields)
    assert caught.value.message == problem


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_confidence_threshold_lies_between_0_and_1(threshold: float) -> None:
    """The service takes 0 to 1."""
    with pytest.raises(ValidationError, match="confidence_threshold"):
        ProjectDefinition(name="Travel", confidence_threshold=threshold)


def test_definitions_and_schemas_do_not_change() -> None:
    """Both are values."""
    with pytest.raises(ValidationError, match="frozen"):
        ProjectDefinition(name="Travel").name = "Other"
    with pytest.raises(ValidationError, match="frozen"):
        Schema().intents = {}


def test_a_question_answering_target_stands_alone() -> None:
    """It has no deployment to name."""
    assert Target.model_validate({"question-answering": "Faq"}).question_answering == "Faq"


def test_utterances_are_equal_by_what_they_say() -> None:
    """Where a row was written does not make it another one."""
    assert SeedUtterance("hi", "Greet", source="a.csv", line=2) == SeedUtterance("hi", "Greet", source="b.csv", line=3)


@pytest.mark.parametrize(
    "fault, text",
    [
        (SeedFault("a.csv", 2, "column text", "is empty"), "a.csv: line 2, column text: is empty"),
        (SeedFault("a.csv", None, "", "is empty"), "a.csv: is empty"),
        (SeedFault("", None, "at character 3", "is odd"), "at character 3: is odd"),
    ],
)
def test_a_fault_reads_as_one_sentence(fault: SeedFault, text: str) -> None:
    """What is not known of its place is left out."""
    assert str(fault) == text
    assert str(InvalidSeed([fault])) == text
    assert str(InvalidSeed([fault, fault], mend="mend it")) == f"{text} (and 1 more); mend it"


def test_faults_speak_of_files_instead_of_python() -> None:
    """A person who wrote YAML knows mappings and lists."""
    with pytest.raises(ValidationError) as caught:
        Schema.model_validate({"intents": 1, "entities": {"A": {"prebuilts": 1}, "B": 1}, "more": 1})
    assert [fault_sentence(fault) for fault in caught.value.errors()] == [
        "should be a mapping",
        "should be a list",
        "should be a mapping",
        "is not known",
    ]
