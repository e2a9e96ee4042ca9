"""cluvault emulator."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from cluvault.cli.invocation import Command, Invocation
from cluvault.emulator.config import DEFAULT_KEYS, EmulatorConfig
from cluvault.emulator.server import EmulatorServer


@click.command("emulator", cls=Command)
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 takes a free one.")
@click.option("--resource", "resources", multiple=True, metavar="NAME", help="A resource at /NAME; may be repeated.")
@click.option("--key", "keys", multiple=True, help="An accepted key; may be repeated.")
@click.option("--seed", type=click.Path(path_type=Path), help="A folder with RESOURCE/PROJECT.json files.")
@click.option("--state", type=click.Path(path_type=Path), help="Keep the state in this SQLite file.")
@click.option("--job-seconds", type=click.FloatRange(min=0), default=0.2, show_default=True, help="How long jobs take.")
@click.option("--limits", type=click.Choice(["documented", "off"]), default="off", show_default=True)
@click.pass_obj
def command(
    _invocation: Invocation,
    *,
    port: int,
    resources: tuple[str, ...],
    keys: tuple[str, ...],
    seed: Path | None,
    state: Path | None,
    job_seconds: float,
    limits: str,
) -> int:
    """Run the local stand-in for the CLU authoring API on 127.0.0.1 until Ctrl-C."""
    config = EmulatorConfig(
        resources=resources or ("dev", "prod"),
        keys=keys or DEFAULT_KEYS,
        seed=seed,
        state=state,
        job_seconds=job_seconds,
        limits="documented" if limits == "documented" else "off",
    )
    server = EmulatorServer(config, port=port)
    logging.getLogger("cluvault.emulator").addHandler(logging.StreamHandler(sys.stderr))  # a server logs its faults
    _tell(server, config)
    server.run()
    return 0


def _tell(server: EmulatorServer, config: EmulatorConfig) -> None:
    keys = " and ".join(DEFAULT_KEYS) if config.keys == DEFAULT_KEYS else "as given"
    click.echo(f"emulator at {server.url}, keys {keys}")
    for name in config.resources:
        click.echo(f"  {name}: {server.resource_url(name)}")
