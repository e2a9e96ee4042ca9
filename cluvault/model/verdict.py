"""A gate's verdict: every check that was made, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Check:
    """One figure against one bound.

    Attributes:
        name: What is checked, in the words of the configuration: `min-intent-f1`.
        subject: Of what: "all intents", an intent, an entity.
        value: None when it could not be measured, which never passes.
        sentence: What was found, for people.
    """

    name: str
    subject: str
    value: float | None
    bound: float
    passed: bool
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """The check as plain JSON values."""
        return {
            "check": self.name,
            "subject": self.subject,
            "value": self.value,
            "bound": self.bound,
            "passed": self.passed,
            "sentence": self.sentence,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """Every check that was made."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether all of them passed."""
        return all(check.passed for check in self.checks)

    @property
    def refusals(self) -> tuple[Check, ...]:
        """Those that did not."""
        return tuple(check for check in self.checks if not check.passed)

    def to_dict(self) -> dict[str, Any]:
        """The verdict as plain JSON values."""
        return {"passed": self.passed, "checks": [check.to_dict() for check in self.checks]}
