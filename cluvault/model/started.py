"""Exports that a backup has started: by them the next run takes up what a killed one left."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from cluvault.model.manifest import VAULT_FORMAT, Record

JobId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$")]
"""A GUID with an underscore and digits, as far as the service's documentation shows any; no letter that means anything
in a URL."""


class StartedExport(Record):
    """An export job.

    Attributes:
        started_at: Just before it was asked for, by the clock of the machine that did.
        modified: When the project was last modified, by the listing before that.
    """

    project: Annotated[str, Field(min_length=1, max_length=500)]
    job_id: JobId
    api_version: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}(-preview)?$")]
    started_at: AwareDatetime
    modified: AwareDatetime


class StartedExports(Record):
    """Some exports of one resource that one run has started."""

    format: Literal[1] = VAULT_FORMAT
    endpoint: str
    exports: Annotated[tuple[StartedExport, ...], Field(max_length=10_000)]
