"""The list component: synonyms as whole words, without regard to case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluvault.emulator.learning.corpus import speaks
from cluvault.emulator.learning.parts import Part
from cluvault.emulator.learning.tokens import fold_word, tokenize

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cluvault.emulator.learning.corpus import Synonym
    from cluvault.emulator.learning.tokens import Token


class ListComponent:
    """The synonyms of one entity, looked up by their words."""

    def __init__(self, synonyms: Iterable[Synonym]) -> None:
        self._by_words: dict[tuple[str, ...], list[Synonym]] = {}
        for synonym in synonyms:
            if words := tuple(fold_word(token.text) for token in tokenize(synonym.value)):
                self._by_words.setdefault(words, []).append(synonym)
        self._lengths = sorted({len(words) for words in self._by_words}, reverse=True)

    def find(self, tokens: Sequence[Token], *, language: str) -> Iterator[Part]:
        """The longest synonym at each place, with the keys of all lists that have it; matches do not overlap."""
        if not self._lengths:
            return
        words = [fold_word(token.text) for token in tokens]
        at = 0
        while at < len(tokens):
            length, keys = self._longest(words, at, language)
            if length:
                extra = tuple({"extraInformationKind": "ListKey", "key": key} for key in keys)
                yield Part(kind="list", start=tokens[at].start, end=tokens[at + length - 1].end, extra=extra)
            at += length or 1

    def _longest(self, words: list[str], at: int, language: str) -> tuple[int, list[str]]:
        for length in self._lengths:
            if at + length > len(words):
                continue
            synonyms = self._by_words.get(tuple(words[at : at + length]), ())
            if keys := [synonym.key for synonym in synonyms if speaks(synonym.language, language)]:
                return length, list(dict.fromkeys(keys))
        return 0, []
