"""What each api-version knows of a project file; sources: the published OpenAPI documents and release notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionShape:
    """The parts of a project file that not every api-version knows.

    Attributes:
        components: `regex` and `requiredComponents` of entities, in the specification since 2022-10-01-preview.
        normalization: `normalizeCasing` and `augmentDiacritics` of the settings. In no specification; the oldest
            public file and documentation that have them state 2022-10-01-preview.
        every_index_type: Offsets may count UTF-8 and UTF-32 units; up to 2023-04-01 UTF-16 alone is specified.
        summarization: Projects of kind CustomConversationSummarization: previews since 2023-04-15.
        descriptions: `description` and `associatedEntities` of intents, `description` of entities: previews since
            2025-05-15.
    """

    components: bool = True
    normalization: bool = True
    every_index_type: bool = True
    summarization: bool = False
    descriptions: bool = False


_FIRST: Final = VersionShape(components=False, normalization=False, every_index_type=False)
_SECOND: Final = VersionShape(every_index_type=False)
_SUMMARIZATION: Final = VersionShape(summarization=True)

VERSION_SHAPES: Final[Mapping[str, VersionShape]] = {
    "2022-05-01": _FIRST,
    "2022-05-15-preview": _FIRST,
    "2022-07-01-preview": _FIRST,
    "2022-10-01-preview": _SECOND,
    "2023-04-01": _SECOND,
    "2023-04-15-preview": _SUMMARIZATION,
    "2023-11-15-preview": _SUMMARIZATION,
    "2024-11-15-preview": _SUMMARIZATION,
    "2025-05-15-preview": VersionShape(summarization=True, descriptions=True),
    "2025-11-01": VersionShape(),
    "2025-11-15-preview": VersionShape(summarization=True, descriptions=True),
}
"""Every version under `/language/authoring/`, oldest first."""

KNOWS_ALL: Final = VersionShape(summarization=True, descriptions=True)
"""The newest preview's shape, and that of a version which is not in the table: nothing is taken from its files."""


def shape_of(version: str) -> VersionShape:
    """What a version knows of a project file."""
    return VERSION_SHAPES.get(version, KNOWS_ALL)
