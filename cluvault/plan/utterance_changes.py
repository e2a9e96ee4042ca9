"""Utterances that two project files do not share, paired: what changed is told from what was added and removed."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cluvault.plan.utterances import CanonicalLabel, CanonicalUtterance

UtteranceKind = Literal["moved", "relabelled", "dataset", "language", "other", "removed", "added"]
_ASPECTS: Final[Mapping[UtteranceKind, str]] = {
    "moved": "intent",
    "relabelled": "labels",
    "dataset": "dataset",
    "language": "language",
    "other": "other",
}
_RANKS: Final[Mapping[UtteranceKind, int]] = {kind: rank for rank, kind in enumerate((*_ASPECTS, "removed", "added"))}


@dataclass(frozen=True, slots=True)
class UtteranceChange:
    """`count` equal utterances that were added, removed, or changed without changing their text."""

    before: CanonicalUtterance | None
    after: CanonicalUtterance | None
    count: int = 1

    @property
    def kinds(self) -> tuple[UtteranceKind, ...]:
        """Added or removed, else one or more of moved (to another intent), relabelled, dataset, language, other."""
        if self.before is None:
            return ("added",)
        if self.after is None:
            return ("removed",)
        return tuple(kind for kind, name in _ASPECTS.items() if getattr(self.before, name) != getattr(self.after, name))

    def labels(self) -> tuple[Counter[CanonicalLabel], Counter[CanonicalLabel]]:
        """The labels that one such utterance lost and gained."""
        before = Counter(self.before.labels if self.before else ())
        after = Counter(self.after.labels if self.after else ())
        return before - after, after - before

    def sort_key(self) -> tuple[object, ...]:
        """Orders changes by what happened, then by text."""
        return ([_RANKS[kind] for kind in self.kinds], self.after or self.before, self.before or self.after)


def pair_utterances(
    removed: Counter[CanonicalUtterance], added: Counter[CanonicalUtterance]
) -> tuple[UtteranceChange, ...]:
    """Tell changed utterances from removed and added ones: of equal texts those are paired that differ least.

    No utterance is on both sides. Swapping the sides swaps each pair.
    """
    gone, come = _by_text(removed), _by_text(added)
    changes: list[UtteranceChange] = []
    for text in {**gone, **come}:
        changes += _pair(gone.get(text, {}), come.get(text, {}))
    return tuple(sorted(changes, key=UtteranceChange.sort_key))


def _by_text(utterances: Counter[CanonicalUtterance]) -> dict[str, dict[CanonicalUtterance, int]]:
    """Utterances and their number by text, each group sorted."""
    groups: defaultdict[str, dict[CanonicalUtterance, int]] = defaultdict(dict)
    for utterance in sorted(utterances):
        groups[utterance.text][utterance] = utterances[utterance]
    return groups


def _pair(gone: dict[CanonicalUtterance, int], come: dict[CanonicalUtterance, int]) -> Iterator[UtteranceChange]:
    """Pair utterances of one text, first those with the most in common, and take the pairs out of both."""
    if gone and come:
        passes = _LIKENESSES if len(gone) + len(come) > 2 else _LIKENESSES[-1:]  # noqa: PLR2004  # one and one
        for likeness in passes:
            yield from _match(gone, come, likeness)
    for one, count in gone.items():
        yield UtteranceChange(one, None, count)
    for one, count in come.items():
        yield UtteranceChange(None, one, count)


def _match(
    gone: dict[CanonicalUtterance, int],
    come: dict[CanonicalUtterance, int],
    likeness: Callable[[CanonicalUtterance], object],
) -> Iterator[UtteranceChange]:
    """Pair what is alike, in order, and take the pairs out of both."""
    partners: defaultdict[object, list[CanonicalUtterance]] = defaultdict(list)
    for new in reversed(come):
        partners[likeness(new)].append(new)
    for old in list(gone):
        candidates = partners[likeness(old)]
        while candidates and old in gone:
            new = candidates[-1]
            count = min(gone[old], come[new])
            yield UtteranceChange(old, new, count)
            _take(gone, old, count)
            _take(come, new, count)
            if new not in come:
                candidates.pop()


def _take(counts: dict[CanonicalUtterance, int], one: CanonicalUtterance, count: int) -> None:
    counts[one] -= count
    if not counts[one]:
        del counts[one]


def _likenesses() -> Iterator[Callable[[CanonicalUtterance], object]]:
    """What to pair by, strictest first: all but one aspect, then ever less."""
    for changed in _ASPECTS.values():
        yield attrgetter(*(name for name in _ASPECTS.values() if name != changed))
    yield attrgetter("intent", "language")
    yield attrgetter("intent")
    yield attrgetter("language")
    yield attrgetter("text")


_LIKENESSES: Final = tuple(_likenesses())
