"""Promotions in the making: plans and records without a vault."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cluvault.model.manifest import Tool
from cluvault.model.promotion import Planned, PlannedSource, PlannedTarget, PromotionPlan, PromotionRecord
from cluvault.plan.keys import PromotionKey
from cluvault.plan.promotion import Promotion
from cluvault.settings import RouteSettings

if TYPE_CHECKING:
    from cluvault.model.promotion import Facts

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEY = PromotionKey("prod", "Desk", "20261122T120000Z-00000001")
SOURCE = PlannedSource(
    reference="dev/Desk@20261122T110000Z-00000000", resource="dev", project="Desk", digest="ab" * 32, api_version="v"
)
TARGET = PlannedTarget(resource="prod", project="Desk", digest="cd" * 32, production="old", staging=None)
MEANT = "ef" * 32


def route(**values: Any) -> RouteSettings:
    """A route from dev to prod."""
    return RouteSettings.model_validate({"source": "dev", "target": "prod"} | values)


def plan(settings: RouteSettings | None = None, **values: Any) -> PromotionPlan:
    """A plan that changes `TARGET`."""
    known: dict[str, Any] = {
        "route": "up", "settings": settings or route(), "source": SOURCE, "target": TARGET, "kind": "Conversation",
        "language": "en-us", "meant_digest": MEANT, "api_version": "v", "difference": "some", "planned_at": NOW,
        "planned_by": "anna",
    }  # fmt: skip
    return PromotionPlan(**known | values)


def promotion(*facts: Facts, of: PromotionPlan | None = None, by: str = "anna") -> Promotion:
    """A promotion with these records after its plan, one a minute."""
    records = [
        PromotionRecord(
            promotion_id=KEY.promotion_id,
            resource=KEY.resource,
            project=KEY.project,
            number=number,
            at=NOW + timedelta(minutes=number),
            by="anna" if number == 0 else by,
            holder="worker",
            tool=Tool(name="cluvault", version="0"),
            facts=one,
        )
        for number, one in enumerate((Planned(plan=of or plan()), *facts))
    ]
    return Promotion(KEY, tuple(records))
