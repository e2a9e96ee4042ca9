"""What the content of an import must satisfy: errors fail the job, warnings do not. Source: service documentation.

The shape of the file is already right (`shapes.py`); here is what its parts say about each other, and the limits.
These rules are the emulator's own: they share nothing with those of the client, so that the two can disagree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cluvault.emulator.errors import Problem, invalid_value_message
from cluvault.emulator.languages import is_language
from cluvault.emulator.shapes import ORCHESTRATION
from cluvault.emulator.spans import unit_length

if TYPE_CHECKING:
    from cluvault.emulator.limits import ContentLimits

_FORBIDDEN: Final = re.compile(r"[:$&%*()+~#/?]")
_COMPONENTS: Final = frozenset({"learned", "list", "prebuilts", "regex"})
_MOST_LISTED: Final = 100
"""A job lists no more errors than this: a file with one fault in each of 50,000 utterances is told often enough."""

_Problems = Iterator[Problem]


@dataclass(slots=True)
class Verdict:
    """What the checks found."""

    errors: list[Problem] = field(default_factory=list[Problem])
    warnings: list[Problem] = field(default_factory=list[Problem])


def check_content(document: dict[str, Any], limits: ContentLimits) -> Verdict:
    """Check a project file that has been read by its shape."""
    verdict = Verdict()
    for problem in _problems(document, limits):
        found = verdict.warnings if problem.code == "Warning" else verdict.errors
        if len(found) < _MOST_LISTED:
            found.append(problem)
    return verdict


def _problems(document: dict[str, Any], limits: ContentLimits) -> _Problems:
    metadata, assets = document["metadata"], document["assets"]
    intents, entities = assets.get("intents", []), assets.get("entities", [])
    yield from _check_language(metadata["language"], "metadata.language")
    yield from _check_count("intents", len(intents), limits.intents)
    yield from _check_count("entities", len(entities), limits.entities)
    yield from _check_names("intent", "assets.intents", intents, limits)
    yield from _check_names("entity", "assets.entities", entities, limits)
    yield from _check_associations(intents, _names(entities))
    yield from _check_components(entities, limits)
    most = limits.orchestration_utterances if metadata["projectKind"] == ORCHESTRATION else limits.utterances
    utterances = assets.get("utterances", [])
    yield from _check_count("utterances", len(utterances), most)
    known = _Known(
        _names(intents) | {"None"}, _names(entities), limits.utterance_length, index_type=document["stringIndexType"]
    )
    for index, utterance in enumerate(utterances):
        yield from _check_utterance(utterance, f"assets.utterances[{index}]", known)


def _wrong(message: str, target: str) -> Problem:
    return Problem("InvalidArgument", message, target)


def _names(items: list[dict[str, Any]]) -> frozenset[str]:
    return frozenset(item["category"] for item in items)


def _check_count(what: str, count: int, most: int) -> _Problems:
    if count > most:
        yield _wrong(f"The project has {count} {what}; at most {most} are allowed.", f"assets.{what}")


def _check_language(code: str, target: str) -> _Problems:
    if not is_language(code):
        message = invalid_value_message("Language", code)
        yield Problem("InvalidArgument", message, target, inner_code="UnsupportedLanguageCode")


# --- intents and entities ------------------------------------------------------------------------------------------


def _check_names(what: str, path: str, items: list[dict[str, Any]], limits: ContentLimits) -> _Problems:
    seen: set[str] = set()
    for index, item in enumerate(items):
        name: str = item["category"]
        target = f"{path}[{index}].category"
        if name in seen:
            yield _wrong(f"The {what} `{name}` occurs more than once.", target)
        seen.add(name)
        if not 1 <= len(name) <= limits.name_length:
            yield _wrong(f"The name of an {what} has 1 to {limits.name_length} characters; `{name}` has not.", target)
        if found := _FORBIDDEN.search(name):
            yield _wrong(f"The {what} name `{name}` contains `{found.group()}`, which is not allowed.", target)


def _check_associations(intents: list[dict[str, Any]], entities: frozenset[str]) -> _Problems:
    for index, intent in enumerate(intents):
        for place, associated in enumerate(intent.get("associatedEntities", ())):
            if associated["category"] not in entities:
                target = f"assets.intents[{index}].associatedEntities[{place}]"
                yield _wrong(f"The entity `{associated['category']}` does not exist in the project.", target)


def _check_components(entities: list[dict[str, Any]], limits: ContentLimits) -> _Problems:
    for index, entity in enumerate(entities):
        path = f"assets.entities[{index}]"
        yield from _check_list(entity, path, limits)
        yield from _check_regex(entity, path)
        yield from _check_other_components(entity, path, limits)
    synonyms, regexes = sum(map(_count_synonyms, entities)), sum(len(_expressions(entity)) for entity in entities)
    if synonyms > limits.synonyms:
        yield _wrong(f"The project has {synonyms} synonyms; at most {limits.synonyms} are allowed.", "assets.entities")
    if regexes > limits.regexes:
        message = f"The project has {regexes} regular expressions; at most {limits.regexes} are allowed."
        yield _wrong(message, "assets.entities")


def _check_list(entity: dict[str, Any], path: str, limits: ContentLimits) -> _Problems:
    for index, sublist in enumerate(_sublists(entity)):
        for place, synonyms in enumerate(sublist.get("synonyms", ())):
            if "language" in synonyms:
                target = f"{path}.list.sublists[{index}].synonyms[{place}].language"
                yield from _check_language(synonyms["language"], target)
    count = _count_synonyms(entity)
    if count > limits.synonyms_per_entity:
        message = f"The list has {count} synonyms; at most {limits.synonyms_per_entity} are allowed."
        yield _wrong(message, f"{path}.list")


def _sublists(entity: dict[str, Any]) -> list[dict[str, Any]]:
    return entity.get("list", {}).get("sublists", [])


def _count_synonyms(entity: dict[str, Any]) -> int:
    return sum(
        len(synonyms.get("values", ())) for sublist in _sublists(entity) for synonyms in sublist.get("synonyms", ())
    )


def _check_regex(entity: dict[str, Any], path: str) -> _Problems:
    for index, expression in enumerate(_expressions(entity)):
        if "language" in expression:
            yield from _check_language(expression["language"], f"{path}.regex.expressions[{index}].language")


def _expressions(entity: dict[str, Any]) -> list[dict[str, Any]]:
    return entity.get("regex", {}).get("expressions", [])


def _check_other_components(entity: dict[str, Any], path: str, limits: ContentLimits) -> _Problems:
    prebuilts = entity.get("prebuilts", ())
    if len(prebuilts) > limits.prebuilts_per_entity:
        message = f"The entity has {len(prebuilts)} prebuilts; at most {limits.prebuilts_per_entity} are allowed."
        yield _wrong(message, f"{path}.prebuilts")
    for component in entity.get("requiredComponents", ()):
        if component.lower() not in _COMPONENTS:
            yield _wrong(invalid_value_message("RequiredComponents", component), f"{path}.requiredComponents")


# --- utterances ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Known:
    intents: frozenset[str]
    entities: frozenset[str]
    most_characters: int
    index_type: str


def _check_utterance(utterance: dict[str, Any], path: str, known: _Known) -> _Problems:
    text: str = utterance["text"]
    if not 1 <= unit_length(text) <= known.most_characters:
        message = f"The text of an utterance has 1 to {known.most_characters} characters, this one {unit_length(text)}."
        yield _wrong(message, f"{path}.text")
    if utterance["intent"] not in known.intents:
        yield _wrong(f"The intent `{utterance['intent']}` does not exist in the project.", f"{path}.intent")
    if "language" in utterance:
        yield from _check_language(utterance["language"], f"{path}.language")
    if labels := utterance.get("entities"):
        yield from _check_labels(labels, path, known, end=unit_length(text, known.index_type))


def _check_labels(labels: list[dict[str, Any]], path: str, known: _Known, *, end: int) -> _Problems:
    spans: set[tuple[int, int]] = set()
    for index, label in enumerate(labels):
        category, offset, length = label["category"], label["offset"], label["length"]
        target = f"{path}.entities[{index}]"
        if category not in known.entities:
            yield _wrong(f"The entity `{category}` does not exist in the project.", target)
        if (offset, length) in spans:
            yield _wrong(f"The span of {length} at {offset} is labelled more than once.", target)
        spans.add((offset, length))
        if offset < 0 or length < 1:
            yield _wrong(f"The label at {offset} with length {length} covers no text.", target)
        elif offset + length > end:
            place = f"The label `{category}` at {offset} with length {length} of `{target}`"
            yield Problem("Warning", f"{place} runs past the end of its text ({end}).")
