"""Tasks of the intake, and how what came in is handed over to Prefect."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from prefect import task
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

from cluvault.errors import ConfigurationError, NotHandedOver
from cluvault.ops import take_in as ops
from cluvault.ops.take_in import InboxObject, Taken
from cluvault.plan.inbox import inbox_event
from tasks.events import publish_events
from tasks.running import STEP, current_workspace

if TYPE_CHECKING:
    from collections.abc import Sequence


@task(name="take-in", task_run_name="take in {one.key}", timeout_seconds=7200, **STEP)
async def take_in(one: InboxObject) -> Taken:
    """Import one object of an inbox, or refuse it, and put it away."""
    return await ops.take_in(current_workspace(), one)


async def start_intake(objects: Sequence[InboxObject], *, deployment: str) -> str:
    """Create the flow run that takes these objects in, and return its id: from here on Prefect answers for them.

    The same events again lead to the same run. A Prefect event for each object is emitted besides, for automations of
    the user's own; the run itself does not depend on one, because events are kept in memory on their way, and only a
    run that exists is a reason to acknowledge a message.

    Raises:
        ConfigurationError: there is no such deployment.
        NotHandedOver: the Prefect API does not answer, or refuses.
    """
    names = sorted("|".join((one.inbox, one.key, *sorted(one.events))) for one in objects)
    key = "intake-" + sha256("\n".join(names).encode("utf-8", "surrogatepass")).hexdigest()
    options = {"objects": [one.model_dump(mode="json") for one in objects]}
    try:
        async with get_client() as client:
            found = await client.read_deployment_by_name(deployment)
            run = await client.create_flow_run_from_deployment(
                found.id, parameters={"options": options}, idempotency_key=key
            )
    except ObjectNotFound:
        raise ConfigurationError(
            f"Prefect has no deployment {deployment!r}", mend="deploy it, name another with --deployment, or --no-flow"
        ) from None
    except Exception as err:  # whatever it was: no run is known to exist, so nobody may believe that one does
        raise NotHandedOver(
            f"Prefect did not create the flow run: {type(err).__name__}: {err}", mend="it is tried again"
        ) from err
    await publish_events(
        inbox_event(
            "received",
            inbox=one.inbox,
            resource=place[1],
            project=place[2],
            key=one.key,
            run_id=str(run.id),
            events=one.events,
        )
        for one in objects
        for place in [[*one.key.split("/"), "", ""]]
    )
    return str(run.id)
