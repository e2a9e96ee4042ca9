"""Rules for utterances as a whole: text, intent, dataset, and whether one contradicts another.

Each rule is a loop of its own with one cheap question: 50,000 utterances are ordinary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cluvault.model.names import shorten
from cluvault.plan.findings import Finding, error, warning
from cluvault.plan.rules.subject import too_long
from cluvault.plan.vocabulary import DATASETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluvault.model.project_shape import Utterance
    from cluvault.plan.rules.subject import Rule, Subject

KNOWN_DATASETS: Final = frozenset({None, "", *DATASETS.values()})
"""What a dataset may be without a word about it; absent means Train."""


def _texts(subject: Subject) -> Iterator[Finding]:
    limit = subject.limits.utterance_length
    for index, utterance in enumerate(subject.file.utterances):
        text = utterance["text"]
        pointer = f"/assets/utterances/{index}/text"
        if not text:
            yield error(pointer, "the text is empty", "remove the utterance")
        elif (excess := too_long(text, limit)) is not None:
            severity, length = excess
            sentence = f"the text has {length} characters, the service allows {limit}"
            yield Finding(severity, pointer, sentence, "shorten or split it")


def _intents(subject: Subject) -> Iterator[Finding]:
    for index, utterance in enumerate(subject.file.utterances):
        if utterance["intent"] not in subject.intents:
            yield error(
                f"/assets/utterances/{index}/intent",
                f"there is no intent {shorten(utterance['intent'])!r}",
                "add the intent, or correct the name",
            )


def _datasets(subject: Subject) -> Iterator[Finding]:
    """The recipe for several test sets uses names of its own, so that other names are no error."""
    for index, utterance in enumerate(subject.file.utterances):
        if (dataset := utterance.get("dataset")) not in KNOWN_DATASETS:
            yield warning(
                f"/assets/utterances/{index}/dataset",
                f"{shorten(str(dataset))!r} is neither Train nor Test",
                "rename it before the file is imported to be trained",
            )


def _repetitions(subject: Subject) -> Iterator[Finding]:
    """The same text in the same language twice: wasted with one intent, a contradiction with two."""
    first: dict[str, int] = {}
    again: dict[str, list[int]] = {}
    for index, utterance in enumerate(subject.file.utterances):
        if (earlier := first.setdefault(utterance["text"], index)) != index:
            again.setdefault(utterance["text"], [earlier]).append(index)
    for places in again.values():
        yield from _contradictions(subject, places)


def _contradictions(subject: Subject, places: list[int]) -> Iterator[Finding]:
    first: dict[tuple[str, str], int] = {}
    of_language: dict[str, int] = {}
    for index in places:
        utterance = subject.file.utterances[index]
        language, intent = _language(subject, utterance), utterance["intent"]
        same = first.setdefault((language, intent), index)
        other = of_language.setdefault(language, index)
        pointer, text = f"/assets/utterances/{index}", shorten(utterance["text"])
        if same != index:
            yield warning(
                pointer, f"{text!r} is at /assets/utterances/{same} too, with the same intent", "remove one of the two"
            )
        elif other != index:
            yield warning(
                pointer,
                f"{text!r} has the intent {shorten(intent)!r} here, and "
                f"{shorten(subject.file.utterances[other]['intent'])!r} at /assets/utterances/{other}",
                "decide for one intent",
            )


def _language(subject: Subject, utterance: Utterance) -> str:
    return (utterance.get("language") or subject.language).lower()


RULES: Final[tuple[Rule, ...]] = (_texts, _intents, _datasets, _repetitions)
