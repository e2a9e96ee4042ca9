"""Commands on a project file in a bucket or container, over real sockets on every side."""

from __future__ import annotations

import gzip
import logging
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.desk import Desk
    from tests.support.objects import Objects

FOREIGN = ("boto3", "botocore", "urllib3", "s3transfer", "azure", "aiohttp")


def test_cat_writes_the_exact_bytes(desk: Desk, objects: Objects, sample: Callable[[str], bytes]) -> None:
    """Of the project file, decompressed."""
    url = objects.put("backups/My App/config.json.gz", gzip.compress(sample("pizza-small")))
    assert desk.done("cat", url).stdout == sample("pizza-small")


def test_restore_imports_it(desk: Desk, objects: Objects, sample: Callable[[str], bytes]) -> None:
    """And proves it; the report names the URL."""
    url = objects.put("config.json", sample("emailapp-demo"))
    report = desk.done("restore", url, "--to", "prod/Mail", "--json").json
    assert (report["source"], report["project"]) == (url, "Mail")
    assert "Mail" in desk.projects("prod")


def test_diff_compares_it(desk: Desk, objects: Objects, sample: Callable[[str], bytes]) -> None:
    """With a live project."""
    url = objects.put("config.json", sample("emailapp-demo"))
    assert desk.done("diff", url, "live:dev/Mail").out == "no difference in meaning\n"


def test_a_missing_object_is_one_line(desk: Desk, objects: Objects) -> None:
    """Exit code 1, and nothing is changed."""
    before = desk.world()
    outcome = desk("restore", objects.url("missing.json"), "--to", "prod/Mail")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.error.startswith(f"{objects.url('missing.json')}: no such object (404 ")
    assert desk.world() == before


@pytest.mark.parametrize("url", ["s3://bucket", "az://account/container/", "az://account/container/a?sig=s3cr3t"])
def test_a_url_without_an_object_is_a_usage_error(desk: Desk, url: str) -> None:
    """Exit code 2 and one line, which tells no signature."""
    outcome = desk("cat", url)
    assert outcome.code == 2
    assert "s3cr3t" not in outcome.error


def test_verbose_shows_the_object_but_no_foreign_log(
    desk: Desk, objects: Objects, sample: Callable[[str], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    """The libraries' own logs hold signatures; -v does not turn them on."""
    url = objects.put("config.json", sample("pizza-small"))
    outcome = desk("cat", url, "-v")
    assert outcome.code == 0
    assert f"GET {url} -> {len(outcome.stdout)} bytes in " in outcome.stderr
    assert not any(word in outcome.stderr for word in (objects.secret, "AWS4-HMAC", "SharedKey ", "Signature="))
    told = [one for one in caplog.records if one.name.startswith(FOREIGN) and one.levelno < logging.WARNING]
    assert told == []
    assert not any(logging.getLogger(name).isEnabledFor(logging.INFO) for name in FOREIGN)
