"""What a difference does to single intents and entities, in sentences that a reviewer cannot overlook; pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from cluvault.model.names import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cluvault.model.project_file import ProjectFile
    from cluvault.plan.diff import ItemChange, ProjectDiff


def blast_radius(difference: ProjectDiff, before: ProjectFile) -> tuple[str, ...]:
    """Sentences about intents and entities: first what goes, then what changes, then what comes.

    Args:
        difference: From what stands at the target to what will.
        before: What stands there.
    """
    sizes = Counter(one["intent"] for one in before.utterances)
    return (
        *_items("removes", "intent", difference.intents, sizes),
        *_items("removes", "entity", difference.entities, {}),
        *_utterances(difference, sizes),
        *_items("adds", "intent", difference.intents, {}),
        *_items("adds", "entity", difference.entities, {}),
    )


def changed_share(difference: ProjectDiff, before: ProjectFile) -> float:
    """How much of all utterances changes, comes or goes: 0 to 1."""
    changed = sum(change.count for change in difference.utterances)
    added = sum(change.count for change in difference.utterances if change.before is None)
    return changed / max(1, len(before.utterances) + added)


def _items(verb: str, noun: str, changes: tuple[ItemChange, ...], sizes: Mapping[str, int]) -> Iterator[str]:
    for change in changes:
        if (change.after if verb == "removes" else change.before) is None:
            number = sizes.get(change.name, 0)
            besides = f" with its {_counted(number)}" if number else ""
            yield f"{verb} {noun} {shorten(change.name)}{besides}"


def _utterances(difference: ProjectDiff, sizes: Mapping[str, int]) -> Iterator[str]:
    whole = {change.name for change in difference.intents if change.after is None}
    counts: Counter[tuple[str, str, str]] = Counter()
    for change in difference.utterances:
        for kind in change.kinds:
            one = change.before or change.after
            if one is not None and not (kind == "removed" and one.intent in whole):
                goal = change.after.intent if kind == "moved" and change.after is not None else ""
                counts[kind, one.intent, goal] += change.count
    for (kind, intent, goal), number in sorted(counts.items(), key=lambda item: (_RANKS[item[0][0]], item)):
        yield _sentence(kind, shorten(intent), shorten(goal), number, sizes[intent])


_RANKS = {"removed": 0, "moved": 1, "relabelled": 2, "dataset": 3, "language": 4, "other": 5, "added": 6}
_VERBS = {
    "removed": "removes {share} of {intent}",
    "moved": "moves {share} of {intent} to {goal}",
    "relabelled": "labels {share} of {intent} in another way",
    "dataset": "puts {share} of {intent} into another dataset",
    "language": "gives {share} of {intent} another language",
    "other": "changes {share} of {intent}",
}


def _sentence(kind: str, intent: str, goal: str, number: int, size: int) -> str:
    if kind == "added":
        return f"adds {_counted(number)} to {intent}, which has {size}"
    share = f"{number / size:.0%} of the utterances ({number} of {size})"
    return _VERBS[kind].format(share=share, intent=intent, goal=goal)


def _counted(number: int) -> str:
    return f"{number} utterance{'' if number == 1 else 's'}"
