"""Measuring a staged model: golden utterances, and its answers beside those of the model that serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cluvault.errors import NotFound
from cluvault.model.golden import Answer
from cluvault.model.measurement import GoldenAnswer, PairedOutcome, Score, Scores
from cluvault.model.project_file import read_project_file
from cluvault.model.promotion import Measured, Probe, Safety
from cluvault.model.seed import SpanLabel
from cluvault.ops.fanout import at_once
from cluvault.ops.promotion_work import meant_by, target_of
from cluvault.ops.sources import fetch_source
from cluvault.plan.comparison import LabelledText, agreed_tests, probe_texts, sample_tests
from cluvault.plan.golden import golden_problems

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cluvault.model.golden import GoldenUtterance
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.promotion import Promotion
    from cluvault.service.client import CluClient
    from cluvault.service.evaluation_models import Evaluation

AT_ONCE: Final = 8
"""Predictions at once."""
_MOST_PROBES: Final = 10


async def measure_staged(workspace: Workspace, promotion: Promotion) -> Measured:
    """Ask the staging deployment, and production where the gate compares with it; nothing is changed."""
    golden = promotion.plan.golden
    paired, notes = await _compare(workspace, promotion)
    return Measured(
        golden=None if golden is None else await _golden_answers(workspace, promotion, golden),
        paired=paired,
        probes=await _probes(workspace, promotion),
        notes=notes,
    )


async def ask(client: CluClient, project: str, deployment: str, text: str, language: str | None) -> Answer:
    """What a deployment makes of a text."""
    found = await client.predict(project, deployment=deployment, text=text, language=language)
    confidence = next((one.confidence for one in found.intents if one.category == found.top_intent), 0.0)
    spans = tuple(SpanLabel(one.offset, one.length, one.category) for one in found.entities)
    return Answer(found.top_intent, confidence, spans)


def scores_of(evaluation: Evaluation | None) -> Scores | None:
    """The service's figures as a gate reads them.

    A category without any utterance in the test set was not measured: its figures are zeros that say nothing.
    """
    if evaluation is None or not evaluation.scores:
        return None
    overall = Score(evaluation.micro_f1, evaluation.micro_precision, evaluation.micro_recall)
    tested = {name: one for name, one in evaluation.scores.items() if one.true_positives + one.false_negatives > 0}
    return Scores(overall, {name: Score(one.f1, one.precision, one.recall) for name, one in tested.items()})


async def _golden_answers(
    workspace: Workspace, promotion: Promotion, golden: tuple[GoldenUtterance, ...]
) -> tuple[GoldenAnswer, ...]:
    client, staging = await target_of(workspace, promotion), promotion.plan.settings.deploy.staging

    async def one(utterance: GoldenUtterance) -> GoldenAnswer:
        answer = await ask(client, promotion.key.project, staging, utterance.text, utterance.language)
        return GoldenAnswer(utterance.text, utterance.language or "", golden_problems(utterance, answer))

    return tuple(await at_once(golden, one, concurrency=AT_ONCE))


async def _probes(workspace: Workspace, promotion: Promotion) -> tuple[Probe, ...]:
    client, staging = await target_of(workspace, promotion), promotion.plan.settings.deploy.staging
    texts = [(one.text, one.language) for one in (promotion.plan.golden or ())[:_MOST_PROBES]]
    texts = texts or probe_texts((await meant_by(workspace, promotion)).file, most=_MOST_PROBES)

    async def one(text: tuple[str, str | None]) -> Probe:
        answer = await ask(client, promotion.key.project, staging, *text)
        return Probe(text=text[0], language=text[1], intent=answer.intent)

    return tuple(await at_once(texts, one, concurrency=AT_ONCE))


# --- beside the model that serves ----------------------------------------------------------------------------------


async def _compare(
    workspace: Workspace, promotion: Promotion
) -> tuple[tuple[PairedOutcome, ...] | None, tuple[str, ...]]:
    safety, gate = promotion.find(Safety), promotion.plan.settings.gate
    if gate.max_regression is None and gate.max_regression_each is None:
        return None, ()
    if safety is None or safety.snapshot is None or safety.production is None:
        return None, ("nothing serves yet that the model could be compared with",)
    tests, notes = await _tests(workspace, promotion, safety.snapshot, safety.production)
    try:
        return tuple(await at_once(tests, await _pair(workspace, promotion), concurrency=AT_ONCE)), notes
    except NotFound as err:
        return None, (f"the two models could not be compared: {err.message}",)


async def _tests(
    workspace: Workspace, promotion: Promotion, snapshot: str, serving: str
) -> tuple[tuple[LabelledText, ...], tuple[str, ...]]:
    """The test utterances of both models that both projects label in the same way."""
    gate = promotion.plan.settings.gate
    before = read_project_file((await fetch_source(workspace, snapshot)).data, source=snapshot)
    after = (await meant_by(workspace, promotion)).file
    tested = await _tested(workspace, promotion, promotion.model_label)
    old = await _tested(workspace, promotion, serving)
    notes = () if old else (f"{serving} has no evaluation: it may have been trained on what it is compared on",)
    return sample_tests(agreed_tests(before, after, tested | old), most=gate.max_compared), notes


async def _tested(workspace: Workspace, promotion: Promotion, label: str) -> frozenset[str]:
    client = await target_of(workspace, promotion)
    try:
        return frozenset([one.text async for one in client.list_evaluation_results(promotion.key.project, label=label)])
    except NotFound:
        return frozenset()


async def _pair(workspace: Workspace, promotion: Promotion) -> Callable[[LabelledText], Awaitable[PairedOutcome]]:
    client, slots = await target_of(workspace, promotion), promotion.plan.settings.deploy
    project = promotion.key.project

    async def one(test: LabelledText) -> PairedOutcome:
        old = await ask(client, project, slots.production, test.text, test.language)
        new = await ask(client, project, slots.staging, test.text, test.language)
        return PairedOutcome(test.text, test.intent, old.intent == test.intent, new.intent == test.intent)

    return one
