"""Which snapshot a reference means, and what to say when it means none; performs no I/O of its own."""

from __future__ import annotations

from bisect import bisect_left
from difflib import get_close_matches
from itertools import groupby
from typing import TYPE_CHECKING, Final

from cluvault.model.manifest import snapshot_second

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from cluvault.model.manifest import Manifest
    from cluvault.plan.keys import SnapshotKey

_SECOND: Final = len("20261101T020000Z")
_FEW: Final = 3


def newest_first(keys: Sequence[SnapshotKey], *, as_of: datetime | None) -> Iterator[list[SnapshotKey]]:
    """A project's snapshots in groups of the same second, newest first, none later than `as_of`'s second.

    Which one of a group is the newest, its manifests say: ids tell apart 1/4096 s, and no less.
    """
    last = None if as_of is None else snapshot_second(as_of)
    for second, group in groupby(sorted(keys, reverse=True), key=lambda key: key.snapshot_id[:_SECOND]):
        if last is None or second <= last:
            yield list(group)


def newest(manifests: Sequence[Manifest], *, as_of: datetime | None) -> Manifest | None:
    """The latest of some manifests, or the latest at an instant, itself included."""
    fitting = [manifest for manifest in manifests if as_of is None or manifest.captured_at <= as_of]
    return max(fitting, key=lambda manifest: (manifest.captured_at, manifest.snapshot_id), default=None)


def nearest_ids(keys: Sequence[SnapshotKey], snapshot_id: str) -> list[str]:
    """The snapshots before and after an id that does not exist."""
    ids = sorted(key.snapshot_id for key in keys)
    place = bisect_left(ids, snapshot_id)
    return ids[max(place - 1, 0) : place + 1]


def similar(name: str, known: Collection[str]) -> list[str]:
    """The names that somebody may have meant, the closest first; the first few of all when none is close."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    close = get_close_matches(name.casefold(), by_folded, n=_FEW)
    return [by_folded[folded] for folded in close] or sorted(known)[:_FEW]
