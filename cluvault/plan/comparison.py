"""On which utterances two models are compared, so that the comparison is fair; pure.

Each model was tested on utterances that it was not trained on, and they divide the utterances in their own way. On the
test set of one alone the other would know many answers by heart. On both together neither is favoured: what one knows
by heart is as much as what the other does. Of these only those count that both projects label in the same way: of what
the promotion relabels, nobody but the reviewer knows which label is right.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

from cluvault.plan.canonical import canonical_form
from cluvault.plan.utterances import CanonicalUtterance

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from cluvault.model.project_file import ProjectFile


class LabelledText(NamedTuple):
    """A text, its language, and the intent that it is labelled with."""

    text: str
    language: str
    intent: str


def agreed_tests(before: ProjectFile, after: ProjectFile, tested: Collection[str]) -> tuple[LabelledText, ...]:
    """The utterances that both projects label with the same intent, as far as one of the models was tested on them."""
    both = _labelled(before) & _labelled(after)
    ambiguous = _ambiguous(both)
    return tuple(sorted(one for one in both if one.text in tested and one[:2] not in ambiguous))


def sample_tests(tests: Iterable[LabelledText], *, most: int) -> tuple[LabelledText, ...]:
    """At most so many, of each intent as evenly many as there are; always the same ones."""
    by_intent: defaultdict[str, list[LabelledText]] = defaultdict(list)
    for one in sorted(tests):
        by_intent[one.intent].append(one)
    rounds = zip_longest(*(by_intent[intent] for intent in sorted(by_intent)))
    return tuple([one for group in rounds for one in group if one is not None][:most])


def probe_texts(file: ProjectFile, *, most: int) -> list[tuple[str, str | None]]:
    """A handful of the project's own utterances, of as many intents as there are."""
    chosen = sample_tests(_labelled(file), most=most)
    return [(one.text, one.language) for one in chosen]


def _labelled(file: ProjectFile) -> set[LabelledText]:
    utterances = map(CanonicalUtterance.from_line, canonical_form(file).utterance_lines)
    return {LabelledText(one.text, one.language, one.intent) for one in utterances}


def _ambiguous(tests: Iterable[LabelledText]) -> set[tuple[str, str]]:
    """Texts that are labelled with two intents: no model can be right about them."""
    seen: set[tuple[str, str]] = set()
    twice: set[tuple[str, str]] = set()
    for one in tests:
        (twice if one[:2] in seen else seen).add(one[:2])
    return twice
