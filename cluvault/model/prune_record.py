"""What a prune writes before it removes anything of a project; nothing in it is ever changed."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from cluvault.model.manifest import VAULT_FORMAT, Record, Tool


class RemovedSnapshot(Record):
    """A snapshot that goes; its manifest is kept here, letter by letter, so that it can be put back.

    Attributes:
        model_keys: Its other contents: what its models were trained on.
    """

    snapshot_id: str
    content_key: str
    model_keys: tuple[str, ...] = ()
    manifest: str

    @property
    def keys(self) -> tuple[str, ...]:
        """Every content that it refers to."""
        return (self.content_key, *self.model_keys)


class PruneRecord(Record):
    """What one run removes of one project.

    Attributes:
        removed: The snapshots that go.
        unreferenced: Keys of the contents that no snapshot refers to once these are gone. They stay for a grace
            period, counted from the moment at which the store received this record.
    """

    format: Literal[1] = VAULT_FORMAT
    run_id: str
    resource: str
    project: str
    planned_at: AwareDatetime
    removed: tuple[RemovedSnapshot, ...] = ()
    unreferenced: tuple[str, ...] = ()
    tool: Tool
