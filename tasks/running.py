"""How steps become Prefect tasks: the workspace they share, what is retried, how an operation runs them."""

from __future__ import annotations

import logging
import os
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypedDict, TypeVar, cast

from prefect import get_run_logger
from prefect.blocks.system import Secret
from prefect.cache_policies import NO_CACHE
from prefect.runtime import deployment, flow_run
from pydantic import SecretStr

from cluvault.errors import CluvaultError, ConfigurationError
from cluvault.memory import give_back_large_blocks
from cluvault.ops.announcements import announcing
from cluvault.ops.workspace import Workspace
from cluvault.settings import find_config, load_settings
from cluvault.tracing import start_tracing
from tasks.blocks import check_that_the_vault_lasts, read_blocks, vault_block, wire
from tasks.emitting import emit
from tasks.patience import never_began, patiently

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping

    from prefect import State, Task
    from prefect.client.schemas.objects import TaskRun
    from pydantic import BaseModel

    from cluvault.ops.steps import Runner

P = ParamSpec("P")
T = TypeVar("T")

start_tracing(os.environ, warn=logging.getLogger("cluvault").warning)  # Prefect's span of a flow begins before the flow

_current: ContextVar[Workspace] = ContextVar("cluvault_workspace")


class Step(TypedDict):
    """Options that every task of cluvault has."""

    retries: int
    retry_delay_seconds: list[float]
    retry_condition_fn: Any
    cache_policy: Any
    persist_result: bool
    tags: list[str]


async def is_retryable(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Retry only what the error itself calls retryable; the client has repeated single requests already."""
    error = await state.aresult(raise_on_failure=False)
    return isinstance(error, CluvaultError) and error.retryable


STEP: Final[Step] = {
    "retries": 2,
    "retry_delay_seconds": [5, 30],
    "retry_condition_fn": is_retryable,
    "cache_policy": NO_CACHE,  # a step looks at the world; its result from another run says nothing
    "persist_result": False,
    "tags": ["cluvault"],
}


def current_workspace() -> Workspace:
    """The workspace of the flow run that this task belongs to.

    Raises:
        ConfigurationError: the task runs outside a flow of cluvault.
    """
    if (workspace := open_now()) is None:
        raise ConfigurationError("this task runs inside a flow of cluvault only", mend="call the flow")
    return workspace


def open_now() -> Workspace | None:
    """The workspace of the flow run that this code belongs to; None outside of one."""
    return _current.get(None)


@contextmanager
def use_workspace(workspace: Workspace) -> Generator[None]:
    """Make a workspace the current one."""
    token = _current.set(workspace)
    try:
        yield
    finally:
        _current.reset(token)


@asynccontextmanager
async def open_workspace(kind: str = "", options: BaseModel | None = None) -> AsyncGenerator[Workspace]:
    """The workspace of the configuration that the environment names (CLUVAULT_CONFIG, CLUVAULT_…), and of blocks.

    What is announced in it becomes Prefect events, also the error that ends it.

    Args:
        kind: The name of the operation; by default that of the flow.
        options: What it was asked for.
    """
    give_back_large_blocks()
    path = find_config(None, environment=os.environ, directory=Path.cwd())
    asked, environment = vault_block(os.environ, is_configured=path is not None)
    settings = load_settings(path, environment=environment)
    wired = wire(settings, await read_blocks(asked), environment=environment, prefect_secret=read_secret_block)
    if deployment.id is not None:
        check_that_the_vault_lasts(wired.settings, directory=Path.cwd())
    async with Workspace(
        wired.settings,
        environment=wired.environment,
        prefect_secret=wired.prefect_secret,
        on_event=emit,
        on_wait=get_run_logger().info,
        flow_run=flow_run.id,
        is_unattended=deployment.id is not None,
    ) as workspace:
        with use_workspace(workspace):
            kind = kind or str(flow_run.flow_name or "flow")
            async with announcing(workspace, kind, options, warn=get_run_logger().warning):
                try:
                    yield workspace
                finally:
                    for sentence in workspace.waited:
                        get_run_logger().info("%s", sentence)


def read_secret_block(name: str) -> SecretStr:
    """The value of a Prefect Secret block.

    Raises:
        ConfigurationError: there is no such block, or it holds no text.
    """
    try:
        block = cast("Any", Secret).load(name, _sync=True)  # also inside a running event loop
    except ValueError as err:
        raise ConfigurationError(
            f"Prefect Secret block {name!r} cannot be loaded: {err}", mend="create it in the Prefect UI"
        ) from err
    value = block.get()
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"Prefect Secret block {name!r} holds no text", mend="set it to the resource's key")
    return SecretStr(value)


def as_tasks(tasks: Mapping[Callable[..., Any], Task[..., Any]]) -> Runner:
    """A runner that runs each step of an operation as its Prefect task."""

    async def run(
        step: Callable[Concatenate[Workspace, P], Awaitable[T]],
        _workspace: Workspace,
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        # a task that could not begin for want of the server is called again; one that began has its own retries
        return cast("T", await patiently(lambda: tasks[step](*args, **kwargs), bears=never_began))

    return run
