"""Records of intakes: only added, and of two workers at one number one wins."""

from __future__ import annotations

import pytest

from cluvault.errors import LeaseLost
from cluvault.model.intake import IntakeState
from cluvault.plan.inbox import Intake
from cluvault.plan.keys import IntakeKey
from cluvault.vault.intakes import Intakes
from cluvault.vault.memory import MemoryStore
from tests.plan.test_inbox import record

ID = "20261127T213000Z-00000000"
KEY = IntakeKey("dev", "Mail", ID)


async def test_records_are_added() -> None:
    """In their order; the same again, after a lost reply, is success; a gap hides what comes after it."""
    store = MemoryStore()
    intakes = Intakes(store)
    begun = await intakes.add(Intake(KEY, ()), record(ID, 0, IntakeState.BEGUN))
    assert await intakes.add(Intake(KEY, ()), record(ID, 0, IntakeState.BEGUN)) == begun
    await intakes.add(begun, record(ID, 2, IntakeState.IMPORTED))
    assert await intakes.from_here_on(KEY) == [begun]


async def test_two_workers_at_one_number() -> None:
    """The second stops."""
    intakes = Intakes(MemoryStore())
    await intakes.add(Intake(KEY, ()), record(ID, 0, IntakeState.BEGUN))
    with pytest.raises(LeaseLost, match="somebody else works on"):
        await intakes.add(Intake(KEY, ()), record(ID, 0, IntakeState.REFUSED))
