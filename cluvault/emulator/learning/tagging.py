"""Which tags follow which, and the most likely sequence of tags: a small Viterbi search over a few candidates."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_START: Final = -1
_OUTSIDE: Final = 0
_SMOOTHING: Final = 0.1
_WEIGHT: Final = 0.5
"""How much it counts what follows what, beside what the tokens say."""
_IMPOSSIBLE: Final = -50.0
_FLOOR: Final = 1e-6

Candidates = list[tuple[int, float]]
"""The tags that a token may have, with their probabilities."""


@dataclass(frozen=True, slots=True)
class Transitions:
    """How much likelier a tag is after another than by itself; all figures are logarithms."""

    _following: Mapping[tuple[int, int], float]
    _never_seen: Mapping[int, float]
    _alone: Mapping[int, float]

    def best_path(self, candidates: Sequence[Candidates]) -> list[int]:
        """The most likely tags, one for each token."""
        scores = {_START: 0.0}
        steps: list[dict[int, int]] = []
        for options in candidates:
            scores, step = self._extended(scores, options)
            steps.append(step)
        path = [max(scores, key=scores.__getitem__)]
        for step in reversed(steps):
            path.append(step[path[-1]])
        path.reverse()
        return path[1:]

    def _extended(self, scores: dict[int, float], options: Candidates) -> tuple[dict[int, float], dict[int, int]]:
        """The best score of each tag of the next token, and the tag before it; outside is always an option."""
        reached: dict[int, float] = {}
        step: dict[int, int] = {}
        for tag, chance in [*options, (_OUTSIDE, 0.0)]:
            if tag in reached:
                continue
            score, before = max((score + self._between(before, tag), before) for before, score in scores.items())
            reached[tag] = score + math.log(max(chance, _FLOOR))
            step[tag] = before
        return reached, step

    def _between(self, before: int, tag: int) -> float:
        goes_on = tag > _OUTSIDE and tag % 2 == 0
        if goes_on and before not in (tag, tag - 1):
            return _IMPOSSIBLE
        following = self._following.get((before, tag), self._never_seen.get(before, 0.0))
        return _WEIGHT * (following - self._alone.get(tag, 0.0))


def learn_transitions(sequences: Sequence[Sequence[int]]) -> Transitions:
    """Count which tag follows which."""
    tags = Counter(tag for sequence in sequences for tag in sequence)
    pairs = Counter(pair for sequence in sequences for pair in pairwise((_START, *sequence)))
    leaving: Counter[int] = Counter()
    for (before, _), count in pairs.items():
        leaving[before] += count
    total = {before: count + _SMOOTHING * len(tags) for before, count in leaving.items()}
    return Transitions(
        {pair: math.log((count + _SMOOTHING) / total[pair[0]]) for pair, count in pairs.items()},
        {before: math.log(_SMOOTHING / count) for before, count in total.items()},
        {tag: math.log(count / tags.total()) for tag, count in tags.items()},
    )
