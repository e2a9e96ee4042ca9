"""Fitting a file to the version that imports it: old shapes up, what is not known out, the exporter's own untouched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cluvault.model.project_file import read_project_file
from cluvault.plan.fitting import FittedFile, fit_project_file

if TYPE_CHECKING:
    from collections.abc import Callable

DESCRIBED = read_project_file(
    json.dumps(
        {
            "projectFileVersion": "2025-11-15-preview",
            "stringIndexType": "Utf16CodeUnit",
            "metadata": {"projectKind": "Conversation", "language": "en-us", "x-new": 1},
            "assets": {"projectKind": "Conversation", "intents": [{"category": "Book", "description": "to book"}]},
        }
    ).encode()
)


def test_the_version_that_exported_a_file_takes_it_as_it_is() -> None:
    """Whatever is in it, known to cluvault or not."""
    fitted = fit_project_file(DESCRIBED, "2023-04-01", exported_with="2023-04-01", source="x")
    assert fitted == FittedFile(DESCRIBED)


def test_another_version_takes_what_it_knows() -> None:
    """The losses are in the file's order."""
    fitted = fit_project_file(DESCRIBED, "2023-04-01", exported_with="2025-11-15-preview", source="x")
    assert [loss.pointer for loss in fitted.losses] == ["/metadata/x-new", "/assets/intents/0/description"]
    assert fitted.file.version == "2023-04-01"


def test_an_old_file_is_upgraded_first(sample: Callable[[str], bytes]) -> None:
    """The oldest shape fits the oldest version: its changes are told, and nothing is lost."""
    old = read_project_file(sample("clock-2021-preview"))
    fitted = fit_project_file(old, "2022-05-01", source="x")
    assert fitted.changes
    assert (fitted.losses, fitted.file.version, fitted.file.shape) == ((), "2022-05-01", "current")
