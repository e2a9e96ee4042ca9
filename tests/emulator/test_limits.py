"""Names, projects a resource, calls a minute (contract 4.4, 6.1, 6.2)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from cluvault.emulator.limits import CallRate, Limits, is_project_name
from tests.emulator.wire import NOON, Wire, project_file

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("name", ["a", "A1_.-", "x" * 50, "...a"])
def test_a_documented_name_is_allowed(name: str) -> None:
    """Contract 6.2: letters, digits, _ . - and at most 50."""
    assert is_project_name(name, max_length=50)


@pytest.mark.parametrize("name", ["", "x" * 51, "a b", "a/b", "a%b", "é", "😀", ".", "..", "a\n"])
def test_another_name_is_not(name: str) -> None:
    """Contract 6.2; dots alone cannot stand in a path."""
    assert not is_project_name(name, max_length=50)


async def test_documented_limits_cap_names_at_50(make_wire: Callable[..., Wire]) -> None:
    """Contract 6.2: 50 in the documentation, 100 in the API's schema, which holds when limits are off."""
    assert (await make_wire().create("x" * 100)).status_code == 201
    wire = make_wire(limits="documented")
    assert (await wire.create("x" * 50)).status_code == 201
    assert (await wire.create("x" * 51)).status_code == 400
    assert (await wire.start_import("x" * 51, project_file())).status_code == 400


async def test_a_full_resource_takes_no_more_projects(make_wire: Callable[..., Wire]) -> None:
    """Contract 4.5, 6.1: 403 QuotaExceeded, imports under way count, existing projects can still change."""
    wire = make_wire(limits=Limits(projects=2), job_seconds=5)
    await wire.create("A")
    assert (await wire.start_import("B", project_file())).status_code == 202
    refused = [await wire.create("C"), await wire.start_import("C", project_file())]
    for answer in refused:
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "QuotaExceeded"
    assert (await wire.start_import("A", project_file())).status_code == 202
    wire.clock.advance(5)
    assert (await wire.create("B")).status_code == 200
    await wire.send("DELETE", "projects/A")
    assert (await wire.create("C")).status_code == 201


async def test_the_documented_rates(make_wire: Callable[..., Wire]) -> None:
    """Contract 4.4, 6.1: 10 POST and 100 GET a minute, then 429 with Retry-After in the gateway's envelope."""
    wire = make_wire(limits="documented")
    await wire.create("A")
    posts = [(await wire.start_export("A")).status_code for _ in range(11)]
    assert posts == [202] * 10 + [429]
    gets = [(await wire.get("projects")).status_code for _ in range(101)]
    assert gets == [200] * 100 + [429]
    wire.clock.advance(12.5)
    answer = await wire.start_export("A")
    assert answer.headers["retry-after"] == "48"
    assert answer.json() == {
        "error": {
            "code": "429",
            "message": "Requests to the Export Operation under Language Authoring API - 2023-04-01 have exceeded call "
            "rate limit of your current S pricing tier. Please retry after 48 seconds.",
        }
    }
    wire.clock.advance(48)
    assert (await wire.start_export("A")).status_code == 202


async def test_other_methods_and_other_resources_have_no_part_in_a_rate(make_wire: Callable[..., Wire]) -> None:
    """Contract 4.4: PATCH has no documented cap; the caps are per resource; a wrong key uses up nothing."""
    wire = make_wire(posts_per_minute=1, gets_per_minute=1)
    for _ in range(3):
        assert (await wire.create("A")).status_code in (200, 201)
        assert (await wire.get("projects", headers={"Ocp-Apim-Subscription-Key": "x"})).status_code == 401
    assert (await wire.get("projects")).status_code == 200
    assert (await wire.get("projects")).status_code == 429
    prod = wire.base.replace("/dev/", "/prod/")
    assert (await wire.get(f"{prod}/projects?api-version=2023-04-01")).status_code == 200


def test_the_window_slides() -> None:
    """A call counts for exactly a minute; one that was refused does not count."""
    rate = CallRate(Limits(posts_per_minute=2))
    waits = [rate.admit("POST", NOON + timedelta(seconds=at)) for at in (0, 30, 40, 59.9, 60, 61, 90)]
    assert waits == [None, None, 20, 1, None, 29, None]


def test_a_minute_of_one_second_is_the_same_service_sixty_times_as_fast() -> None:
    """The window shrinks; Retry-After stays in whole seconds, as HTTP has it."""
    rate = CallRate(Limits(posts_per_minute=2, minute=1.0))
    waits = [rate.admit("POST", NOON + timedelta(seconds=at)) for at in (0, 0.5, 0.9, 1, 1.1, 1.5)]
    assert waits == [None, None, 1, None, 1, None]


def test_what_has_no_limit_is_admitted() -> None:
    """None means no limit, and methods without a documented one have none."""
    rate = CallRate(Limits(posts_per_minute=1))
    assert [rate.admit("GET", NOON) for _ in range(1000)] == [None] * 1000
    assert [rate.admit("DELETE", NOON) for _ in range(3)] == [None] * 3
