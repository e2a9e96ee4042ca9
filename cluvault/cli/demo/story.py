"""The demo's story: every flow once, on a real Prefect server, with an accident in the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cluvault.cli.demo.folder import prepare
from cluvault.cli.demo.stage import Headlines, run_flow
from cluvault.cli.render import print_lines, print_table, say
from cluvault.model.json_text import write_json
from cluvault.ops.backup import BackupOptions
from cluvault.ops.cleanup import CleanupOptions
from cluvault.ops.create import CreateOptions
from cluvault.ops.restore import RestoreOptions
from cluvault.ops.sources import fetch_source
from cluvault.ops.verify import VerifyOptions
from cluvault.plan.diff import diff_project_files
from cluvault.plan.diff_report import diff_lines, summary

if TYPE_CHECKING:
    from pathlib import Path

    from cluvault.model.manifest import Manifest
    from cluvault.ops.report import Report
    from cluvault.ops.workspace import Workspace

STEPS: Final = 9
_EDITED: Final = "EmailAppDemo"
_LOST: Final = "FlightBooking"


class MainStory:
    """Nine steps."""

    flow = "backup"
    next = f"""
The vault is {{folder}}/vault: plain files, readable without cluvault (gunzip is enough).
Look at it:
  cd {{folder}}
  cluvault snapshots
  cluvault show dev/{_EDITED}
  cluvault cat dev/{_LOST} | head -c 300
  cluvault verify
See a promotion that is refused:
  cluvault demo promote
Play with everything (emulator, vault, Prefect UI) until Ctrl-C:
  cluvault demo --keep-running
For a real Azure resource: README.md, "Configuration"."""
    running = ("cluvault projects dev", "cluvault backup dev")

    def prepare(self, folder: Path, *, port: int) -> None:
        """Real samples in both resources."""
        prepare(folder, port=port)

    async def tell(self, workspace: Workspace, folder: Path) -> None:
        """Every flow once."""
        await _Telling(workspace, folder).tell()


class _Telling:
    def __init__(self, workspace: Workspace, folder: Path) -> None:
        self.workspace = workspace
        self.folder = folder
        self._headline = Headlines(STEPS)

    async def tell(self) -> None:
        self._headline("back up every project of dev and prod")
        _show(await run_flow("backup", BackupOptions(tags=("demo",))))

        self._headline(f"somebody edits dev/{_EDITED}: moves utterances, loses a label, adds some")
        await self._edit()
        say("done, as a person in the portal would")

        self._headline("back up again: only what changed is stored")
        _show(await run_flow("backup", BackupOptions(resources=("dev",))))

        self._headline("what changed between the two snapshots?")
        await self._show_difference()

        self._headline(f"an accident: dev/{_LOST} is deleted")
        await (await self.workspace.client("dev")).delete_project(_LOST)
        say(f"dev/{_LOST} is gone from the service")

        self._headline(f"restore dev/{_LOST} from its snapshot and prove it")
        report = await run_flow("restore", RestoreOptions(reference=f"dev/{_LOST}", to="dev"))
        say(f"restored from {report.plan.source}; exported again, it means the same ({report.digest[:16]}…)")

        self._headline("create dev/SupportDesk and seed it from a CSV file and a schema")
        await self._create()

        self._headline("plan a clean-up of dev; nothing is deleted without --apply")
        await self._plan_cleanup()

        self._headline("verify the vault: read every byte of every snapshot")
        say((await run_flow("verify", VerifyOptions(read_data=True))).summary, style="green")

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
        report = await run_flow(
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
        report = await run_flow("cleanup", CleanupOptions(resource="dev"))
        rows = [("delete", one.project, "; ".join(one.reasons)) for one in report.plan.deletions]
        rows += [("keep", one.project, one.reason) for one in report.plan.kept]
        print_table(("plan", "project", "reason"), rows)


def _show(report: Report) -> None:
    rows = [(item.outcome, f"{item.resource}/{item.project}", item.detail or "") for item in report.items]
    print_table(("outcome", "project", "holds"), rows)
