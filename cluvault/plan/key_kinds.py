"""What an object of a vault is, by its key alone: what a vault writes is known here, all else is foreign."""

from __future__ import annotations

from enum import StrEnum

from cluvault.plan.keys import (
    ROOT_KEY,
    is_content_key,
    parse_hold_key,
    parse_intake_key,
    parse_lease_key,
    parse_manifest_key,
    parse_promotion_key,
    parse_prune_key,
    parse_replica_key,
    parse_run_key,
)


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
    INTAKE = "intake"
    FOREIGN = "foreign"


def kind_of(key: str) -> KeyKind:
    """What the object with this key is; a hold's release is of the hold's kind."""
    if key == ROOT_KEY:
        return KeyKind.IDENTITY
    if parse_manifest_key(key) is not None:
        return KeyKind.MANIFEST
    if is_content_key(key):
        return KeyKind.CONTENT
    if parse_run_key(key) is not None:
        return KeyKind.RUN
    if parse_hold_key(key) is not None:
        return KeyKind.HOLD
    if parse_prune_key(key) is not None:
        return KeyKind.PRUNE
    if parse_promotion_key(key) is not None:
        return KeyKind.PROMOTION
    if parse_intake_key(key) is not None:
        return KeyKind.INTAKE
    if parse_replica_key(key) is not None:
        return KeyKind.REPLICA
    return KeyKind.LEASE if parse_lease_key(key) is not None else KeyKind.FOREIGN
