"""How an answer reaches its client: whole and at once, unless a fault was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cluvault.emulator.calls import Answer


class Unanswered(Exception):
    """The connection is reset before the work is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How an answer reaches its client.

    Attributes:
        wait: Seconds before it is sent.
        sends: How many bytes of the body are sent before the connection closes; None is all of them.
        is_reset: Nothing is sent, the connection is reset.
        skew: How far the Date header is from the truth.
    """

    answer: Answer
    wait: float = 0.0
    sends: int | None = None
    is_reset: bool = False
    skew: timedelta = timedelta(0)
