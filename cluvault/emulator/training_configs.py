"""The training config versions of the service, what `latest` means, and how long their models and deployments live.

The service extends the life of a version for as long as it has no successor, so a date in a table would only turn an
emulator useless one day: a version that lives is always as young as the day on which somebody asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from cluvault.emulator.errors import invalid_argument, invalid_value

if TYPE_CHECKING:
    from datetime import datetime

_LIFETIME: Final = timedelta(days=180)
"""A version can be trained with for about six months."""

DEPLOYMENT_LIFETIME: Final = timedelta(days=365)
"""A deployment serves for twelve months after its training config version has expired."""


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """A training config version.

    Attributes:
        name: What `trainingConfigVersion` says.
        expired: The day from which nobody trains with it; None as long as the service extends its life.
    """

    name: str
    expired: date | None = None

    def expires(self, now: datetime) -> date:
        """When models that are trained with it now expire."""
        return self.expired or (now + _LIFETIME).date()


LATEST: Final = TrainingConfig("2022-09-01")
_EXPIRED: Final = TrainingConfig("2022-05-01", expired=date(2022, 11, 1))

LIVING: Final = (
    LATEST,
    TrainingConfig("2023-04-15"),
    TrainingConfig("2024-06-01-preview"),
    TrainingConfig("2024-08-01-preview"),
    TrainingConfig("2025-05-15-preview-ConvLevel"),
)
"""The versions that can be trained with."""

_BY_NAME: Final = {config.name.lower(): config for config in (*LIVING, _EXPIRED)} | {"latest": LATEST}


def training_config(name: str) -> TrainingConfig:
    """The version of this name, in any letter case.

    Raises:
        Refusal: 400, nobody knows it or it has expired.
    """
    config = _BY_NAME.get(name.lower())
    if config is None:
        raise invalid_value("TrainingConfigVersion", name, target="trainingConfigVersion")
    if config.expired is not None:
        message = f"The training config version `{config.name}` expired on {config.expired}. Choose a later one."
        raise invalid_argument(message, target="trainingConfigVersion")
    return config
