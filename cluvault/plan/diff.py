"""Semantic difference of two project files, and its inverse: `apply_diff(diff(a, b), a)` means the same as `b`.

The difference is empty if and only if the canonical digests are equal, because both are made from the canonical form.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal

from cluvault.errors import InvalidProjectFile
from cluvault.model.json_text import JsonObject, write_json
from cluvault.plan.canonical import CanonicalForm, canonical_form
from cluvault.plan.item_parts import ValueChange, item_parts
from cluvault.plan.rebuild import rebuild_project_file
from cluvault.plan.utterances import CanonicalUtterance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from cluvault.model.project_file import ProjectFile

UtteranceKind = Literal["added", "removed", "moved", "relabelled", "dataset", "language", "other"]
_CHANGES: Final[tuple[tuple[UtteranceKind, str], ...]] = (
    ("moved", "intent"),
    ("relabelled", "labels"),
    ("dataset", "dataset"),
    ("language", "language"),
    ("other", "other"),
)


@dataclass(frozen=True, slots=True)
class ItemChange:
    """An intent or entity that was added (no `before`), removed (no `after`) or changed; canonical values."""

    name: str
    before: JsonObject | None
    after: JsonObject | None

    @property
    def parts(self) -> tuple[ValueChange, ...]:
        """What changed inside, one value a change: a synonym, a regex, a prebuilt, a required component, a text."""
        return item_parts(self.before or {}, self.after or {})


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
        return tuple(kind for kind, name in _CHANGES if getattr(self.before, name) != getattr(self.after, name))

    @property
    def sort_key(self) -> tuple[object, ...]:
        """Orders changes by what happened, then by text."""
        utterance = self.after or self.before
        return (self.kinds, utterance, self.before or utterance)


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
            before = _labels(change.before, change.count)
            after = _labels(change.after, change.count)
            gone.update(category for category, *_ in (before - after).elements())
            come.update(category for category, *_ in (after - before).elements())
        return {category: (gone[category], come[category]) for category in sorted(gone | come)}


def diff_project_files(before: ProjectFile, after: ProjectFile) -> ProjectDiff:
    """The semantic difference between two project files of any known version."""
    return diff_forms(canonical_form(before), canonical_form(after))


def diff_forms(old: CanonicalForm, new: CanonicalForm) -> ProjectDiff:
    """The same, from canonical forms: for large files, whose trees need not be in memory together."""
    old_lines, new_lines = Counter(old.utterance_lines), Counter(new.utterance_lines)
    gone, come = _counted(old.conversations), _counted(new.conversations)
    return ProjectDiff(
        settings=tuple(_value_changes(old.settings, new.settings)),
        intents=tuple(_item_changes(old.intents, new.intents)),
        entities=tuple(_item_changes(old.entities, new.entities)),
        utterances=_pair(_utterances(old_lines - new_lines), _utterances(new_lines - old_lines)),
        conversations_removed=_uncounted(gone - come, old.conversations),
        conversations_added=_uncounted(come - gone, new.conversations),
    )


def apply_diff(diff: ProjectDiff, file: ProjectFile) -> ProjectFile:
    """A project file with the meaning of the difference's second file, if `file` means what its first did.

    Raises:
        InvalidProjectFile: the difference changes an utterance that `file` does not have.
    """
    form = canonical_form(file)
    utterances = _utterances(Counter(form.utterance_lines))
    for change in diff.utterances:
        if change.before is not None:
            utterances[change.before] -= change.count
        if change.after is not None:
            utterances[change.after] += change.count
    if missing := next((utterance for utterance, count in utterances.items() if count < 0), None):
        raise InvalidProjectFile(f"the difference does not fit this file: no utterance {missing.text!r} to change")
    gone, come = _counted(diff.conversations_removed), _counted(diff.conversations_added)
    conversations = (*form.conversations, *diff.conversations_added)
    changed = CanonicalForm(
        settings=_with(form.settings, {change.path: change.after for change in diff.settings}),
        intents=_with(form.intents, {change.name: change.after for change in diff.intents}),
        entities=_with(form.entities, {change.name: change.after for change in diff.entities}),
        conversations=_uncounted(_counted(form.conversations) - gone + come, conversations),
        utterance_lines=(),
    )
    return rebuild_project_file(changed, utterances.elements(), name=file.name)


def _with(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**values, **changes}.items() if value is not None}


def _value_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[ValueChange]:
    for path in sorted({*old, *new}):
        if not _same(old.get(path), new.get(path)):
            yield ValueChange(path, old.get(path), new.get(path))


def _item_changes(old: Mapping[str, JsonObject], new: Mapping[str, JsonObject]) -> Iterator[ItemChange]:
    for name in sorted({*old, *new}):
        if not _same(old.get(name), new.get(name)):
            yield ItemChange(name, old.get(name), new.get(name))


def _same(one: object, other: object) -> bool:
    """JSON equality: unlike Python's, it tells true from 1."""
    return one == other and write_json(one, sort_keys=True) == write_json(other, sort_keys=True)


def _counted(values: Iterable[JsonObject]) -> Counter[bytes]:
    return Counter(write_json(value, sort_keys=True) for value in values)


def _uncounted(counts: Counter[bytes], values: Iterable[JsonObject]) -> tuple[JsonObject, ...]:
    by_text = {write_json(value, sort_keys=True): value for value in values}
    return tuple(by_text[text] for text in sorted(counts.elements()))


def _utterances(lines: Counter[bytes]) -> Counter[CanonicalUtterance]:
    return Counter({CanonicalUtterance.from_line(line): count for line, count in lines.items()})


def _pair(removed: Counter[CanonicalUtterance], added: Counter[CanonicalUtterance]) -> tuple[UtteranceChange, ...]:
    """Tell changed utterances from removed and added ones: same text and intent first, then same text."""
    changes = [
        *_match(removed, added, lambda one: (one.text, one.intent)),
        *_match(removed, added, lambda one: one.text),
    ]
    changes += (UtteranceChange(one, None, count) for one, count in (+removed).items())
    changes += (UtteranceChange(None, one, count) for one, count in (+added).items())
    return tuple(sorted(changes, key=lambda change: change.sort_key))


def _match(
    removed: Counter[CanonicalUtterance],
    added: Counter[CanonicalUtterance],
    key: Callable[[CanonicalUtterance], object],
) -> Iterator[UtteranceChange]:
    """Pair what has an equal key, and take the pairs out of both counters."""
    partners: defaultdict[object, list[CanonicalUtterance]] = defaultdict(list)
    for new in sorted(added, reverse=True):
        partners[key(new)].append(new)
    for old in sorted(removed):
        candidates = partners.get(key(old), [])
        while candidates and removed[old]:
            new = candidates[-1]
            if count := min(removed[old], added[new]):
                yield UtteranceChange(old, new, count)
            removed[old] -= count
            added[new] -= count
            if not added[new]:
                candidates.pop()


def _labels(utterance: CanonicalUtterance | None, count: int) -> Counter[tuple[str, int, int]]:
    labels = utterance.labels if utterance is not None else ()
    return Counter({(one.category, one.offset, one.length): count for one in labels})
