"""cluvault cat."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cluvault.cli.invocation import Command, Invocation
from cluvault.errors import UsageError
from cluvault.ops.sources import fetch_source


@click.command("cat", cls=Command)
@click.argument("reference", metavar="REF")
@click.option("-o", "--output", metavar="FILE", help="Write to a file that does not exist yet.")
@click.pass_obj
def command(invocation: Invocation, *, reference: str, output: str | None) -> int:
    """Write the exact bytes that the service gave, verified, to standard output or a file."""
    source = invocation.work(lambda workspace: fetch_source(workspace, reference))
    if output is None:
        sys.stdout.buffer.write(source.data)
        sys.stdout.buffer.flush()
        return 0
    try:
        with Path(output).open("xb") as file:
            file.write(source.data)
    except OSError as err:
        raise UsageError(f"{output}: {(err.strerror or str(err)).lower()}; nothing was overwritten") from err
    return 0
