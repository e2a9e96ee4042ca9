"""How much may be under way at once."""

from __future__ import annotations

import pytest

from cluvault.plan.room import fits


@pytest.mark.parametrize(
    "weight, taken, expected",
    [(3, [], True), (11, [], True), (3, [7], True), (4, [7], False), (11, [1], False), (0, [10], True)],
)
def test_what_fits(weight: int, taken: list[int], *, expected: bool) -> None:
    """As much as is allowed, or one thing that is larger than that."""
    assert fits(weight, taken, most=10) is expected
