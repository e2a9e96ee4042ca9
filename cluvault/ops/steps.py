"""How the steps of an operation are run: here directly; a flow runs each as a Prefect task instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol, TypeVar

from cluvault.tracing import is_tracing, span

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cluvault.ops.workspace import Workspace
    from cluvault.tracing import Value

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
    """The runner of the CLI and of scripts: a plain call, and a span where somebody traces."""
    if not is_tracing():
        return await step(workspace, *args, **kwargs)
    with span(step.__name__, _about(args)):
        return await step(workspace, *args, **kwargs)


def _about(arguments: tuple[object, ...]) -> dict[str, Value | None]:
    """The project that a step is about, where an argument names one."""
    named = ((f"cluvault.{name}", getattr(one, name, None)) for one in arguments for name in ("resource", "project"))
    return {name: value for name, value in named if isinstance(value, str)}
