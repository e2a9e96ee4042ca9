"""recover and promotions: what a dead worker left is shown, with who it was, and ended."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from tests.cli.test_promote import route

if TYPE_CHECKING:
    from tests.support.desk import Desk


def left_by_a_dead_worker(desk: Desk) -> str:
    """A promotion whose last records never came, and the lease of its worker that nobody released; its key."""
    route(desk)
    desk.done("promote", "Desk", "--route", "up", "--apply")
    folder = next(iter(desk.vault.glob("promotions/prod/Desk/*")))
    for number in ("swapped", "probed", "promoted"):
        (record,) = [one for one in folder.iterdir() if f'"step": "{number}"' in one.read_text("utf-8")]
        record.unlink()
    (lease,) = desk.vault.glob("leases/prod/Desk/*.json")
    lease.write_text(lease.read_text("utf-8").replace('"released": true', '"released": false'), "utf-8")
    return f"prod/Desk@{folder.name}"


def test_shown_then_ended(desk: Desk) -> None:
    """Who worked on it, since when and at what; a young lease is respected; an old one is nobody's."""
    key = left_by_a_dead_worker(desk)
    shown = desk.done("promotions").out
    assert "running" in shown
    assert f"{key}: " in shown
    assert "works on it: promoted; last sign of life" in shown
    (told,) = desk.done("promotions", "--json").json
    assert (told["worker"]["step"], told["worker"]["lastSignOfLifeSeconds"] < 60) == ("promoted", True)

    plan = desk.done("recover").out
    assert "go on with swap" in plan
    assert plan.endswith("nothing was changed; add --apply to carry the plan out\n")
    young = desk.done("recover", "--apply")
    assert f"{key} skipped: prod/Desk, promotion {key.partition('@')[2]}: " in young.out

    (lease,) = desk.vault.glob("leases/prod/Desk/*.json")
    long_ago = time.time() - 3600
    os.utime(lease, (long_ago, long_ago))
    done = desk.done("recover", "prod", "--apply", "--json").json
    assert [item["outcome"] for item in done["run"]["items"]] == ["promoted"]
    assert desk.done("promotions", "--json").json[0]["worker"] is None
    assert desk.done("recover", "--apply").out == "every promotion has ended\n"


def test_damage_is_named(desk: Desk) -> None:
    """The others are listed; exit code 5."""
    route(desk)
    desk.done("promote", "Desk", "--route", "up", "--apply")
    (record,) = desk.vault.glob("promotions/prod/Desk/*/003.json")
    record.write_bytes(b"{}")
    for command in (("promotions",), ("promotions", "--json"), ("recover", "--apply")):
        found = desk(*command)
        assert found.code == 5
        assert "003.json: not a promotion's record" in found.error
    assert desk("verify").code == 5
    refused = desk("promote", "Desk", "--route", "up")
    assert refused.code == 5
    assert "nothing is promoted there" in refused.error


def test_another_promotion_is_refused_with_who_works(desk: Desk) -> None:
    """Name, step and age, before anything is changed."""
    key = left_by_a_dead_worker(desk)
    refused = desk("promote", "Desk", "--route", "up", "--apply")
    assert refused.code == 4
    assert f"{key} is under way (running): " in refused.error
    assert "works on it: promoted; last sign of life" in refused.error
