"""What an object of a vault is, by its key alone: what a vault writes is known here, all else is foreign."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from cluvault.plan.keys import (
    ROOT_KEY,
    is_content_key,
    parse_budget_key,
    parse_hold_key,
    parse_intake_key,
    parse_jobs_key,
    parse_lease_key,
    parse_manifest_key,
    parse_promotion_key,
    parse_prune_key,
    parse_replica_key,
    parse_run_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable


class KeyKind(StrEnum):
    """What an object is."""

    IDENTITY = "identity"
    MANIFEST = "manifest"
    CONTENT = "content"
    RUN = "run"
    HOLD = "hold"
    PRUNE = "prune"
    PROMOTION = "promotion"
    REPLICA = "replica"
    LEASE = "lease"
    BUDGET = "budget"
    JOBS = "jobs"
    INTAKE = "intake"
    FOREIGN = "foreign"


_PARSERS: Final[tuple[tuple[Callable[[str], object], KeyKind], ...]] = (
    (parse_manifest_key, KeyKind.MANIFEST),
    (parse_run_key, KeyKind.RUN),
    (parse_hold_key, KeyKind.HOLD),
    (parse_prune_key, KeyKind.PRUNE),
    (parse_promotion_key, KeyKind.PROMOTION),
    (parse_intake_key, KeyKind.INTAKE),
    (parse_replica_key, KeyKind.REPLICA),
    (parse_lease_key, KeyKind.LEASE),
    (parse_budget_key, KeyKind.BUDGET),
    (parse_jobs_key, KeyKind.JOBS),
)


def kind_of(key: str) -> KeyKind:
    """What the object with this key is; a hold's release is of the hold's kind."""
    if key == ROOT_KEY:
        return KeyKind.IDENTITY
    if is_content_key(key):
        return KeyKind.CONTENT
    return next((kind for parse, kind in _PARSERS if parse(key) is not None), KeyKind.FOREIGN)
