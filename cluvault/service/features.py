"""Which api-versions have which operations, and how they spell what was renamed. Performs no I/O.

Sources: the published specifications of each version, the gates of the official Python SDK, recorded traffic. A version
that is not known here is newer than this table: nothing is refused on its behalf, the service decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

GENERAL_VERSIONS: Final = ("2025-11-01", "2023-04-01", "2022-05-01")
"""Generally available, newest first."""
PREVIEW_VERSIONS: Final = (
    "2025-11-15-preview",
    "2025-05-15-preview",
    "2024-11-15-preview",
    "2023-11-15-preview",
    "2023-04-15-preview",
    "2022-10-01-preview",
    "2022-07-01-preview",
    "2022-05-15-preview",
)
"""Previews, newest first. Older ones had other paths and are not spoken here."""

_KNOWN: Final = frozenset(GENERAL_VERSIONS + PREVIEW_VERSIONS)
_NEW_NAMES: Final = "2025-11-01"
_STRINGS_TO_OBJECTS: Final = "2025-05-15-preview"


@dataclass(frozen=True, slots=True)
class Feature:
    """Operations that came together.

    Attributes:
        name: What they are about, for messages.
        versions: Which have them, in the order of preference: generally available before previews, newer before older.
    """

    name: str
    versions: tuple[str, ...]

    def is_in(self, version: str) -> bool:
        """Whether a version has the feature; of an unknown version it is assumed."""
        return version in self.versions or version not in _KNOWN


EVERYWHERE: Final = Feature("the operation", GENERAL_VERSIONS + PREVIEW_VERSIONS)
"""Projects, files, training, models, evaluation, deployments, swap, reference lists."""
SNAPSHOTS: Final = Feature("snapshots of trained models", GENERAL_VERSIONS[:2] + PREVIEW_VERSIONS[:6])
"""Loading the snapshot of a model, and exporting it."""
RESOURCES: Final = Feature("deployments on several resources", GENERAL_VERSIONS[:1] + PREVIEW_VERSIONS[:6])
"""Assigned resources, deploying to them, deleting from them. 2023-04-01 lacks what an older preview has."""
COPY: Final = Feature("copying of projects", PREVIEW_VERSIONS[:5])
EVALUATION_JOBS: Final = Feature("evaluation on demand", PREVIEW_VERSIONS[:5])
EXPORTED_MODELS: Final = Feature("exported models", PREVIEW_VERSIONS[:3])
OPENAI: Final = Feature("Azure OpenAI connections", PREVIEW_VERSIONS[:2])
"""Data generation at training, and Azure OpenAI resources assigned to deployment resources."""


def uses_new_names(version: str) -> bool:
    """Whether members about resources are named as since 2025-11-01: azureResourceIds, projectResources."""
    return version >= _NEW_NAMES


def deploys_to_objects(version: str) -> bool:
    """Whether a deployment's resources are objects with a region; else they are ids.

    The last preview before 2025-11-01 and those after it have objects, 2025-11-01 itself has ids.
    """
    return version >= _STRINGS_TO_OBJECTS and version.endswith("-preview")
