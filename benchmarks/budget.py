"""The calls a minute of one resource, shared by several processes, on virtual time: how near the limit, at what cost.

    uv run python benchmarks/budget.py [EXPORTS]

Budget, sharing, ledger and claims are cluvault's own; service and store are simulated: an export is a POST, a job of
2 s and six GETs, an answer takes 0.15 s, a request to the store 0.05 s, and the service counts as its documentation
says, 10 POST and 100 GET in any minute. Nothing sleeps: the clock leaps. It takes half a minute.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Final

from cluvault.settings import RateLimits
from tests.support.consumers import Town
from tests.support.virtual_time import virtual_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.consumers import Process

LIMITS: Final = RateLimits()
PRICES: Final = {"S3 Standard": (0.005, 0.0004), "Blob Hot LRS": (0.0065, 0.0005)}
"""US dollars for a thousand writes or listings, and reads; as in `benchmarks/scale.py`. Removals are free."""
FULL_PASSES: Final = 30.4 / 7
"""A month."""


def floor(exports: int) -> float:
    """Minutes that so many exports take at least: the first minute's calls can all be sent at once."""
    return (exports - LIMITS.post) / LIMITS.post


def share(processes: int, exports: int, *, shares: bool = True) -> tuple[float, int, int, dict[str, int]]:
    """Minutes, refusals, the most POSTs in any minute, and requests to the store."""
    with virtual_time() as clock:
        town = Town(clock, limits=LIMITS)
        works = [(town.process(shares=shares), exports // processes) for _ in range(processes)]
        clock.run(town.work(*works))
        return clock.seconds() / 60, town.refused, town.peak("POST"), dict(town.requests)


def print_sharing(exports: int) -> None:
    """How long it takes, by the number of processes."""
    print(f"{exports} exports at 10 POST and 100 GET a minute; {floor(exports):.1f} minutes at least")
    print(
        f"{'':34} {'minutes':>8} {'ratio':>6} {'429s':>5} {'peak':>5} {'put':>6} {'list':>6} {'get':>6} {'delete':>7}"
    )
    for processes, shares in ((1, False), (2, False), (1, True), (2, True), (4, True), (8, True), (16, True)):
        minutes, refused, peak, asked = share(processes, exports, shares=shares)
        name = f"{processes} process{'es' * (processes > 1)}, {'a ledger' if shares else 'each counts its own'}"
        figures = " ".join(f"{asked.get(verb, 0):6}" for verb in ("put_new", "list", "get", "delete"))
        print(f"{name:34} {minutes:8.1f} {minutes / floor(exports):6.3f} {refused:5} {peak:5} {figures}")


def print_month(exports: int) -> None:
    """What the ledger costs in a month of weekly full passes, and at full speed around the clock."""
    print("\nThe ledger of one resource, US dollars a month")
    for processes in (1, 4):
        minutes, _, _, asked = share(processes, exports)
        for name, (write, read) in PRICES.items():
            one = (asked["put_new"] + asked["list"]) / 1000 * write + asked["get"] / 1000 * read
            always = one / minutes * 60 * 24 * 30.4
            print(
                f"{processes} at once, {name}: {one * FULL_PASSES:.2f} for weekly passes, {always:.0f} without a pause"
            )


def print_stranger(exports: int) -> None:
    """Somebody else takes calls for fifteen minutes."""
    print("\nA stranger takes POSTs for 15 minutes and minds nobody")
    for a_minute, processes in ((4, 1), (4, 4), (8, 1), (20, 1)):
        with virtual_time() as clock:
            town = Town(clock, limits=LIMITS)
            ours = [town.process() for _ in range(processes)]
            work = town.work(*((one, exports // processes) for one in ours))
            _, told = clock.run(town.both(work, town.stranger(a_minute=a_minute, minutes=15)))
            started = [by_minute(ours, minute) for minute in range(22)]
            print(
                f"{a_minute} a minute, {processes} of ours: theirs {told['answered']} of {told.total()} answered, ours "
                f"refused {town.refused} times; our exports by minute {' '.join(map(str, started))}"
            )


def print_crash(exports: int) -> None:
    """One of two processes is gone in the middle."""
    with virtual_time() as clock:
        town = Town(clock, limits=LIMITS)
        dying, other = town.process(), town.process()

        async def work() -> None:
            doomed = asyncio.create_task(dying.exports(exports))
            staying = asyncio.create_task(other.exports(exports))
            await asyncio.sleep(90)
            doomed.cancel()
            if dying.sharing is not None:
                await dying.sharing.aclose()
            await staying
            await town.close()

        clock.run(work())
        started = " ".join(str(by_minute([other], minute)) for minute in range(8))
        print(f"\nOne of two dies after 90 s: the other's exports by minute {started}; refusals {town.refused}")


def by_minute(processes: Sequence[Process], minute: int) -> int:
    """Exports that were started in a minute."""
    return sum(60 * minute <= at < 60 * (minute + 1) for one in processes for at in one.sent["POST"])


def main(exports: int) -> None:
    """Print all."""
    print_sharing(exports)
    print_month(exports)
    print_stranger(200)
    print_crash(60)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 500)
