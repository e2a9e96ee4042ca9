"""What a run over projects says at its end, and the record of it in the vault."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from cluvault import __version__
from cluvault.errors import CluvaultError, DamagedSnapshot, PartialFailure, VaultError
from cluvault.model.manifest import Tool
from cluvault.model.run import Outcome, RunItem, RunRecord
from cluvault.plan.capture import TOOL_NAME
from cluvault.plan.events import Ended, events_of_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cluvault.model.json_text import JsonObject
    from cluvault.ops.workspace import Workspace


_MOST_NAMES: Final = 20
_FAILURES: Final = (Outcome.FAILED, Outcome.DAMAGED, Outcome.REFUSED)


@dataclass(frozen=True, slots=True)
class Report:
    """A finished run: what became of each project, and the key of its record in the vault."""

    kind: str
    run_id: str
    items: tuple[RunItem, ...]
    record_key: str

    @property
    def failed(self) -> tuple[RunItem, ...]:
        """The projects that failed or were refused, and what is damaged."""
        return tuple(item for item in self.items if item.outcome in _FAILURES)

    @property
    def exit_code(self) -> int:
        """0 done, 1 failed, 3 done in part, 5 damage was found."""
        if not self.failed:
            return 0
        if any(item.outcome == Outcome.DAMAGED for item in self.items):
            return DamagedSnapshot.exit_code
        done = any(item.outcome not in (Outcome.FAILED, Outcome.REFUSED, Outcome.VANISHED) for item in self.items)
        return PartialFailure.exit_code if done else 1

    @property
    def summary(self) -> str:
        """One line: how many of each outcome."""
        counts = Counter(item.outcome for item in self.items)
        said = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items())) or "nothing to do"
        taken_up = sum(item.taken_up is not None for item in self.items)
        return f"{said}; {counted(taken_up, 'export')} taken up from an earlier run" if taken_up else said

    def to_json(self) -> JsonObject:
        """The report for programs."""
        return {
            "kind": self.kind,
            "runId": self.run_id,
            "summary": self.summary,
            "record": self.record_key,
            "items": [item.model_dump(mode="json", by_alias=True) for item in self.items],
        }


class RunFailed(PartialFailure):
    """Some or all projects of a run failed; the report says which."""

    def __init__(self, report: Report) -> None:
        first = report.failed[0]
        more = f" and {len(report.failed) - 1} more" if len(report.failed) > 1 else ""
        where = "/".join(part for part in (first.resource, first.project) if part)
        super().__init__(f"{report.kind}: {report.summary}; {where}{more}: {first.detail}")
        self.report = report


async def finish_run(
    workspace: Workspace,
    kind: str,
    started_at: datetime,
    resources: Sequence[str],
    items: Sequence[RunItem],
    *,
    options: JsonObject | None = None,
) -> Report:
    """Write the run record, announce what it says, and return the report.

    Raises:
        VaultError: the record cannot be written; the message says what was done all the same, and that is announced.
    """
    vault = await workspace.vault(create=True)
    run_id = workspace.new_run_id()
    record = RunRecord(
        run_id=run_id,
        kind=kind,
        started_at=started_at,
        ended_at=workspace.now(),
        tool=Tool(name=TOOL_NAME, version=__version__),
        resources=tuple(resources),
        options=options or {},
        items=tuple(items),
    )
    report = Report(kind=kind, run_id=run_id, items=tuple(items), record_key="")
    workspace.ask_vault_again()
    try:
        report = replace(report, record_key=await vault.runs.add(record))
    except VaultError as err:
        add_mend(err, f"only the record of this {kind} is missing, the {kind} itself ended: {report.summary}")
        if report.failed:
            add_mend(err, f"failed: {_names(report.failed)}")
        raise
    finally:
        ended = Ended(kind, run_id, vault.vault_id, record.resources, items, report.record_key)
        workspace.announce(events_of_run(ended))
    return report


def _names(items: Sequence[RunItem]) -> str:
    names = ["/".join(part for part in (one.resource, one.project) if part) for one in items[:_MOST_NAMES]]
    return ", ".join(names) + (f" and {len(items) - _MOST_NAMES} more" if len(items) > _MOST_NAMES else "")


def counted(number: int, noun: str) -> str:
    """`1 snapshot`, `2 snapshots`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def add_mend(err: CluvaultError, sentence: str) -> None:
    """Say one thing more about what its reader can do."""
    err.mend = f"{err.mend}; {sentence}" if err.mend else sentence
