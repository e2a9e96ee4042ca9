"""cluvault listen."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cluvault.cli.commands.intake import DEPLOYMENT, hand_over_to, stop_at_signals, tell_taken
from cluvault.cli.invocation import Command, Invocation, flow_option, has_prefect_api
from cluvault.cli.render import print_json, say
from cluvault.errors import ConfigurationError, InvalidEvent, NotHandedOver, UsageError
from cluvault.settings import is_loopback

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Sequence

    from starlette.applications import Starlette

    from cluvault.inbox.doorkeeper import Doorkeeper
    from cluvault.model.arrival import Arrival
    from cluvault.ops.take_in import InboxObject
    from cluvault.ops.workspace import Workspace

_BACKLOG: Final = 2048
_PACE_SECONDS: Final = 5.0
"""From one flow run to the next: it takes as long to begin. Event Grid waits 30 s for an answer."""


@click.command("listen", cls=Command)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8443, show_default=True, help="0 takes a free one.")
@click.option("--certfile", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Serve https (PEM).")
@click.option("--keyfile", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The key of --certfile.")
@click.option("--behind-proxy", is_flag=True, help="Serve plain http beyond this machine: a proxy in front does TLS.")
@click.option(
    "--deployment", default=DEPLOYMENT, show_default=True, help="Which Prefect deployment takes in what arrives."
)
@flow_option
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    host: str,
    port: int,
    certfile: Path | None,
    keyfile: Path | None,
    behind_proxy: bool,
    deployment: str,
    by_flow: bool | None,
) -> int:
    """Take events in over HTTPS until Ctrl-C or SIGTERM: CloudEvents 1.0 and Event Grid, at /events.

    At /metrics the figures of `cluvault status` are for Prometheus, which shows the same secret or token.

    Who sends them shows the secret of [listen], or a token of Microsoft Entra ID. Each batch becomes a flow run;
    without a Prefect API the objects are imported here. Either way the sender is answered afterwards.
    """
    if (certfile is None) != (keyfile is None):
        raise UsageError("https takes both --certfile and --keyfile")
    if certfile is None and not behind_proxy and not is_loopback(host):
        raise UsageError(
            f"--host {host} without TLS would show the secret to the network",
            mend="give --certfile and --keyfile, or --behind-proxy when a proxy in front of it does TLS",
        )
    as_flow = by_flow if by_flow is not None else has_prefect_api(os.environ)

    async def work(workspace: Workspace) -> None:
        app = _application(invocation, workspace, deployment if as_flow else "")
        with _listening_on(host, port) as listener:
            address = f"{'http' if certfile is None else 'https'}://{_shown(host)}:{listener.getsockname()[1]}"
            _tell(invocation, address)
            await _serve(app, listener, certfile, keyfile)

    invocation.work(work)
    return 0


def _application(invocation: Invocation, workspace: Workspace, deployment: str) -> Starlette:
    from cluvault.inbox.listening import Batches, listening  # noqa: PLC0415  # --help starts without
    from cluvault.ops.intake import MOST_AT_ONCE, chosen_inboxes, objects_in  # noqa: PLC0415
    from cluvault.ops.metrics import Metrics, metrics_route  # noqa: PLC0415
    from cluvault.vault.store import key_fault  # noqa: PLC0415

    settings = workspace.settings.listen
    chosen_inboxes(workspace, ())
    take_in = hand_over_to(deployment) if deployment else _importer(invocation, workspace)

    async def take_over(arrivals: Sequence[Arrival]) -> None:
        if objects := objects_in(workspace, arrivals):
            await take_in(objects)

    pace = _PACE_SECONDS if deployment else 0.0
    batches = Batches(take_over, seconds=settings.batch_seconds, most=MOST_AT_ONCE, pace=pace)

    def is_in_an_inbox(arrival: Arrival) -> bool:
        return bool(objects_in(workspace, [arrival]))

    async def bring(arrivals: Sequence[Arrival]) -> None:
        for one in objects_in(workspace, arrivals):
            if (fault := key_fault(one.key)) is not None:
                raise InvalidEvent(f"a key {fault}; the object stays where it is")
        await batches.add(arrivals)

    doorkeeper = _doorkeeper(workspace)
    figures = metrics_route(Metrics(workspace), admits=doorkeeper.admits)
    return listening(settings, doorkeeper, bring, concerns=is_in_an_inbox, more_routes=[figures])


def _doorkeeper(workspace: Workspace) -> Doorkeeper:
    from cluvault.inbox.doorkeeper import Doorkeeper, TokenCheck  # noqa: PLC0415  # as above

    settings = workspace.settings.listen
    if settings.secret is None and settings.entra is None:
        raise ConfigurationError(
            "nothing in [listen] says who may bring events", mend='set secret = { env = "NAME" }, or entra = { … }'
        )
    found = [workspace.secret(one, what="listen.secret") for one in (settings.secret, settings.secret2)]
    secrets = [one for one in found if one is not None]
    return Doorkeeper(secrets, tokens=TokenCheck(settings.entra) if settings.entra is not None else None)


def _importer(invocation: Invocation, workspace: Workspace) -> Callable[[Sequence[InboxObject]], Awaitable[None]]:
    """Imports here; an object that has to wait is a reason not to answer that it is done."""
    import asyncio  # noqa: PLC0415  # as above

    from cluvault.ops.attend import take_in_and_tell  # noqa: PLC0415

    turn = asyncio.Lock()

    async def take_in(objects: Sequence[InboxObject]) -> None:
        taken = await take_in_and_tell(workspace, objects, turn=turn)
        for one, became in zip(objects, taken, strict=True):
            tell_taken(invocation, one, became)
        if not all(one.is_settled for one in taken):
            raise NotHandedOver("an object could not be imported this time", mend="it is tried again")

    return take_in


@contextmanager
def _listening_on(host: str, port: int) -> Generator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(_BACKLOG)  # before its address is told
        except OSError as err:
            raise ConfigurationError(
                f"cannot listen on {host} port {port}: {err.strerror or err}", mend="choose another; 0 takes a free one"
            ) from err
        yield listener


async def _serve(app: Starlette, listener: socket.socket, certfile: Path | None, keyfile: Path | None) -> None:
    import asyncio  # noqa: PLC0415  # as above

    from cluvault.inbox.serving import server_of  # noqa: PLC0415

    server = server_of(app, certfile=certfile, keyfile=keyfile)
    stop = stop_at_signals()

    async def end() -> None:
        await stop.wait()
        server.should_exit = True

    ending = asyncio.create_task(end())
    await server.serve([listener])
    ending.cancel()


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _tell(invocation: Invocation, address: str) -> None:
    if invocation.json:
        print_json({"url": f"{address}/events"})
        sys.stdout.flush()  # whoever reads it waits for it
    else:
        say(f"listening at {address}/events; Ctrl-C ends it")
