"""Leases: who works on a project's promotion. The only objects of a vault that are removed when they are renewed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from cluvault.model.manifest import VAULT_FORMAT, Record


class LeaseRecord(Record):
    """One turn of a lease: the highest number counts.

    Attributes:
        holder: The worker; nobody else has this name.
        step: What it is at, for people.
        at: When it took or renewed the lease, by its own clock.
        released: Whether it has let go.
    """

    format: Literal[1] = VAULT_FORMAT
    holder: str
    by: str
    promotion_id: str
    step: str
    at: AwareDatetime
    ttl_seconds: Annotated[float, Field(gt=0)]
    released: bool = False
