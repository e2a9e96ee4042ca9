from __future__ import annotations

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.plan.rules.patterns import pattern_fault
from tests.strategies import QUICK


@pytest.mark.parametrize(
    "pattern, fault",
    [
        ("", "it is empty"),
        ("(a", "missing ), unterminated subpattern"),
        ("a)", "unbalanced parenthesis"),
        ("[a", "unterminated character set"),
        ("*a", "nothing to repeat"),
        ("a**", "multiple repeat"),
        ("a{2,1}", "min repeat greater than max repeat"),
        ("[z-a]", "bad character range z-a"),
        ("a\\", "bad escape (end of pattern)"),
        ("(?<year>[0-9]+", "missing ), unterminated subpattern"),
        ("(?'year'[0-9]+", "missing ), unterminated subpattern"),
    ],
)
def test_a_fault_of_structure_is_told(pattern: str, fault: str) -> None:
    """What is never closed, or repeats nothing, is broken in every dialect."""
    assert pattern_fault(pattern) == fault


@pytest.mark.parametrize(
    "pattern",
    [
        "[A-Z]{3}",
        r"(?<year>[0-9]{4})-\k<year>",
        "(?'month'[0-9]+)",
        r"\p{Lu}+",
        "(?<open-close>x)",
        "(?<=a*)b",
        "a(?i)b",
        r"\z",
        "x{99999999999999}",
        "(" * 3000,
    ],
)
def test_what_only_net_can_judge_has_no_fault(pattern: str) -> None:
    """Python refuses some of these, but in .NET they may be right."""
    assert pattern_fault(pattern) == ""


def test_advice_for_python_is_not_shown_to_users() -> None:
    """Python warns of sets that it may read otherwise one day; the pattern is not meant for Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pattern_fault("[[:alpha:]]") == ""


@QUICK
@given(st.text(st.sampled_from(r"ab()[]{}?<>=!*+\\1,-^$|.#'") | st.characters(exclude_categories=["Cs"])))
def test_any_text_can_be_asked_about(pattern: str) -> None:
    """A pattern from a stranger's file never raises."""
    assert isinstance(pattern_fault(pattern), str)
