"""The configuration of what may come in, and of chains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluvault.errors import ConfigurationError
from cluvault.settings import SecretName, load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from cluvault.settings import Settings

TWO = """
[resources.dev]
endpoint = "https://dev.example"
[resources.test]
endpoint = "https://test.example"
"""
INBOX = '[intake.team]\nplace = "s3://clu"\n'


def load(tmp_path: Path, text: str) -> Settings:
    """The settings of a file."""
    file = tmp_path / "cluvault.toml"
    file.write_text(TWO + text, "utf-8")
    return load_settings(file, environment={})


def test_an_inbox(tmp_path: Path) -> None:
    """By name; what is not said has a default; its secrets are known."""
    listen = '[listen]\nsecret = { env = "A" }\nsecret2 = { prefect-secret = "b" }\n'
    settings = load(
        tmp_path, f'{INBOX}resources = ["dev"]\nqueue = "https://sqs.eu-central-1.amazonaws.com/1/q/"\n{listen}'
    )
    inbox = settings.inbox("team")
    assert (inbox.queue, inbox.tries) == ("https://sqs.eu-central-1.amazonaws.com/1/q", 5)
    assert settings.secret_names() == [SecretName(env="A"), SecretName(prefect_secret="b")]
    with pytest.raises(ConfigurationError, match=r"intake 'other' is not configured \(configured: team\)"):
        settings.inbox("other")


@pytest.mark.parametrize(
    "text, said",
    [
        (INBOX, "at intake.team.resources: is missing"),
        (INBOX + "resources = []", "at intake.team.resources"),
        (INBOX + 'resources = ["prod"]', "intake team: resource 'prod' is not a configured resource"),
        ('[intake.team]\nplace = "file:///tmp"\nresources = ["dev"]', "at intake.team.place"),
        (INBOX + 'resources = ["dev"]\nqueue = "http://example.com/q"', "should be https"),
        ('[watch]\nresources = ["prod"]', "watch: resource 'prod' is not a configured resource"),
        ('[listen]\nsecret2 = { env = "A" }', "secret2 is the other of two"),
        ('[listen]\nsecret = "hunter2"', "a secret is never written here"),
        ('[listen]\nentra = { tenant = "common", audience = "a" }', "should be the id of one directory"),
        ('[listen]\nentra = { tenant = "t", audience = "a", authority = "http://example.com" }', "should be https"),
    ],
)
def test_what_cannot_be(tmp_path: Path, text: str, said: str) -> None:
    """With its place; no secret is quoted."""
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


def route(name: str, source: str, target: str, *, follows: bool = True) -> str:
    """A route."""
    return f'[routes.{name}]\nsource = "{source}"\ntarget = "{target}"\non-snapshot = {str(follows).lower()}\n'


def test_chains_have_an_end(tmp_path: Path) -> None:
    """Routes that follow snapshots lead in no circle; others may."""
    assert load(tmp_path, route("a", "dev", "test") + route("b", "test", "dev", follows=False)).route("a").on_snapshot
    with pytest.raises(ConfigurationError, match="lead in a circle: dev, test; it would never end"):
        load(tmp_path, route("a", "dev", "test") + route("b", "test", "dev"))
