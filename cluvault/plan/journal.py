"""A journal of changes: equal changes in many places become one sentence with their number."""

from __future__ import annotations

from dataclasses import dataclass, field

from cluvault.model.project_shape import ShapeFault


@dataclass(slots=True)
class Journal:
    """What was changed, and where the old file says two things at once.

    Attributes:
        counts: How often each (sentence, noun) was noted; a sentence without noun concerns one place.
        contradictions: Old and new name of one member with different values.
    """

    counts: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    contradictions: list[ShapeFault] = field(default_factory=list[ShapeFault])

    def note(self, sentence: str, noun: str = "") -> None:
        """Note a change; with a noun it is one of those that are counted."""
        self.counts[sentence, noun] = self.counts.get((sentence, noun), 0) + 1

    def sentences(self) -> tuple[str, ...]:
        """The changes in the order in which they were first noted."""
        return tuple(
            f"{sentence} on {count} {_plural(noun, count)}" if noun else sentence
            for (sentence, noun), count in self.counts.items()
        )


def _plural(noun: str, count: int) -> str:
    if count == 1:
        return noun
    return f"{noun.removesuffix('y')}ies" if noun.endswith("y") else f"{noun}s"
