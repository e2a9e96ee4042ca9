"""Utterances in canonical form: every default filled in, labels sorted and in UTF-16 code units.

A canonical line is the JSON array [text, intent, language, dataset, [[offset, length, category, other], …], other];
`other` is the JSON of the members that this version does not know, an empty text when there are none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from cluvault.model.json_text import JsonObject, read_json, write_json
from cluvault.model.project_file import UTF16
from cluvault.plan.plain_values import members_text, unknown_members
from cluvault.plan.spans import to_utf16

if TYPE_CHECKING:
    from cluvault.model.project_shape import Label, Utterance

DEFAULT_DATASET: Final = "Train"
_UTTERANCE_MEMBERS: Final = frozenset({"text", "intent", "language", "dataset", "entities"})
_LABEL_MEMBERS: Final = frozenset({"category", "offset", "length"})


@dataclass(frozen=True, slots=True)
class UtteranceReader:
    """Turns the utterances of one project file into canonical lines: the hot path of digest and diff.

    Attributes:
        language: The project's language, lower case.
        index_type: What the file's offsets count: one of the known string index types.
    """

    language: str
    index_type: str

    def line(self, utterance: Utterance) -> bytes:
        """The utterance's canonical line."""
        labels = utterance.get("entities")
        language = utterance.get("language")
        line = write_json(
            [
                utterance["text"],
                utterance["intent"],
                language.lower() if language else self.language,
                utterance.get("dataset") or DEFAULT_DATASET,
                self._labels(utterance["text"], labels) if labels else [],
                "" if utterance.keys() <= _UTTERANCE_MEMBERS else _other(utterance, _UTTERANCE_MEMBERS),
            ]
        )
        return bytes(memoryview(line))  # a copy: orjson's own result keeps the kilobyte that it was written into

    def _labels(self, text: str, labels: list[Label]) -> list[Any]:
        if self.index_type == UTF16:
            found = [
                [
                    label["offset"],
                    label["length"],
                    label["category"],
                    "" if len(label) == len(_LABEL_MEMBERS) else _other(label, _LABEL_MEMBERS),
                ]
                for label in labels
            ]
        else:
            found = [self._counted_anew(text, label) for label in labels]
        if len(found) > 1:
            found.sort()
        return found

    def _counted_anew(self, text: str, label: Label) -> list[Any]:
        """The label in UTF-16 code units; one that they cannot express keeps its offsets and says what they count."""
        span = to_utf16(text, label["offset"], label["length"], index_type=self.index_type)
        other = unknown_members(cast("JsonObject", label), _LABEL_MEMBERS)
        if span is None:
            span, other = (label["offset"], label["length"]), {"stringIndexType": self.index_type} | other
        return [*span, label["category"], members_text(other)]


class CanonicalLabel(NamedTuple):
    """A labelled span in UTF-16 code units; `other` holds what this version does not know, as JSON."""

    offset: int
    length: int
    category: str
    other: str = ""

    def to_document(self) -> JsonObject:
        """The label as a project file writes it."""
        return {"category": self.category, "offset": self.offset, "length": self.length} | _members(self.other)


class CanonicalUtterance(NamedTuple):
    """An utterance with every default filled in.

    A tuple, because a difference hashes, compares and sorts as many of them as two files hold.
    """

    text: str
    intent: str
    language: str
    dataset: str = DEFAULT_DATASET
    labels: tuple[CanonicalLabel, ...] = ()
    other: str = ""

    @classmethod
    def from_line(cls, line: bytes) -> CanonicalUtterance:
        """Build from a canonical line."""
        text, intent, language, dataset, labels, other = read_json(line, source="canonical line")
        return cls(text, intent, language, dataset, tuple(CanonicalLabel(*label) for label in labels), other)

    def to_line(self) -> bytes:
        """The canonical line that `from_line` reads."""
        return write_json([*self[:4], [tuple(label) for label in self.labels], self.other])

    def to_document(self) -> JsonObject:
        """The utterance as a project file writes it; no empty `entities`, which orchestration projects do not have."""
        document: JsonObject = {"text": self.text, "language": self.language, "intent": self.intent}
        if self.labels:
            document["entities"] = [label.to_document() for label in self.labels]
        return document | {"dataset": self.dataset} | _members(self.other)


def _other(value: Utterance | Label, known: frozenset[str]) -> str:
    return members_text(unknown_members(cast("JsonObject", value), known))


def _members(text: str) -> JsonObject:
    return read_json(text.encode(), source="unknown members") if text else {}
