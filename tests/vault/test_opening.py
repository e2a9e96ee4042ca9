"""From a URL to a store: paths and file URLs open folders, everything else is refused without showing its secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluvault.errors import ConfigurationError
from cluvault.vault.opening import open_store


@pytest.mark.parametrize(
    "url, path",
    [
        ("/var/lib/vault", "/var/lib/vault"),
        ("vault", "{cwd}/vault"),
        ("./a/../vault", "{cwd}/vault"),
        ("~/vault", "{home}/vault"),
        ("az", "{cwd}/az"),
        ("with space/100%/#1", "{cwd}/with space/100%/#1"),
        ("odd:name", "{cwd}/odd:name"),
        ("file:///var/lib/vault", "/var/lib/vault"),
        ("file:/var/lib/vault", "/var/lib/vault"),
        ("FILE:///var/lib/vault", "/var/lib/vault"),
        ("file://localhost/var/lib/vault", "/var/lib/vault"),
        ("file:///with%20space/100%25/%231", "/with space/100%/#1"),
    ],
)
def test_paths_and_file_urls_open_a_folder(
    url: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store's own URL, opened again, means the same folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    expected = Path(path.format(cwd=tmp_path, home="/home/somebody")).as_uri()
    assert open_store(url).url == expected
    assert open_store(expected).url == expected


@pytest.mark.parametrize(
    "url, expected",
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("s3://bucket/clu/backups/", "s3://bucket/clu/backups"),
        ("az://account/container", "az://account/container"),
        ("az://account/container/clu", "az://account/container/clu"),
    ],
)
def test_urls_of_clouds_open_their_stores(url: str, expected: str) -> None:
    """Bucket or container, and maybe a prefix."""
    assert open_store(url).url == expected


@pytest.mark.parametrize(
    "url, sentence",
    [
        ("", "is empty"),
        ("a\0b", "no text"),
        ("s3://b", "names no bucket"),
        ("s3://bucket/a//b", "empty part"),
        ("s3://bucket/../b", "dot segment"),
        ("s3://bucket/a?versionId=1", "names a version"),
        ("az://account", "names no container"),
        ("az://account/container?sig=SECRET", "carries a signature"),
        ("https://account.blob.core.windows.net/container?sig=SECRET", "not supported"),
        ("https://user:SECRET@host/x", "not supported"),
        ("file://server/share", "no path on this machine"),
        ("file:relative", "no path on this machine"),
        ("file:///a%00b", "no path on this machine"),
        ("file://[/x", "not a URL"),
        ("file:///a?b", "query or fragment"),
        ("file:///a#b", "query or fragment"),
        ("~nobody-has-this-name/vault", "home folder"),
    ],
)
def test_what_is_no_folder_is_refused(url: str, sentence: str) -> None:
    """One line says what is wrong; what may be a secret in the URL is not in it."""
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        open_store(url)
    assert "SECRET" not in str(caught.value)
    assert caught.value.exit_code == 2
