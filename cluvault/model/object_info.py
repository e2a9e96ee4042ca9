"""What a store tells of an object without reading it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """A key, the size of its body in bytes, and when it was written by the store's own clock."""

    key: str
    size: int
    modified: datetime = field(compare=False)
