"""Operations on evaluations: the summary, the results of single utterances, and evaluating again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from cluvault.emulator import training
from cluvault.emulator.calls import Later, job_of, json_answer, page_answer
from cluvault.emulator.errors import no_evaluation
from cluvault.emulator.parsing import read_body
from cluvault.emulator.projects import find_model, find_project
from cluvault.emulator.rendering import to_json
from cluvault.emulator.shapes import spelt_index_type
from cluvault.emulator.spans import unit_length
from cluvault.emulator.training_progress import evaluation_to_wire
from cluvault.emulator.training_shapes import evaluation_reader

if TYPE_CHECKING:
    from cluvault.emulator.calls import Answer, Call, Unread
    from cluvault.emulator.learning.corpus import Span
    from cluvault.emulator.learning.evaluation import EvaluatedUtterance, Evaluation
    from cluvault.emulator.records import EvaluateWork, EvaluationOptions, Model


def evaluation_summary(call: Call) -> Later:
    """The figures of a trained model."""
    model = _evaluated_model(call)
    return Later(lambda: json_answer(_evaluation(call, model).summary))


def evaluation_results(call: Call) -> Later:
    """A page of the test set's utterances, each with what was expected and what was predicted."""
    index_type = spelt_index_type(call.query.get("stringindextype", ""), call.version)
    model = _evaluated_model(call)
    path = f"projects/{quote(call.project_name, safe='')}/models/{quote(model.label, safe='')}/evaluation/result"

    def work() -> Answer:
        utterances = _evaluation(call, model).utterances
        return page_answer(call, path, utterances, partial(_utterance_json, index_type=index_type))

    return Later(work)


def read_evaluation(request: Unread) -> EvaluationOptions:
    """Read the body of `:evaluate`."""
    return read_body(request.body, evaluation_reader(strict=request.emulator.config.strict_members))


def evaluate_model(call: Call) -> Answer:
    """Start another evaluation of a trained model."""
    call.emulator.teacher.check_equipped()
    start, label = call.start(), call.names["part"]
    return call.begin(training.start_evaluation(call.state, call.project_name, label, call.document, start=start))


def evaluation_status(call: Call) -> Answer:
    """The status of an evaluation job."""
    job = job_of(call, "evaluate")
    held = call.emulator.take_first_poll(job)
    return json_answer(evaluation_to_wire(job, cast("EvaluateWork", job.work), now=call.now, held=held))


def _evaluated_model(call: Call) -> Model:
    """The model that a path names, if figures of it can be worked out."""
    model = find_model(find_project(call.state, call.project_name), call.names["part"])
    if model.snapshot is None:
        raise no_evaluation(model.label, "what it was trained on is not known")
    call.emulator.teacher.check_equipped()
    return model


def _evaluation(call: Call, model: Model) -> Evaluation:
    found = call.emulator.teacher.evaluation(model)
    if found is None:
        raise no_evaluation(model.label, "its evaluation options leave no utterances to test with")
    return found


def _utterance_json(utterance: EvaluatedUtterance, *, index_type: str) -> bytes:
    def entities(spans: tuple[Span, ...]) -> list[dict[str, Any]]:
        return [_entity(span, utterance.text, index_type) for span in spans]

    return to_json(
        {
            "text": utterance.text,
            "language": utterance.language,
            "entitiesResult": {
                "expectedEntities": entities(utterance.expected_entities),
                "predictedEntities": entities(utterance.predicted_entities),
            },
            "intentsResult": {
                "expectedIntent": utterance.expected_intent,
                "predictedIntent": utterance.predicted_intent,
            },
        }
    )


def _entity(span: Span, text: str, index_type: str) -> dict[str, Any]:
    return {
        "category": span.category,
        "offset": unit_length(text[: span.start], index_type),
        "length": unit_length(text[span.start : span.end], index_type),
    }
