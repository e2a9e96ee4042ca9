"""Which api-versions have what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.service import features
from cluvault.service.features import GENERAL_VERSIONS, PREVIEW_VERSIONS, Feature, deploys_to_objects, uses_new_names

ALL = [value for value in vars(features).values() if isinstance(value, Feature)]
KNOWN = (*GENERAL_VERSIONS, *PREVIEW_VERSIONS)


@pytest.mark.parametrize("feature", ALL, ids=lambda feature: feature.name)
def test_general_availability_comes_first_and_newer_before_older(feature: Feature) -> None:
    """The order in which a client that may choose tries them."""
    previews = [version for version in feature.versions if version.endswith("-preview")]
    general = [version for version in feature.versions if version not in previews]
    assert list(feature.versions) == [*general, *previews]
    assert general == sorted(general, reverse=True)
    assert previews == sorted(previews, reverse=True)
    assert set(feature.versions) <= set(KNOWN)


@pytest.mark.parametrize(
    "feature, oldest, general",
    [
        (features.EVERYWHERE, "2022-05-01", {"2022-05-01", "2023-04-01", "2025-11-01"}),
        (features.SNAPSHOTS, "2022-10-01-preview", {"2023-04-01", "2025-11-01"}),
        (features.RESOURCES, "2022-10-01-preview", {"2025-11-01"}),
        (features.COPY, "2023-04-15-preview", set[str]()),
        (features.EVALUATION_JOBS, "2023-04-15-preview", set[str]()),
        (features.EXPORTED_MODELS, "2024-11-15-preview", set[str]()),
        (features.OPENAI, "2025-05-15-preview", set[str]()),
    ],
)
def test_what_came_when(feature: Feature, oldest: str, general: set[str]) -> None:
    """The contract's table of versions."""
    assert min(feature.versions) == oldest
    assert {version for version in feature.versions if version in GENERAL_VERSIONS} == general
    assert {version for version in PREVIEW_VERSIONS if version >= oldest} <= set(feature.versions)


@given(st.sampled_from(ALL), st.sampled_from(KNOWN) | st.from_regex(r"20[3-9][0-9]-01-01(-preview)?", fullmatch=True))
def test_nothing_is_refused_on_behalf_of_an_unknown_version(feature: Feature, version: str) -> None:
    """What is not in the table is newer than it."""
    assert feature.is_in(version) == (version in feature.versions or version not in KNOWN)


@pytest.mark.parametrize(
    "version, new_names, objects",
    [
        ("2022-10-01-preview", False, False),
        ("2024-11-15-preview", False, False),
        ("2025-05-15-preview", False, True),
        ("2025-11-01", True, False),
        ("2025-11-15-preview", True, True),
        ("2030-01-01", True, False),
        ("2030-01-01-preview", True, True),
    ],
)
def test_the_spelling_of_a_version(version: str, *, new_names: bool, objects: bool) -> None:
    """A version that is not known is spelt as the newest of its sort."""
    assert (uses_new_names(version), deploys_to_objects(version)) == (new_names, objects)
