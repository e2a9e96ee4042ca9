"""Pages of a list: `top` caps the total, `skip` is the offset, `maxpagesize` caps the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from cluvault.emulator.errors import invalid_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Page:
    """The part of a list that one answer holds.

    Attributes:
        start: The index of its first item.
        stop: The index after its last.
        next_query: The query of the next page, without `api-version`; None on the last.
    """

    start: int
    stop: int
    next_query: dict[str, int] | None

    def of(self, items: Sequence[_Item]) -> Sequence[_Item]:
        """The items of the page."""
        return items[self.start : self.stop]

    def next_link(self, route: str, query: Mapping[str, str]) -> str | None:
        """The absolute URL of the next page, with the caller's other parameters."""
        if self.next_query is None:
            return None
        kept = {name: value for name, value in query.items() if name not in ("top", "skip", "maxpagesize")}
        return f"{route}?{urlencode(kept | self.next_query)}"


def page_of(query: Mapping[str, str], *, total: int, page_size: int) -> Page:
    """The page that a query asks for, of a list of `total` items.

    Raises:
        Refusal: 400 for a value that is no whole number from 0.
    """
    skip = _number(query, "skip") or 0
    top = _number(query, "top")
    size = _number(query, "maxpagesize")
    end = total if top is None else min(total, skip + top)
    stop = min(end, skip + (size or page_size))
    if stop >= end:
        return Page(skip, max(stop, skip), None)
    following = {"skip": stop} if top is None else {"top": skip + top - stop, "skip": stop}
    return Page(skip, stop, following if size is None else following | {"maxpagesize": size})


def _number(query: Mapping[str, str], name: str) -> int | None:
    value = query.get(name)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 10 and int(value) < 2**31):  # noqa: PLR2004  # int32
        raise invalid_value(name, value, target=name)
    return int(value)
