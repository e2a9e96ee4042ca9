"""Run artifacts: what a person sees in the Prefect UI after a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact

from cluvault.model.run import Outcome
from cluvault.plan.diff_report import diff_to_markdown, escape_markdown
from cluvault.plan.gate_report import verdict_to_markdown
from cluvault.plan.promotion_pages import plan_to_markdown
from cluvault.plan.status_checks import span
from tasks.patience import patiently

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluvault.model.promotion import PromotionPlan
    from cluvault.model.run import RunItem
    from cluvault.ops.drift import DriftReport
    from cluvault.ops.promotion_report import PromotionReport
    from cluvault.ops.replicate import ReplicaReport
    from cluvault.ops.report import Report
    from cluvault.ops.verify import VerifyReport
    from cluvault.plan.cleanup import CleanupPlan
    from cluvault.plan.diff import ProjectDiff
    from cluvault.plan.prune import ProjectPrune
    from cluvault.plan.status import Status

_MOST_ROWS: Final = 1000
"""Artifacts live in Prefect's database; the run record in the vault holds every row."""

_MOST_DIFFERENCES: Final = 20


async def _put_table(*, table: list[dict[str, Any]], key: str, description: str) -> None:
    await patiently(lambda: acreate_table_artifact(table=table, key=key, description=description))


async def _put_markdown(*, markdown: str, key: str) -> None:
    await patiently(lambda: acreate_markdown_artifact(markdown=markdown, key=key))


async def publish_report(report: Report) -> None:
    """A table of every project and what became of it, failures first."""
    items = [*report.failed, *(item for item in report.items if item not in report.failed)]
    shown = [_row(item) for item in items[:_MOST_ROWS]]
    description = f"{report.summary}. The whole record is {report.record_key} in the vault."
    await _put_table(table=shown, key=f"cluvault-{report.kind}", description=description)


async def publish_cleanup_plan(resource: str, plan: CleanupPlan) -> None:
    """A table of every project with the reason why it goes or stays."""
    rows: list[dict[str, Any]] = [
        {"project": one.project, "decision": "delete", "rule": one.rule, "reason": "; ".join(one.reasons)}
        for one in plan.deletions
    ]
    rows += [{"project": one.project, "decision": "keep", "rule": "", "reason": one.reason} for one in plan.kept]
    description = f"Clean-up of {resource}: {len(plan.deletions)} to delete, {len(plan.kept)} to keep."
    if plan.refusal:
        description += f" **Refused:** {escape_markdown(plan.refusal)}"
    await _put_table(table=rows[:_MOST_ROWS], key="cluvault-cleanup-plan", description=description)


async def publish_prune_plan(plans: Sequence[ProjectPrune]) -> None:
    """A table of the snapshots with the reasons why they stay or go, those that go first."""
    rows: list[dict[str, Any]] = [
        {
            "snapshot": f"{plan.resource}/{plan.project}@{row['snapshot']}",
            "decision": row["decision"],
            "reasons": "; ".join(row["reasons"]) or "no rule keeps it",
        }
        for plan in plans
        for row in plan.to_dict()["snapshots"]
    ]
    rows.sort(key=lambda row: row["decision"] == "keep")
    removed = sum(len(plan.removed) for plan in plans)
    waiting, expired = sum(len(plan.waiting) for plan in plans), sum(len(plan.expired) for plan in plans)
    description = (
        f"Prune: {removed} snapshots to remove, {len(rows) - removed} to keep; "
        f"{expired} contents to remove, {waiting} wait for their grace period."
    )
    await _put_table(table=rows[:_MOST_ROWS], key="cluvault-prune-plan", description=description)


async def publish_findings(report: VerifyReport) -> None:
    """A table of what is not as it should be, damage first."""
    repairs = {one.key: f"{one.outcome}: {one.detail}" for one in report.repairs}
    rows: list[dict[str, Any]] = [
        {
            "finding": one.kind.value,
            "key": one.key,
            "snapshots": len(one.snapshots),
            "problem": one.problem,
            "repair": repairs.get(one.key, ""),
        }
        for one in report.findings[:_MOST_ROWS]
    ]
    await _put_table(table=rows, key="cluvault-verify", description=f"{report.summary}.")


async def publish_status(status: Status) -> None:
    """A table of every project beside its objectives, those with alarms first."""
    rows: list[dict[str, Any]] = [
        {"project": "", "state": "alarm", "last good backup": "", "utterances": "", "what": str(alarm)}
        for alarm in status.general
    ]
    rows += [
        {
            "project": f"{row.resource}/{row.project}",
            "state": row.state,
            "last good backup": f"{span(row.age)} ago" if row.age is not None else "never",
            "utterances": row.counts.utterances if row.counts is not None else "",
            "what": "; ".join((*map(str, row.alarms), *row.notes)),
        }
        for row in sorted(status.rows, key=lambda row: row.state != "alarm")
    ]
    await _put_table(table=rows[:_MOST_ROWS], key="cluvault-status", description=f"{status.summary}.")


async def publish_difference(title: str, difference: ProjectDiff) -> None:
    """The semantic difference between what was imported and what the service holds."""
    await _put_markdown(markdown=diff_to_markdown(difference, title=title), key="cluvault-difference")


async def publish_promotion_plan(plan: PromotionPlan, difference: ProjectDiff | None) -> None:
    """What a promotion changes, what it warns of and what it does, for whoever approves it."""
    await _put_markdown(markdown=plan_to_markdown(plan), key="cluvault-promotion-plan")
    if difference is not None:
        markdown = diff_to_markdown(difference, title="What changes at the target")
        await _put_markdown(markdown=markdown, key="cluvault-promotion-difference")


async def publish_promotion(report: PromotionReport, *, remark: str = "") -> None:
    """How far a promotion has come, and what the gate found."""
    if report.promotion is None:
        return
    title = f"Promotion {report.promotion.key}: {report.state}"
    markdown = verdict_to_markdown(report.checks, title=title)
    markdown += "".join(f"\n{escape_markdown(one)}\n" for one in (report.why, remark) if one)
    await _put_markdown(markdown=markdown, key="cluvault-promotion")


async def publish_drift(report: DriftReport) -> None:
    """A table of every project, those that drift first, and what was edited directly in full."""
    ordered = sorted(report.projects, key=lambda one: (not one.drifts, one.edit is None))
    rows: list[dict[str, Any]] = [
        {
            "project": one.project,
            "state": one.outcome.value,
            "ahead": one.ahead or "",
            "edited directly": "yes" if one.edit is not None else "",
            "difference": one.sentence,
        }
        for one in ordered
    ]
    description = f"{report.source} and {report.target}: {report.run.summary}."
    await _put_table(table=rows[:_MOST_ROWS], key="cluvault-drift", description=description)
    edits = [(one.project, one.edit) for one in ordered if one.edit is not None]
    pages = [
        diff_to_markdown(edit.difference, title=f"{report.target}/{project}: edited directly since {edit.since.name}")
        for project, edit in edits[:_MOST_DIFFERENCES]
        if edit.difference is not None
    ]
    if pages:
        await _put_markdown(markdown="\n".join(pages), key="cluvault-direct-edits")


async def publish_replica(report: ReplicaReport) -> None:
    """A table of how each project of a replica stands, those that are not as at the source first."""
    rows: list[dict[str, Any]] = [
        {"project": one.project, "status": one.outcome.value, "changes": one.changes, "detail": one.sentence}
        for one in sorted(report.projects, key=lambda one: one.outcome is Outcome.EQUAL)
    ]
    description = f"{report.target} as a replica of {report.source}: {report.run.summary}."
    await _put_table(table=rows[:_MOST_ROWS], key="cluvault-replica", description=description)


def _row(item: RunItem) -> dict[str, Any]:
    return {
        "resource": item.resource,
        "project": item.project,
        "outcome": item.outcome,
        "snapshot": item.snapshot_id or "",
        "detail": item.detail or "",
    }
