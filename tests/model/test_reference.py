from __future__ import annotations

import string
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import UsageError
from cluvault.model.reference import (
    FileReference,
    LiveReference,
    ProjectTarget,
    Reference,
    SnapshotReference,
    UrlReference,
    parse_reference,
    parse_target,
)
from tests.strategies import QUICK

SNAPSHOT = "20261101T020000Z-000b2c3d"

LETTERS = string.ascii_letters + string.digits
PROJECTS = (
    st.text(LETTERS + "_.-", min_size=1, max_size=50) | st.sampled_from(["a.json", "x.gz", "live", "snapshot"])
).filter(lambda name: name.strip("."))
RESOURCES = st.builds(str.__add__, st.sampled_from(LETTERS), st.text(LETTERS + "_.-", max_size=10))
SNAPSHOT_IDS = st.from_regex(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}", fullmatch=True)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC) | ZONES)  # noqa: DTZ001  # bounds
PATHS = st.text(max_size=20) | st.builds(
    str.__add__,
    st.sampled_from(["./", "/", "~/", "live:", "snapshot:", "s3://", "az://", "file://", "a/b/", "a@b/c/"]),
    st.text("ab./@", max_size=8) | st.just("c.json"),
)
URLS = st.builds(
    str.__add__,
    st.sampled_from(["s3://bucket/", "az://account/container/"]),
    st.from_regex(r"[a-z0-9 %?#@+:äß😀-]{1,20}", fullmatch=True),
)
REFERENCES: st.SearchStrategy[Reference] = (
    st.builds(SnapshotReference, RESOURCES, PROJECTS, deployment=st.none() | PROJECTS)
    | st.builds(SnapshotReference, RESOURCES, PROJECTS, snapshot_id=SNAPSHOT_IDS, deployment=st.none() | PROJECTS)
    | st.builds(SnapshotReference, RESOURCES, PROJECTS, as_of=INSTANTS, deployment=st.none() | PROJECTS)
    | st.builds(LiveReference, RESOURCES, PROJECTS)
    | st.builds(FileReference, PATHS)
    | st.builds(UrlReference, URLS)
)
TEXTS = st.text(max_size=30) | st.builds(
    "{}{}/{}@{}{}".format,
    st.sampled_from(["", "live:", "snapshot:", "file://"]),
    RESOURCES,
    PROJECTS,
    SNAPSHOT_IDS | st.text("0123456789-:TZ+", max_size=25),
    st.just("") | st.text("#ab.@/", max_size=6),
)


@QUICK
@given(REFERENCES)
def test_a_printed_reference_is_read_as_itself(reference: Reference) -> None:
    """Parsing and printing are inverse to each other, for every form."""
    assert parse_reference(str(reference)) == reference


@QUICK
@given(TEXTS)
def test_whatever_can_be_read_can_be_printed_and_read_again(text: str) -> None:
    """Any text is a reference, or is refused with one line; nothing else is raised."""
    try:
        reference = parse_reference(text)
    except UsageError as err:
        message = str(err)
    else:
        message = ""
        assert parse_reference(str(reference)) == reference
    assert "\n" not in message


@pytest.mark.parametrize(
    "text, expected",
    [
        ("prod/EmailApp", SnapshotReference("prod", "EmailApp")),
        (f"prod/EmailApp@{SNAPSHOT}", SnapshotReference("prod", "EmailApp", snapshot_id=SNAPSHOT)),
        ("prod/EmailApp@2026-11-01", SnapshotReference("prod", "EmailApp", as_of=datetime(2026, 11, 1, tzinfo=UTC))),
        (
            "prod/EmailApp@2026-11-01T14:30:00+02:00",
            SnapshotReference("prod", "EmailApp", as_of=datetime(2026, 11, 1, 12, 30, tzinfo=UTC)),
        ),
        (
            "prod/EmailApp@2026-11-01T12:00:00Z",
            SnapshotReference("prod", "EmailApp", as_of=datetime(2026, 11, 1, 12, tzinfo=UTC)),
        ),
        ("snapshot:prod/app.json", SnapshotReference("prod", "app.json")),
        ("live:prod/EmailApp", LiveReference("prod", "EmailApp")),
        ("live:prod/app.json", LiveReference("prod", "app.json")),
        ("./EmailApp", FileReference("./EmailApp")),
        ("/tmp/EmailApp", FileReference("/tmp/EmailApp")),  # noqa: S108  # only a path's form
        ("~/EmailApp", FileReference("~/EmailApp")),
        ("prod/app.json", FileReference("prod/app.json")),
        ("config.json.gz", FileReference("config.json.gz")),
        ("a/b/c", FileReference("a/b/c")),
        ("folder@home/app.json", FileReference("folder@home/app.json")),
        ("file:///data/app", FileReference("/data/app")),
        ("s3://bucket/key", UrlReference("s3://bucket/key")),
        ("az://account/container/key", UrlReference("az://account/container/key")),
    ],
)
def test_each_form_is_read(text: str, expected: Reference) -> None:
    """The forms that the documentation shows."""
    assert parse_reference(text) == expected


@pytest.mark.parametrize(
    "reference, text",
    [
        (SnapshotReference("prod", "EmailApp"), "prod/EmailApp"),
        (SnapshotReference("prod", "app.json"), "snapshot:prod/app.json"),
        (
            SnapshotReference("prod", "App", as_of=datetime(2026, 11, 1, 2, tzinfo=timezone(timedelta(hours=2)))),
            "prod/App@2026-11-01T00:00:00Z",
        ),
        (FileReference("config.json"), "config.json"),
        (FileReference("plain"), "file://plain"),
        (FileReference("live:a/b/c"), "file://live:a/b/c"),
        (LiveReference("prod", "EmailApp"), "live:prod/EmailApp"),
        (UrlReference("s3://bucket/key"), "s3://bucket/key"),
    ],
)
def test_each_form_is_printed_as_a_user_would_write_it(reference: Reference, text: str) -> None:
    """Prefixes appear only where the text would mean something else without."""
    assert str(reference) == text


@pytest.mark.parametrize(
    "text, problem",
    [
        ("", "'' is no reference: it names no project"),
        ("prod", "'prod' is no reference: it names no project; write RESOURCE/PROJECT"),
        ("live:prod", "'live:prod' is no reference: it names no project"),
        ("prod/", "project name '' is empty"),
        ("prod/My App", "project name 'My App' contains ' '"),
        ("a b/App", "resource name 'a b' is not usable"),
        ("prod/App@", "'' is neither a snapshot id nor a date"),
        ("prod/App@yesterday", "'yesterday' is neither a snapshot id nor a date"),
        ("prod/App@20261101T020000Z-XYZ", "is neither a snapshot id nor a date"),
        ("prod/App@0001-01-01T00:00+14:00", "is neither a snapshot id nor a date"),
        ("live:prod/App@2026-11-01", "contains '@'"),
        ("snapshot:a/b/c", "project name 'b/c' contains '/'"),
        ("prod/" + "x" * 500, "has 500 characters"),
    ],
)
def test_what_is_no_reference_is_told_why(text: str, problem: str) -> None:
    """One line with the fault, however long the text is."""
    with pytest.raises(UsageError) as caught:
        parse_reference(text)
    assert problem in str(caught.value)
    assert len(str(caught.value)) < 320


def test_digits_of_other_scripts_make_no_snapshot_id() -> None:
    """Ids become keys of the vault, which are ASCII."""
    with pytest.raises(UsageError):
        parse_reference("prod/App@\u0662\u0660261101T020000Z-000b2c3d")


@QUICK
@given(st.builds(ProjectTarget, RESOURCES, st.none() | PROJECTS))
def test_a_printed_target_is_read_as_itself(target: ProjectTarget) -> None:
    """A target is a resource, with a project or without."""
    assert parse_target(str(target)) == target


@pytest.mark.parametrize("text", ["", "/App", "prod/", "prod/a b", "a b"])
def test_a_target_with_a_bad_name_is_refused(text: str) -> None:
    """Before anything is sent anywhere."""
    with pytest.raises(UsageError):
        parse_target(text)
