"""cluvault demo."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from cluvault.cli.demo.promotion import PromotionStory
from cluvault.cli.demo.stage import perform
from cluvault.cli.demo.story import MainStory
from cluvault.cli.invocation import Command, Invocation


@click.command("demo", cls=Command, vault=False)
@click.argument("story", type=click.Choice(["promote"]), required=False)
@click.option("--directory", default="cluvault-demo", show_default=True, help="Where the vault and all else is left.")
@click.option("--keep-running", is_flag=True, help="Keep emulator, vault and Prefect UI running until Ctrl-C.")
@click.pass_obj
def command(_invocation: Invocation, *, story: str | None, directory: str, keep_running: bool) -> int:
    """Back up, edit, compare, lose, restore, create, plan a clean-up, verify: by Prefect flows, on this machine.

    With `promote`: a promotion that serves better answers, and one that the gate refuses and that is undone.

    No account, no network, no configuration. Takes about a minute.
    """
    chosen = MainStory() if story is None else PromotionStory()
    asyncio.run(perform(chosen, Path(directory).resolve(), keep_running=keep_running))
    return 0
