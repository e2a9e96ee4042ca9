"""The small pure parts: spans, pages, places in JSON text, job ids, configuration."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.jobs import new_job_id
from cluvault.emulator.limits import DOCUMENTED, Limits
from cluvault.emulator.paging import page_of
from cluvault.emulator.parsing import locate
from cluvault.emulator.shapes import STRING_INDEX_TYPES
from cluvault.emulator.spans import UTF16, convert_span, unit_length
from cluvault.errors import ConfigurationError, UsageError

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(TEXTS, st.data())
def test_a_span_survives_every_way_to_count(text: str, data: st.DataObject) -> None:
    """Converted to other units and back, a span is the same; in UTF-32 it selects the same characters."""
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    for target in STRING_INDEX_TYPES:
        span = convert_span(text, start, end - start, source="Utf32CodeUnit", target=target)
        assert span == (unit_length(text[:start], target), unit_length(text[start:end], target))
        assert convert_span(text, *span, source=target, target="Utf32CodeUnit") == (start, end - start)


@given(TEXTS, st.integers(1, 9), st.sampled_from(STRING_INDEX_TYPES))
def test_what_lies_past_the_end_stays_as_far_past_it(text: str, excess: int, target: str) -> None:
    """Labels that run past the end of their text are kept, in whatever units."""
    offset, length = convert_span(text, 0, unit_length(text) + excess, source=UTF16, target=target)
    assert (offset, length) == (0, unit_length(text, target) + excess)


@given(
    st.integers(0, 30),
    st.integers(1, 7),
    st.dictionaries(st.sampled_from(["top", "skip", "maxpagesize"]), st.integers(0, 40)),
)
def test_the_pages_of_a_list_make_up_the_list(total: int, page_size: int, query: dict[str, int]) -> None:
    """Following the links gives what top and skip ask for, each item once and in order, and then ends."""
    items = list(range(total))
    written = {name: str(value) for name, value in query.items()}
    seen: list[int] = []
    for _ in range(total + 1):
        page = page_of(written, total=total, page_size=page_size)
        seen += page.of(items)
        if page.next_query is None:
            break
        assert len(page.of(items)) > 0
        written = {name: str(value) for name, value in page.next_query.items()}
    skip = query.get("skip", 0)
    assert seen == items[skip : skip + query.get("top", total)]


def test_a_next_link_keeps_the_other_parameters() -> None:
    """Contract 2.4: the route again, with api-version, top, skip and maxpagesize."""
    query = {
        "api-version": "2023-04-01",
        "stringindextype": "Utf16CodeUnit",
        "top": "5",
        "skip": "1",
        "maxpagesize": "2",
    }
    assert page_of(query, total=9, page_size=100).next_link("http://h/p", query) == (
        "http://h/p?api-version=2023-04-01&stringindextype=Utf16CodeUnit&top=3&skip=3&maxpagesize=2"
    )


def steps_into(value: Any) -> list[Any]:
    """The indexes of a list, the keys of an object that differ in more than letter case."""
    if isinstance(value, list):
        return list(range(len(cast("list[Any]", value))))
    keys = list(cast("dict[str, Any]", value)) if isinstance(value, dict) else []
    lower = [key.lower() for key in keys]
    return [key for key in keys if lower.count(key.lower()) == 1]


@given(JSON, st.sampled_from([None, 1, 2]), st.data())
def test_a_value_is_found_where_it_is_written(value: Any, indent: int | None, data: st.DataObject) -> None:
    """The place of any value in any layout: there the value begins, after spaces."""
    body = json.dumps(value, indent=indent)
    path: list[str | int] = []
    found = value
    while (steps := steps_into(found)) and data.draw(st.booleans()):
        path.append(data.draw(st.sampled_from(steps)))
        found = found[path[-1]]
    line, position = locate(body, path)
    at = sum(len(text) for text in body.splitlines(keepends=True)[: line - 1]) + position
    read, _ = json.JSONDecoder().raw_decode(body, at + len(body[at:]) - len(body[at:].lstrip()))
    assert read == found


def test_a_place_that_is_not_there_is_its_object() -> None:
    """A member that was read under an alias is not found by its name."""
    assert locate('{"a": {"entities": 1}}', ["a", "list"]) == (1, 5)


def test_a_job_id_is_a_guid_and_the_ticks_of_midnight() -> None:
    """Contract 2.5: the recorded id of 2023-05-12 ends in 638194464000000000."""
    unique = uuid.UUID("0123456789abcdef0123456789abcdef")
    evening = datetime(2023, 5, 12, 23, 59, 59, tzinfo=UTC)
    assert new_job_id(unique, evening) == "01234567-89ab-cdef-0123-456789abcdef_638194464000000000"


# --- configuration -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields, words",
    [
        ({"resources": ()}, "no resource"),
        ({"api_versions": ("2023-04-01", "2020-01-01")}, "2020-01-01"),
        ({"resource_keys": {"test": ("k",)}}, "'test'"),
        ({"job_seconds": -1}, "-1"),
        ({"training_seconds": -2}, "-2"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(fields: dict[str, Any], words: str) -> None:
    """One line that names the value."""
    with pytest.raises(ConfigurationError, match=words):
        EmulatorConfig(**fields)


def test_a_resource_needs_a_name_that_fits_a_path() -> None:
    """The name becomes a part of the endpoint."""
    with pytest.raises(UsageError, match="a/b"):
        EmulatorConfig(resources=("a/b",))


def test_the_calls_a_minute_can_be_scaled() -> None:
    """Numbers of one's own replace those of the limits, or come on top of none."""
    scaled = EmulatorConfig(limits="documented", posts_per_minute=600).effective_limits()
    assert (scaled.posts_per_minute, scaled.gets_per_minute, scaled.projects) == (600, 100, 500)
    assert EmulatorConfig(gets_per_minute=3).effective_limits() == Limits(gets_per_minute=3)
    assert EmulatorConfig(limits=DOCUMENTED).effective_limits() is not None
    assert EmulatorConfig(limits="documented", minute=1).effective_limits() == replace(DOCUMENTED, minute=1)
    with pytest.raises(ConfigurationError, match="a minute cannot have 0 seconds"):
        EmulatorConfig(minute=0)
