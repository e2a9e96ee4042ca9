"""A body is collected whole, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluvault.errors import ObjectTooLarge, StoreUnavailable
from cluvault.vault.download import Download, collect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def two_chunks() -> AsyncIterator[bytes]:
    """Six bytes."""
    yield b"abc"
    yield b"def"


@pytest.mark.parametrize("announced", [6, None])
async def test_chunks_become_a_body(announced: int | None) -> None:
    """Whether or not the store said how long it is."""
    assert await collect(Download(announced, two_chunks()), url="s3://b/k", limit=6) == b"abcdef"


@pytest.mark.parametrize("announced", [4, None])
async def test_a_body_that_grows_beyond_the_limit_is_given_up(announced: int | None) -> None:
    """Whatever the store announced."""
    with pytest.raises(ObjectTooLarge, match="s3://b/k: has more than the 5 bytes that are read at most"):
        await collect(Download(announced, two_chunks()), url="s3://b/k", limit=5)


async def test_a_body_that_ends_early_is_no_body() -> None:
    """It can be fetched again."""
    with pytest.raises(StoreUnavailable, match="s3://b/k: 6 of 7 bytes arrived; try again"):
        await collect(Download(7, two_chunks()), url="s3://b/k", limit=10)
