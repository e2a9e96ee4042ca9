"""A semantic difference as JSON, as lines and as Markdown; all from the same value, all safe for texts of strangers."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from cluvault.model.json_text import JsonObject, write_json
from cluvault.plan.utterances import DEFAULT_DATASET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cluvault.plan.diff import ItemChange, ProjectDiff
    from cluvault.plan.item_parts import ValueChange
    from cluvault.plan.utterance_changes import UtteranceChange, UtteranceKind
    from cluvault.plan.utterances import CanonicalLabel, CanonicalUtterance

Line = tuple[str, str]
"""A sign (`+`, `-`, `~`, or a blank for a heading) and a text."""

ABSENT: Final = "(absent)"


# --- for programs --------------------------------------------------------------------------------------------------


def diff_to_json(diff: ProjectDiff) -> JsonObject:
    """The whole difference with its counts, for programs."""
    return {
        "equal": not diff,
        "summary": summary(diff),
        "settings": [_value(change) for change in diff.settings],
        "intents": [_item(change) for change in diff.intents],
        "entities": [_item(change) for change in diff.entities],
        "labels": {name: {"removed": gone, "added": come} for name, (gone, come) in diff.label_counts().items()},
        "utterances": [_utterance(change) for change in diff.utterances],
        "conversations": {"removed": list(diff.conversations_removed), "added": list(diff.conversations_added)},
    }


def _value(change: ValueChange) -> JsonObject:
    return {"path": change.path, "before": change.before, "after": change.after}


def _kind(change: ValueChange | ItemChange) -> str:
    return "added" if change.before is None else "removed" if change.after is None else "changed"


def _item(change: ItemChange) -> JsonObject:
    return {
        "name": change.name,
        "change": _kind(change),
        "before": change.before,
        "after": change.after,
        "parts": [_value(part) for part in change.parts],
    }


def _utterance(change: UtteranceChange) -> JsonObject:
    return {
        "change": list(change.kinds),
        "count": change.count,
        "before": change.before.to_document() if change.before else None,
        "after": change.after.to_document() if change.after else None,
    }


# --- for people ----------------------------------------------------------------------------------------------------


_PHRASES: Final[Mapping[str, str]] = {
    "dataset": "in another dataset",
    "language": "in another language",
    "other": "with other members",
}


def summary(diff: ProjectDiff) -> str:
    """One line: what differs and how much, for example `intents: 1 added; utterances: 3 moved, 2 removed`."""
    if not diff:
        return "no difference in meaning"
    conversations = {"removed": len(diff.conversations_removed), "added": len(diff.conversations_added)}
    counts = {
        "settings": Counter(map(_kind, diff.settings)),
        "intents": Counter(map(_kind, diff.intents)),
        "entities": Counter(map(_kind, diff.entities)),
        "utterances": {_PHRASES.get(kind, kind): number for kind, number in diff.utterance_counts().items()},
        "conversations": {kind: number for kind, number in conversations.items() if number},
    }
    return "; ".join(
        f"{noun}: {', '.join(f'{number} {kind}' for kind, number in kinds.items())}"
        for noun, kinds in counts.items()
        if kinds
    )


def diff_lines(diff: ProjectDiff, *, limit: int | None = None) -> Iterator[Line]:
    """The difference line by line, for rendering; of each section at most `limit` lines, the rest counted.

    Every text is one line in which `visible_text` shows what could not be seen or would move the cursor.
    """
    intents = list(_item_lines(diff.intents, {}))
    entities = list(_item_lines(diff.entities, diff.label_counts()))
    conversations = list(_conversation_lines(diff))
    for title, lines, number in (
        ("Settings", map(_value_line, diff.settings), len(diff.settings)),
        ("Intents", intents, len(intents)),
        ("Entities", entities, len(entities)),
        ("Utterances", map(_utterance_line, diff.utterances), len(diff.utterances)),
        ("Conversations", conversations, len(conversations)),
    ):
        if number:
            yield " ", title
        yield from ((sign, visible_text(text)) for sign, text in islice(lines, limit))
        if limit is not None and number > limit:
            yield "~", f"… and {number - limit} more"


def diff_to_markdown(diff: ProjectDiff, *, title: str, limit: int = 200) -> str:
    """The difference as a Markdown page, short enough for a run artifact: each section has at most `limit` lines."""
    lines = [f"## {escape_markdown(title)}", "", escape_markdown(summary(diff))]
    for sign, text in diff_lines(diff, limit=limit):
        if sign == " ":
            lines += ["", f"**{escape_markdown(text)}**", ""]
        else:
            lines.append(f"- `{sign}` {escape_markdown(text)}")
    return "\n".join(lines) + "\n"


# --- texts of strangers --------------------------------------------------------------------------------------------

_ENTITIES: Final[Mapping[str, str]] = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKUP: Final = re.compile(r"[\\`*_{}\[\]()#|!~]|^[-+=]|:(?=//)|(?<=\bwww)\.", re.IGNORECASE)
_NUMBERED: Final = re.compile(r"^(\d+)\.")
_UNSEEN_SPACE: Final = re.compile(r"^ | $| (?= )|(?<= ) ")


def escape_markdown(text: str) -> str:
    """One line that Markdown shows as it is: no link, table, list, code or HTML comes out of project content."""
    escaped = _MARKUP.sub(r"\\\g<0>", visible_text(text))
    escaped = _NUMBERED.sub(r"\1\\.", escaped)
    return "".join(_ENTITIES.get(char, char) for char in escaped)


def visible_text(text: str) -> str:
    """The text as one line in which every character can be seen, and that no terminal obeys.

    Line ends, tabs and other control characters get their pictures, invisible and reordering characters their code
    points, spaces a picture where a page would swallow them.
    """
    plain = text if text.isprintable() else "".join(char if char.isprintable() else _picture(char) for char in text)
    return _UNSEEN_SPACE.sub("␣", plain)


def _picture(char: str) -> str:
    if char == "\n":
        return "⏎"
    code = ord(char)
    if code < 0x20:  # noqa: PLR2004  # the control characters of ASCII, whose pictures stand in the same order
        return chr(0x2400 + code)
    return f"⟨U+{code:04X}⟩"


# --- lines ---------------------------------------------------------------------------------------------------------


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value else write_json(value).decode()


def _value_line(change: ValueChange, prefix: str = "") -> Line:
    name = prefix + change.path
    if change.before is None:
        return "+", f"{name}: {_text(change.after)}"
    if change.after is None:
        return "-", f"{name}: {_text(change.before)}"
    return "~", f"{name}: {_text(change.before)} → {_text(change.after)}"


def _item_lines(changes: Iterable[ItemChange], labels: Mapping[str, tuple[int, int]]) -> Iterator[Line]:
    """Intents, or entities with the labels that each lost and gained: its learned component."""
    by_name = {change.name: change for change in changes}
    for name in sorted({*by_name, *labels}):
        change = by_name.get(name)
        learned = [f"learned: {_learned(*labels[name])}"] if name in labels else []
        if change and change.before is None:
            yield "+", name + _in_brackets(_components(change.after) + learned)
        elif change and change.after is None:
            yield "-", name + _in_brackets(_components(change.before) + learned)
        else:
            yield from (_value_line(part, prefix=f"{name}: ") for part in (change.parts if change else ()))
            yield from (("~", f"{name}: {words}") for words in learned)


def _components(item: JsonObject | None) -> list[str]:
    """The components of an intent or entity that was added or removed as a whole."""
    named = ("list", "prebuilts", "regex", "requiredComponents", "orchestration")
    return [name for name in named if name in (item or {})]


def _in_brackets(words: list[str]) -> str:
    return f" ({', '.join(words)})" if words else ""


def _learned(gone: int, come: int) -> str:
    if not (gone and come):
        return f"{_labels(come)} more" if come else f"{_labels(gone)} fewer"
    return f"{_labels(come)} more, {gone} fewer"


def _labels(number: int) -> str:
    return f"{number} label" if number == 1 else f"{number} labels"


def _utterance_line(change: UtteranceChange) -> Line:
    times = f" ({change.count} times)" if change.count > 1 else ""
    before, after = change.before, change.after
    if before and after:
        details = [_detail(change, kind, before, after) for kind in change.kinds]
        return "~", f"{_text(after.text)}{times}: {'; '.join(details)}"
    sides = [_whole(side) for side in (before, after) if side]
    return "+" if after else "-", sides[0] + times


def _detail(change: UtteranceChange, kind: UtteranceKind, before: CanonicalUtterance, after: CanonicalUtterance) -> str:
    """For example `moved Book → Cancel` or `relabelled -City 'Rome'@7, +Airport 'Rome'@7`."""
    match kind:
        case "relabelled":
            signed = (
                sign + _covered(label, after.text)
                for sign, labels in zip("-+", change.labels(), strict=True)
                for label in sorted(labels.elements())
            )
            return f"relabelled {', '.join(signed)}"
        case "moved":
            return f"moved {before.intent} → {after.intent}"
        case "dataset":
            return f"dataset {before.dataset} → {after.dataset}"
        case "language":
            return f"language {before.language} → {after.language}"
        case _:
            return f"other members {before.other or ABSENT} → {after.other or ABSENT}"


def _whole(one: CanonicalUtterance) -> str:
    """For example `[Book, Test] fly to Rome {City 'Rome'@7}`; the dataset only where it is not Train."""
    place = one.intent if one.dataset == DEFAULT_DATASET else f"{one.intent}, {one.dataset}"
    labels = f" {{{', '.join(_covered(label, one.text) for label in one.labels)}}}" if one.labels else ""
    return f"[{place}] {_text(one.text)}{labels}"


def _covered(label: CanonicalLabel, text: str) -> str:
    """The label with what it covers."""
    units = text.encode("utf-16-le", "surrogatepass")
    start, end = max(label.offset, 0), max(label.offset + label.length, 0)
    covered = units[start * 2 : end * 2].decode("utf-16-le", "replace")
    other = f" {label.other}" if label.other else ""
    return f"{label.category} '{covered}'@{label.offset}{other}"


def _conversation_lines(diff: ProjectDiff) -> Iterator[Line]:
    yield from (("-", _text(item)) for item in diff.conversations_removed)
    yield from (("+", _text(item)) for item in diff.conversations_added)
