"""What counts as fine: how fresh, how proven, how full, how near its end."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cluvault.settings.section import Name, Section, Share


class Objective(Section):
    """What is asked of the projects of one resource; what is not given here is what `[status]` says.

    Attributes:
        freshness_hours: How old the last good backup of a project may be. A backup that found nothing new counts.
        drill_days: How old the last restore drill of a project may be; None asks for none.
        drill_seconds: How long a restore drill may take: the recovery time objective. None asks for none.
        size_drop: Which share of the utterances may go within `size_window_hours`; 1 turns the alarm off.
        size_window_hours: With which snapshot the latest is compared: the last one that is so old.
        size_least: So many utterances have to be gone for an alarm: small projects change by large shares.
        max_models: With how many trained models a project counts as full; the service takes 10.
        expiry_days: How long before its last day a model or a service deployment is called near its end.
        vanished_days: For how long a project that is gone from its resource is an alarm; then only a note.
    """

    freshness_hours: Annotated[float, Field(gt=0, le=87_600)] = 26.0
    drill_days: Annotated[float, Field(gt=0, le=3650)] | None = None
    drill_seconds: Annotated[float, Field(gt=0)] | None = None
    size_drop: Annotated[Share, Field(gt=0)] = 0.3
    size_window_hours: Annotated[float, Field(gt=0, le=87_600)] = 24.0
    size_least: Annotated[int, Field(ge=1)] = 5
    max_models: Annotated[int, Field(ge=1, le=10)] = 10
    expiry_days: Annotated[int, Field(ge=0, le=3650)] = 30
    vanished_days: Annotated[float, Field(ge=0, le=3650)] = 7.0


class StatusSettings(Objective):
    """The objectives of all resources.

    Attributes:
        resources: By resource: what is asked of its projects instead.
        ignore: Projects of these names, or globs, are nobody's business.
        verify_days: How old the last verification of the whole vault may be; None asks for none.
        history_days: How far back run records are read.
    """

    resources: dict[Name, Objective] = Field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    verify_days: Annotated[float, Field(gt=0, le=3650)] | None = None
    history_days: Annotated[int, Field(ge=1, le=3650)] = 45

    def of(self, resource: str) -> Objective:
        """What is asked of the projects of a resource."""
        own = self.resources.get(resource, Objective())
        given = {name: getattr(own, name) for name in own.model_fields_set}
        return Objective.model_construct(**{name: getattr(self, name) for name in Objective.model_fields} | given)
