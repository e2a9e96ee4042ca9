"""How the steps of an operation are run: here directly; a flow runs each as a Prefect task instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cluvault.ops.workspace import Workspace

P = ParamSpec("P")
T = TypeVar("T")


class Runner(Protocol):
    """Runs a step and returns its result; raises what the step raises."""

    async def __call__(
        self,
        step: Callable[Concatenate[Workspace, P], Awaitable[T]],
        workspace: Workspace,
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run `step(workspace, *args, **kwargs)`."""
        ...


async def run_directly(
    step: Callable[Concatenate[Workspace, P], Awaitable[T]], workspace: Workspace, /, *args: P.args, **kwargs: P.kwargs
) -> T:
    """The runner of the CLI and of scripts: a plain call."""
    return await step(workspace, *args, **kwargs)
