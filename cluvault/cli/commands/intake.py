"""cluvault intake."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from cluvault.cli.invocation import Command, Invocation, flow_option, has_prefect_api, options_of
from cluvault.cli.render import print_json, say
from cluvault.cli.runs import report_of, show_run
from cluvault.ops.intake import IntakeOptions, chosen_inboxes, intake

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from cluvault.errors import CluvaultError
    from cluvault.ops.report import Report
    from cluvault.ops.take_in import InboxObject, Taken
    from cluvault.ops.workspace import Workspace

DEPLOYMENT = "intake/inbox"


@click.command("intake", cls=Command)
@click.argument("inboxes", nargs=-1, metavar="[NAME]...")
@click.option("--once", is_flag=True, help="Take in what waits now, and end.")
@click.option(
    "--deployment", default=DEPLOYMENT, show_default=True, help="Which Prefect deployment takes in what arrives."
)
@flow_option
@click.pass_obj
def command(
    invocation: Invocation, *, inboxes: tuple[str, ...], once: bool, deployment: str, by_flow: bool | None
) -> int:
    """Import what is put under inbox/RESOURCE/PROJECT/ of the configured inboxes, all or the named ones.

    Without --once it stays with their queues until Ctrl-C or SIGTERM. Where a Prefect API is configured, each batch of
    arrivals becomes one flow run of the deployment; a message is acknowledged when that run exists, otherwise when its
    object is imported or refused.
    """
    options = options_of(IntakeOptions, inboxes=inboxes)
    if once:
        return _once(invocation, options, by_flow=by_flow)
    as_flow = by_flow if by_flow is not None else has_prefect_api(os.environ)
    invocation.work(lambda workspace: _stay(invocation, workspace, options, deployment if as_flow else ""))
    return 0


def _once(invocation: Invocation, options: IntakeOptions, *, by_flow: bool | None) -> int:
    async def directly(workspace: Workspace) -> Report:
        return await intake(workspace, options)

    report = report_of(invocation, "intake", options, directly, by_flow=by_flow)
    return show_run(invocation, report)


async def _stay(invocation: Invocation, workspace: Workspace, options: IntakeOptions, deployment: str) -> None:
    from cluvault.ops.attend import attend  # noqa: PLC0415  # the other way starts without

    names = chosen_inboxes(workspace, options.inboxes)
    stop = stop_at_signals()
    if not invocation.json:
        say(f"attending to {', '.join(names)}; Ctrl-C ends it")
    await attend(
        workspace,
        names,
        stop=stop,
        hand_over=hand_over_to(deployment) if deployment else None,
        on_taken=lambda one, taken: tell_taken(invocation, one, taken),
        on_error=_tell_error,
    )


def stop_at_signals() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def hand_over_to(deployment: str) -> Callable[[Sequence[InboxObject]], Awaitable[None]]:
    """Makes flow runs of a Prefect deployment; Prefect is imported here and now, and nowhere else in the library."""
    start: Any = import_module("tasks.intake").start_intake

    async def hand_over(objects: Sequence[InboxObject]) -> None:
        run = await start(objects, deployment=deployment)
        say(f"{len(objects)} handed over to flow run {run}")

    return hand_over


def tell_taken(invocation: Invocation, one: InboxObject, taken: Taken) -> None:
    """One line for each object."""
    if taken.item is None:
        return
    if invocation.json:
        print_json(taken.item.model_dump(mode="json", by_alias=True) | {"key": one.key})
        sys.stdout.flush()
    else:
        item = taken.item
        say(f"{item.resource}/{item.project}: {item.outcome} ({item.detail})")


def _tell_error(name: str, err: CluvaultError) -> None:
    say(f"{name}: {err}", style="yellow")
