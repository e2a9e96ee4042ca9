"""URLs of objects."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import UsageError
from cluvault.model.object_url import BlobObject, ObjectUrl, S3Object, parse_object_url
from cluvault.model.reference import parse_reference
from tests.strategies import QUICK

KEYS = st.text(
    st.characters(min_codepoint=0x20, exclude_characters="\x7f", exclude_categories=["Cs"]), min_size=1, max_size=30
).filter(lambda key: not {".", ".."} & set(key.split("/")) and "=" not in key)
VERSIONS = st.just("") | st.text(string.ascii_letters + string.digits + "._:-", min_size=1, max_size=20)
OBJECTS: st.SearchStrategy[ObjectUrl] = st.builds(
    S3Object, st.from_regex(r"[a-z0-9][a-z0-9.-]{2,20}", fullmatch=True), KEYS, VERSIONS
) | st.builds(
    BlobObject,
    st.from_regex(r"[a-z0-9]{3,24}", fullmatch=True),
    st.from_regex(r"[a-z0-9](-[a-z0-9]){2,9}", fullmatch=True) | st.just("$web"),
    KEYS,
    VERSIONS,
)


@QUICK
@given(OBJECTS)
def test_a_printed_url_is_read_as_itself(place: ObjectUrl) -> None:
    """Parsing and printing are inverse to each other, whatever letters a key has."""
    assert parse_object_url(str(place)) == place


@pytest.mark.parametrize(
    "text, place",
    [
        ("s3://my.bucket/a/b.json", S3Object("my.bucket", "a/b.json")),
        ("s3://bucket/My%20App/config.json.gz", S3Object("bucket", "My%20App/config.json.gz")),
        ("s3://bucket/a b+c?d#e&f.json", S3Object("bucket", "a b+c?d#e&f.json")),
        ("s3://bucket//double//slash", S3Object("bucket", "/double//slash")),
        ("s3://bucket/a.json?versionId=3HL4kqt.xJ_z", S3Object("bucket", "a.json", "3HL4kqt.xJ_z")),
        ("s3://bucket/a.json?versionId=", S3Object("bucket", "a.json?versionId=")),
        ("az://account/my-container/a/b.json", BlobObject("account", "my-container", "a/b.json")),
        ("az://account/$root/a.json", BlobObject("account", "$root", "a.json")),
        (
            "az://account/con/a?versionid=2026-11-01T02:00:00.1234567Z",
            BlobObject("account", "con", "a", "2026-11-01T02:00:00.1234567Z"),
        ),
    ],
)
def test_a_key_is_taken_letter_by_letter(text: str, place: ObjectUrl) -> None:
    """Nothing is decoded, as in the AWS CLI; only a version at the end is set apart."""
    assert parse_object_url(text) == place


@pytest.mark.parametrize(
    "text, problem",
    [
        ("s3://", "names no bucket; write s3://BUCKET/KEY"),
        ("s3:///key", "names no bucket"),
        ("s3://a/key", "names no bucket"),
        ("s3://bucket", "'s3://bucket' names no object; write s3://BUCKET/KEY"),
        ("s3://bucket/", "names no object"),
        ("s3://bucket/?versionId=1", "names no object"),
        ("s3://bucket/a/../b", "has a dot segment"),
        ("s3://bucket/./b", "has a dot segment"),
        ("s3://bucket/a\nb", "has a control character"),
        ("s3://bucket/\udcff", "has a control character or a byte that is no text"),
        ("s3://bucket/" + "ä" * 513, "has a longer key than any store takes (1026, at most 1024)"),
        ("az://account/container/" + "k" * 1025, "has a longer key than any store takes (1025, at most 1024)"),
        ("az://", "names no storage account; write az://ACCOUNT/CONTAINER/PATH"),
        ("az://Account/container/key", "names no storage account"),
        ("az://evil.example/container/key", "names no storage account"),
        ("az://account", "names no container"),
        ("az://account/Con_tainer/key", "names no container"),
        ("az://account/container", "names no object"),
        ("az://account/container/", "names no object"),
    ],
)
def test_a_url_without_an_object_is_refused(text: str, problem: str) -> None:
    """One line says what is missing and how to write it; a reference is refused alike."""
    for parse in (parse_object_url, parse_reference):
        with pytest.raises(UsageError) as caught:
            parse(text)
        assert problem in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["s3://bucket/" + "k" * 1024, "az://account/container/" + "ä" * 1024])
def test_the_longest_key(text: str) -> None:
    """S3 counts bytes, Blob letters."""
    assert str(parse_object_url(text)) == text


def test_other_schemes_are_no_objects() -> None:
    """The forms that are meant are shown."""
    with pytest.raises(UsageError, match="is no URL of an object; write s3://BUCKET/KEY or az://ACCOUNT/"):
        parse_object_url("https://account.blob.core.windows.net/container/key")


@pytest.mark.parametrize(
    "text",
    [
        "az://account/container/a.json?sv=2026-01-01&sig=s3cr3t%3D",
        "az://account/container/a.json?SIG=s3cr3t",
        "s3://bucket/a.json?X-Amz-Signature=s3cr3t&x=1",
        "s3://AKIA:s3cr3t@bucket/a.json",
        "az://user:s3cr3t@account/container/a.json",
        "https://user:s3cr3t@host/a.json?sig=s3cr3t",
    ],
)
def test_a_url_holds_no_secret(text: str) -> None:
    """A signature or password is refused, since URLs are shown and recorded; the refusal does not tell it."""
    with pytest.raises(UsageError) as caught:
        parse_object_url(text)
    assert "s3cr3t" not in str(caught.value)
