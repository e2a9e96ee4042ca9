"""Flow runs of a deployment that have not ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

_PAGE: Final = 200
_UNDER_WAY: Final = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING]


async def runs_under_way(deployment: str) -> AsyncGenerator[FlowRun]:
    """Those that run, and those that wait for their turn, in the order of their times.

    Args:
        deployment: FLOW/NAME.

    Raises:
        ObjectNotFound: there is no such deployment.
    """
    async with get_client() as client:
        chosen = FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=[(await client.read_deployment_by_name(deployment)).id]),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_UNDER_WAY)),
        )
        offset = 0
        while page := await client.read_flow_runs(
            flow_run_filter=chosen, sort=FlowRunSort.EXPECTED_START_TIME_ASC, limit=_PAGE, offset=offset
        ):
            offset += len(page)
            for run in page:
                yield run
