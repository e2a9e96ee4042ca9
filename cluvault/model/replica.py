"""The record that a replication leaves of a project: what it found at the source, and what it left at the target."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, StringConstraints

from cluvault.model.manifest import VAULT_FORMAT, Record, Tool
from cluvault.model.reference import SNAPSHOT_ID


class ReplicaDeployment(Record):
    """A service deployment as a replication left it.

    Attributes:
        name: At both ends.
        source_model: The label of the model that it serves at the source.
        source_trained_at: When that was trained: a label can be trained anew.
        digest: Of what the model was trained on, as the target has it.
        model: The label of the target's own model of it.
        of_draft: Whether the service could not tell what the model was trained on, so that the draft was taken.
    """

    name: str
    source_model: str
    source_trained_at: AwareDatetime | None = None
    digest: str
    model: str
    of_draft: bool = False


class ReplicaRecord(Record):
    """One replication of one project. The next goes by the newest of them.

    Attributes:
        resource: The target, and likewise `project`.
        source_modified_at: When the source was last changed, before it was read.
        target_modified_at: When the target was, after all was done.
        source_digest: Of the source's draft.
        digest: Of what the route makes of it: what the target holds.
        snapshot: The source's snapshot in the vault.
    """

    format: Literal[1] = VAULT_FORMAT
    replica_id: Annotated[str, StringConstraints(pattern=rf"^{SNAPSHOT_ID.pattern}$")]
    route: str
    resource: str
    project: str
    source_resource: str
    source_project: str
    source_modified_at: AwareDatetime | None = None
    target_modified_at: AwareDatetime | None = None
    source_digest: str
    digest: str
    snapshot: str
    deployments: tuple[ReplicaDeployment, ...] = ()
    notes: tuple[str, ...] = ()
    at: AwareDatetime
    by: str
    tool: Tool
