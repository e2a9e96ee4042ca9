"""What the vault keeps of every object of an inbox: each try to import it, and what became of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, Field

from cluvault.model.manifest import VAULT_FORMAT, Record, Tool


class IntakeState(StrEnum):
    """What a record of an intake says."""

    BEGUN = "begun"
    IMPORTED = "imported"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    REFUSED = "refused"
    FAILED = "failed"
    BLOCKED = "blocked"


ENDS = (IntakeState.IMPORTED, IntakeState.UNCHANGED, IntakeState.SUPERSEDED, IntakeState.REFUSED)
"""After these nothing more is done with an object."""


class IntakeRecord(Record):
    """One step of an intake; written once, at a number that only one can have.

    Attributes:
        intake_id: Names the object as it was put: the moment when the store received it, and what it is.
        inbox: The configured inbox.
        url: Where the object lay.
        object_modified: When the store received it, by the store's clock.
        etag: The store's name for its content.
        at: When this was written.
        why: The sentence that a person reads.
        safety: The snapshot of what was replaced.
        events: The ids of the events that told of it.
    """

    format: Literal[1] = VAULT_FORMAT
    intake_id: str
    resource: str
    project: str
    number: int = Field(ge=0)
    inbox: str
    url: str
    object_modified: AwareDatetime
    etag: str = ""
    at: AwareDatetime
    by: str
    tool: Tool
    state: str
    why: str = ""
    safety: str | None = None
    events: tuple[str, ...] = ()
