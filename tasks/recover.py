"""Tasks of recover."""

from __future__ import annotations

from typing import Final

from prefect import task

from cluvault.model.run import RunItem
from cluvault.ops import recover as ops
from cluvault.ops.recover import FoundUnfinished, RecoverOptions
from cluvault.plan.keys import PromotionKey
from tasks.running import STEP, current_workspace

_SECONDS: Final = 24 * 3600
"""The service's trainings take hours."""


@task(name="find-unfinished-promotions", **STEP)
async def find_unfinished(options: RecoverOptions) -> FoundUnfinished:
    """Find the promotions that have not ended."""
    return await ops.find_unfinished(current_workspace(), options)


@task(name="recover-promotion", task_run_name="recover {key}", timeout_seconds=_SECONDS, **STEP)
async def recover_promotion(key: PromotionKey, options: RecoverOptions) -> RunItem:
    """Take one up, if nobody works on it, and end it."""
    return await ops.recover_promotion(current_workspace(), key, options)
