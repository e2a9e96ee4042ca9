"""The prediction API: what a deployment makes of a text.

Unlike the authoring API it tolerates unknown members of the body: recorded calls have some and were answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from cluvault.emulator.calls import Answer, Later
from cluvault.emulator.errors import Refusal, invalid_argument
from cluvault.emulator.parsing import Member, ObjectOf, anything, flag, one_of, read_body, required, text
from cluvault.emulator.rendering import to_json
from cluvault.emulator.serving import find_served, find_targets
from cluvault.emulator.shapes import CONVERSATION, ORCHESTRATION
from cluvault.emulator.text_elements import element_span

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cluvault.emulator.calls import Call, Unread
    from cluvault.emulator.learning.prediction import PredictedEntity, Prediction
    from cluvault.emulator.serving import Served, Target
    from cluvault.emulator.teacher import Teacher

_TEXT_ELEMENTS: Final = "TextElements_v8"
_INDEX_TYPES: Final = (_TEXT_ELEMENTS, "UnicodeCodePoint", "Utf16CodeUnit")
_UNCACHED: Final = (
    ("cache-control", "no-store, proxy-revalidate, no-cache, max-age=0, private"),
    ("pragma", "no-cache"),
)

_ITEM: Final = ObjectOf(
    "ConversationItem",
    required("id", text),
    required("participantId", text),
    required("text", text),
    Member("language", text),
    strict=False,
)
_INPUT: Final = ObjectOf("ConversationAnalysisOptions", required("conversationItem", _ITEM), strict=False)
_PARAMETERS: Final = ObjectOf(
    "ConversationTaskParameters",
    required("projectName", text),
    required("deploymentName", text),
    Member("verbose", flag),
    Member("isLoggingEnabled", flag),
    Member("stringIndexType", one_of("StringIndexType", _INDEX_TYPES, aliases={"TextElement_V8": _TEXT_ELEMENTS})),
    Member("directTarget", text),
    Member("targetProjectParameters", anything),
    strict=False,
)
_TASK: Final = ObjectOf(
    "AnalyzeConversationTask",
    required("kind", one_of("Kind", ("Conversation",))),
    required("analysisInput", _INPUT),
    required("parameters", _PARAMETERS),
    strict=False,
)


def read_task(request: Unread) -> dict[str, Any]:
    """Read the body of a prediction call."""
    return read_body(request.body, _TASK)


def predict(call: Call) -> Later:
    """Predict with a deployment of this resource, or one that another has placed on it."""
    call.emulator.teacher.check_equipped()
    parameters: dict[str, Any] = call.document["parameters"]
    item: dict[str, Any] = call.document["analysisInput"]["conversationItem"]
    if not item["text"].strip():
        raise _invalid('The input parameter "text" cannot be null or empty.')
    states = call.emulator.states(call.now)
    served = find_served(states, call.resource, parameters["projectName"], parameters["deploymentName"], now=call.now)
    question = _Question(
        teacher=call.emulator.teacher,
        text=item["text"],
        language=item.get("language"),
        index_type=parameters.get("stringIndexType", _TEXT_ELEMENTS),
    )
    if served.snapshot.metadata.kind != ORCHESTRATION:
        asked = partial(_converse, question, served)
        return Later(partial(_answer, "ConversationalLanguageUnderstanding", question, asked))
    targets = find_targets(states, call.resource, served.snapshot, now=call.now)
    direct = parameters.get("directTarget")
    asked = partial(_orchestrate, question, served, targets) if direct is None else partial(_direct, targets, direct)
    return Later(partial(_answer, "OrchestrationWorkflow", question, asked))


def _invalid(sentence: str) -> Refusal:
    return invalid_argument(f"The input parameter is invalid. {sentence}")


def _answer(billed: str, question: _Question, predict_it: Callable[[], dict[str, Any]]) -> Answer:
    usage = f"CognitiveServices.TextAnalytics.Language.{billed}.Prediction=1"
    body = {"kind": "ConversationResult", "result": {"query": question.text, "prediction": predict_it()}}
    return Answer(200, to_json(body), headers=(("csp-billing-usage", usage), *_UNCACHED), is_chunked=True)


# --- predictions ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """A text, and how to answer for it; asking takes long when the model has to be fitted again."""

    teacher: Teacher
    text: str
    language: str | None
    index_type: str

    def ask(self, served: Served) -> Prediction:
        return self.teacher.trained(served.model).predict(self.text, language=self.language)


def _converse(question: _Question, served: Served) -> dict[str, Any]:
    """The prediction of a conversation project."""
    prediction = question.ask(served)
    return {
        "topIntent": prediction.top_intent,
        "projectKind": CONVERSATION,
        "intents": [
            {"category": intent.category, "confidenceScore": _score(intent.confidence)} for intent in prediction.intents
        ],
        "entities": [_entity(entity, question) for entity in prediction.entities],
    }


def _entity(entity: PredictedEntity, question: _Question) -> dict[str, Any]:
    offset, length = _span(entity, question)
    wire: dict[str, Any] = {
        "category": entity.category,
        "text": entity.text,
        "offset": offset,
        "length": length,
        "confidenceScore": _score(entity.confidence),
    }
    if entity.resolutions:
        wire["resolutions"] = entity.resolutions
    if entity.extra_information:
        wire["extraInformation"] = entity.extra_information
    return wire


def _span(entity: PredictedEntity, question: _Question) -> tuple[int, int]:
    match question.index_type:
        case "Utf16CodeUnit":
            return entity.offset, entity.length
        case "UnicodeCodePoint":
            return entity.start, entity.end - entity.start
        case _:
            return element_span(question.text, entity.start, entity.end)


def _score(confidence: float) -> float:
    return round(confidence, 7)


# --- orchestrations ------------------------------------------------------------------------------------------------


def _orchestrate(question: _Question, served: Served, targets: Mapping[str, Target]) -> dict[str, Any]:
    """The prediction of an orchestration project; where the top intent leads to a conversation, with its answer."""
    prediction = question.ask(served)
    top = prediction.top_intent
    intents: dict[str, dict[str, Any]] = {
        intent.category: {
            "confidenceScore": _score(intent.confidence),
            "targetProjectKind": targets[intent.category].kind,
        }
        for intent in prediction.intents
    }
    answers = targets[top].answers
    if isinstance(answers, Refusal):
        raise answers
    if answers is not None:
        intents[top]["result"] = {"query": question.text, "prediction": _converse(question, answers)}
    return {"topIntent": top, "projectKind": ORCHESTRATION, "intents": intents}


def _direct(targets: Mapping[str, Target], name: str) -> dict[str, Any]:
    """The prediction of an orchestration that was told the intent: the service lets that be a knowledge base only."""
    target = targets.get(name)
    if target is None or target.kind != "QuestionAnswering":
        raise _invalid(f"The target {name} is not a QnA Maker project.")
    intent = {"confidenceScore": 1.0, "targetProjectKind": target.kind}
    return {"topIntent": name, "projectKind": ORCHESTRATION, "intents": {name: intent}}
