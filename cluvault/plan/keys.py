"""Keys of the vault, built and parsed in one place: no name can leave its folder, and `parse(build(x)) == x`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

from cluvault.model.reference import SNAPSHOT_ID, SnapshotReference

ROOT_KEY: Final = "cluvault.json"
SNAPSHOTS: Final = "snapshots/"
RUNS: Final = "runs/"
HOLDS: Final = "holds/"
PRUNES: Final = "prunes/"
PROMOTIONS: Final = "promotions/"
LEASES: Final = "leases/"
BUDGETS: Final = "budgets/"
JOBS: Final = "jobs/"
INTAKES: Final = "intakes/"
REPLICAS: Final = "replicas/"
_MANIFEST: Final = "manifest.json"
_CONTENT: Final = "config.json.gz"
_SEALED: Final = ".age"
_CONTENTS: Final = re.compile(r"(?:model-[1-9][0-9]{0,2}\.)?config\.json\.gz(?:\.age)?")
_RELEASED: Final = ".released"
_PARTS: Final = 5
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_RECORD_DIGITS: Final = 3
_LEASE_DIGITS: Final = 10


@dataclass(frozen=True, slots=True, order=True)
class SnapshotKey:
    """A snapshot's place in the vault; orders by resource, project, time."""

    resource: str
    project: str
    snapshot_id: str

    @property
    def reference(self) -> str:
        """The reference that names exactly this snapshot."""
        return str(SnapshotReference(self.resource, self.project, self.snapshot_id))

    @property
    def folder(self) -> str:
        """The folder that holds the snapshot, with its slash."""
        return f"{project_prefix(self.resource, self.project)}{self.snapshot_id}/"

    @property
    def manifest(self) -> str:
        """The key whose presence makes the snapshot exist."""
        return self.folder + _MANIFEST

    @property
    def content(self) -> str:
        """The key of the bytes, unless the manifest points to an earlier snapshot's."""
        return self.folder + _CONTENT

    @property
    def sealed_content(self) -> str:
        """The same for encrypted bytes; the name says how to undo what was done to them, from its end."""
        return self.content + _SEALED

    def content_of(self, part: int, *, is_sealed: bool = False) -> str:
        """The key of one of the snapshot's own contents: 0 is the project's, from 1 on what its models were trained on.

        A model's number means nothing beyond that: the manifest says which one it is.
        """
        name = f"model-{part}.{_CONTENT}" if part else _CONTENT
        return f"{self.folder}{name}{_SEALED if is_sealed else ''}"

    @property
    def contents(self) -> tuple[str, str]:
        """The keys that the snapshot's own content can have."""
        return self.content, self.sealed_content

    @property
    def holds(self) -> str:
        """The folder of the snapshot's holds, with its slash."""
        return f"{holds_prefix(self.resource, self.project)}{self.snapshot_id}/"


@dataclass(frozen=True, slots=True, order=True)
class HoldKey:
    """The place of a hold, or of its release; `hold_id` has the form of a snapshot id."""

    snapshot: SnapshotKey
    hold_id: str
    is_release: bool = False

    def __str__(self) -> str:
        return f"{self.snapshot.holds}{self.hold_id}{_RELEASED if self.is_release else ''}.json"

    @property
    def release(self) -> HoldKey:
        """Where the release of this hold lies."""
        return HoldKey(self.snapshot, self.hold_id, is_release=True)


@dataclass(frozen=True, slots=True, order=True)
class PromotionKey:
    """A promotion's place in the vault, by its target; `promotion_id` has the form of a snapshot id."""

    resource: str
    project: str
    promotion_id: str

    def __str__(self) -> str:
        return f"{self.resource}/{self.project}@{self.promotion_id}"

    @property
    def folder(self) -> str:
        """The folder that holds its records, with its slash."""
        return f"{promotions_prefix(self.resource, self.project)}{self.promotion_id}/"

    def record(self, number: int) -> str:
        """The key of a record. Its number alone: two workers at the same number must meet, whatever their steps."""
        return f"{self.folder}{number:0{_RECORD_DIGITS}d}.json"


@dataclass(frozen=True, slots=True, order=True)
class IntakeKey:
    """The place of what is known of one object of an inbox; `intake_id` has the form of a snapshot id."""

    resource: str
    project: str
    intake_id: str

    def record(self, number: int) -> str:
        """The key of a record; two workers at the same number meet."""
        folder = f"{intakes_prefix(self.resource, self.project)}{self.intake_id}/"
        return f"{folder}{number:0{_RECORD_DIGITS}d}.json"


@dataclass(frozen=True, slots=True, order=True)
class ReplicaKey:
    """The place of a replication's record, by its target; `replica_id` has the form of a snapshot id."""

    resource: str
    project: str
    replica_id: str

    def __str__(self) -> str:
        return f"{replicas_prefix(self.resource, self.project)}{self.replica_id}.json"

    @property
    def reference(self) -> str:
        """What messages call it."""
        return f"{self.resource}/{self.project}@{self.replica_id}"


@lru_cache(maxsize=4096)  # a listing of many snapshots asks for the same few names over and over
def encode_name(name: str) -> str:
    """Percent-encode a name into one path segment that is neither empty nor a dot segment."""
    encoded = quote(name, safe="")
    if not encoded.strip("."):
        return encoded.replace(".", "%2E") or "%"
    return encoded


def decode_name(segment: str) -> str:
    """The name that `encode_name` made `segment` from."""
    return "" if segment == "%" else unquote(segment)


def resource_prefix(resource: str) -> str:
    """The prefix of all snapshots of a resource."""
    return f"{SNAPSHOTS}{encode_name(resource)}/"


def project_prefix(resource: str, project: str) -> str:
    """The prefix of all snapshots of a project."""
    return f"{resource_prefix(resource)}{encode_name(project)}/"


def holds_prefix(resource: str, project: str) -> str:
    """The prefix of the holds on all snapshots of a project."""
    return f"{HOLDS}{encode_name(resource)}/{encode_name(project)}/"


def prunes_prefix(resource: str, project: str) -> str:
    """The prefix of the records of what was pruned of a project."""
    return f"{PRUNES}{encode_name(resource)}/{encode_name(project)}/"


def prune_key(resource: str, project: str, run_id: str) -> str:
    """The key of the record that a prune writes before it removes anything of a project."""
    return f"{prunes_prefix(resource, project)}{encode_name(run_id)}.json"


def promotions_prefix(resource: str, project: str) -> str:
    """The prefix of all promotions to a project."""
    return f"{PROMOTIONS}{encode_name(resource)}/{encode_name(project)}/"


def intakes_prefix(resource: str, project: str) -> str:
    """The prefix of what was put into an inbox for a project."""
    return f"{INTAKES}{encode_name(resource)}/{encode_name(project)}/"


def replicas_prefix(resource: str, project: str) -> str:
    """The prefix of the records of all replications to a project."""
    return f"{REPLICAS}{encode_name(resource)}/{encode_name(project)}/"


def leases_prefix(resource: str, project: str) -> str:
    """The prefix of the lease on a project."""
    return f"{LEASES}{encode_name(resource)}/{encode_name(project)}/"


def lease_key(resource: str, project: str, number: int) -> str:
    """The key of one turn of the lease on a project."""
    return f"{leases_prefix(resource, project)}{number:0{_LEASE_DIGITS}d}.json"


def budget_prefix(endpoint: str, lane: str) -> str:
    """The prefix of the ledger of one class of calls to an endpoint."""
    return f"{BUDGETS}{encode_name(endpoint)}/{encode_name(lane)}/"


def budget_key(endpoint: str, lane: str, number: int) -> str:
    """The key of one entry of a ledger."""
    return f"{budget_prefix(endpoint, lane)}{number:0{_LEASE_DIGITS}d}.json"


def jobs_prefix(resource: str) -> str:
    """The prefix of the records of exports that were started in a resource."""
    return f"{JOBS}{encode_name(resource)}/"


def jobs_key(resource: str, run_id: str, number: int) -> str:
    """The key of one such record; `run_id` has the form of a snapshot id."""
    return f"{jobs_prefix(resource)}{run_id}/{number:0{_LEASE_DIGITS}d}.json"


def run_key(date: str, run_id: str) -> str:
    """The key of a run record; `date` is YYYY-MM-DD."""
    return f"{RUNS}{date}/{encode_name(run_id)}.json"


def parse_run_key(key: str) -> tuple[str, str] | None:
    """Date and run id of the run record that has this key, or None for any other key."""
    _, _, rest = key.partition("/")
    date, _, name = rest.partition("/")
    found = date, decode_name(name.removesuffix(".json"))
    return found if _DATE.fullmatch(date) and run_key(*found) == key else None


def parse_manifest_key(key: str) -> SnapshotKey | None:
    """The snapshot whose manifest has this key, or None for any other key."""
    found = _parse(key, SNAPSHOTS)
    return found if found is not None and found.manifest == key else None


def parse_hold_key(key: str) -> HoldKey | None:
    """The hold or release that has this key, or None for any other key."""
    snapshot = _parse(key, HOLDS)
    if snapshot is None:
        return None
    stem = key.rpartition("/")[2].removesuffix(".json")
    hold_id = stem.removesuffix(_RELEASED)
    found = HoldKey(snapshot, hold_id, is_release=hold_id != stem)
    return found if SNAPSHOT_ID.fullmatch(hold_id) and str(found) == key else None


def parse_prune_key(key: str) -> tuple[str, str, str] | None:
    """Resource, project and run id of the record of a prune that has this key, or None for any other key."""
    parts = key.split("/")
    if len(parts) != _PARTS - 1 or not parts[3].endswith(".json"):
        return None
    found = decode_name(parts[1]), decode_name(parts[2]), decode_name(parts[3].removesuffix(".json"))
    return found if prune_key(*found) == key else None


def parse_promotion_key(key: str) -> tuple[PromotionKey, int] | None:
    """The promotion and the number of the record that has this key, or None for any other key."""
    parts = key.split("/")
    number = _number(parts[-1])
    if len(parts) != _PARTS or number is None or SNAPSHOT_ID.fullmatch(parts[3]) is None:
        return None
    found = PromotionKey(decode_name(parts[1]), decode_name(parts[2]), parts[3])
    return (found, number) if found.record(number) == key else None


def parse_intake_key(key: str) -> tuple[IntakeKey, int] | None:
    """The intake and the number of the record that has this key, or None for any other key."""
    parts = key.split("/")
    number = _number(parts[-1])
    if len(parts) != _PARTS or number is None or SNAPSHOT_ID.fullmatch(parts[3]) is None:
        return None
    found = IntakeKey(decode_name(parts[1]), decode_name(parts[2]), parts[3])
    return (found, number) if found.record(number) == key else None


def parse_series_key(key: str) -> tuple[PromotionKey | IntakeKey, int] | None:
    """The promotion or intake, and the number among its records; None for any other key."""
    return parse_promotion_key(key) or parse_intake_key(key)


def parse_replica_key(key: str) -> ReplicaKey | None:
    """The replication whose record has this key, or None for any other key."""
    parts = key.split("/")
    stem = parts[-1].removesuffix(".json")
    if len(parts) != _PARTS - 1 or SNAPSHOT_ID.fullmatch(stem) is None:
        return None
    found = ReplicaKey(decode_name(parts[1]), decode_name(parts[2]), stem)
    return found if str(found) == key else None


def parse_lease_key(key: str) -> tuple[str, str, int] | None:
    """Resource, project and number of the turn of a lease that has this key, or None for any other key."""
    parts = key.split("/")
    number = _number(parts[-1])
    if len(parts) != _PARTS - 1 or number is None:
        return None
    found = decode_name(parts[1]), decode_name(parts[2]), number
    return found if lease_key(*found) == key else None


def parse_budget_key(key: str) -> tuple[str, str, int] | None:
    """Endpoint, class of calls and number of the entry of a ledger that has this key, or None for any other key."""
    parts = key.split("/")
    number = _number(parts[-1])
    if len(parts) != _PARTS - 1 or number is None:
        return None
    found = decode_name(parts[1]), decode_name(parts[2]), number
    return found if budget_key(*found) == key else None


def parse_jobs_key(key: str) -> tuple[str, str, int] | None:
    """Resource, run id and number of the record of started exports that has this key, or None for any other key."""
    parts = key.split("/")
    number = _number(parts[-1])
    if len(parts) != _PARTS - 1 or number is None or SNAPSHOT_ID.fullmatch(parts[2]) is None:
        return None
    found = decode_name(parts[1]), parts[2], number
    return found if jobs_key(*found) == key else None


def is_content_key(key: str) -> bool:
    """Whether a key can be a snapshot's content: a manifest that names another key is not believed."""
    return _CONTENTS.fullmatch(key.rpartition("/")[2]) is not None and snapshot_of(key) is not None


def snapshot_of(key: str) -> SnapshotKey | None:
    """The snapshot in whose folder an object lies, or None when it lies in none."""
    return parse_manifest_key(f"{key.rpartition('/')[0]}/{_MANIFEST}")


def _parse(key: str, root: str) -> SnapshotKey | None:
    """The snapshot that a key of the form `root/resource/project/id/name` belongs to."""
    parts = key.split("/")
    if len(parts) != _PARTS or parts[0] + "/" != root or SNAPSHOT_ID.fullmatch(parts[3]) is None:
        return None
    return SnapshotKey(decode_name(parts[1]), decode_name(parts[2]), parts[3])


def _number(name: str) -> int | None:
    stem = name.removesuffix(".json")
    return int(stem) if stem.isdecimal() and stem.isascii() else None
