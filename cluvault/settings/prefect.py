"""How cluvault is deployed to a Prefect server."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import StringConstraints

from cluvault.settings.section import Name, Section


class PrefectSettings(Section):
    """What `cluvault deploy` takes unless the command line says otherwise.

    Attributes:
        pool: The work pool.
        pool_type: How its workers start flow runs.
        image: The image of docker and kubernetes pools.
        environment: An environment that cluvault brings along, by name, or a file of the user's, `….yaml`.
        notify: The notification block that automations use, as type/name.
    """

    pool: Name = "cluvault"
    pool_type: Literal["process", "docker", "kubernetes"] = "process"
    image: str | None = None
    environment: str | None = None
    notify: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+/[a-z0-9-]+$")] | None = None
