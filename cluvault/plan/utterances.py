"""Utterances and labels with every default filled in, as values that can be compared and counted."""

from __future__ import annotations

from dataclasses import dataclass

from cluvault.model.json_text import JsonObject, read_json


@dataclass(frozen=True, slots=True, order=True)
class CanonicalLabel:
    """A labelled span in UTF-16 code units; `other` holds what this version does not know, as JSON."""

    offset: int
    length: int
    category: str
    other: str = ""

    def to_document(self) -> JsonObject:
        """The label as a project file writes it."""
        return {"category": self.category, "offset": self.offset, "length": self.length} | _members(self.other)


@dataclass(frozen=True, slots=True, order=True)
class CanonicalUtterance:
    """An utterance with every default filled in."""

    text: str
    intent: str
    language: str
    dataset: str
    labels: tuple[CanonicalLabel, ...] = ()
    other: str = ""

    @classmethod
    def from_line(cls, line: bytes) -> CanonicalUtterance:
        """Build from a canonical line (`CanonicalForm.utterance_lines`)."""
        text, intent, language, dataset, labels, other = read_json(line, source="canonical line")
        return cls(text, intent, language, dataset, tuple(CanonicalLabel(*label) for label in labels), other)

    def to_document(self) -> JsonObject:
        """The utterance as a project file writes it."""
        return {
            "text": self.text,
            "language": self.language,
            "intent": self.intent,
            "entities": [label.to_document() for label in self.labels],
            "dataset": self.dataset,
        } | _members(self.other)


def _members(text: str) -> JsonObject:
    return read_json(text.encode(), source="unknown members") if text else {}
