"""How long a server may be away, and when it is asked again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cluvault.plan.patience import Patience

SECONDS = st.floats(0, 1e5)


def test_waits_double_up_to_the_longest() -> None:
    """So that a short absence costs seconds, and a long one few questions."""
    patience = Patience(100, first=1, longest=8)
    assert [patience.wait(tries, away=0) for tries in range(1, 7)] == [1, 2, 4, 8, 8, 8]


@given(seconds=SECONDS, away=SECONDS, tries=st.integers(1, 10**6))
def test_it_is_bounded(seconds: float, away: float, tries: int) -> None:
    """The last try is at the very end of the time, and then it is over."""
    patience = Patience(seconds)
    wait = patience.wait(tries, away=away)
    if away >= seconds:
        assert wait is None
    else:
        assert wait is not None
        assert 0 < wait <= min(patience.longest, seconds - away)
