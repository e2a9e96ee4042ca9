"""What one component finds in a text, and how the parts of an entity become its predictions.

The composition settings as documented: `combineComponents` gives the union of what overlaps, `separateComponents` each
part by itself; of the deprecated ones, `returnLongestOverlap` gives the longest of what overlaps, and
`requireExactOverlap` only what every component of the entity finds at the same characters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cluvault.emulator.learning.corpus import EntityDefinition

ComponentKind = Literal["learned", "list", "prebuilts", "regex"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A span that one component found; `extra` and `resolutions` are in the prediction's wire form."""

    kind: ComponentKind
    start: int
    end: int
    confidence: float = 1.0
    extra: tuple[dict[str, Any], ...] = ()
    resolutions: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A prediction of an entity, made of one part or several."""

    start: int
    end: int
    confidence: float
    extra: tuple[dict[str, Any], ...]
    resolutions: tuple[dict[str, Any], ...]


def compose(entity: EntityDefinition, parts: Sequence[Part], *, components: frozenset[str]) -> list[Found]:
    """The predictions of an entity, in the order of the text.

    Args:
        entity: Its setting and required components.
        parts: What its components found, in any order.
        components: The kinds of components that the entity has.
    """
    found: list[Found] = []
    for group in _overlapping(parts):
        if entity.required <= {part.kind for part in group}:
            found.extend(_composed(group, entity.setting, components))
    return found


def _overlapping(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """The parts in groups; within a group each overlaps another."""
    group: list[Part] = []
    end = 0
    for part in sorted(parts, key=lambda part: (part.start, part.end)):
        if group and part.start >= end:
            yield group
            group, end = [], 0
        group.append(part)
        end = max(end, part.end)
    if group:
        yield group


def _composed(group: list[Part], setting: str, components: frozenset[str]) -> Iterator[Found]:
    match setting:
        case "separateComponents":
            yield from (_merged([part]) for part in group)
        case "returnLongestOverlap":
            longest = max(group, key=lambda part: (part.end - part.start, -part.start))
            yield _merged([part for part in group if _place(part) == _place(longest)])
        case "requireExactOverlap":
            for place in dict.fromkeys(map(_place, group)):
                same = [part for part in group if _place(part) == place]
                if components <= {part.kind for part in same}:
                    yield _merged(same)
        case _:
            yield _merged(group)


def _place(part: Part) -> tuple[int, int]:
    return part.start, part.end


def _merged(parts: Sequence[Part]) -> Found:
    """The union of parts with all that they know; a match of a list, pattern or prebuilt is certain."""
    return Found(
        start=min(part.start for part in parts),
        end=max(part.end for part in parts),
        confidence=max(part.confidence for part in parts),
        extra=_distinct(item for part in parts for item in part.extra),
        resolutions=_distinct(item for part in parts for item in part.resolutions),
    )


def _distinct(items: Iterator[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    return tuple({tuple(item.items()): item for item in items}.values())
