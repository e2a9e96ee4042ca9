"""Reads lists page by page, and refuses lists that have no end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cluvault.errors import UnexpectedAnswer
from cluvault.service.calls.jobs import follow
from cluvault.service.reading import read_list
from cluvault.service.urls import own_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cluvault.service.exchange import Call
    from cluvault.service.sender import Sender

MAX_PAGES: Final = 10_000
"""Pages of one list. The longest list, 50,000 evaluated utterances, needs fewer even with ten items a page."""
MAX_EMPTY_PAGES: Final = 20
"""Pages without items, one after the other. One may be empty because its items were deleted meanwhile."""


async def items(call: Call, sender: Sender) -> AsyncIterator[object]:
    """The items of all pages.

    Raises:
        UnexpectedAnswer: a page is none, leads back to one already seen, or there is no end of them.
        OriginRefused: the next page is said to be elsewhere.
    """
    where = sender.where(call)
    seen: set[str] = set()
    empty = 0
    while True:
        seen.add(call.url)
        page = read_list(await sender.send(call), where=where)
        for item in page.items:
            yield item
        if page.next_link is None:
            return
        empty = 0 if page.items else empty + 1
        call = follow(call, own_url(page.next_link, base=call.url, where=where))
        if call.url in seen:
            raise UnexpectedAnswer(f"{where}: the list leads back to a page that was already read")
        if len(seen) >= MAX_PAGES or empty >= MAX_EMPTY_PAGES:
            raise UnexpectedAnswer(f"{where}: the list has no end: {len(seen)} pages were read")
