"""Which utterances train and which test."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cluvault.emulator.learning.corpus import Example
    from cluvault.emulator.learning.options import TrainingOptions


class Split(NamedTuple):
    """The two sets, each in the order of the project; what is in neither is not used."""

    train: tuple[Example, ...]
    test: tuple[Example, ...]


def split_examples(examples: Sequence[Example], options: TrainingOptions) -> Split:
    """Split as documented: a percentage split takes dataset Train alone, a manual one goes by the dataset."""
    in_training = [example for example in examples if example.dataset == "Train"]
    if options.evaluation_kind == "manual":
        return Split(tuple(in_training), tuple(example for example in examples if example.dataset == "Test"))
    chosen = _chosen_for_test(in_training, options)
    return Split(
        tuple(example for index, example in enumerate(in_training) if index not in chosen),
        tuple(example for index, example in enumerate(in_training) if index in chosen),
    )


def _chosen_for_test(examples: Sequence[Example], options: TrainingOptions) -> frozenset[int]:
    by_intent: dict[str, list[int]] = {}
    for index, example in enumerate(examples):
        by_intent.setdefault(example.intent, []).append(index)
    quotas = _quotas({intent: len(indices) for intent, indices in by_intent.items()}, options.testing_split)
    chosen: set[int] = set()
    for intent, indices in by_intent.items():
        ranked = sorted(indices, key=lambda index: (_rank(examples[index].text, options.seed), index))
        chosen.update(ranked[: quotas[intent]])
    return frozenset(chosen)


def _quotas(counts: Mapping[str, int], percent: int) -> dict[str, int]:
    """How many utterances of each intent test: its share rounded down, and one more for the largest remainders.

    The total is the share of the whole, rounded down. An intent keeps its last utterance for training, unless
    nothing is to train.
    """
    quotas = {intent: count * percent // 100 for intent, count in counts.items()}
    missing = sum(counts.values()) * percent // 100 - sum(quotas.values())
    keeps = 0 if percent == 100 else 1  # noqa: PLR2004  # percent
    open_to_more = [intent for intent, count in counts.items() if quotas[intent] < count - keeps]
    open_to_more.sort(key=lambda intent: -(counts[intent] * percent % 100))
    for intent in open_to_more[:missing]:
        quotas[intent] += 1
    return quotas


def _rank(text: str, seed: int | None) -> bytes:
    key = b"" if seed is None else str(seed).encode()
    return hashlib.blake2b(text.encode(), digest_size=8, key=key).digest()
