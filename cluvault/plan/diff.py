"""Semantic difference of two project files, and its inverse: `apply_diff(diff(a, b), a)` means the same as `b`.

The difference is empty if and only if the canonical digests are equal, because both are made from the canonical form.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from cluvault.errors import InvalidProjectFile
from cluvault.model.json_text import JsonObject, read_json
from cluvault.model.names import shorten
from cluvault.plan.canonical import CanonicalForm, canonical_form, conversation_line
from cluvault.plan.item_parts import ItemKind, ValueChange, item_parts
from cluvault.plan.plain_values import plain_members, same_json
from cluvault.plan.rebuild import rebuild_project_file
from cluvault.plan.utterance_changes import UtteranceChange, UtteranceKind, pair_utterances
from cluvault.plan.utterances import CanonicalUtterance

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cluvault.model.project_file import ProjectFile


@dataclass(frozen=True, slots=True)
class ItemChange:
    """An intent or entity that was added (no `before`), removed (no `after`) or changed; canonical values."""

    kind: ItemKind
    name: str
    before: JsonObject | None
    after: JsonObject | None

    @property
    def parts(self) -> tuple[ValueChange, ...]:
        """What changed inside, one value a change: a synonym, a regex, a prebuilt, a required component, a text.

        Empty for what was added or removed as a whole.
        """
        if self.before is None or self.after is None:
            return ()
        return item_parts(self.kind, self.before, self.after)


@dataclass(frozen=True, slots=True)
class ProjectDiff:
    """What turns the meaning of one project file into that of another; false when nothing does."""

    settings: tuple[ValueChange, ...] = ()
    intents: tuple[ItemChange, ...] = ()
    entities: tuple[ItemChange, ...] = ()
    utterances: tuple[UtteranceChange, ...] = ()
    conversations_removed: tuple[JsonObject, ...] = ()
    conversations_added: tuple[JsonObject, ...] = ()

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    def utterance_counts(self) -> dict[UtteranceKind, int]:
        """How many utterances were added, removed, moved and so on; one with two changes counts under both."""
        counts: Counter[UtteranceKind] = Counter()
        for change in self.utterances:
            for kind in change.kinds:
                counts[kind] += change.count
        return dict(counts)

    def label_counts(self) -> dict[str, tuple[int, int]]:
        """The learned component: entity → labels (removed, added) by the changed utterances."""
        gone: Counter[str] = Counter()
        come: Counter[str] = Counter()
        for change in self.utterances:
            for counts, labels in zip((gone, come), change.labels(), strict=True):
                for label, number in labels.items():
                    counts[label.category] += number * change.count
        return {category: (gone[category], come[category]) for category in sorted({*gone, *come})}


def diff_project_files(before: ProjectFile, after: ProjectFile) -> ProjectDiff:
    """The semantic difference between two project files of any known version."""
    return diff_forms(canonical_form(before), canonical_form(after))


def diff_forms(old: CanonicalForm, new: CanonicalForm) -> ProjectDiff:
    """The same, from canonical forms: for large files, whose trees need not be in memory together."""
    old_lines, new_lines = Counter(old.utterance_lines), Counter(new.utterance_lines)
    return ProjectDiff(
        settings=tuple(ValueChange(*change) for change in _changes(old.settings, new.settings)),
        intents=tuple(ItemChange("intent", *change) for change in _changes(old.intents, new.intents)),
        entities=tuple(ItemChange("entity", *change) for change in _changes(old.entities, new.entities)),
        utterances=pair_utterances(_utterances(old_lines - new_lines), _utterances(new_lines - old_lines)),
        conversations_removed=_conversations(Counter(old.conversation_lines) - Counter(new.conversation_lines)),
        conversations_added=_conversations(Counter(new.conversation_lines) - Counter(old.conversation_lines)),
    )


def apply_diff(diff: ProjectDiff, file: ProjectFile) -> ProjectFile:
    """A project file with the meaning of the difference's second file, and the name of `file`.

    Other content of `file` stays: the difference needs only what it changes.

    Raises:
        InvalidProjectFile: `file` has not what the difference changes.
    """
    form = canonical_form(file)
    changed = CanonicalForm(
        settings=_with(form.settings, ((one.path, one.before, one.after) for one in diff.settings), "setting"),
        intents=_with(form.intents, ((one.name, one.before, one.after) for one in diff.intents), "intent"),
        entities=_with(form.entities, ((one.name, one.before, one.after) for one in diff.entities), "entity"),
        utterance_lines=_exchange(
            form.utterance_lines,
            gone=_utterance_lines((change.before, change.count) for change in diff.utterances),
            come=_utterance_lines((change.after, change.count) for change in diff.utterances),
            noun="utterance",
        ),
        conversation_lines=_exchange(
            form.conversation_lines,
            gone=Counter(map(conversation_line, diff.conversations_removed)),
            come=Counter(map(conversation_line, diff.conversations_added)),
            noun="conversation",
        ),
    )
    return rebuild_project_file(changed, name=file.name)


# --- values by name ------------------------------------------------------------------------------------------------


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Name, before and after of what differs; None where there is none."""
    for name in sorted({*old, *new}):
        if not same_json(old.get(name), new.get(name)):
            yield name, old.get(name), new.get(name)


def _with(values: Mapping[str, Any], changes: Iterable[tuple[str, Any, Any]], noun: str) -> dict[str, Any]:
    changed = dict(values)
    for name, before, after in changes:
        if not same_json(values.get(name), before):
            raise _misfit(f"{noun} {shorten(name)!r} is not what it changes")
        changed[name] = after
    return {name: value for name, value in changed.items() if value is not None}


# --- values by number ----------------------------------------------------------------------------------------------


def _utterances(lines: Counter[bytes]) -> Counter[CanonicalUtterance]:
    return Counter({CanonicalUtterance.from_line(line): count for line, count in lines.items()})


def _utterance_lines(counted: Iterable[tuple[CanonicalUtterance | None, int]]) -> Counter[bytes]:
    lines: Counter[bytes] = Counter()
    for utterance, count in counted:
        if utterance is not None:
            lines[utterance.to_line()] += count
    return lines


def _conversations(lines: Counter[bytes]) -> tuple[JsonObject, ...]:
    return tuple(plain_members(read_json(line, source="canonical line")) for line in sorted(lines.elements()))


def _exchange(lines: Iterable[bytes], *, gone: Counter[bytes], come: Counter[bytes], noun: str) -> list[bytes]:
    """The lines without those that are gone and with those that come, else in their order."""
    counts = Counter(lines)
    counts.subtract(gone)
    if missing := next((line for line in gone if counts[line] < 0), None):
        raise _misfit(f"no {noun} {shorten(missing.decode())} to change")
    counts.update(come)
    return list(counts.elements())


def _misfit(what: str) -> InvalidProjectFile:
    return InvalidProjectFile(f"the difference does not fit this file: {what}")
