"""The api-versions of the authoring API, and what each knows that older ones do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiVersion:
    """One api-version.

    Attributes:
        name: As the query parameter `api-version` and an export's `projectFileVersion` spell it.
        regex: Entities have a regex component, and exports can be taken from a trained model.
        every_index_type: Offsets may count UTF-8 or UTF-32 units besides UTF-16.
        summarization: Projects of kind CustomConversationSummarization exist.
        descriptions: Intents and entities have `description` and `associatedEntities`.
    """

    name: str
    regex: bool = True
    every_index_type: bool = True
    summarization: bool = False
    descriptions: bool = False


_ALL: Final = (
    ApiVersion(name="2022-05-01", regex=False, every_index_type=False),
    ApiVersion(name="2022-05-15-preview", regex=False, every_index_type=False),
    ApiVersion(name="2022-07-01-preview", regex=False, every_index_type=False),
    ApiVersion(name="2022-10-01-preview", every_index_type=False),
    ApiVersion(name="2023-04-01", every_index_type=False),
    ApiVersion(name="2023-04-15-preview", summarization=True),
    ApiVersion(name="2023-11-15-preview", summarization=True),
    ApiVersion(name="2024-11-15-preview", summarization=True),
    ApiVersion(name="2025-05-15-preview", summarization=True, descriptions=True),
    ApiVersion(name="2025-11-01"),
    ApiVersion(name="2025-11-15-preview", summarization=True, descriptions=True),
)

API_VERSIONS: Final = {version.name: version for version in _ALL}
"""Every version with the path prefix `/language/authoring/`; earlier previews lived elsewhere and answer 404."""

NEWEST: Final = _ALL[-1]
"""The version that knows every member; seeds are read as it reads."""
