"""The gate: a verdict from measurements, with every reason; pure.

Each check compares one figure with one bound, so that a stricter bound never lets more pass. A regression counts only
when chance does not explain it: two trainings of equal data differ a little, and that must not block a promotion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluvault.model.verdict import Check, Verdict
from cluvault.plan.paired_test import chance_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cluvault.model.measurement import Measurements, PairedOutcome, Score, Scores
    from cluvault.settings import GateSettings


def judge(measured: Measurements, gate: GateSettings) -> Verdict:
    """Make every check that the gate asks for."""
    return Verdict(
        (
            *_overall("intent", measured.intents, gate),
            *_overall("entity", measured.entities, gate),
            *_each("intent", measured.intents, every=gate.each_intent_f1, named=gate.intents),
            *_each("entity", measured.entities, every=gate.each_entity_f1, named=gate.entities),
            *_regressions(measured.paired, gate),
            *_golden(measured, gate),
            *_changed(measured, gate),
        )
    )


def _overall(kind: str, scores: Scores | None, gate: GateSettings) -> Iterator[Check]:
    plural = {"intent": "intents", "entity": "entities"}[kind]
    for figure in ("f1", "precision", "recall"):
        bound: float | None = getattr(gate, f"min_{kind}_{figure}")
        if bound is not None:
            value: float | None = None if scores is None else getattr(scores.overall, figure)
            yield _at_least(f"min-{kind}-{figure}", f"all {plural}", value, bound, what=figure)


def _each(kind: str, scores: Scores | None, *, every: float | None, named: dict[str, float]) -> Iterator[Check]:
    found: Mapping[str, Score] = {} if scores is None else scores.each
    bounds = {} if every is None else dict.fromkeys(found, every)
    for category, bound in sorted((bounds | named).items()):
        value = found[category].f1 if category in found else None
        name = f"{'intents' if kind == 'intent' else 'entities'}.{category}" if category in named else f"each-{kind}-f1"
        yield _at_least(name, category, value, bound, what="f1")


def _at_least(name: str, subject: str, value: float | None, bound: float, *, what: str) -> Check:
    if value is None:
        return Check(name, subject, None, bound, passed=False, sentence=f"{subject}: {what} was not measured")
    passed = value >= bound
    sign = ">=" if passed else "<"
    return Check(name, subject, value, bound, passed, f"{subject}: {what} {value:.3f} {sign} {bound:.3f}")


def _regressions(paired: Sequence[PairedOutcome] | None, gate: GateSettings) -> Iterator[Check]:
    if paired is None:
        return
    if gate.max_regression is not None:
        yield _regression("max-regression", "all intents", paired, gate.max_regression, gate.significance)
    if gate.max_regression_each is not None:
        intents = sorted({one.intent for one in paired})
        for intent in intents:
            of_intent = [one for one in paired if one.intent == intent]
            yield _regression("max-regression-each", intent, of_intent, gate.max_regression_each, gate.significance)


def _regression(name: str, subject: str, paired: Sequence[PairedOutcome], bound: float, significance: float) -> Check:
    if not paired:
        return Check(name, subject, None, bound, passed=False, sentence=f"{subject}: there is nothing to compare on")
    lost = sum(one.before and not one.after for one in paired)
    won = sum(one.after and not one.before for one in paired)
    drop = (lost - won) / len(paired)
    chance = chance_of(lost, won)
    passed = drop <= bound or chance >= significance
    why = "" if drop <= bound else f", by chance with p = {chance:.3f}"
    sentence = f"{subject}: {lost} of {len(paired)} right answers lost, {won} won: {drop:+.3f} worse{why}"
    return Check(name, subject, drop, bound, passed, sentence)


def _golden(measured: Measurements, gate: GateSettings) -> Iterator[Check]:
    if gate.golden is None:
        return
    answers = measured.golden or ()
    right = sum(not answer.problems for answer in answers)
    share = right / len(answers) if answers else None
    first = next((f"; {answer.text!r}: {answer.problems[0]}" for answer in answers if answer.problems), "")
    sentence = f"golden utterances: {right} of {len(answers)} answered as expected{first}"
    passed = share is not None and share >= gate.min_golden
    yield Check("min-golden", "golden utterances", share, gate.min_golden, passed, sentence)


def _changed(measured: Measurements, gate: GateSettings) -> Iterator[Check]:
    if gate.max_changed_share is None or measured.changed_share is None:
        return
    share, bound = measured.changed_share, gate.max_changed_share
    sentence = f"{share:.1%} of the target's utterances change, {bound:.1%} may"
    yield Check("max-changed-share", "utterances", share, bound, share <= bound, sentence)
