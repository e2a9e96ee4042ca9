from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import UsageError
from cluvault.model.names import (
    SCRATCH_PREFIX,
    check_project_name,
    check_resource_name,
    is_project_name,
    shorten,
)
from tests.strategies import QUICK


@pytest.mark.parametrize("name", ["EmailApp", "a", "A.b-c_9", "x" * 50, ".hidden", "..a", SCRATCH_PREFIX + "000b2c3d"])
def test_names_that_the_service_allows_pass(name: str) -> None:
    """Letters, digits and _ . - up to fifty."""
    assert is_project_name(name)
    assert check_project_name(name) == name


@pytest.mark.parametrize(
    "name, problem",
    [
        ("", "project name '' is empty"),
        ("x" * 51, "has 51 characters, the service allows 50"),
        ("My App", "contains ' '"),
        ("a/b", "contains '/'"),
        ("a%2fb", "contains '%'"),
        ("😀", "contains '😀'"),
        ("name\n", r"contains '\n'"),
        ("!#$%&'()", "contains '!' '#' '$' '%' '&';"),
        (".", "consists of dots only"),
        ("..", "consists of dots only"),
        ("\u0661", "contains '\u0661'"),
    ],
)
def test_a_name_that_is_not_allowed_is_told_why(name: str, problem: str) -> None:
    """The error names the fault and the rule, and is one short line."""
    assert not is_project_name(name)
    with pytest.raises(UsageError) as caught:
        check_project_name(name)
    assert problem in str(caught.value)
    assert str(caught.value).endswith("; use letters, digits and _ . - (at most 50)")
    assert "\n" not in str(caught.value)


def test_the_longest_name_is_an_argument() -> None:
    """The API's schema allows a hundred characters, the documentation fifty."""
    assert check_project_name("x" * 100, max_length=100) == "x" * 100
    assert not is_project_name("x" * 101, max_length=100)
    with pytest.raises(UsageError, match=r"the service allows 100.*at most 100"):
        check_project_name("x" * 101, max_length=100)


@pytest.mark.parametrize("name", ["dev", "9", "contoso.prod-1_a", "x" * 63])
def test_resource_names_that_make_a_folder_pass(name: str) -> None:
    """The user gives them; they become folders of the vault and parts of references."""
    assert check_resource_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "-dev", "a/b", "a b", "x" * 64, "dev\n", "é"])
def test_other_resource_names_are_refused(name: str) -> None:
    """The error says what a name may be."""
    with pytest.raises(UsageError, match=r"is not usable; start with a letter or digit"):
        check_resource_name(name)


@QUICK
@given(st.text(max_size=80))
def test_checking_agrees_with_asking(name: str) -> None:
    """A name is either allowed and returned, or refused; nothing else is raised."""
    if is_project_name(name):
        assert check_project_name(name) == name
    else:
        with pytest.raises(UsageError):
            check_project_name(name)


@QUICK
@given(st.text(max_size=30), st.integers(1, 20))
def test_a_shortened_text_is_never_longer_than_the_limit(text: str, limit: int) -> None:
    """Short texts stay as they are; long ones end in an ellipsis."""
    short = shorten(text, limit)
    assert short == text if len(text) <= limit else short == text[: limit - 1] + "…"
    assert len(short) <= limit
