"""From the bytes of a message to what it says: notifications of S3 and of Event Grid, in every wrapping.

S3's own form (its keys are encoded as in a form: `+` is a space), the same in SNS, EventBridge's form (its keys are
not encoded), Event Grid's schema and CloudEvents 1.0, single or in a batch, plain or in base64. Messages come from
strangers: whatever is not as documented is one clear error, and nothing in a message is ever fetched or followed.
"""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import unquote_plus, urlsplit

from cluvault.errors import InvalidEvent, InvalidProjectFile, UsageError
from cluvault.model.arrival import Arrival, Notices
from cluvault.model.json_text import JsonObject, read_json
from cluvault.model.names import shorten
from cluvault.model.object_url import BlobObject, parse_object_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_EVENTS: Final = 1000
"""In one message."""
INBOX_PUT: Final = "cluvault.inbox.put"
"""A CloudEvents type of our own, for whoever puts objects and wants to tell of it: `data` is {"url": "s3://…"}."""
VALIDATION: Final = "Microsoft.EventGrid.SubscriptionValidationEvent"
_BLOB_CREATED: Final = "Microsoft.Storage.BlobCreated"
_EMPTY_STILL: Final = ("CreateFile", "CreateDirectory")
"""What Data Lake storage tells before anything was written; `FlushWithClose` follows."""
_LONGEST_ID: Final = 512
_WRAPPED_TWICE: Final = 2


def read_notices(body: bytes, *, source: str = "message") -> Notices:
    """What the message of a queue says, in whatever form.

    Raises:
        InvalidEvent: it is no notification; the message says where the fault is.
    """
    return _of_value(_json(_undo_base64(body), source), source, depth=0)


def read_cloud_event(headers: Mapping[str, str], body: bytes, *, source: str = "request") -> Notices:
    """What a request says: CloudEvents structured, binary or batched, or Event Grid's schema.

    Args:
        headers: By lower-case names.
        body: The body.
        source: For messages.

    Raises:
        InvalidEvent: it is none of these.
    """
    if "ce-specversion" in headers:
        return _cloud_event(_from_headers(headers, body, source), source)
    return _of_value(_json(body, source), source, depth=0)


def _from_headers(headers: Mapping[str, str], body: bytes, source: str) -> JsonObject:
    """The binary form: attributes are headers, percent-encoded where they are not plain ASCII."""
    event: JsonObject = {name.removeprefix("ce-"): _header(text) for name, text in headers.items() if name[:3] == "ce-"}
    return event | ({"data": _json(body, source)} if body else {})


def _header(text: str) -> str:
    return unquote_plus(text.replace("+", "%2B"))


def _json(body: bytes, source: str) -> Any:
    try:
        return read_json(body, source=source)
    except InvalidProjectFile as err:
        raise InvalidEvent(err.message) from None


def _undo_base64(body: bytes) -> bytes:
    """Event Grid's messages in a Storage Queue are base64, which no JSON of an object or list is."""
    if body.lstrip()[:1] in (b"{", b"["):
        return body
    try:
        return b64decode(body.strip(), validate=True)
    except ValueError:
        return body


def _of_value(value: Any, source: str, *, depth: int) -> Notices:
    if isinstance(value, list):
        events = cast("list[Any]", value)
        if len(events) > MOST_EVENTS:
            raise InvalidEvent(f"{source}: holds {len(events)} events, at most {MOST_EVENTS} are read")
        found = Notices()
        for number, one in enumerate(events):
            found += _of_object(one, f"{source}, event {number}", depth=depth)
        return found
    return _of_object(value, source, depth=depth)


def _named(event: JsonObject) -> str:
    """The members, in one line whatever they are called."""
    return shorten(", ".join(repr(name)[1:-1] for name in sorted(event)), 200) or "none"


def _of_object(value: Any, source: str, *, depth: int) -> Notices:
    if not isinstance(value, dict):
        raise InvalidEvent(f"{source}: an event should be a JSON object")
    event = cast("JsonObject", value)
    for member, read in _FORMS.items():
        if member in event:
            return read(event, source, depth)
    raise InvalidEvent(
        f"{source}: is no notification that is known (its members: {_named(event)})",
        mend="send S3, EventBridge, Event Grid or CloudEvents 1.0 notifications",
    )


# --- Amazon --------------------------------------------------------------------------------------------------------


def _s3_records(event: JsonObject, source: str, _depth: int) -> Notices:
    records = event["Records"]
    if not isinstance(records, list) or len(cast("list[Any]", records)) > MOST_EVENTS:
        raise InvalidEvent(f"{source}: Records should be a list of at most {MOST_EVENTS}")
    found = Notices()
    for number, record in enumerate(cast("list[Any]", records)):
        found += _s3_record(_object(record, f"{source}, Records/{number}"), f"{source}, Records/{number}")
    return found


def _s3_record(record: JsonObject, source: str) -> Notices:
    name = _text(record, "eventName", source).removeprefix("s3:")
    if not name.startswith("ObjectCreated:"):
        return Notices(ignored=(f"{shorten(name)} is no arrival",))
    s3 = _object(record.get("s3"), f"{source}/s3")
    bucket = _text(_object(s3.get("bucket"), f"{source}/s3/bucket"), "name", f"{source}/s3/bucket")
    obj = _object(s3.get("object"), f"{source}/s3/object")
    key = _decoded(_text(obj, "key", f"{source}/s3/object"), source)
    at = _moment(record.get("eventTime"), source)
    version, order = _optional(obj, "versionId", source), _optional(obj, "sequencer", source)
    identity = "|".join((bucket, key, version, order, _optional(obj, "eTag", source), at.isoformat() if at else ""))
    return _arrived(Arrival(identity, "s3", "", bucket, key, at))  # S3 gives its events no id


def _decoded(key: str, source: str) -> str:
    """The key that a form would encode so."""
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError:
        raise InvalidEvent(f"{source}: the key {shorten(key)!r} is no UTF-8") from None


def _test_event(event: JsonObject, source: str, _depth: int) -> Notices:
    if event["Event"] == "s3:TestEvent":
        return Notices(ignored=("S3 tries the queue out",))
    raise InvalidEvent(f"{source}: is no notification that is known")


def _sns(event: JsonObject, source: str, depth: int) -> Notices:
    if (kind := event["Type"]) != "Notification":
        return Notices(ignored=(f"SNS sent {shorten(str(kind))}",))  # whoever set the subscription up confirms it
    if depth >= _WRAPPED_TWICE:
        raise InvalidEvent(f"{source}: is wrapped more than twice")
    inner = _json(_text(event, "Message", source).encode("utf-8", "surrogatepass"), f"{source}, Message")
    return _of_value(inner, f"{source}, Message", depth=depth + 1)


def _event_bridge(event: JsonObject, source: str, _depth: int) -> Notices:
    if event.get("source") != "aws.s3" or event["detail-type"] != "Object Created":
        return Notices(ignored=(f"{shorten(str(event['detail-type']))} is no arrival",))
    detail = _object(event.get("detail"), f"{source}/detail")
    bucket = _text(_object(detail.get("bucket"), f"{source}/detail/bucket"), "name", f"{source}/detail/bucket")
    key = _text(_object(detail.get("object"), f"{source}/detail/object"), "key", f"{source}/detail/object")
    at = _moment(event.get("time"), source)
    return _arrived(Arrival(_id(event, source), "s3", "", bucket, key, at))


# --- Microsoft and CloudEvents -------------------------------------------------------------------------------------


def _event_grid(event: JsonObject, source: str, _depth: int) -> Notices:
    kind = _text(event, "eventType", source)
    return _event(event, kind, _moment(event.get("eventTime"), source), source)


def _cloud_event(event: JsonObject, source: str, _depth: int = 0) -> Notices:
    if event["specversion"] != "1.0":
        raise InvalidEvent(f"{source}: is CloudEvents {shorten(str(event['specversion']))}; 1.0 is understood")
    _text(event, "source", source)
    return _event(event, _text(event, "type", source), _moment(event.get("time"), source), source)


def _event(event: JsonObject, kind: str, at: datetime | None, source: str) -> Notices:
    identifier = _id(event, source)
    known = Notices(event_ids=(identifier,), times=(at,) if at else ())
    if kind == VALIDATION:
        data = _object(event.get("data"), f"{source}/data")
        return known + Notices(validation_code=_text(data, "validationCode", f"{source}/data"))
    if kind == INBOX_PUT:
        return _put(event, identifier, at, source)
    if kind != _BLOB_CREATED:
        return known + Notices(ignored=(f"{shorten(kind)} is no arrival",))
    data = _object(event.get("data"), f"{source}/data")
    if data.get("api") in _EMPTY_STILL:
        return known + Notices(ignored=(f"{data['api']} tells of an object that is still empty",))
    account = _account_of(_text(data, "url", f"{source}/data"), source)
    container, key = _blob_of(_text(event, "subject", source), source)
    return _arrived(Arrival(identifier, "az", account, container, key, at))


def _put(event: JsonObject, identifier: str, at: datetime | None, source: str) -> Notices:
    url = _text(_object(event.get("data"), f"{source}/data"), "url", f"{source}/data")
    try:
        place = parse_object_url(url)
    except UsageError as err:
        raise InvalidEvent(f"{source}/data/url: {err.message}", mend=err.mend) from None
    if isinstance(place, BlobObject):
        return _arrived(Arrival(identifier, "az", place.account, place.container, place.key, at))
    return _arrived(Arrival(identifier, "s3", "", place.bucket, place.key, at))


def _blob_of(subject: str, source: str) -> tuple[str, str]:
    """Container and name: `/blobServices/default/containers/C/blobs/NAME`; the name is not encoded."""
    rest = subject.removeprefix("/blobServices/default/containers/")
    container, found, key = rest.partition("/blobs/")
    if rest == subject or not found or not key:
        raise InvalidEvent(f"{source}/subject: {shorten(subject)!r} names no blob")
    return container, key


def _account_of(url: str, source: str) -> str:
    """The account: the first label of Azure's hosts, the first part of the path at emulators."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise InvalidEvent(f"{source}/data/url: is no URL") from None
    label, azure, _ = host.partition(".")
    account = label if azure and not host.replace(".", "").isdecimal() else parts.path.lstrip("/").partition("/")[0]
    if not account:
        raise InvalidEvent(f"{source}/data/url: names no storage account")
    return account


# --- parts ---------------------------------------------------------------------------------------------------------


_FORMS: Final[dict[str, Callable[[JsonObject, str, int], Notices]]] = {
    "specversion": _cloud_event,
    "eventType": _event_grid,
    "detail-type": _event_bridge,
    "Records": _s3_records,
    "Type": _sns,
    "Event": _test_event,
}


def _arrived(arrival: Arrival) -> Notices:
    return Notices((arrival,), (), "", (arrival.event_id,), (arrival.at,) if arrival.at else ())


def _object(value: Any, place: str) -> JsonObject:
    if not isinstance(value, dict):
        raise InvalidEvent(f"{place}: should be a JSON object")
    return cast("JsonObject", value)


def _text(value: JsonObject, member: str, place: str) -> str:
    found = value.get(member)
    if not isinstance(found, str) or not found:
        raise InvalidEvent(f"{place}: {member} should be a text")
    return found


def _optional(value: JsonObject, member: str, place: str) -> str:
    return _text(value, member, place) if value.get(member) else ""


def _id(event: JsonObject, source: str) -> str:
    identifier = _text(event, "id", source)
    if len(identifier) > _LONGEST_ID:
        raise InvalidEvent(f"{source}: its id has {len(identifier)} characters, at most {_LONGEST_ID} are remembered")
    origin = event.get("source", event.get("topic", ""))  # an id is unique at its source only
    return f"{origin}|{identifier}" if isinstance(origin, str) else identifier


def _moment(value: Any, source: str) -> datetime | None:
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise InvalidEvent(f"{source}: its time {shorten(repr(value))} is none") from None
    try:
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except OverflowError:
        raise InvalidEvent(f"{source}: its time {shorten(repr(value))} is none") from None
