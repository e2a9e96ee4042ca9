"""Promotions as pages of Markdown: the plan, and the question to whoever is asked to approve one; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluvault.model.promotion import ApprovalAsked, Measured, Rejected
from cluvault.plan.diff_report import escape_markdown
from cluvault.plan.gate_report import verdict_to_markdown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cluvault.model.promotion import PromotionPlan, PromotionRecord
    from cluvault.plan.promotion import Promotion


def plan_to_markdown(plan: PromotionPlan) -> str:
    """What is promoted where, what it changes, what to look at before, and the steps."""
    target = f"{plan.target.resource}/{plan.target.project}"
    facts = {
        "source": plan.source.reference,
        "target": f"{target}, serving {plan.target.production or 'nothing yet'}",
        "route": plan.route,
        "content": f"{plan.kind}, {plan.language}, digest {plan.meant_digest[:12]}",
        "planned": f"by {plan.planned_by}, {plan.planned_at:%Y-%m-%d %H:%M} UTC",
    }
    lines = [f"# Promotion of {escape_markdown(plan.source.project)} to {escape_markdown(target)}", ""]
    lines += [f"- {name}: {escape_markdown(text)}" for name, text in facts.items()]
    lines += ["", *_list("Refused", plan.refusals), *_changes(plan)]
    lines += ["**Steps**", "", *(f"{number}. {escape_markdown(step)}" for number, step in enumerate(plan.steps, 1)), ""]
    return "\n".join(lines)


def _changes(plan: PromotionPlan) -> list[str]:
    return [
        f"**Changes:** {escape_markdown(plan.difference)}",
        "",
        *_list("Blast radius", plan.blast_radius),
        *_list("Said in another way", plan.notes),
        *_list("Lost", plan.losses),
        *_list("Warnings", plan.warnings),
    ]


def _list(title: str, sentences: Iterable[str]) -> list[str]:
    points = [f"- {escape_markdown(one)}" for one in sentences]
    return [f"**{title}**", "", *points, ""] if points else []


def approval_to_markdown(promotion: Promotion, *, links: Mapping[str, str], refusal: str = "") -> str:
    """What is asked, until when, what changes, what it means, what the gate found, and where to read on.

    Args:
        promotion: It has passed its gate and waits.
        links: Title → address of what can be read besides.
        refusal: Why the last answer did not count.
    """
    plan, asked = promotion.plan, promotion.find(ApprovalAsked)
    lines = [f"## May it serve at {escape_markdown(f'{plan.target.resource}/{plan.target.project}')}?", ""]
    if refusal:
        lines += [f"**The last answer did not count:** {escape_markdown(refusal)}", ""]
    who = escape_markdown(promotion.requested_by)
    question = f"{escape_markdown(plan.sentence)}. Asked for by **{who}**"
    if plan.settings.gate.second_person:
        question += f"; somebody else than {who} has to approve it"
    if asked is not None:
        question += f"; without an answer it is rolled back at {asked.deadline:%Y-%m-%d %H:%M} UTC"
    lines += [f"{question}.", ""]
    if links:
        lines += ["Read " + ", ".join(f"[{title}]({address})" for title, address in links.items()) + ".", ""]
    verdict, measured = promotion.verdict, promotion.find(Measured)
    if verdict is not None and verdict.checks:
        lines += [f"**Gate:** passed ({len(verdict.checks)}), see below", ""]
    lines += [*_changes(plan), *_list("Limits of the figures", measured.notes if measured else ())]
    if verdict is not None and verdict.checks:
        lines += [verdict_to_markdown(verdict, title="Gate")]
    return "\n".join(lines)


def too_late(promotion: Promotion, *, by: str, rejects: bool) -> str:
    """What to tell somebody whose answer came after another's; empty when it is the answer that counted."""
    decided = promotion.decision
    if decided is None:
        return (
            f"{_answer(by, rejects=rejects)} came too late: nobody had answered in time" if promotion.has_ended else ""
        )
    rejected = isinstance(decided.facts, Rejected)
    if (decided.by, rejected) == (by, rejects):
        return ""
    return f"{_answer(by, rejects=rejects)} came too late: {_sentence(decided)}"


def _answer(by: str, *, rejects: bool) -> str:
    return f"the {'rejection' if rejects else 'approval'} by {by}"


def _sentence(decided: PromotionRecord) -> str:
    word = "rejected" if isinstance(decided.facts, Rejected) else "approved"
    return f"{decided.by} had {word} it at {decided.at:%Y-%m-%d %H:%M} UTC"
