"""The demos' stage: a folder, a Prefect server and an emulator of their own, until the story is told or Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol

from rich.rule import Rule
from rich.text import Text

from cluvault.cli.demo.folder import KEY, KEY_VARIABLE
from cluvault.cli.demo.services import free_port, prefect_environment, running
from cluvault.cli.render import console, say
from cluvault.ops.workspace import Workspace
from cluvault.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from pydantic import BaseModel

_LINE: Final = 110


class Story(Protocol):
    """What a demo shows."""

    @property
    def flow(self) -> str:
        """The flow that it begins with, imported while the servers start."""
        ...

    @property
    def next(self) -> str:
        """What to try in the demo's folder afterwards; `{folder}` stands for it."""
        ...

    @property
    def running(self) -> Sequence[str]:
        """Commands to try while everything is kept running."""
        ...

    def prepare(self, folder: Path, *, port: int) -> None:
        """Make the folder.

        Raises:
            UsageError: it belongs to somebody else.
        """
        ...

    async def tell(self, workspace: Workspace, folder: Path) -> None:
        """The steps, each with its result."""
        ...


async def perform(story: Story, folder: Path, *, keep_running: bool) -> None:
    """Run a whole demo in `folder`.

    Raises:
        UsageError: the folder belongs to somebody else.
        ServiceFailed: the Prefect server or the emulator did not start.
    """
    began = time.monotonic()
    emulator, prefect = free_port(), free_port()
    story.prepare(folder, port=emulator)
    _forget_the_users_settings()
    os.environ |= prefect_environment(folder / ".prefect", prefect)
    os.environ |= {KEY_VARIABLE: KEY, "CLUVAULT_CONFIG": str(folder / "cluvault.toml")}
    say("starting a Prefect server and an emulator of two Language resources, dev and prod …", style="bold")
    async with AsyncExitStack() as stack:
        await asyncio.gather(
            stack.enter_async_context(_prefect(folder, prefect)),
            stack.enter_async_context(_emulator(folder, emulator)),
            asyncio.to_thread(import_module, f"flows.{story.flow}"),
        )
        settings = load_settings(folder / "cluvault.toml", environment=os.environ)
        async with Workspace(settings) as workspace:
            await story.tell(workspace, folder)
        await import_module(
            "prefect.logging.handlers"
        ).APILogHandler.aflush()  # else they wait for a server that has gone
        say(f"All of it in {time.monotonic() - began:.0f} s.", style="bold green")
        _say_lines(story.next.format(folder=folder))
        if keep_running:
            await _wait_for_the_user(prefect, emulator, story.running)


class Headlines:
    """Numbers the steps.

    Args:
        steps: How many there are.
    """

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._step = 0

    def __call__(self, text: str) -> None:
        """The next one."""
        self._step += 1
        title = Text(f"{self._step}/{self._steps}  {text}", style="bold cyan")
        console(width=_LINE).print(Rule(title, align="left", style="dim"))


async def run_flow(name: str, options: BaseModel) -> Any:
    """Run a flow in this process; its runs, tasks and artifacts are the server's."""
    return await getattr(import_module(f"flows.{name}"), name)(options)


def _forget_the_users_settings() -> None:
    """A real vault, API key or Prefect database that the environment names has no part in the demo."""
    for name in [name for name in os.environ if name.startswith(("CLUVAULT_", "PREFECT_"))]:
        del os.environ[name]


@asynccontextmanager
async def _prefect(folder: Path, port: int) -> AsyncGenerator[None]:
    arguments = ("server", "start", "--host", "127.0.0.1", "--port", str(port))
    async with running("prefect", *arguments, port=port, path="/api/health", log=folder / "prefect.log"):
        yield


@asynccontextmanager
async def _emulator(folder: Path, port: int) -> AsyncGenerator[None]:
    arguments = ["emulator", "--port", str(port), "--resource", "dev", "--resource", "prod"]
    arguments += ["--seed", str(folder / "seed"), "--state", str(folder / "emulator.sqlite")]
    path = "/_emulator/health"
    async with running("cluvault", *arguments, port=port, path=path, log=folder / "emulator.log"):
        yield


async def _wait_for_the_user(prefect: int, emulator: int, commands: Sequence[str]) -> None:
    _say_lines(f"""
Running until Ctrl-C:
  Prefect UI with all runs and artifacts   http://127.0.0.1:{prefect}/
  emulator with dev and prod               http://127.0.0.1:{emulator}/
In another terminal, in the demo's folder:
  export {KEY_VARIABLE}={KEY} PREFECT_API_URL=http://127.0.0.1:{prefect}/api""")
    _say_lines("\n".join(f"  {command}" for command in commands))
    sys.stdout.flush()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()


def _say_lines(text: str) -> None:
    for line in text.splitlines():
        say(line)
