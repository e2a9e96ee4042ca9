"""How much of what takes memory may be under way at once: by number, and by bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


def fits(weight: int, taken: Collection[int], *, most: int) -> bool:
    """Whether one thing more may begin; what is larger than all that is allowed goes alone.

    Args:
        weight: Its bytes.
        taken: Those of what is under way.
        most: Bytes that may be under way together.
    """
    return not taken or sum(taken) + weight <= most
