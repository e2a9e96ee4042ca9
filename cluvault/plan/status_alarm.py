"""Alarms: what the status asks somebody to do something about; pure values."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cluvault.model.json_text import JsonObject


class AlarmKind(StrEnum):
    """What is not as it should be."""

    NEVER_BACKED_UP = "never-backed-up"
    STALE = "stale"
    BACKUP_FAILED = "backup-failed"
    DAMAGED = "damaged"
    VANISHED = "vanished"
    SIZE_DROP = "size-drop"
    DRILL_MISSED = "drill-missed"
    DRILL_FAILED = "drill-failed"
    DRILL_SLOW = "drill-slow"
    MODELS_FULL = "models-full"
    MODEL_EXPIRY = "model-expiry"
    DEPLOYMENT_EXPIRY = "deployment-expiry"
    UNREACHABLE = "unreachable"
    RUN_FAILED = "run-failed"
    VERIFY_MISSED = "verify-missed"


CAN_WAIT: Final = frozenset(
    {
        AlarmKind.DRILL_MISSED,
        AlarmKind.DRILL_SLOW,
        AlarmKind.MODELS_FULL,
        AlarmKind.MODEL_EXPIRY,
        AlarmKind.DEPLOYMENT_EXPIRY,
        AlarmKind.VERIFY_MISSED,
    }
)
"""Alarms that are about days: who is told of them each hour stops reading."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing that somebody has to look at.

    Attributes:
        sentence: What is wrong.
        mend: What to do about it.
    """

    kind: AlarmKind
    sentence: str
    mend: str
    resource: str = ""
    project: str = ""

    def __str__(self) -> str:
        return f"{self.sentence}; {self.mend}"

    @property
    def is_urgent(self) -> bool:
        """Whether it should not wait until tomorrow."""
        return self.kind not in CAN_WAIT

    def to_json(self) -> JsonObject:
        """For programs."""
        return {
            "kind": self.kind.value,
            "urgent": self.is_urgent,
            "resource": self.resource or None,
            "project": self.project or None,
            "sentence": self.sentence,
            "mend": self.mend,
        }


def command(*words: str) -> str:
    """A command of cluvault to copy; names from elsewhere are quoted for the shell."""
    return f"`cluvault {shlex.join(words)}`"
