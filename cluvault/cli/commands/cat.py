"""cluvault cat."""

from __future__ import annotations

import sys
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path

import click

from cluvault.cli.invocation import Command, Invocation
from cluvault.errors import StorageFull, UsageError
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
    _write_new(Path(output), source.data)
    return 0


def _write_new(path: Path, data: bytes) -> None:
    """Write a file that does not exist yet, wholly or not at all."""
    try:
        file = path.open("xb")
    except (OSError, ValueError) as err:
        reason = (getattr(err, "strerror", None) or str(err)).lower()
        raise UsageError(f"{path}: {reason}", mend="nothing was written; choose another place") from err
    try:
        with file:
            file.write(data)
    except OSError as err:
        path.unlink(missing_ok=True)
        kind = StorageFull if err.errno in (ENOSPC, EDQUOT, EFBIG) else UsageError
        raise kind(f"{path}: {(err.strerror or str(err)).lower()}", mend="nothing was left there") from err
