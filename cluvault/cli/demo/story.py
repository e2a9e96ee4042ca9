"""The demo's story: every flow once, on a real Prefect server, with an accident in the middle."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from rich.rule import Rule
from rich.text import Text

from cluvault.cli.demo.folder import KEY, KEY_VARIABLE, prepare
from cluvault.cli.demo.services import free_port, prefect_environment, running
from cluvault.cli.render import console, print_lines, print_table, say
from cluvault.model.json_text import write_json
from cluvault.ops.backup import BackupOptions
from cluvault.ops.cleanup import CleanupOptions
from cluvault.ops.create import CreateOptions
from cluvault.ops.restore import RestoreOptions
from cluvault.ops.sources import fetch_source
from cluvault.ops.verify import VerifyOptions
from cluvault.ops.workspace import Workspace
from cluvault.plan.diff import diff_project_files
from cluvault.plan.diff_report import diff_lines, summary
from cluvault.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from pydantic import BaseModel

    from cluvault.model.manifest import Manifest
    from cluvault.ops.report import Report

STEPS: Final = 9
_LINE: Final = 110
_EDITED: Final = "EmailAppDemo"
_LOST: Final = "FlightBooking"


async def tell(folder: Path, *, keep_running: bool) -> None:
    """Run the whole demo in `folder`.

    Raises:
        UsageError: the folder belongs to somebody else.
        ServiceFailed: the Prefect server or the emulator did not start.
    """
    began = time.monotonic()
    emulator, prefect = free_port(), free_port()
    prepare(folder, port=emulator)
    _forget_the_users_settings()
    os.environ |= prefect_environment(folder / ".prefect", prefect)
    os.environ |= {KEY_VARIABLE: KEY, "CLUVAULT_CONFIG": str(folder / "cluvault.toml")}
    say("starting a Prefect server and an emulator of two Language resources, dev and prod …", style="bold")
    async with AsyncExitStack() as stack:
        await asyncio.gather(
            stack.enter_async_context(_prefect(folder, prefect)),
            stack.enter_async_context(_emulator(folder, emulator)),
            asyncio.to_thread(import_module, "flows.backup"),
        )
        settings = load_settings(folder / "cluvault.toml", environment=os.environ)
        async with Workspace(settings) as workspace:
            await _Story(workspace, folder).tell()
        await import_module(
            "prefect.logging.handlers"
        ).APILogHandler.aflush()  # else they wait for a server that has gone
        say(f"All of it in {time.monotonic() - began:.0f} s.", style="bold green")
        _what_next(folder)
        if keep_running:
            await _wait_for_the_user(prefect, emulator)


def _forget_the_users_settings() -> None:
    """A real vault, API key or Prefect database that the environment names has no part in the demo."""
    for name in [name for name in os.environ if name.startswith(("CLUVAULT_", "PREFECT_"))]:
        del os.environ[name]


class _Story:
    def __init__(self, workspace: Workspace, folder: Path) -> None:
        self.workspace = workspace
        self.folder = folder
        self.step = 0

    async def tell(self) -> None:
        """The nine steps."""
        self._headline("back up every project of dev and prod")
        _show(await _flow("backup", BackupOptions(tags=("demo",))))

        self._headline(f"somebody edits dev/{_EDITED}: moves utterances, loses a label, adds some")
        await self._edit()
        say("done, as a person in the portal would")

        self._headline("back up again: only what changed is stored")
        _show(await _flow("backup", BackupOptions(resources=("dev",))))

        self._headline("what changed between the two snapshots?")
        await self._show_difference()

        self._headline(f"an accident: dev/{_LOST} is deleted")
        await (await self.workspace.client("dev")).delete_project(_LOST)
        say(f"dev/{_LOST} is gone from the service")

        self._headline(f"restore dev/{_LOST} from its snapshot and prove it")
        report = await _flow("restore", RestoreOptions(reference=f"dev/{_LOST}", to="dev"))
        say(f"restored from {report.plan.source}; exported again, it means the same ({report.digest[:16]}…)")

        self._headline("create dev/SupportDesk and seed it from a CSV file and a schema")
        await self._create()

        self._headline("plan a clean-up of dev; nothing is deleted without --apply")
        await self._plan_cleanup()

        self._headline("verify the vault: read every byte of every snapshot")
        say((await _flow("verify", VerifyOptions(read_data=True))).summary, style="green")

    def _headline(self, text: str) -> None:
        self.step += 1
        console(width=_LINE).print(
            Rule(Text(f"{self.step}/{STEPS}  {text}", style="bold cyan"), align="left", style="dim")
        )

    async def _edit(self) -> None:
        """Change the live project the way a labeller does; the import is the service's own."""
        client = await self.workspace.client("dev")
        exported = await client.export_project(_EDITED)
        document: Any = (await fetch_source(self.workspace, f"live:dev/{_EDITED}")).read().document
        utterances = document["assets"]["utterances"]
        for utterance in [one for one in utterances if one["intent"] == "Cancel"][:3]:
            utterance["intent"] = "Delete"
        next(one for one in utterances if one.get("entities"))["entities"].pop()
        utterances += [
            {"text": f"please archive message {number}", "intent": "Delete", "language": "en-us", "entities": []}
            for number in range(1, 3)
        ]
        document["metadata"]["settings"]["confidenceThreshold"] = 0.6
        await client.import_project(_EDITED, write_json(document), api_version=exported.api_version)

    async def _show_difference(self) -> None:
        first, last = await self._snapshots_of_the_edited()
        before = (await fetch_source(self.workspace, first.reference)).read()
        after = (await fetch_source(self.workspace, last.reference)).read()
        difference = diff_project_files(before, after)
        say(f"$ cluvault diff {first.reference} dev/{_EDITED}", style="dim")
        print_lines(diff_lines(difference, limit=8))
        say(summary(difference))

    async def _snapshots_of_the_edited(self) -> tuple[Manifest, Manifest]:
        manifests = await (await self.workspace.vault()).snapshots(resource="dev", project=_EDITED)
        return manifests[0], manifests[-1]

    async def _create(self) -> None:
        report = await _flow(
            "create",
            CreateOptions(
                target="dev/SupportDesk",
                language="en-us",
                seeds=(str(self.folder / "support-desk.csv"),),
                schema_file=str(self.folder / "support-desk.yaml"),
            ),
        )
        say(f"{report.outcome} dev/SupportDesk ({report.digest[:16]}…); running it again changes nothing")

    async def _plan_cleanup(self) -> None:
        report = await _flow("cleanup", CleanupOptions(resource="dev"))
        rows = [("delete", one.project, "; ".join(one.reasons)) for one in report.plan.deletions]
        rows += [("keep", one.project, one.reason) for one in report.plan.kept]
        print_table(("plan", "project", "reason"), rows)


async def _flow(name: str, options: BaseModel) -> Any:
    """Run a flow in this process; its runs, tasks and artifacts are the server's."""
    return await getattr(import_module(f"flows.{name}"), name)(options)


def _show(report: Report) -> None:
    rows = [(item.outcome, f"{item.resource}/{item.project}", item.detail or "") for item in report.items]
    print_table(("outcome", "project", "holds"), rows)


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


def _what_next(folder: Path) -> None:
    _say_lines(f"""
The vault is {folder / "vault"}: plain files, readable without cluvault (gunzip is enough).
Look at it:
  cd {folder}
  cluvault snapshots
  cluvault show dev/{_EDITED}
  cluvault cat dev/{_LOST} | head -c 300
  cluvault verify
Play with everything (emulator, vault, Prefect UI) until Ctrl-C:
  cluvault demo --keep-running
For a real Azure resource: README.md, "Configuration".""")


async def _wait_for_the_user(prefect: int, emulator: int) -> None:
    _say_lines(f"""
Running until Ctrl-C:
  Prefect UI with all runs and artifacts   http://127.0.0.1:{prefect}/
  emulator with dev and prod               http://127.0.0.1:{emulator}/
In another terminal, in the demo's folder:
  export {KEY_VARIABLE}={KEY} PREFECT_API_URL=http://127.0.0.1:{prefect}/api
  cluvault projects dev
  cluvault backup dev""")
    sys.stdout.flush()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()


def _say_lines(text: str) -> None:
    for line in text.splitlines():
        say(line)
