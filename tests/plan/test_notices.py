"""Notifications in every documented form, and in any other."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import InvalidEvent
from cluvault.plan.notices import INBOX_PUT, MOST_EVENTS, VALIDATION, read_cloud_event, read_notices

if TYPE_CHECKING:
    from cluvault.model.arrival import Notices

AT = "2026-11-27T21:30:00.1234567Z"
MOMENT = datetime(2026, 11, 27, 21, 30, 0, 123456, tzinfo=UTC)
SUBJECT = "/blobServices/default/containers/clu/blobs/inbox/dev/Mail/config.json"
BLOB_URL = "https://myaccount.blob.core.windows.net/clu/inbox/dev/Mail/config.json"


def s3(key: str = "inbox/dev/Mail/config.json", **more: Any) -> dict[str, Any]:
    """A record of S3's own form, as documented."""
    obj = {"key": quote_plus(key), "size": 3, "eTag": "abc", "versionId": "v1", "sequencer": "0055"}
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": AT,
        "eventName": "ObjectCreated:Put",
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": "clu", "arn": "arn:aws:s3:::clu"}, "object": obj},
    }
    return record | more


def bridge(key: str = "inbox/dev/Mail/config.json", **more: Any) -> dict[str, Any]:
    """The same by EventBridge."""
    detail = {"version": "0", "bucket": {"name": "clu"}, "object": {"key": key, "size": 3, "etag": "abc"}}
    event = {"version": "0", "id": "e1", "detail-type": "Object Created", "source": "aws.s3", "time": AT}
    return event | {"detail": detail} | more


def sns(message: Any, **more: Any) -> dict[str, Any]:
    """The same by SNS."""
    return {"Type": "Notification", "MessageId": "m1", "TopicArn": "arn", "Message": json.dumps(message)} | more


def grid(**more: Any) -> dict[str, Any]:
    """An event of Event Grid's own schema."""
    data = {"api": "PutBlob", "eTag": "0x8D", "contentLength": 3, "blobType": "BlockBlob", "url": BLOB_URL}
    event = {"topic": "/subscriptions/s", "subject": SUBJECT, "eventType": "Microsoft.Storage.BlobCreated"}
    return event | {"eventTime": AT, "id": "g1", "data": data, "dataVersion": "", "metadataVersion": "1"} | more


def cloud(**more: Any) -> dict[str, Any]:
    """The same as a CloudEvent."""
    event = {"specversion": "1.0", "type": "Microsoft.Storage.BlobCreated", "source": "/subscriptions/s", "id": "g1"}
    return event | {"time": AT, "subject": SUBJECT, "data": {"api": "PutBlob", "url": BLOB_URL}} | more


def read(message: Any) -> Notices:
    """What a message says."""
    return read_notices(json.dumps(message).encode())


S3_FORMS = [{"Records": [s3()]}, sns({"Records": [s3()]}), bridge(), sns(bridge())]
AZURE_FORMS = [grid(), cloud(), [grid()], [cloud()]]


@pytest.mark.parametrize("message", S3_FORMS, ids=["plain", "sns", "eventbridge", "eventbridge by sns"])
def test_an_object_in_a_bucket(message: Any) -> None:
    """In each of its wrappings."""
    (one,) = read(message).arrivals
    assert (one.scheme, one.container, one.key, one.at) == ("s3", "clu", "inbox/dev/Mail/config.json", MOMENT)
    assert read(message).event_ids == (one.event_id,)


@pytest.mark.parametrize("message", AZURE_FORMS, ids=["event grid", "cloud event", "batch", "batch of cloud events"])
@pytest.mark.parametrize("is_base64", [False, True])
def test_a_blob_in_a_container(message: Any, *, is_base64: bool) -> None:
    """In both schemas, plain and in base64."""
    body = json.dumps(message).encode()
    (one,) = read_notices(b64encode(body) if is_base64 else body).arrivals
    assert (one.scheme, one.account, one.container, one.key, one.at) == (
        "az", "myaccount", "clu", "inbox/dev/Mail/config.json", MOMENT,
    )  # fmt: skip
    assert one.event_id == "/subscriptions/s|g1"


@given(key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_keys_are_what_they_are(key: str) -> None:
    """S3's own form is encoded as in a form, EventBridge's and Azure's are not; `+`, `%2F` and `..` stay letters."""
    assert read({"Records": [s3(key)]}).arrivals[0].key == key
    assert read(bridge(key)).arrivals[0].key == key
    assert read(grid(subject=f"/blobServices/default/containers/c/blobs/{key}")).arrivals[0].key == key


def test_a_space_in_a_key() -> None:
    """Is a plus in S3's notification."""
    record = s3()
    record["s3"]["object"]["key"] = "inbox/dev/Mail/my+file%2B1.json"
    assert read({"Records": [record]}).arrivals[0].key == "inbox/dev/Mail/my file+1.json"


def test_the_same_event_has_the_same_name() -> None:
    """S3 gives none: it is made of what was put; another version is another event."""
    first, again = read({"Records": [s3()]}).event_ids, read({"Records": [s3()]}).event_ids
    other = s3()
    other["s3"]["object"]["versionId"] = "v2"
    assert first == again != read({"Records": [other]}).event_ids


@pytest.mark.parametrize(
    "message",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "clu"},
        {"Records": [s3(eventName="ObjectRemoved:Delete")]},
        {"Records": []},
        sns({}, Type="SubscriptionConfirmation", SubscribeURL="https://example.com/"),
        bridge(**{"detail-type": "Object Deleted"}),
        bridge(source="aws.ec2"),
        grid(eventType="Microsoft.Storage.BlobDeleted"),
        grid(data={"api": "CreateFile", "url": BLOB_URL}),
        cloud(type="com.example.other"),
        [],
    ],
)
def test_what_is_no_arrival(message: Any) -> None:
    """Is ignored, with its reason; nothing that it names is fetched."""
    assert read(message).arrivals == ()


def test_the_handshake_of_event_grid() -> None:
    """The code that is to be given back."""
    event = grid(eventType=VALIDATION, subject="", data={"validationCode": "512d38b6", "validationUrl": "https://x"})
    assert read([event]).validation_code == "512d38b6"


@pytest.mark.parametrize(
    "url, expected",
    [
        ("s3://clu/inbox/a.json", ("s3", "", "clu", "inbox/a.json")),
        ("az://myaccount/clu/inbox/a.json", ("az", "myaccount", "clu", "inbox/a.json")),
    ],
)
def test_an_event_of_our_own(url: str, expected: tuple[str, ...]) -> None:
    """For whoever puts objects and tells of it."""
    (one,) = read(cloud(type=INBOX_PUT, data={"url": url})).arrivals
    assert (one.scheme, one.account, one.container, one.key) == expected


def test_a_cloud_event_in_headers() -> None:
    """The binary form: the body is the data, and headers may be percent-encoded."""
    headers = {
        "ce-specversion": "1.0",
        "ce-type": "Microsoft.Storage.BlobCreated",
        "ce-source": "/subscriptions/s",
        "ce-id": "g1",
        "ce-subject": SUBJECT.replace("Mail", "M%C3%A4+il"),
        "content-type": "application/json",
    }
    (one,) = read_cloud_event(headers, json.dumps({"url": BLOB_URL}).encode()).arrivals
    assert (one.key, one.at) == ("inbox/dev/Mä+il/config.json", None)
    structured = read_cloud_event({"content-type": "application/cloudevents+json"}, json.dumps(cloud()).encode())
    assert structured == read(cloud())
    with pytest.raises(InvalidEvent, match="data: should be a JSON object"):
        read_cloud_event(headers, b"")


def test_an_account_of_an_emulator() -> None:
    """Is the first part of the path."""
    url = "http://127.0.0.1:10000/devaccount/clu/inbox/dev/Mail/config.json"
    assert read(grid(data={"url": url})).arrivals[0].account == "devaccount"


def _without(event: dict[str, Any], member: str) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != member}


@pytest.mark.parametrize(
    "message, place",
    [
        ("text", "message: "),
        (3, "an event should be a JSON object"),
        ({}, "is no notification that is known (its members: none)"),
        ({"a": 1}, "is no notification that is known (its members: a)"),
        ({"a\nb\u2028": 1}, r"is no notification that is known (its members: a\nb\u2028)"),
        ([3], "event 0: an event should be a JSON object"),
        ({"Event": "other"}, "is no notification that is known"),
        ({"Records": 3}, "Records should be a list"),
        ({"Records": [3]}, "Records/0: should be a JSON object"),
        ({"Records": [s3(eventName=3)]}, "Records/0: eventName should be a text"),
        ({"Records": [s3(s3=None)]}, "Records/0/s3: should be a JSON object"),
        ({"Records": [s3(s3={"bucket": {"name": ""}})]}, "s3/bucket: name should be a text"),
        ({"Records": [s3(s3={"bucket": {"name": "b"}, "object": {"key": "%ff"}})]}, "is no UTF-8"),
        ({"Records": [s3(eventTime=3)]}, "its time 3 is none"),
        ({"Records": [s3(eventTime="yesterday")]}, "its time"),
        (sns({}, Message=3), "Message should be a text"),
        (sns({}, Message="{"), "Message: the JSON ends too early"),
        (sns(sns(sns(bridge()))), "is wrapped more than twice"),
        (bridge(detail=3), "detail: should be a JSON object"),
        (_without(grid(), "id"), "id should be a text"),
        (grid(id="x" * 600), "its id has 600 characters"),
        (grid(subject="/blobServices/default/containers/c"), "names no blob"),
        (grid(data={"url": "https://["}), "is no URL"),
        (grid(data={"url": ""}), "url should be a text"),
        (grid(data={"url": "https:///"}), "names no storage account"),
        (cloud(specversion="0.3"), "is CloudEvents 0.3; 1.0 is understood"),
        (_without(cloud(), "source"), "source should be a text"),
        (cloud(type=INBOX_PUT, data={"url": "https://example.com/a"}), "is no URL of an object"),
        (cloud(time="0001-01-01T00:00:00+14:00"), "its time"),
    ],
)
def test_what_is_no_notification(message: Any, place: str) -> None:
    """One line that says where the fault is."""
    body = message.encode() if isinstance(message, str) else json.dumps(message).encode()
    with pytest.raises(InvalidEvent) as caught:
        read_notices(body)
    assert place in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("message", [[grid()] * (MOST_EVENTS + 1), {"Records": [s3()] * (MOST_EVENTS + 1)}])
def test_too_many_events(message: Any) -> None:
    """Are refused before they are read."""
    with pytest.raises(InvalidEvent, match="at most 1000"):
        read(message)


def test_a_time_without_a_zone() -> None:
    """Is UTC."""
    assert read(grid(eventTime="2026-11-27T21:30:00.123456")).times == (MOMENT,)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        inner = list(cast("dict[Any, Any]", value).items())
    else:
        inner = list(enumerate(cast("list[Any]", value) if isinstance(value, list) else []))
    return [path, *(found for name, one in inner for found in _paths(one, (*path, name)))]


def _put(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    if not path:
        return other
    copy: Any = value.copy()
    copy[path[0]] = _put(copy[path[0]], path[1:], other)
    return copy


@given(form=st.sampled_from([*S3_FORMS, *AZURE_FORMS]), other=_json, data=st.data())
def test_any_member_may_be_anything(form: Any, other: Any, data: st.DataObject) -> None:
    """A message is read or refused with one line; nothing else ever happens."""
    message = _put(form, data.draw(st.sampled_from(_paths(form))), other)
    try:
        read(message)
    except InvalidEvent as err:
        assert "\n" not in str(err)  # noqa: PT017  # either is right


@given(body=st.binary(max_size=200))
def test_any_bytes(body: bytes) -> None:
    """Likewise, also as base64 and in headers."""
    for given_ in (body, b64encode(body)):
        try:
            assert read_notices(given_).arrivals == ()
        except InvalidEvent:
            continue
