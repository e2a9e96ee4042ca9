"""`cluvault deploy` and `cluvault serve`: compare the files with the server, show, carry out; or run it all here."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefect.client.orchestration import get_client
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import PrefectHTTPStatusError
from prefect.runner import Runner
from prefect.types.entrypoint import EntrypointType

from cluvault.errors import ConfigurationError, GuardRefused
from cluvault.plan.deploy import plan_deploy
from deployments.desired import DeployOptions, build_desired, deployment_object, flow_of
from deployments.server import Server

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from prefect.client.orchestration import PrefectClient

    from cluvault.plan.deploy import Change, DeployPlan
    from deployments.source import Entry

__all__ = ["DeployOptions", "Deployed", "deploy", "serve"]


@dataclass(frozen=True, slots=True)
class Deployed:
    """What was planned, where, and what was left out because nobody is to be notified."""

    plan: DeployPlan
    api: str
    left_out: tuple[str, ...]
    switched_off: tuple[str, ...] = ()


async def deploy(
    options: DeployOptions,
    *,
    dry_run: bool = False,
    on_plan: Callable[[DeployPlan], None] = lambda _: None,
    on_done: Callable[[Change], None] = lambda _: None,
) -> Deployed:
    """Bring the server to what the files say; nothing is changed when anything is refused.

    Raises:
        ConfigurationError: a file or option makes no sense, or no server answers.
        GuardRefused: something of this name is somebody else's, or cannot be changed.
    """
    if options.image and options.pool_type == "process":
        raise ConfigurationError("an image is for pools of type docker or kubernetes", mend="add --pool-type")
    desired = build_desired(options)
    async with _connected() as client:
        server = Server(client, pool=options.pool)
        plan = plan_deploy(desired.objects, await server.read(), adopt=options.adopt).only(options.only)
        on_plan(plan)
        if plan.refused and not dry_run:
            first = plan.refused[0]
            raise GuardRefused(f"nothing was deployed: {first.kind} {first.name}: {first.reason}")
        if not dry_run:
            await server.apply(plan, on_done=on_done)
        return Deployed(plan, str(client.api_url), desired.left_out, desired.switched_off)


async def serve(options: DeployOptions, *, limit: int, on_ready: Callable[[Deployed], None] = lambda _: None) -> None:
    """Deploy without a work pool, and run what is due in processes of this machine, until it is stopped.

    Raises:
        ConfigurationError: see `deploy`.
        GuardRefused: see `deploy`.
    """
    options = options.model_copy(update={"pool": None})
    deployed = await deploy(options)
    for entry in build_desired(options).entries:  # without a pool nobody else gives runs their variables
        for name, text in entry.work_pool.job_variables.get("env", {}).items():
            os.environ.setdefault(name, text)
    runner = Runner(name="cluvault", limit=limit, pause_on_shutdown=False)
    for entry in build_desired(options).entries:
        await runner.aadd_deployment(_runner_deployment(entry, options))
    on_ready(deployed)
    await runner.start()


def _runner_deployment(entry: Entry, options: DeployOptions) -> RunnerDeployment:
    """The deployment once more, in the form in which Prefect's runner wants to hear of it."""
    fields = deployment_object(entry, options).fields
    return RunnerDeployment.from_flow(
        flow_of(entry),
        entry.name,
        parameters=entry.parameters,
        tags=list(fields["tags"]),  # pyright: ignore[reportArgumentType]
        description=entry.description,
        version=str(fields["version"]),
        enforce_parameter_schema=entry.enforce_parameter_schema,
        concurrency_limit=entry.concurrency_limit,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


@asynccontextmanager
async def _connected() -> AsyncGenerator[PrefectClient]:
    """The API of this user's Prefect; its refusals in one line."""
    async with get_client() as client:
        where = f"the Prefect API at {client.api_url}"
        if (problem := await client.api_healthcheck()) is not None:
            raise ConfigurationError(
                f"{where} does not answer", mend="start it, or correct PREFECT_API_URL"
            ) from problem
        try:
            yield client
        except PrefectHTTPStatusError as err:
            text = " ".join(err.response.text[:300].split())
            raise ConfigurationError(f"{where} answered {err.response.status_code}: {text}") from err
