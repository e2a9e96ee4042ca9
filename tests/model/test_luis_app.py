"""LUIS applications: telling them from project files, checking what a conversion reads, naming the project."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.errors import InvalidProjectFile
from cluvault.model.luis_app import is_luis_app, read_luis_app
from cluvault.model.names import is_project_name

if TYPE_CHECKING:
    from collections.abc import Callable


def app(**members: Any) -> bytes:
    """The bytes of an application."""
    return json.dumps({"luis_schema_version": "7.0.0", "culture": "en-us"} | members).encode()


@pytest.mark.parametrize("name", ["luis-pizza", "luis-human-resources-patterns"])
def test_real_applications_are_read(name: str, sample: Callable[[str], bytes]) -> None:
    """Of both generations."""
    assert is_luis_app(sample(name), source=name)
    assert len(read_luis_app(sample(name), source=name).document.get("utterances") or ()) > 100


@pytest.mark.parametrize(
    "data, expected",
    [
        (b'{"luis_schema_version": 7}', True),
        (b'{"metadata": {"description": "no \\"luis_schema_version\\" here"}}', False),
        (b'["luis_schema_version"]', False),
        (b"{}", False),
    ],
)
def test_an_application_is_known_by_its_schema_version(data: bytes, *, expected: bool) -> None:
    """As a member at the top; the word in a text is none."""
    assert is_luis_app(data, source="x.json") is expected


def test_what_is_no_json_is_no_application() -> None:
    """The error names the file."""
    with pytest.raises(InvalidProjectFile, match=r"x\.json: "):
        is_luis_app(b'{"luis_schema_version": ', source="x.json")


def test_real_project_files_are_no_applications(sample: Callable[[str], bytes], sample_name: str) -> None:
    """None of them is taken for one."""
    assert not is_luis_app(sample(sample_name), source=sample_name)


@pytest.mark.parametrize(
    "data, fault",
    [
        (b"[]", "x.json: a LUIS app is a JSON object"),
        (b'{"luis_schema_version": "7.0.0"}', "x.json: no LUIS app, at /culture: is missing"),
        (app(entities=5, utterances=[{}]), "at /entities: should be an array (and 2 more)"),
        (app(entities=[5]), "at /entities/0: should be an object"),
        (app(entities=[{"name": "A", "children": [5]}]), "at /entities/0/children/0: should be an object"),
        (app(entities=[{"name": "A", "children": 5}]), "at /entities/0/children: should be an array"),
        (
            app(utterances=[{"text": "x", "intent": "y", "entities": [{"entity": "A", "startPos": 0, "endPos": "1"}]}]),
            "at /utterances/0/entities/0/endPos: should be an integer",
        ),
    ],
)
def test_a_fault_is_named_with_its_place(data: bytes, fault: str) -> None:
    """One line; the first fault, and how many more."""
    with pytest.raises(InvalidProjectFile) as caught:
        read_luis_app(data, source="x.json")
    assert fault in str(caught.value)


def test_parts_that_are_names_become_objects() -> None:
    """Old schemas write a part as its name; a conversion need not know."""
    data = app(entities=[{"name": "A", "children": ["B", {"name": "C", "children": ["D"]}]}], composites=None)
    entities = read_luis_app(data, source="x").document.get("entities") or []
    assert entities[0].get("children") == [{"name": "B"}, {"name": "C", "children": [{"name": "D"}]}]


@pytest.mark.parametrize(
    "name, expected",
    [
        ("Travel", "Travel"),
        ("My travel app (v2)!", "Mytravelappv2"),
        ("@@", "untitled"),
        ("..", "untitled"),
        (None, "untitled"),
        ("x" * 60, "x" * 50),
    ],
)
def test_the_project_is_named_as_a_migration_names_it(name: str | None, expected: str) -> None:
    """Special characters go, then what is beyond the limit."""
    found = read_luis_app(app(name=name), source="x").project_name
    assert found == expected
    assert is_project_name(found)
