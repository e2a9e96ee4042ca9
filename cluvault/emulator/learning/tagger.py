"""The learned component: a tag for each token says whether a span of an entity begins there, goes on, or neither.

Tag 0 is outside; the entity at index i begins with tag 2i + 1 and goes on with 2i + 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cluvault.emulator.learning.parts import Part
from cluvault.emulator.learning.tagging import Transitions, learn_transitions
from cluvault.emulator.learning.token_model import fit_tokens
from cluvault.emulator.learning.tokens import fold_word, tokenize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluvault.emulator.learning.corpus import Example, Span
    from cluvault.emulator.learning.token_model import TokenModel
    from cluvault.emulator.learning.tokens import Token

_OUTSIDE: Final = 0
_CANDIDATES: Final = 6
_LEAST_CHANCE: Final = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Folding:
    """Differences between words that the tagger does not see."""

    case: bool = False
    marks: bool = False

    def words(self, tokens: Sequence[Token]) -> list[str]:
        """The words as the tagger sees them."""
        if self.case:
            return [fold_word(token.text, strip_marks=self.marks) for token in tokens]
        if self.marks:
            return [_like(token.text, fold_word(token.text, strip_marks=True)) for token in tokens]
        return [token.text for token in tokens]


def _like(word: str, folded: str) -> str:
    return folded.capitalize() if word[:1].isupper() else folded


@dataclass(frozen=True, slots=True)
class Tagger:
    """Finds spans of the entities that were labelled in training."""

    categories: tuple[str, ...]
    _folding: Folding
    _model: TokenModel
    _transitions: Transitions

    def find(self, texts: Sequence[Sequence[Token]]) -> list[list[tuple[str, Part]]]:
        """For the tokens of each text the entities found, with their category."""
        words = [self._folding.words(tokens) for tokens in texts]
        candidates = self._model.candidates(words, most=_CANDIDATES, least=_LEAST_CHANCE)
        return [self._spans(tokens, found) for tokens, found in zip(texts, candidates, strict=True)]

    def _spans(self, tokens: Sequence[Token], candidates: list[list[tuple[int, float]]]) -> list[tuple[str, Part]]:
        spans: list[tuple[int, list[int]]] = []
        for place, tag in enumerate(self._transitions.best_path(candidates)):
            if tag == _OUTSIDE:
                continue
            entity, goes_on = (tag - 1) // 2, tag % 2 == 0
            if goes_on and spans and spans[-1][0] == entity and spans[-1][1][-1] == place - 1:
                spans[-1][1].append(place)
            else:
                spans.append((entity, [place]))
        return [(self.categories[entity], _part(entity, places, tokens, candidates)) for entity, places in spans]


def _part(entity: int, places: list[int], tokens: Sequence[Token], candidates: list[list[tuple[int, float]]]) -> Part:
    """The span of some tokens; its confidence is the mean over them of how likely each is in the entity."""
    own = (2 * entity + 1, 2 * entity + 2)
    chances = [sum(chance for tag, chance in candidates[place] if tag in own) for place in places]
    return Part(
        kind="learned",
        start=tokens[places[0]].start,
        end=tokens[places[-1]].end,
        confidence=min(1.0, sum(chances) / len(chances)),
    )


# --- learning ------------------------------------------------------------------------------------------------------


def fit_tagger(examples: Sequence[Example], *, folding: Folding, advanced: bool) -> Tagger | None:
    """Learn from labelled utterances; None when nothing is labelled."""
    categories = tuple(sorted({span.category for example in examples for span in example.spans}))
    if not categories:
        return None
    numbers = {category: number for number, category in enumerate(categories)}
    texts = [tokenize(example.text) for example in examples]
    tags = [tag_tokens(tokens, example.spans, numbers) for tokens, example in zip(texts, examples, strict=True)]
    count = 2 * len(categories) + 1
    model = fit_tokens([folding.words(tokens) for tokens in texts], tags, class_count=count, advanced=advanced)
    return Tagger(categories, folding, model, learn_transitions(tags))


def tag_tokens(tokens: Sequence[Token], spans: Sequence[Span], numbers: dict[str, int]) -> list[int]:
    """The tags of labelled tokens; where labels overlap, the longest counts, and a label takes its tokens whole."""
    tags = [_OUTSIDE] * len(tokens)
    for span in sorted(spans, key=lambda span: (span.start - span.end, span.start)):
        inside = [place for place, token in enumerate(tokens) if token.start < span.end and token.end > span.start]
        if inside and not any(tags[place] for place in inside):
            begin = 2 * numbers[span.category] + 1
            tags[inside[0]] = begin
            for place in inside[1:]:
                tags[place] = begin + 1
    return tags
