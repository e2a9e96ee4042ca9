"""Holds: what keeps a snapshot from every prune until somebody releases it. Both are records that are only added."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, StringConstraints

from cluvault.model.manifest import VAULT_FORMAT, Record

LONGEST_REASON: Final = 500

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_REASON)]


class Hold(Record):
    """Who holds a snapshot, since when and why."""

    format: Literal[1] = VAULT_FORMAT
    reason: Reason
    by: str
    held_at: AwareDatetime


class Release(Record):
    """Who released a hold, when and why."""

    format: Literal[1] = VAULT_FORMAT
    reason: str = ""
    by: str
    released_at: AwareDatetime
