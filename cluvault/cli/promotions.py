"""Promotions as people read them: the plan, the steps as they go, the gate's table, the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cluvault.cli.render import print_lines, print_table, say
from cluvault.cli.text import when
from cluvault.plan.diff_report import diff_lines
from cluvault.plan.gate_report import verdict_to_junit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from cluvault.model.verdict import Verdict
    from cluvault.ops.promotion_report import PromotionReport
    from cluvault.plan.keys import PromotionKey
    from cluvault.plan.promotion import Promotion, Step
    from cluvault.plan.promotion_plan import PlannedPromotion
    from cluvault.vault.leases import Turn

_MOST_LINES: Final = 20
_SENTENCES: Final = {
    "safety": "keeping the target as it is",
    "import": "importing",
    "prove": "proving the import by exporting it again",
    "train": "training",
    "evaluate": "reading the scores",
    "stage": "deploying to staging",
    "measure": "asking the staged model",
    "judge": "judging",
    "ask": "asking for approval",
    "swap": "swapping staging and production",
    "probe": "probing production",
    "finish": "recording",
    "begin-rollback": "undoing it",
    "swap-back": "putting the former model back into production",
    "restore-staging": "putting staging back",
    "restore-data": "putting the content back",
    "finish-rollback": "recording",
}


def print_plan(planned: PlannedPromotion) -> None:
    """The whole plan."""
    plan = planned.plan
    say(f"plan: {plan.sentence}")
    say(f"  changes: {plan.difference}")
    if planned.difference is not None:
        print_lines(diff_lines(planned.difference, limit=_MOST_LINES))
    for sentence in plan.blast_radius:
        say(f"  blast radius: {sentence}", style="yellow")
    for note in plan.notes:
        say(f"  note: {note}", style="dim")
    for loss in plan.losses:
        say(f"  lost: {loss}", style="yellow")
    for warning in plan.warnings:
        say(f"  warning: {warning}", style="yellow")
    for refusal in plan.refusals:
        say(f"  refused: {refusal}", style="bold red")
    for number, step in enumerate(plan.steps, 1):
        say(f"  {number}. {step}")


def announce(*, quiet: bool) -> Callable[[Promotion, Step], None]:
    """Says each step as it begins."""

    def on_step(promotion: Promotion, step: Step) -> None:
        if not quiet:
            say(f"{promotion.key.promotion_id}: {_SENTENCES[step]}", style="dim")

    return on_step


def show_waiting(*, quiet: bool) -> Callable[[Turn], None]:
    """Says for whom it waits."""

    def on_wait(turn: Turn) -> None:
        if not quiet:
            say(f"waiting for {turn.record.by}, who works on the project: {turn.record.step}", style="dim")

    return on_wait


def print_verdict(verdict: Verdict) -> None:
    """Every check of the gate, those that failed first."""
    rows = [
        ("ok" if check.passed else "refused", check.name, check.subject, check.sentence)
        for check in sorted(verdict.checks, key=lambda check: check.passed)
    ]
    if rows:
        print_table(("gate", "check", "of", "found"), rows, styled=True)


def print_promotion(report: PromotionReport) -> None:
    """How far a promotion has come, and what to do next."""
    promotion = report.promotion
    if promotion is None:
        return
    if report.verdict is not None:
        print_verdict(report.verdict)
    key, where = promotion.key, f"{promotion.key.resource}/{promotion.key.project}"
    match report.state:
        case "promoted":
            say(f"promoted {report.plan.source.reference} to {where}: {promotion.model_label} serves", style="green")
            undo = f"cluvault rollback {report.plan.source.project} --route {report.plan.route} --apply"
            say(f"promotion {key}; undo: {undo}")
        case "awaiting-approval":
            say(f"approval asked: {where} is not changed for its users until somebody agrees", style="yellow")
            say(f"cluvault approve {key} --note TEXT, or --reject; then: cluvault promote --resume {key}")
        case "rolled-back":
            say(f"rolled back: {report.why}", style="yellow")
            say(f"{where} is as it was before promotion {key}")
        case _:
            say(f"promotion {key}: {report.state}" + (f": {report.why}" if report.why else ""))


def print_history(promotions: list[Promotion], workers: Mapping[PromotionKey, str]) -> None:
    """One line a promotion; below, who works on those that have not ended."""
    rows = [
        (one.state, str(one.key), one.plan.route, one.plan.source.reference, when(one.started_at), one.requested_by)
        for one in promotions
    ]
    if rows:
        print_table(("state", "promotion", "route", "source", "begun", "by"), rows, styled=True)
    else:
        say("there are no promotions")
    for key, sentence in workers.items():
        say(f"{key}: {sentence}", style="yellow")


def write_junit(path: Path | None, report: PromotionReport) -> None:
    """The gate's verdict as JUnit XML; guards that refuse a plan are failures of it."""
    if path is not None:
        path.write_bytes(verdict_to_junit(report.checks, name=f"promotion by {report.plan.route}"))
