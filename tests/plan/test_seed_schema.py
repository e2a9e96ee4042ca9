"""Schema files in YAML and JSON."""

from __future__ import annotations

import json

import pytest

from cluvault.errors import InvalidSeed
from cluvault.model.seed import EntitySchema, IntentSchema, Schema
from cluvault.plan import seed_schema
from cluvault.plan.seed_schema import read_schema


def from_yaml(text: str) -> Schema:
    """The schema of a YAML file."""
    return read_schema(text.encode(), source="schema.yaml")


def test_the_documented_example_can_be_read() -> None:
    """The example of the module's docstring says what its comments say."""
    example = (seed_schema.__doc__ or "").split("\n\n")[1]
    schema = from_yaml(example)
    assert list(schema.intents) == ["Book", "Cancel", "Ask", "Fly"]
    assert schema.intents["Book"].description == "Reserve a seat"
    city = schema.entities["City"]
    assert city.lists == {"Paris": {"": ("paris", "paname")}, "Rome": {"en-us": ("rome",), "it": ("roma",)}}
    assert city.regex == {"iata": {"": "[A-Z]{3}"}}
    assert (city.prebuilts, city.required, city.composition) == (
        ("Geography.Location",),
        ("list",),
        "combineComponents",
    )
    assert schema.entities["Meal"].lists == {"breakfast": {"": ("breakfast",)}, "lunch": {"": ("lunch",)}}


def test_names_alone_are_enough() -> None:
    """Intents and entities may be lists of names; an empty section says nothing."""
    schema = from_yaml("intents: [Book, Cancel]\nentities:\n")
    assert schema == Schema(intents={"Book": IntentSchema(), "Cancel": IntentSchema()})


def test_words_of_natural_language_stay_words() -> None:
    """YAML's booleans, numbers and dates are synonyms like any other."""
    schema = from_yaml("entities: {Answer: {list: {No: [no, off, 1.0, 2026-01-01]}}}")
    assert schema.entities["Answer"].lists["No"][""] == ("no", "off", "1.0", "2026-01-01")


@pytest.mark.parametrize("source", ["schema.json", "schema"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_json_means_the_same_as_yaml(source: str, mark: bytes) -> None:
    """JSON is read with its own rules, tabs and surrogate escapes included, whatever the file is called."""
    document = {"intents": {"Book": None}, "entities": {"Face": {"list": ["😀"]}}}
    data = mark + json.dumps(document, indent="\t").encode()
    assert read_schema(data, source=source) == Schema(
        intents={"Book": IntentSchema()}, entities={"Face": EntitySchema.model_validate({"list": ["😀"]})}
    )


def test_yaml_in_braces_is_yaml() -> None:
    """A flow mapping is not mistaken for broken JSON."""
    assert list(from_yaml("{intents: [Book]}").intents) == ["Book"]


NO_DEPLOYMENT = "should name a deployment for a conversation project, and only for one"
NO_TARGET = "should name a conversation project or a question-answering project"
NO_COMPONENT = "should be 'learned', 'list', 'prebuilts' or 'regex'"
NO_LIST = "should be a mapping of keys to synonyms, or a list of words"
FAULTY_ENTITIES = """\
entities:
  City:
    list:
      Paris:
    regex: {iata: [x]}
    required: [lists]
    colour: red
  Meal:
    list: [{Lunch: [lunch]}]
    prebuilts: Food
  Size:
    list: {S: {small: [s]}}
"""


@pytest.mark.parametrize(
    "text, faults",
    [
        ("", ["schema.yaml: a schema should be a mapping with intents and entities"]),
        ("- Book", ["schema.yaml: a schema should be a mapping with intents and entities"]),
        ("[Book]", ["schema.yaml: a schema should be a mapping with intents and entities"]),
        ("intent: [Book]", ["schema.yaml: line 1, at intent: is not known"]),
        ("intents: 5", ["schema.yaml: line 1, at intents: should be a mapping"]),
        ("intents: [Book, Book]", ["schema.yaml: line 1, at intents: names 'Book' twice"]),
        ("intents: [{Book: x}]", ["schema.yaml: line 1, at intents: should be a list of names, or a mapping of names"]),
        ('intents:\n  " Book":', ["schema.yaml: line 2, at intents. Book: should be a name without spaces around it"]),
        (
            "intents:\n  A:\n    target: {conversation: Flights}\n  B:\n    target: {}\n",
            [
                f"schema.yaml: line 3, at intents.A.target: {NO_DEPLOYMENT}",
                f"schema.yaml: line 5, at intents.B.target: {NO_TARGET}",
            ],
        ),
        (
            FAULTY_ENTITIES,
            [
                "schema.yaml: line 4, at entities.City.list.Paris: should be a list",
                "schema.yaml: line 5, at entities.City.regex.iata: should be text",
                f"schema.yaml: line 6, at entities.City.required.item 1: {NO_COMPONENT}",
                "schema.yaml: line 7, at entities.City.colour: is not known",
                f"schema.yaml: line 9, at entities.Meal.list: {NO_LIST}",
                "schema.yaml: line 10, at entities.Meal.prebuilts: should be a list",
                "schema.yaml: line 12, at entities.Size.list.S.small: should be a language tag such as en-us",
            ],
        ),
    ],
)
def test_every_fault_is_named_with_line_and_place(text: str, faults: list[str]) -> None:
    """What is no schema is refused; all faults at once."""
    with pytest.raises(InvalidSeed) as caught:
        from_yaml(text)
    assert [str(fault) for fault in caught.value.faults] == faults


@pytest.mark.parametrize(
    "data, problem",
    [
        (b'{"intents": }', "schema.json: not valid JSON: expected value at line 1 column 13"),
        (b'{"intents": [], "intents": []}', "schema.json: not valid JSON: detected duplicate key"),
        (b'{"intents": {"Book": {"description": 5}}}', "schema.json: at intents.Book.description: should be text"),
        (b"intents: []", "schema.json: not valid JSON: "),
    ],
)
def test_a_json_file_is_held_to_json(data: bytes, problem: str) -> None:
    """A file that is called .json is never read as YAML, so that its errors are those of JSON."""
    with pytest.raises(InvalidSeed) as caught:
        read_schema(data, source="schema.json")
    assert str(caught.value).startswith(problem)
