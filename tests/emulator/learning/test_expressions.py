"""Regular expressions of the .NET dialect."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.emulator.learning.expressions import compile_expression


def found(pattern: str, text: str) -> list[str]:
    """What a pattern finds in a text."""
    compiled, fault = compile_expression(pattern)
    assert compiled is not None, fault
    return [text[start:end] for start, end in compiled.find(text)]


@pytest.mark.parametrize(
    "pattern, text, matches",
    [
        (r"[A-Z]{3}-\d+", "ORD-7 and abc-1", ["ORD-7"]),
        (r"(?<twice>\w)\k<twice>", "hello", ["ll"]),
        (r"(?'twice'\w)\k'twice'", "hello", ["ll"]),
        (r"(\w)\k<1>2", "hh2", ["hh2"]),
        (r"a(?i)b|c", "aB C c", ["aB", "C", "c"]),
        (r"(?n)(a)(?i-n:B)(?-n)", "ab", ["ab"]),
        (r"(?n:a)", "a", ["a"]),
        (r"[a-z-[aeiou]]+", "hello", ["h", "ll"]),
        (r"[^a-z-[B]]+", "ABC", ["A", "C"]),
        (r"[[a&&b]+", "x[&]ab", ["[&", "ab"]),
        (r"[]a]+", "x]a]", ["]a]"]),
        (r"[+--]+", "a+,-b", ["+,-"]),
        (r"[\d\-\e]+", "a1-2\x1b", ["1-2\x1b"]),
        (r"[\cJ]", "a\nb", ["\n"]),
        (r"x{,2}", "xx x{,2}", ["x{,2}"]),
        (r"x{1,2}", "xxx", ["xx", "x"]),
        (r"\p{Lu}\p{Ll}+", "in Österreich", ["Österreich"]),
        (r"(?<=\w{1,3}-)\d", "ab-1 -2", ["1"]),
        (r"b\Z", "b\nab\n", ["b"]),
        (r"b\z", "ab\nb", ["b"]),
        (r"\cJ\e", "\n\x1b", ["\n\x1b"]),
        (r"x*", "axxb", ["xx"]),
    ],
)
def test_what_differs_from_python(pattern: str, text: str, matches: list[str]) -> None:
    """Patterns mean what they mean in .NET; empty matches are none."""
    assert found(pattern, text) == matches


@pytest.mark.parametrize(
    "pattern, reason",
    [
        (r"(?<open-close>x)", "balancing groups"),
        ("(a", "missing"),
        ("[a", "not closed"),
        ("[a-z-[b]c]", "not the last part"),
        ("a\\", "lone backslash"),
        ("*", "nothing to repeat"),
    ],
)
def test_what_cannot_be_used_says_why(pattern: str, reason: str) -> None:
    """One line, for a warning of the training."""
    compiled, fault = compile_expression(pattern)
    assert compiled is None
    assert reason in fault
    assert "\n" not in fault


def test_an_expression_without_end_is_stopped_and_then_left_alone() -> None:
    """It finds nothing instead of holding up everybody, and after three times it is not tried again."""
    pattern, _ = compile_expression(r"(?:a|a|b)*(?:a|a|b)*(?:a|a|b)*c(?<=xc)")
    assert pattern is not None
    for _ in range(3):
        assert list(pattern.find("ab" * 2000 + "c")) == []
    assert list(pattern.find("xc")) == []


@given(st.text(st.sampled_from("ab[]()^-\\{},?*+|.<>'k:i0&~") | st.characters(codec="utf-8"), max_size=12))
def test_no_pattern_breaks_the_training(pattern: str) -> None:
    """Whatever is written, there is a compiled pattern or a reason."""
    compiled, fault = compile_expression(pattern)
    assert (compiled is None) is bool(fault)
    if compiled is not None:
        assert all(start < end for start, end in compiled.find("ab [k:i]"))
