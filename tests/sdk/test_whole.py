"""After all the others of this folder: whether the SDK has an operation that no test has called."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cluvault.emulator.routes import OPERATIONS
from cluvault.service.client import CluClient
from tests.sdk.conftest import CALLED
from tests.sdk.driver import public_operations

if TYPE_CHECKING:
    from tests.sdk.driver import Flavour

pytestmark = pytest.mark.xdist_group("sdk")

DOCUMENT = Path(__file__).parents[2] / "docs" / "emulator.md"
FILES = ("test_projects", "test_training", "test_deployments", "test_resources")


def test_every_operation_of_the_sdk_was_called(flavour: Flavour, request: pytest.FixtureRequest) -> None:
    """Both flavours, all groups; a new version of the SDK with more operations fails here."""
    ran = {item.path.stem for item in request.session.items if item.path.parent.name == "sdk"}
    if not ran.issuperset(FILES):
        pytest.skip("only some of the folder's tests were asked for")
    assert CALLED[flavour] >= public_operations(flavour)


def test_the_document_has_every_operation_of_the_emulator_and_of_the_client() -> None:
    """One row each, without an empty cell; what it calls a method is one."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in DOCUMENT.read_text("utf-8").partition("## Operations")[2].partition("\n## ")[0].splitlines()
        if line.startswith("| ") and "---" not in line
    ][1:]
    assert [title for title, *_ in rows] == [operation.title for operation in OPERATIONS]
    assert all(all(row) for row in rows)
    methods = {name for _, _, client, _ in rows for name in re.findall(r"`(\w+)`", client)}
    assert [name for name in sorted(methods) if not callable(getattr(CluClient, name, None))] == []


def test_the_document_names_every_operation_of_the_sdk(flavour: Flavour) -> None:
    """The table of docs/emulator.md is complete."""
    named = set(re.findall(r"`(\w+\.\w+)`", DOCUMENT.read_text("utf-8")))
    assert named >= public_operations(flavour)
