"""Requests for what the service supports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluvault.service.exchange import Call

if TYPE_CHECKING:
    from cluvault.service.calls.address import Address


def list_languages(address: Address, version: str, *, kind: str) -> Call:
    """The first page of the languages for a kind of project."""
    url = address.projects("/global/languages", version, {"projectKind": kind})
    return Call("GET", url, "list languages")


def list_prebuilt_entities(address: Address, version: str, *, language: str | None) -> Call:
    """The first page of the prebuilt entities for a language, or for multilingual projects."""
    query = {"multilingual": "true"} if language is None else {"language": language, "multilingual": "false"}
    return Call("GET", address.projects("/global/prebuilt-entities", version, query), "list prebuilt entities")


def list_training_config_versions(address: Address, version: str, *, kind: str) -> Call:
    """The first page of the training configurations for a kind of project."""
    url = address.projects("/global/training-config-versions", version, {"projectKind": kind})
    return Call("GET", url, "list training config versions")
