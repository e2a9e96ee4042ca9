"""Promotions where the vault encrypts: digests in manifests are keyed there, and compare with nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluvault.settings import VaultSettings
from tests.support.ages import DIGEST_KEY, KeyPair, encryption
from tests.support.promoting import desk, promoted, promoting_world, served

if TYPE_CHECKING:
    from tests.support.world import World

MINE = KeyPair()
GATE = {"each-intent-f1": 0.7}


@pytest.fixture(params=[True, False], ids=["with a digest key", "without"])
def sealed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world with a route, whose vault encrypts."""
    monkeypatch.setenv("IDENTITY", MINE.secret)
    monkeypatch.setenv("DIGEST", DIGEST_KEY)
    digest_key = {"digest-key": {"env": "DIGEST"}} if request.param else {}
    world = promoting_world(gate=GATE)
    vault = VaultSettings.model_validate(
        {"encryption": encryption(MINE, **{"identity": {"env": "IDENTITY"}, **digest_key})}
    )
    world.settings = world.settings.model_copy(update={"vault": vault})
    return world


async def test_a_good_one_serves_and_a_bad_one_is_undone(sealed: World) -> None:
    """As with a plain vault: the second time over what the first left, which is no drift."""
    await sealed.put("dev", "Desk", desk(without=("Weather",)))
    assert (await promoted(sealed)).state == "promoted"
    await sealed.put("dev", "Desk", desk())
    assert (await promoted(sealed)).state == "promoted"
    good, serving = await sealed.digest("prod", "Desk"), await served(sealed)
    await sealed.put("dev", "Desk", desk(mislabelled=5))
    assert (await promoted(sealed)).state == "rolled-back"
    assert (await sealed.digest("prod", "Desk"), await served(sealed)) == (good, serving)
    await sealed.put("dev", "Desk", desk(Refund="give me my money back for {}"))
    assert (await promoted(sealed)).state == "promoted"
