"""Entity extraction: every component of every entity, composed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluvault.emulator.learning.corpus import EntityDefinition, speaks
from cluvault.emulator.learning.expressions import compile_expression
from cluvault.emulator.learning.lists import ListComponent
from cluvault.emulator.learning.parts import Part, compose
from cluvault.emulator.learning.prebuilts import find_prebuilt
from cluvault.emulator.learning.tokens import tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cluvault.emulator.learning.corpus import Expression
    from cluvault.emulator.learning.expressions import TimedPattern
    from cluvault.emulator.learning.parts import ComponentKind, Found
    from cluvault.emulator.learning.tagger import Tagger
    from cluvault.emulator.learning.tokens import Token


class EntityExtractor:
    """Finds the entities of a project in texts."""

    def __init__(self, entities: Sequence[EntityDefinition], tagger: Tagger | None) -> None:
        learned = tagger.categories if tagger is not None else ()
        known = {entity.category for entity in entities}
        everyone = [*entities, *(EntityDefinition(category=name) for name in learned if name not in known)]
        self._tagger = tagger
        self._extractors = [_Extractor(entity, is_learned=entity.category in learned) for entity in everyone]

    def find(self, texts: Sequence[str], *, languages: Sequence[str]) -> list[list[tuple[str, Found]]]:
        """For each text the entities found with their category, in the order of the text.

        Args:
            texts: What to look at.
            languages: The language of each text: lists and expressions of other languages find nothing.
        """
        if not self._extractors:
            return [[] for _ in texts]
        tokens = [tokenize(text) for text in texts]
        nothing: list[list[tuple[str, Part]]] = [[] for _ in texts]
        learned = self._tagger.find(tokens) if self._tagger is not None else nothing
        return [self._found(*work) for work in zip(texts, tokens, languages, learned, strict=True)]

    def _found(
        self, text: str, tokens: list[Token], language: str, learned: list[tuple[str, Part]]
    ) -> list[tuple[str, Found]]:
        found = [
            (extractor.category, entity)
            for extractor in self._extractors
            for entity in extractor.find(
                text, tokens, language, [part for name, part in learned if name == extractor.category]
            )
        ]
        return sorted(found, key=lambda item: (item[1].start, item[1].end))


class _Extractor:
    """The components of one entity."""

    def __init__(self, entity: EntityDefinition, *, is_learned: bool) -> None:
        self.category = entity.category
        self._entity = entity
        self._list = ListComponent(entity.synonyms)
        self._expressions: list[tuple[Expression, TimedPattern]] = []
        for expression in entity.expressions:
            pattern, _ = compile_expression(expression.pattern)
            if pattern is not None:
                self._expressions.append((expression, pattern))
        self._components = _components(entity, is_learned=is_learned)

    def find(self, text: str, tokens: list[Token], language: str, learned: list[Part]) -> list[Found]:
        parts = [
            *learned,
            *self._list.find(tokens, language=language),
            *self._matches(text, language),
            *(part for name in self._entity.prebuilts for part in find_prebuilt(name, text, language=language)),
        ]
        return compose(self._entity, parts, components=self._components)

    def _matches(self, text: str, language: str) -> Iterator[Part]:
        for expression, pattern in self._expressions:
            if speaks(expression.language, language):
                known = {"key": expression.key, "regexPattern": expression.pattern}
                extra = ({"extraInformationKind": "RegexKey"} | known,)
                yield from (Part(kind="regex", start=start, end=end, extra=extra) for start, end in pattern.find(text))


def _components(entity: EntityDefinition, *, is_learned: bool) -> frozenset[ComponentKind]:
    present: dict[ComponentKind, bool] = {
        "learned": is_learned,
        "list": bool(entity.synonyms),
        "regex": bool(entity.expressions),
        "prebuilts": bool(entity.prebuilts),
    }
    return frozenset(kind for kind, is_present in present.items() if is_present)
