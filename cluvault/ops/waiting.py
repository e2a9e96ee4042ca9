"""Tells people, once, that a run waits for the calls a minute that a resource allows; at the end, how long it did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cluvault.plan.replica import spoken

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.settings import ResourceSettings

WORTH_A_WORD: Final = 30.0
"""Seconds; who waits for less sees no difference from a service that is slow."""

_MINUTE: Final = 60.0


@dataclass(slots=True)
class Waiting:
    """How long a resource's calls wait for their turn, whichever of them.

    Attributes:
        seconds: For so long at least one call waited, or will.
    """

    resource: str
    settings: ResourceSettings
    tell: Callable[[str], None]
    seconds: float = 0.0
    _until: float = float("-inf")
    _is_told: bool = False

    def note(self, began: float, until: float) -> None:
        """A call has waited since `began` and will until `until`, by one clock."""
        self.seconds += max(0.0, until - max(began, self._until))
        self._until = max(self._until, until)
        if not self._is_told and until - began >= WORTH_A_WORD:
            self._is_told = True
            self.tell(f"{self.resource}: calls wait for their turn: {self._why}")

    @property
    def sentence(self) -> str:
        """What there is to say at the end; empty when nobody was told of any waiting, or it was soon over."""
        if not self._is_told or self.seconds < _MINUTE:
            return ""
        return f"{self.resource}: calls waited {spoken(timedelta(seconds=self.seconds))} for their turn: {self._why}"

    @property
    def _why(self) -> str:
        limits = self.settings.limits
        if limits == "off":
            return "the service asks for it (429)"
        span = "a minute" if limits.window == _MINUTE else f"in {limits.window:g} s"
        return f"it allows {limits.post} POST and {limits.get} GET {span}"
