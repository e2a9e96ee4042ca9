"""The api-versions of the authoring API, and what each knows that older ones do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceMembers:
    """What a version calls the members that name deployment resources.

    Attributes:
        deploy: In the body of a deployment, the resources that serve it besides the home resource.
        deploy_id: There, each one's id; empty where the ids stand by themselves.
        shown_id: Each one's id in a deployment that is shown.
        ids: In the bodies of unassign and delete-from-resources.
        assign: In the body of assign.
        older: Whether the names of older versions are read as well.
    """

    deploy: str = "assignedResourceIds"
    deploy_id: str = ""
    shown_id: str = "resourceId"
    ids: str = "assignedResourceIds"
    assign: str = "resourcesMetadata"
    older: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiVersion:
    """One api-version.

    Attributes:
        name: As the query parameter `api-version` and an export's `projectFileVersion` spell it.
        regex: Entities have a regex component and required components, settings `normalizeCasing` and
            `augmentDiacritics`, and exports can be taken from a trained model.
        every_index_type: Offsets may count UTF-8 or UTF-32 units besides UTF-16.
        summarization: Projects of kind CustomConversationSummarization exist.
        descriptions: Intents and entities have `description` and `associatedEntities`.
        data_generation: Trainings may ask for generated data.
        resources: Deployments can be served by more resources than the project's own.
    """

    name: str
    regex: bool = True
    every_index_type: bool = True
    summarization: bool = False
    descriptions: bool = False
    data_generation: bool = False
    resources: ResourceMembers | None = None


_OLD_MEMBERS: Final = ResourceMembers()

_ALL: Final = (
    ApiVersion(name="2022-05-01", regex=False, every_index_type=False),
    ApiVersion(name="2022-05-15-preview", regex=False, every_index_type=False),
    ApiVersion(name="2022-07-01-preview", regex=False, every_index_type=False),
    ApiVersion(name="2022-10-01-preview", every_index_type=False, resources=_OLD_MEMBERS),
    ApiVersion(name="2023-04-01", every_index_type=False),
    ApiVersion(name="2023-04-15-preview", summarization=True, resources=_OLD_MEMBERS),
    ApiVersion(name="2023-11-15-preview", summarization=True, resources=_OLD_MEMBERS),
    ApiVersion(name="2024-11-15-preview", summarization=True, resources=_OLD_MEMBERS),
    ApiVersion(
        name="2025-05-15-preview",
        summarization=True,
        descriptions=True,
        data_generation=True,
        resources=ResourceMembers(deploy="assignedResources", deploy_id="resourceId"),
    ),
    ApiVersion(
        name="2025-11-01",
        resources=ResourceMembers(
            deploy="azureResourceIds", ids="azureResourceIds", assign="projectResources", older=True
        ),
    ),
    ApiVersion(
        name="2025-11-15-preview",
        summarization=True,
        descriptions=True,
        data_generation=True,
        resources=ResourceMembers(
            deploy="azureResourceIds",
            deploy_id="azureResourceId",
            shown_id="azureResourceId",
            ids="azureResourceIds",
            assign="projectResources",
        ),
    ),
)

API_VERSIONS: Final = {version.name: version for version in _ALL}
"""Every version with the path prefix `/language/authoring/`; earlier previews lived elsewhere and answer 404."""

EVERY_VERSION: Final = API_VERSIONS | {name: ApiVersion(name=name) for name in ("2024-05-01", "2024-11-01")}
"""Those and the versions in which only the prediction call exists."""


def _with(has: Callable[[ApiVersion], object], *, since: str = "") -> frozenset[str]:
    return frozenset(version.name for version in _ALL if has(version) and version.name >= since)


PREDICTION: Final = frozenset(EVERY_VERSION)
SNAPSHOTS: Final = _with(lambda version: version.regex)
RESOURCES: Final = _with(lambda version: version.resources)
COPY: Final = _with(lambda version: version.summarization)
EVALUATION_JOBS: Final = COPY
EXPORTED_MODELS: Final = _with(lambda version: version.summarization, since="2024-11-15")
"""The versions that have operations, by what came with them; release notes and the official SDK's own gates agree."""


def members_of(version: ApiVersion) -> ResourceMembers:
    """What a version that has deployment resources calls their members."""
    if version.resources is None:
        raise LookupError(f"api-version {version.name} has no deployment resources")
    return version.resources


ALL_VERSIONS: Final = frozenset(API_VERSIONS)

NEWEST: Final = _ALL[-1]
"""The version that knows every member; seeds are read as it reads."""
