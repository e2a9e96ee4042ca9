"""What the service limits: names, content, projects a resource, calls a minute. Source: its service-limits page."""

from __future__ import annotations

import math
import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")
MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentLimits:
    """Limits of one project's content; an import that exceeds one fails."""

    name_length: int = 50
    intents: int = 500
    entities: int = 350
    utterances: int = 50_000
    orchestration_utterances: int = 15_000
    utterance_length: int = 500
    synonyms_per_entity: int = 20_000
    synonyms: int = 2_000_000
    prebuilts_per_entity: int = 7
    regexes: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every limit of a resource; None is no limit.

    Attributes:
        project_name_length: 50 in the documentation, 100 in the API's schema.
        projects: How many projects a resource holds.
        models: How many trained models a project has.
        deployments: How many deployments a project has.
        posts_per_minute: POST calls in any minute; PUT, PATCH and DELETE have no documented limit.
        gets_per_minute: GET calls in any minute.
        predictions_per_minute: Prediction calls in any minute.
        minute: How many seconds the minute has in which calls are counted: 1 is the same service sixty times as fast.
        content: What an import checks.
    """

    project_name_length: int = 100
    projects: int | None = None
    models: int | None = None
    deployments: int | None = None
    posts_per_minute: int | None = None
    gets_per_minute: int | None = None
    predictions_per_minute: int | None = None
    minute: float = MINUTE
    content: ContentLimits | None = field(default_factory=ContentLimits)


OFF: Final = Limits()
"""Nothing is throttled and a resource is never full; content that the service refuses is refused all the same."""

DOCUMENTED: Final = Limits(
    project_name_length=50,
    projects=500,
    models=10,
    deployments=10,
    posts_per_minute=10,
    gets_per_minute=100,
    predictions_per_minute=1000,
)


def is_project_name(name: str, *, max_length: int) -> bool:
    """Whether a project may have this name: letters, digits and `_ . -`; dots alone would vanish from a path."""
    return len(name) <= max_length and _NAME.fullmatch(name) is not None and name.strip(".") != ""


class CallRate:
    """A sliding window over the calls of the last minute, by what they are counted as; refused calls do not count."""

    def __init__(self, limits: Limits) -> None:
        self._limits = {
            "POST": limits.posts_per_minute,
            "GET": limits.gets_per_minute,
            "prediction": limits.predictions_per_minute,
        }
        self._minute = limits.minute
        self._calls: dict[str, deque[datetime]] = {budget: deque() for budget in self._limits}

    def admit(self, budget: str, now: datetime) -> int | None:
        """Count a call and return None, or return the whole seconds after which one more will be admitted."""
        limit = self._limits.get(budget)
        if limit is None:
            return None
        calls = self._calls[budget]
        while calls and (now - calls[0]).total_seconds() >= self._minute:
            calls.popleft()
        if len(calls) < limit:
            calls.append(now)
            return None
        return max(1, math.ceil(self._minute - (now - calls[0]).total_seconds()))
