"""The faults in force: counts the calls, draws a fault for each, and keeps the log of those that had an effect."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from cluvault.emulator.faults import Effect, FaultPlan
    from cluvault.emulator.faults_effects import Fault

_KEPT: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Injected:
    """One line of the log: a fault that happened."""

    at: datetime
    rule: str
    effect: Effect
    resource: str
    operation: str
    number: int
    request_id: str


class Faults:
    """What goes wrong on request; nothing until a plan is put in force."""

    def __init__(self, plan: FaultPlan | None = None) -> None:
        self.injected: deque[Injected] = deque(maxlen=_KEPT)
        self.use(plan)
        self._waiting: set[asyncio.Future[None]] = set()
        self._is_hurried = False

    def use(self, plan: FaultPlan | None) -> None:
        """Put a plan in force in place of the present one, or none; calls are counted from 1 again."""
        self.plan = plan
        self._seen: Counter[tuple[str, str, str]] = Counter()
        self._fired: Counter[tuple[str, str, str]] = Counter()

    def draw(self, *, resource: str, operation: str, method: str, path: str) -> Fault | None:
        """The fault of the next call of an operation, if it gets one. Every rule counts the call, the first wins."""
        plan, drawn = self.plan, None
        if plan is None:
            return None
        from cluvault.emulator.faults_effects import Fault  # noqa: PLC0415  # most emulators never have a fault

        for rule in plan.rules:
            if rule.covers(resource=resource, operation=operation, method=method, path=path):
                key = (rule.name, resource, operation)
                self._seen[key] += 1
                number, before = self._seen[key], self._fired[key]
                if drawn is None and rule.fires(
                    seed=plan.seed, resource=resource, operation=operation, number=number, before=before
                ):
                    self._fired[key] += 1
                    drawn = Fault(rule=rule.name, effect=rule.effect, number=number)
        return drawn

    def record(self, fault: Fault, *, at: datetime, resource: str, operation: str, request_id: str) -> None:
        """Write a fault that happened into the log, which keeps the last ten thousand."""
        self.injected.append(
            Injected(
                at=at,
                rule=fault.rule,
                effect=fault.effect,
                resource=resource,
                operation=operation,
                number=fault.number,
                request_id=request_id,
            )
        )

    @property
    def waiting(self) -> int:
        """How many slow answers are being held back."""
        return len(self._waiting)

    async def wait(self, seconds: float) -> None:
        """Let a slow answer wait, but not longer than the server lives."""
        if self._is_hurried:
            return
        end = asyncio.get_running_loop().create_future()
        self._waiting.add(end)
        try:
            await asyncio.wait([end], timeout=seconds)
        finally:
            self._waiting.discard(end)

    def hurry(self) -> None:
        """Send slow answers at once from now on: the server shuts down. To be called in its event loop."""
        self._is_hurried = True
        for end in self._waiting:
            end.cancel()
