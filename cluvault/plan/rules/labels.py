"""Rules for labels: what they name, whether their span lies in the text, and whether two claim the same words.

Offsets count code units of the file's stringIndexType. Labels beyond the end of a text are warnings: a public sample
(the wildlife tours accelerator) imports such a file into the real service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cluvault.model.names import shorten
from cluvault.plan.findings import error, warning
from cluvault.plan.spans import boundaries
from cluvault.plan.vocabulary import ORCHESTRATION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cluvault.model.project_shape import Label, Utterance
    from cluvault.plan.findings import Finding
    from cluvault.plan.rules.subject import Rule, Subject

_INT32: Final = 2**31


def _labelled(subject: Subject) -> Iterator[tuple[str, Utterance, list[Label]]]:
    for index, utterance in enumerate(subject.file.utterances):
        if labels := utterance.get("entities"):
            yield f"/assets/utterances/{index}/entities", utterance, labels


def _categories(subject: Subject) -> Iterator[Finding]:
    if subject.kind == ORCHESTRATION:
        for pointer, _, _ in _labelled(subject):
            yield error(pointer, "utterances of orchestration projects have no labels", "remove the member")
        return
    for pointer, _, labels in _labelled(subject):
        for place, label in enumerate(labels):
            if label["category"] not in subject.entities:
                yield error(
                    f"{pointer}/{place}/category",
                    f"there is no entity {shorten(label['category'])!r}",
                    "add the entity, or correct the name",
                )


def _spans(subject: Subject) -> Iterator[Finding]:
    for pointer, utterance, labels in _labelled(subject):
        text = utterance["text"]
        positions = boundaries(text, index_type=subject.index_type)
        for place, label in enumerate(labels):
            offset, length = label["offset"], label["length"]
            if not (0 <= offset < _INT32 and 0 < length < _INT32):
                yield from _impossible(f"{pointer}/{place}", offset, length)
            elif offset not in positions or offset + length not in positions:
                yield _misplaced(f"{pointer}/{place}", label, positions[-1], subject.index_type)
            elif _is_ragged(words := text[positions.index(offset) : positions.index(offset + length)]):
                yield warning(
                    f"{pointer}/{place}",
                    f"the label {_named(label)} covers {shorten(words)!r}, white space included",
                    "label the words only",
                )


def _impossible(pointer: str, offset: int, length: int) -> Iterator[Finding]:
    if not 0 <= offset < _INT32:
        yield error(f"{pointer}/offset", f"the offset is {_brief(offset)}", "use the position of the first character")
    if not 0 < length < _INT32:
        yield error(f"{pointer}/length", f"the length is {_brief(length)}", "label at least one character")


def _misplaced(pointer: str, label: Label, size: int, index_type: str) -> Finding:
    if label["offset"] + label["length"] > size:
        return warning(
            pointer,
            f"the label {_named(label)} ends at {label['offset'] + label['length']}, the text at {size}",
            f"correct offset and length; they count {index_type}",
        )
    return warning(
        pointer,
        f"the label {_named(label)} begins or ends inside a character",
        f"correct offset and length; they count {index_type}",
    )


def _is_ragged(words: str) -> bool:
    return words[0].isspace() or words[-1].isspace()


def _overlaps(subject: Subject) -> Iterator[Finding]:
    for pointer, _, labels in _labelled(subject):
        if len(labels) > 1 and not _are_apart(labels):
            yield from _overlapping(pointer, labels)


def _are_apart(labels: Sequence[Label]) -> bool:
    """The quick look that settles most utterances."""
    begin = end = -_INT32
    for offset, length in sorted((label["offset"], label["length"]) for label in labels):
        if offset < end or offset == begin:
            return False
        begin, end = offset, offset + length
    return True


def _overlapping(pointer: str, labels: Sequence[Label]) -> Iterator[Finding]:
    """Sweep from left to right; each label is held against the one before it that reaches furthest."""
    order = sorted(range(len(labels)), key=lambda place: (labels[place]["offset"], labels[place]["length"], place))
    first: dict[tuple[int, int], int] = {}
    furthest = order[0]
    for place in order:
        label, rival = labels[place], labels[furthest]
        twin = first.setdefault((label["offset"], label["length"]), place)
        if twin != place:
            yield error(
                f"{pointer}/{place}",
                f"the label {_named(label)} covers the same span as {_named(labels[twin])} at {pointer}/{twin}",
                "keep one of the two",
            )
        elif place != furthest and label["offset"] < rival["offset"] + rival["length"]:
            yield warning(
                f"{pointer}/{place}",
                f"the label {_named(label)} overlaps {_named(rival)} at {pointer}/{furthest}",
                "shorten or remove one of the two",
            )
        if label["offset"] + label["length"] > rival["offset"] + rival["length"]:
            furthest = place


def _named(label: Label) -> str:
    return repr(shorten(label["category"], 30))


def _brief(number: int) -> str:
    return f"{number}" if abs(number) < _INT32 else "beyond 32 bits"


RULES: Final[tuple[Rule, ...]] = (_categories, _spans, _overlaps)
