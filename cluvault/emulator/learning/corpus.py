"""What a snapshot teaches: its intents, entities and utterances as values; spans count code points from here on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from cluvault.emulator.shapes import CONVERSATION, ORCHESTRATION
from cluvault.emulator.spans import UTF16, convert_span
from cluvault.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluvault.emulator.records import Snapshot

NONE_INTENT: Final = "None"
_UTF32: Final = "Utf32CodeUnit"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Where an entity stands in a text; `start` and `end` count code points."""

    start: int
    end: int
    category: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A labelled utterance."""

    text: str
    language: str
    intent: str
    spans: tuple[Span, ...]
    dataset: str


@dataclass(frozen=True, slots=True)
class Synonym:
    """One value of a list; no language means every language."""

    key: str
    language: str
    value: str


@dataclass(frozen=True, slots=True)
class Expression:
    """One regular expression, in the .NET dialect; no language means every language."""

    key: str
    language: str
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityDefinition:
    """An entity with its components; the learned one is in the utterances."""

    category: str
    setting: str = "combineComponents"
    synonyms: tuple[Synonym, ...] = ()
    expressions: tuple[Expression, ...] = ()
    prebuilts: tuple[str, ...] = ()
    required: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Everything that training reads."""

    language: str
    intents: tuple[str, ...]
    entities: tuple[EntityDefinition, ...]
    examples: tuple[Example, ...]


def read_corpus(snapshot: Snapshot) -> Corpus:
    """Read the content of a snapshot.

    Raises:
        UsageError: Projects of this kind are not trained from utterances.
    """
    kind = snapshot.metadata.kind
    if kind not in (CONVERSATION, ORCHESTRATION):
        raise UsageError(f"a project of kind {kind} cannot be trained here")
    parts: dict[str, list[dict[str, Any]]] = {name: orjson.loads(part) for name, part in snapshot.content.parts}
    return Corpus(
        language=snapshot.metadata.language,
        intents=tuple(intent["category"] for intent in parts["intents"]),
        entities=tuple(map(_entity, parts.get("entities", ()))),
        examples=tuple(map(_example, parts["utterances"])),
    )


def speaks(language: str, wanted: str) -> bool:
    """Whether a component of one language serves texts of another: `en` and `en-us` do, `pt-br` and `pt-pt` do not."""
    one, other = language.lower(), wanted.lower()
    return one in ("", other, other.partition("-")[0]) or one.partition("-")[0] == other


# --- utterances ----------------------------------------------------------------------------------------------------


def _example(utterance: dict[str, Any]) -> Example:
    text: str = utterance["text"]
    return Example(
        text=text,
        language=utterance["language"],
        intent=utterance["intent"],
        spans=tuple(sorted(_spans(text, utterance.get("entities", ())))),
        dataset=utterance["dataset"],
    )


def _spans(text: str, labels: list[dict[str, Any]]) -> Iterator[Span]:
    """The labels of a text; what runs past its end is cut off, and what covers nothing is left out."""
    for label in labels:
        start, length = convert_span(text, label["offset"], label["length"], source=UTF16, target=_UTF32)
        end = min(start + length, len(text))
        if 0 <= start < end:
            yield Span(start, end, label["category"])


# --- entities ------------------------------------------------------------------------------------------------------


def _entity(entity: dict[str, Any]) -> EntityDefinition:
    return EntityDefinition(
        category=entity["category"],
        setting=entity["compositionSetting"],
        synonyms=tuple(_synonyms(entity.get("list", {}))),
        expressions=tuple(
            Expression(expression.get("regexKey", ""), expression.get("language", ""), pattern)
            for expression in entity.get("regex", {}).get("expressions", ())
            if (pattern := expression.get("regexPattern"))
        ),
        prebuilts=tuple(prebuilt["category"] for prebuilt in entity.get("prebuilts", ())),
        required=frozenset(component.lower() for component in entity.get("requiredComponents", ())),
    )


def _synonyms(entity_list: dict[str, Any]) -> Iterator[Synonym]:
    for sublist in entity_list.get("sublists", ()):
        for synonyms in sublist.get("synonyms", ()):
            for value in synonyms.get("values", ()):
                yield Synonym(sublist.get("listKey", ""), synonyms.get("language", ""), value)
