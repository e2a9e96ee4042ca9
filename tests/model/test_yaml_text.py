"""Strict YAML: text, lists and mappings, and nothing that guesses or explodes."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import InvalidSeed
from cluvault.model import yaml_text
from cluvault.model.yaml_text import read_yaml

TEXTS = st.text(st.characters(exclude_categories=["C"]) | st.sampled_from("no~:-#&*!'\"\n 😀"), max_size=5)
VALUES = st.recursive(
    st.none() | TEXTS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)


def test_lines_of_keys_are_known() -> None:
    """A path has the line of its innermost key; the top level has none."""
    document = read_yaml(b"a:\n  - b:\n      c: [x]\n\nd: e\n", source="s")
    assert document.value == {"a": [{"b": {"c": ["x"]}}], "d": "e"}
    assert document.line_of(("a", 0, "b", "c", 0)) == 3
    assert document.line_of(("a", 0)) == 1
    assert document.line_of(("d", "unknown")) == 5
    assert document.line_of(()) is None


@given(VALUES)
def test_what_a_yaml_writer_writes_comes_back(value: Any) -> None:
    """Text, nulls, lists and mappings survive PyYAML's own writer."""
    written = yaml.safe_dump(value, allow_unicode=True)
    assert read_yaml(written.encode(), source="s").value == value


@pytest.mark.parametrize("text", ["no", "1.0", "0x1f", "2026-01-01", "'null'", '"~"', '""'])
def test_scalars_are_text(text: str) -> None:
    """Nothing is turned into a boolean, number or date; quotes make text of every word."""
    assert read_yaml(f"key: {text}".encode(), source="s").value == {"key": text.strip("'\"")}


@pytest.mark.parametrize("text", ["", " ~", " null", " # comment"])
def test_nothing_is_none(text: str) -> None:
    """An absent value is None."""
    assert read_yaml(f"key:{text}".encode(), source="s").value == {"key": None}


def test_an_empty_document_is_none() -> None:
    """A file of comments holds nothing."""
    assert read_yaml(b"# nothing yet\n", source="s").value is None


@pytest.mark.parametrize(
    "text, problem",
    [
        ("a: 1\na: 2", "s: line 2: key 'a' is given twice; keep one"),
        ("- {b: 1, b: 2}", "s: line 1: key 'b' is given twice; keep one"),
        ("a: &co", "s: line 1: &co is an anchor in YAML; quote it, or write the value out"),
        ("a: &x [1]\nb: *x", "s: line 1: &x is an anchor in YAML; quote it, or write the value out"),
        ("a: *x", "s: line 1: *x is an alias in YAML; quote it, or write the value out"),
        ("a: !!int 5", "s: line 1: tag:yaml.org,2002:int is a tag; only text, lists and mappings are read; quote it"),
        ("!!python/object:os.system {}", "s: line 1: tag:yaml.org,2002:python/object:os.system is a tag; only"),
        ("? [a]\n: b", "s: line 1: a key should be plain text; quote it"),
        ("a: 1\n---\nb: 2", "s: line 2: a second document starts; keep one"),
        ("[" * 21 + "]" * 21, "s: line 1: nested deeper than 20 levels; nest less"),
        ("[" * 100_000, "s: line 1: nested deeper than 20 levels; nest less"),
        ("a: [1}", "s: line 1: not valid YAML: "),
        ("a:\n\t- b", "s: line 2: not valid YAML: found character that cannot start any token"),
        ("a: \x01", "s: not valid YAML: unacceptable character #x0001: control characters are not allowed"),
    ],
)
def test_what_guesses_or_explodes_is_refused(text: str, problem: str) -> None:
    """Duplicate keys, anchors, tags, deep nesting and broken YAML are one line with its place."""
    with pytest.raises(InvalidSeed) as caught:
        read_yaml(text.encode(), source="s")
    assert str(caught.value).startswith(problem)


def test_oversized_files_are_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit the size is all that is looked at."""
    monkeypatch.setattr(yaml_text, "MAX_BYTES", 10)
    with pytest.raises(InvalidSeed, match=r"^s: has 11 bytes, more than the 10 that are read; split it$"):
        read_yaml(b"[[[[[[[[[[[", source="s")
