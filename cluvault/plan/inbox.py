"""What becomes of an object of an inbox: where it belongs, whether it is imported, where it goes afterwards.

inbox/<resource>/<project>/<any name>.json[.gz]      what is to be imported
done/<resource>/<project>/<intake id>/…              what was, with its reason beside it
refused/<resource>/<project>/<intake id>/…           what was not, with its reason beside it
refused/unplaced/<intake id>/…                       what names no place, under a name without its folders
refused/messages/<id>/…                              messages that cannot be understood or carried out
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from cluvault.errors import (
    CluvaultError,
    Conflict,
    GuardRefused,
    InvalidProjectFile,
    LeaseHeld,
    ObjectTooLarge,
    OperationNotInVersion,
    PermissionDenied,
    RequestRefused,
    RoundTripMismatch,
    StorageFull,
    StoreUnavailable,
    Throttled,
    Unreachable,
    UsageError,
)
from cluvault.model.event import PREFIX, Event, project_subject, resource_subject
from cluvault.model.intake import ENDS, IntakeState
from cluvault.model.json_text import JsonObject, write_json
from cluvault.model.names import check_project_name, shorten
from cluvault.model.object_url import BlobObject, ObjectUrl

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from cluvault.model.arrival import Arrival
    from cluvault.model.intake import IntakeRecord
    from cluvault.plan.keys import IntakeKey

INBOX: Final = "inbox/"
DONE: Final = "done/"
REFUSED: Final = "refused/"
UNPLACED: Final = f"{REFUSED}unplaced/"
MESSAGES: Final = f"{REFUSED}messages/"
REASON: Final = "reason.json"
REASON_TEXT: Final = "reason.txt"
_ENDINGS: Final = (".json", ".json.gz")
_PARTS: Final = 4
_UNUSUAL: Final = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST_NAME: Final = 80
_LONGEST_DETAIL: Final = 1000
_MOST_EVENTS: Final = 10
_IMPORTS: Final = (IntakeState.IMPORTED, IntakeState.UNCHANGED)
_NOT_THE_FILES_FAULT: Final = (
    PermissionDenied,
    LeaseHeld,
    Conflict,
    StorageFull,
    StoreUnavailable,
    Throttled,
    Unreachable,
)
_THE_FILES_FAULT: Final = (
    InvalidProjectFile,
    ObjectTooLarge,
    GuardRefused,
    RequestRefused,
    RoundTripMismatch,
    OperationNotInVersion,
    UsageError,
)


@dataclass(frozen=True, slots=True)
class Standing:
    """An object as it stands in an inbox, by what its store says without reading it.

    Attributes:
        key: Its key below the inbox's place.
        modified: When the store received it.
        etag: The store's name for this content.
        version: The store's name for this version; empty where it keeps none.
    """

    key: str
    size: int
    modified: datetime
    etag: str
    version: str = ""

    def intake_id(self, place: str) -> str:
        """Names this object, as it was put this time: it sorts by the time, and has the form of a snapshot id."""
        text = f"{place}\n{self.key}\n{self.etag}\n{self.version}\n{self.modified.isoformat()}"
        return f"{self.modified:%Y%m%dT%H%M%SZ}-{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """Where an object of an inbox belongs."""

    resource: str
    project: str


class NoSlot(UsageError):
    """An object that names no place to import it to."""


def is_waiting(key: str) -> bool:
    """Whether an object is one that waits to be imported; folders' own markers are none."""
    return key.startswith(INBOX) and not key.endswith("/")


def slot_of(key: str, *, resources: Collection[str]) -> Slot:
    """Where an object belongs, by its key.

    Args:
        key: Below the inbox's place.
        resources: Those that this inbox may import into.

    Raises:
        NoSlot: nowhere; says why.
    """
    parts = key.split("/")
    if len(parts) != _PARTS or not key.startswith(INBOX):
        raise NoSlot(f"{shorten(key, 200)!r} names no project", mend=f"put it under {INBOX}RESOURCE/PROJECT/")
    _, resource, project, name = parts
    if not name.lower().endswith(_ENDINGS):
        raise NoSlot(f"{shorten(name)!r} is no .json or .json.gz", mend="name it config.json or config.json.gz")
    if resource not in resources:
        known = ", ".join(sorted(resources))
        raise NoSlot(f"this inbox does not import into {shorten(resource)!r} (it does into {known})")
    try:
        check_project_name(project)
    except UsageError as err:
        raise NoSlot(err.message, mend=err.mend) from None
    return Slot(resource, project)


def key_in_place(key: str, prefix: str) -> str | None:
    """The key below an inbox's prefix, or None for an object outside of it."""
    if not prefix:
        return key
    return key.removeprefix(f"{prefix}/") if key.startswith(f"{prefix}/") else None


def addressed(arrivals: Sequence[Arrival], places: Mapping[str, ObjectUrl]) -> list[tuple[str, str, str]]:
    """Which inboxes arrivals are in: name of the inbox, key below its place, event id; others concern nobody here.

    Args:
        arrivals: What notifications tell.
        places: Where the inboxes are, by name; the `key` of each is its prefix.
    """
    found: list[tuple[str, str, str]] = []
    for one in arrivals:
        for name, place in places.items():
            if (one.scheme, one.account, one.container) != _container_of(place):
                continue
            key = key_in_place(one.key, place.key)
            if key is not None and is_waiting(key):
                found.append((name, key, one.event_id))
    return found


def _container_of(place: ObjectUrl) -> tuple[str, str, str]:
    if isinstance(place, BlobObject):
        return "az", place.account, place.container
    return "s3", "", place.bucket


# --- decisions -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Intake:
    """What the vault knows of one object: its records in their order."""

    key: IntakeKey
    records: tuple[IntakeRecord, ...]

    @property
    def end(self) -> IntakeRecord | None:
        """What became of it; None as long as nothing did."""
        return next((one for one in self.records if one.state in ENDS), None)

    @property
    def tries(self) -> int:
        """How often it was tried; a try that was not the file's to pass or fail does not count."""
        states = [one.state for one in self.records]
        return states.count(IntakeState.BEGUN) - states.count(IntakeState.BLOCKED)


def newer_than(intake_id: str, intakes: Sequence[Intake]) -> IntakeRecord | None:
    """What was imported into the same project and was put later than this object; None when nothing was.

    Order is by the time at which the store received the objects, to the second: events come in any order.
    """
    moment = intake_id.partition("-")[0]
    ends = [one.end for one in intakes if one.key.intake_id.partition("-")[0] > moment]
    found = [end for end in ends if end is not None and end.state in _IMPORTS]
    return max(found, key=lambda one: one.intake_id, default=None)


def forgettable(intakes: Sequence[Intake], *, before: datetime) -> list[Intake]:
    """The intakes that came to an end before that moment and that nothing goes by any more.

    The last import among them stays: an older object that could not be removed from its inbox must not replace it.
    """
    ended = [one for one in intakes if one.end is not None and one.records[-1].at < before]
    imported = [one for one in ended if one.end is not None and one.end.state in _IMPORTS]
    last = max(imported, key=lambda one: one.key, default=None)
    return [one for one in ended if one is not last]


def state_after(error: Exception, *, tries: int, most: int) -> IntakeState:
    """What an error makes of an object.

    The file's own fault refuses it at once. Whatever a file may provoke refuses it after `most` tries. What no file can
    be blamed for (the configuration, the network, another worker's turn) is none of its tries.
    """
    if isinstance(error, _NOT_THE_FILES_FAULT):
        return IntakeState.BLOCKED
    if isinstance(error, _THE_FILES_FAULT):
        return IntakeState.REFUSED
    if isinstance(error, CluvaultError) and error.exit_code == UsageError.exit_code:  # configuration, sign-in, vault
        return IntakeState.BLOCKED
    return IntakeState.REFUSED if tries >= most else IntakeState.FAILED


# --- where objects go ----------------------------------------------------------------------------------------------


def resting_place(state: str, slot: Slot | None, intake_id: str) -> str:
    """The folder that an object ends in, with its slash."""
    if slot is None:
        return f"{UNPLACED}{intake_id}/"
    return f"{REFUSED if state == IntakeState.REFUSED else DONE}{slot.resource}/{slot.project}/{intake_id}/"


def resting_name(key: str) -> str:
    """The name that an object keeps: its last part, without what is unusual; never that of a reason."""
    name = _UNUSUAL.sub("_", key.rpartition("/")[2])[-_LONGEST_NAME:].lstrip(".")
    return name if name and name not in (REASON, REASON_TEXT) else f"object-{name}"


def reason_files(said: JsonObject) -> dict[str, bytes]:
    """The reason beside an object, for programs and for people: name → body."""
    shown = {name: _printable(str(value)) for name, value in said.items() if value not in (None, "")}
    lines = [f"{name}: {text}" for name, text in shown.items()]
    return {REASON: write_json(shown, indent=True) + b"\n", REASON_TEXT: ("\n".join(lines) + "\n").encode()}


def _printable(text: str) -> str:
    """Text of strangers, for a terminal and for JSON."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def inbox_event(
    state: str,
    *,
    inbox: str,
    resource: str,
    project: str,
    key: str,
    run_id: str,
    why: str = "",
    events: Sequence[str] = (),
) -> Event:
    """What is told of an object of an inbox: `cluvault.inbox.received`, `.imported`, `.refused` and so on.

    Args:
        state: `received`, or how it ended.
        inbox: The configured inbox.
        resource: Where it goes, by its key; a stranger's word when it was refused.
        project: Likewise.
        key: Below the inbox's place.
        run_id: The intake, or the flow run that it was handed over to.
        why: The sentence that a person reads.
        events: The ids of the events that told of it.
    """
    resource, project = _printable(resource), _printable(project)
    payload: JsonObject = {"resource": resource or None, "project": project or None, "runId": run_id, "inbox": inbox}
    payload |= {"key": _printable(key), "state": state, "detail": _printable(shorten(why, _LONGEST_DETAIL)) or None}
    payload["events"] = [_printable(one) for one in events[:_MOST_EVENTS]]
    related = {"resource": resource_subject(resource)} if resource else {}
    return Event(f"{PREFIX}inbox.{state}", project_subject(resource, project), payload, related)


def message_place(body: bytes) -> str:
    """The folder of a message that cannot be carried out; the same message again has the same."""
    return f"{MESSAGES}{sha256(body).hexdigest()[:16]}/"
