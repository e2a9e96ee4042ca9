"""Which api-version has which operation (contract 1): to the others its route is unknown, like any that never was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluvault.emulator.calls import RUNTIME
from cluvault.emulator.routes import OPERATIONS
from cluvault.emulator.versions import API_VERSIONS, EVERY_VERSION, members_of
from tests.emulator.deploying import problem

if TYPE_CHECKING:
    from cluvault.emulator.calls import Operation
    from tests.emulator.wire import Wire

NOTHING_OLDER = ("2022-05-01", "2022-05-15-preview", "2022-07-01-preview")
RESOURCES = ("2022-10-01-preview", "2023-04-15-preview", "2023-11-15-preview", "2024-11-15-preview")
LATEST = ("2025-05-15-preview", "2025-11-01", "2025-11-15-preview")


def path_of(operation: Operation) -> str:
    """A path that leads to the operation, about a project that does not exist."""
    return operation.path.format(project="Nope", part="p", job="j")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.title)
async def test_an_operation_is_known_to_its_versions_only(wire: Wire, operation: Operation) -> None:
    """The gateway's 404 has another code than the service's own."""
    base = wire.base.removesuffix("/authoring/analyze-conversations") if operation.root == RUNTIME else wire.base
    for version in EVERY_VERSION:
        answer = await wire.send(operation.method, f"{base}/{path_of(operation)}", params={"api-version": version})
        is_unknown = answer.status_code == 404 and problem(answer)[1] == "404"
        assert is_unknown == (version not in operation.versions), version


@pytest.mark.parametrize(
    "title, missing",
    [
        ("Train", ()),
        ("Swap Deployments", ()),
        ("Load Snapshot", NOTHING_OLDER),
        ("Assign Project Resources", (*NOTHING_OLDER, "2023-04-01")),
        ("List Assigned Resource Deployments", (*NOTHING_OLDER, "2023-04-01")),
        ("Copy Project", (*NOTHING_OLDER, "2022-10-01-preview", "2023-04-01", "2025-11-01")),
        ("Evaluate Model", (*NOTHING_OLDER, "2022-10-01-preview", "2023-04-01", "2025-11-01")),
        (
            "List Exported Models",
            (
                *NOTHING_OLDER,
                "2022-10-01-preview",
                "2023-04-01",
                "2023-04-15-preview",
                "2023-11-15-preview",
                "2025-11-01",
            ),
        ),
    ],
)
def test_operations_came_with_their_versions(title: str, missing: tuple[str, ...]) -> None:
    """Contract 1: by release notes and the official SDK's own gates."""
    (operation,) = (operation for operation in OPERATIONS if operation.title == title)
    assert set(API_VERSIONS) - operation.versions == set(missing)


def test_a_version_without_resources_has_no_names_for_them() -> None:
    """Routes of such a version are never reached; a mistake would be loud."""
    with pytest.raises(LookupError, match="2023-04-01"):
        members_of(API_VERSIONS["2023-04-01"])
    assert {name for name, version in API_VERSIONS.items() if version.resources} == {*RESOURCES, *LATEST}


def test_no_two_operations_share_a_route() -> None:
    """Method and path find one operation."""
    routes = [(operation.method, operation.root, operation.path) for operation in OPERATIONS]
    titles = [operation.title for operation in OPERATIONS]
    assert len(set(routes)) == len(routes)
    assert len(set(titles)) == len(titles)
