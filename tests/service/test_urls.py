"""Where requests may go."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import ConfigurationError, OriginRefused, UsageError
from cluvault.service.client import CluClient
from cluvault.service.urls import origin_of, own_url, path_segment
from cluvault.settings import ResourceSettings
from tests.service.scripted import key_credential

BASE = "https://a.example.com/language/projects?api-version=1"
nasty = st.text(alphabet="/\\:@?#%. \t\nabcA.example-com[]0189;=&évil\ud800", max_size=40)


@given(nasty | st.tuples(st.just("https://"), nasty, nasty).map("".join))
def test_no_reference_leads_elsewhere(reference: str) -> None:
    """Whatever an answer names: the URL that is used has the resource's origin for httpx as well, or there is none."""
    try:
        url = own_url(reference, base=BASE, where="dev")
    except OriginRefused:
        return
    parsed = httpx.URL(url)
    assert (parsed.scheme, parsed.host, parsed.port, parsed.userinfo) == ("https", "a.example.com", None, b"")


@pytest.mark.parametrize(
    "reference",
    [
        "https://b.example.com/",
        "https://a.example.com.evil.example/",
        "https://a.example.com@evil.example/",
        "https://evil.example\\@a.example.com/",
        "https://user@a.example.com/",
        "https://:x@a.example.com/",
        "http://a.example.com/",
        "http://a.example.com:443/",
        "https://a.example.com:444/",
        "https://a.example.com:99999/",
        "https://a.example.com:x/",
        "//evil.example/language/",
        "ftp://a.example.com/",
        "javascript:alert(1)",
        "https://[::1",
        "/a b",
        "/a\nb",
        "/" + "a" * 20_000,
        "/\ud800",
    ],
)
def test_these_are_refused(reference: str) -> None:
    """Other origins, and texts on which two parsers could disagree."""
    with pytest.raises(OriginRefused, match=r"dev: the answer leads to .*for https://a\.example\.com only"):
        own_url(reference, base=BASE, where="dev")


@pytest.mark.parametrize(
    "reference, expected",
    [
        ("https://a.example.com/x?y=1", "https://a.example.com/x?y=1"),
        ("https://A.Example.COM:443/x", "https://a.example.com/x"),
        ("HTTPS://a.example.com/X%2Fy", "https://a.example.com/X%2Fy"),
        ("/language/jobs/1", "https://a.example.com/language/jobs/1"),
        ("//language/jobs/1?a=b", "https://a.example.com/language/jobs/1?a=b"),
        ("https://a.example.com//language/jobs/1", "https://a.example.com//language/jobs/1"),
        ("jobs/1", "https://a.example.com/language/jobs/1"),
        ("?skip=2", "https://a.example.com/language/projects?skip=2"),
        ("/x#fragment", "https://a.example.com/x"),
    ],
)
def test_these_are_the_resources_own(reference: str, expected: str) -> None:
    """Relative references, doubled slashes, explicit ports and capitals."""
    assert own_url(reference, base=BASE, where="dev") == expected


def test_an_origin_is_written_as_it_is_read() -> None:
    """Default ports vanish, others and IPv6 brackets stay."""
    for text in ["https://a.example.com", "http://127.0.0.1:8080", "https://[::1]:8443", "http://localhost"]:
        assert str(origin_of(text + "/path")) == text


@given(st.text(min_size=1, max_size=60))
def test_a_name_is_one_segment_that_means_it(name: str) -> None:
    """Either a name is refused, or exactly one path segment decodes to it."""
    try:
        segment = path_segment(name, kind="project")
    except UsageError:
        return
    assert unquote(segment) == name
    assert "/" not in segment
    assert urlsplit(f"https://a/{segment}/x").path == f"/{segment}/x"
    assert httpx.URL(f"https://a/{segment}/x").raw_path == f"/{segment}/x".encode()


@pytest.mark.parametrize(
    "endpoint", ["http://contoso.example.com", "http://192.0.2.7", "ftp://127.0.0.1", "https://", "https://u:p@x"]
)
def test_a_key_never_travels_in_clear(endpoint: str) -> None:
    """Plain http is for loopback only, even for settings that nobody has validated."""
    unchecked = ResourceSettings.model_construct(endpoint=endpoint, api_version="auto", limits="off")
    with pytest.raises(ConfigurationError, match="endpoint of resource 'dev'"):
        CluClient(unchecked, key_credential(), name="dev")


def test_a_client_without_a_name_is_called_by_its_origin() -> None:
    """Messages always name something."""
    resource = ResourceSettings(endpoint="http://127.0.0.1:8080/dev/", limits="off")
    assert CluClient(resource, key_credential()).name == "http://127.0.0.1:8080"
