"""Booking in a shared ledger: whoever books and sends in whatever way, no minute sees more than the limit."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from cluvault.model.ledger import Claim, LedgerEntry
from cluvault.plan.claims import Refusal, Spent, book, claim_seconds, pace_of
from cluvault.plan.pace import WINDOW, Pace, Rate
from tests.support.near import approx


def booked(before: LedgerEntry | None, number: int, *, holder: str = "a", now: float = 0.0, limit: int = 10) -> Claim:
    """The claim that is booked next."""
    return book(before, holder=holder, number=number, now=now, rate=Rate(limit)).claims[-1]


def test_a_minute_of_claims_is_free_at_once_and_the_next_comes_a_window_later() -> None:
    """Ten claims of a call each; the eleventh waits until the first cannot have been sent within its minute."""
    entry: LedgerEntry | None = None
    moments: list[float] = []
    for number in range(1, 12):
        entry = book(entry, holder="a", number=number, now=1000.0, rate=Rate(10))
        moments.append(entry.claims[-1].moment)
    assert moments[:10] == [1000.0] * 10
    assert moments[10] == approx(1000.0 + claim_seconds(1, Rate(10)) + WINDOW)


def test_a_claim_is_a_tenth_of_what_a_minute_allows() -> None:
    """So a ledger costs ten entries a minute at most, whatever the limit is."""
    assert [booked(None, 1, limit=limit).calls for limit in (1, 9, 10, 100, 6000)] == [1, 1, 1, 10, 600]


def test_what_was_not_used_is_free_again() -> None:
    """A claim is replaced by what became of it; another's is not touched."""
    entry = book(None, holder="a", number=1, now=0.0, rate=Rate(10))
    entry = book(entry, holder="b", number=2, now=0.0, rate=Rate(10))
    spent = [Spent(1, 0, 0.0), Spent(2, 0, 0.0)]
    assert [one.number for one in book(entry, holder="a", number=3, now=1.0, rate=Rate(10), spent=spent).claims] == [
        2,
        3,
    ]
    used = book(entry, holder="a", number=3, now=1.0, rate=Rate(10), spent=[Spent(1, 1, 0.5)]).claims[0]
    assert (used.calls, used.until) == (1, 0.5)


def test_news_are_told_without_a_claim() -> None:
    """A refusal lowers the pace of all and holds them; the entry after it says so, too."""
    told = book(None, holder="a", number=1, now=5.0, rate=Rate(10), refusals=[Refusal(5.0, 30.0)], books=False)
    assert told.claims == ()
    after = book(told, holder="b", number=2, now=6.0, rate=Rate(10))
    assert after.claims[-1].moment == 35.0
    assert pace_of(after).limit(Rate(10), 36.0) == 7
    assert pace_of(None) == Pace()


def test_a_clock_that_was_wrong_stops_nobody() -> None:
    """What lies more than an hour ahead does not count."""
    far = book(None, holder="a", number=1, now=90_000.0, rate=Rate(1), refusals=[Refusal(90_000.0, 90_000.0)])
    claim = booked(far, 2, now=10.0)
    assert claim.moment <= 10.0 + 3600


def test_nobody_overtakes_whoever_booked_before() -> None:
    """Also if he wants less."""
    entry = book(None, holder="a", number=1, now=0.0, rate=Rate(1))
    entry = book(entry, holder="a", number=2, now=0.0, rate=Rate(1))
    assert booked(entry, 3, holder="b", now=0.0, limit=100).moment >= entry.claims[-1].moment


@dataclass
class Booker:
    """A process that books, uses some of its claims some time later, and tells of it when it books again."""

    name: str
    claims: list[Claim] = field(default_factory=list[Claim])
    sent: dict[int, list[float]] = field(default_factory=dict[int, list[float]])

    def use(self, share: float, late: float) -> list[float]:
        """When the calls of its claims are sent."""
        for claim in self.claims:
            use = round(claim.calls * share)
            self.sent[claim.number] = [claim.moment + late * claim_seconds(claim.calls, Rate(1))] * use
        self.claims.clear()
        return [at for times in self.sent.values() for at in times]

    def spent(self, now: float) -> list[Spent]:
        """Of the claims that are over by now."""
        over = {number: times for number, times in self.sent.items() if not times or times[-1] < now}
        return [Spent(number, len(times), max(times, default=0.0)) for number, times in over.items()]


steps = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=2),
        st.floats(min_value=0, max_value=20),
        st.floats(min_value=0, max_value=1),
        st.floats(min_value=0, max_value=1),
    ),
    min_size=1,
    max_size=60,
)


@given(st.integers(min_value=1, max_value=40), steps)
def test_no_sixty_seconds_ever_see_more_than_the_limit(limit: int, walk: list[tuple[int, float, float, float]]) -> None:
    """Whoever books when, uses all or some of it, early or at the last moment, and tells of it or not."""
    bookers = [Booker(name) for name in "abc"]
    entry: LedgerEntry | None = None
    now = 0.0
    for number, (who, pause, share, late) in enumerate(walk, start=1):
        now += pause
        one = bookers[who]
        entry = book(entry, holder=one.name, number=number, now=now, rate=Rate(limit), spent=one.spent(now))
        one.claims.append(entry.claims[-1])
        one.use(share, late)
        assert len(entry.claims) <= 200
    sent = sorted(at for one in bookers for at in one.use(0, 0))
    assert all(later - earlier >= 60 for earlier, later in zip(sent, sent[limit:], strict=False))
