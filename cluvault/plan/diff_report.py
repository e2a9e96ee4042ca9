"""A semantic difference as JSON and as Markdown; both from the same value, both safe for texts of strangers."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from cluvault.model.json_text import JsonObject, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cluvault.plan.diff import ItemChange, ProjectDiff, UtteranceChange
    from cluvault.plan.item_parts import ValueChange
    from cluvault.plan.utterances import CanonicalUtterance

Line = tuple[str, str]
"""A sign (`+`, `-`, `~`, or a blank for a heading) and a text."""

ABSENT: Final = "(absent)"


def diff_to_json(diff: ProjectDiff) -> JsonObject:
    """The whole difference with its counts, for programs."""
    return {
        "equal": not diff,
        "summary": summary(diff),
        "settings": [asdict(change) for change in diff.settings],
        "intents": [_item(change) for change in diff.intents],
        "entities": [_item(change) for change in diff.entities],
        "labels": {name: {"removed": gone, "added": come} for name, (gone, come) in diff.label_counts().items()},
        "utterances": [_utterance(change) for change in diff.utterances],
        "conversations": {"removed": list(diff.conversations_removed), "added": list(diff.conversations_added)},
    }


def summary(diff: ProjectDiff) -> str:
    """One line: what differs and how much."""
    if not diff:
        return "no difference in meaning"
    parts = [
        _count(len(diff.settings), "setting"),
        _count(len(diff.intents), "intent"),
        _count(len(diff.entities), "entity", "entities"),
        _count(len(diff.conversations_added) + len(diff.conversations_removed), "conversation"),
    ]
    counts = diff.utterance_counts()
    if counts:
        kinds = ", ".join(f"{number} {kind}" for kind, number in counts.items())
        parts.append(f"utterances: {kinds}")
    return "; ".join(part for part in parts if part)


def diff_lines(diff: ProjectDiff, *, limit: int | None = None) -> Iterator[Line]:
    """The difference line by line, for rendering; at most `limit` utterances, the rest counted."""
    yield from _section("Settings", (_value_line(change) for change in diff.settings))
    yield from _section("Intents", _item_lines(diff.intents, {}))
    yield from _section("Entities", _entity_lines(diff))
    shown = diff.utterances if limit is None else diff.utterances[:limit]
    yield from _section("Utterances", (line for change in shown for line in _utterance_lines(change)))
    if len(shown) < len(diff.utterances):
        yield " ", f"… and {len(diff.utterances) - len(shown)} more changes of utterances"
    conversations = [("-", _text(item)) for item in diff.conversations_removed]
    conversations += [("+", _text(item)) for item in diff.conversations_added]
    yield from _section("Conversations", conversations)


def diff_to_markdown(diff: ProjectDiff, *, title: str, limit: int = 200) -> str:
    """The difference as a Markdown page, short enough for a run artifact."""
    lines = [f"## {escape_markdown(title)}", "", escape_markdown(summary(diff))]
    for sign, text in diff_lines(diff, limit=limit):
        if sign == " ":
            lines += ["", f"**{escape_markdown(text)}**", ""]
        else:
            lines.append(f"- `{sign}` {escape_markdown(text)}")
    return "\n".join(lines) + "\n"


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is: no links, tables, code or HTML out of project content."""
    escaped = "".join(f"\\{char}" if char in "\\`*_{}[]()#|!~" else char for char in text)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", "⏎").replace("\r", "⏎")


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'} changed" if number else ""


def _section(title: str, lines: Iterable[Line]) -> Iterator[Line]:
    found = list(lines)
    if found:
        yield " ", title
        yield from found


def _text(value: Any) -> str:
    if value is None:
        return ABSENT
    return value if isinstance(value, str) and value else write_json(value).decode()


def _value_line(change: ValueChange, prefix: str = "") -> Line:
    name = prefix + change.path
    if change.before is None:
        return "+", f"{name}: {_text(change.after)}"
    if change.after is None:
        return "-", f"{name}: {_text(change.before)}"
    return "~", f"{name}: {_text(change.before)} → {_text(change.after)}"


def _entity_lines(diff: ProjectDiff) -> Iterator[Line]:
    labels = {name: f"learned: {come} labels more, {gone} fewer" for name, (gone, come) in diff.label_counts().items()}
    yield from _item_lines(diff.entities, labels)
    changed = {change.name for change in diff.entities}
    for name, text in labels.items():
        if name not in changed:
            yield "~", f"{name}: {text}"


def _item_lines(changes: Iterable[ItemChange], notes: dict[str, str]) -> Iterator[Line]:
    for change in changes:
        note = f" ({notes[change.name]})" if change.name in notes else ""
        if change.before is None:
            yield "+", change.name + note
        elif change.after is None:
            yield "-", change.name + note
        elif note:
            yield "~", change.name + note
        if change.before is not None and change.after is not None:
            for part in change.parts:
                yield _value_line(part, prefix=f"{change.name}: ")


def _utterance_lines(change: UtteranceChange) -> Iterator[Line]:
    times = f" ({change.count} times)" if change.count > 1 else ""
    before, after = change.before, change.after
    if before is None or after is None:
        one = after or before
        assert one is not None  # noqa: S101  # a change has at least one side
        yield "+" if before is None else "-", f"[{one.intent}] {_marked(one)}{times}"
        return
    details = [f"{kind} {_aspect(before, kind)} → {_aspect(after, kind)}" for kind in change.kinds]
    yield "~", f"{after.text}{times}: {'; '.join(details)}"


def _aspect(one: CanonicalUtterance, kind: str) -> str:
    match kind:
        case "moved":
            return one.intent
        case "relabelled":
            return _marked(one)
        case "dataset":
            return one.dataset
        case "language":
            return one.language
        case _:
            return one.other or ABSENT


def _marked(one: CanonicalUtterance) -> str:
    """The text with what its labels cover: `book a flight {flight=Service@7}`."""
    if not one.labels:
        return one.text
    units = one.text.encode("utf-16-le", "surrogatepass")
    spans = ", ".join(
        f"{label.category}={_cut(units, label.offset, label.length)!r}@{label.offset}" for label in one.labels
    )
    return f"{one.text} {{{spans}}}"


def _cut(units: bytes, offset: int, length: int) -> str:
    start = max(offset, 0) * 2
    return units[start : start + max(length, 0) * 2].decode("utf-16-le", "replace")


def _item(change: ItemChange) -> JsonObject:
    kind = "added" if change.before is None else "removed" if change.after is None else "changed"
    parts = [asdict(part) for part in change.parts] if kind == "changed" else []
    return {"name": change.name, "change": kind, "before": change.before, "after": change.after, "parts": parts}


def _utterance(change: UtteranceChange) -> JsonObject:
    return {
        "change": list(change.kinds),
        "count": change.count,
        "before": change.before.to_document() if change.before else None,
        "after": change.after.to_document() if change.after else None,
    }
