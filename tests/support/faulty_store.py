"""A store that stops at a chosen operation: to walk through every point at which a run can die.

    counting = FaultyStore(MemoryStore())
    await work(counting)                                  # how many operations there are: len(counting.calls)
    for point in stop_points(counting.calls):
        with pytest.raises(Killed):
            await work(FaultyStore(inner, point=point))   # inner holds what a killed run leaves

`fault=kill_process` ends the process itself (kill -9); `fault=raising(StoreUnavailable(...))` is an error of the store.
"""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NoReturn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence

    from cluvault.model.object_info import ObjectInfo
    from cluvault.vault.store import ObjectStore


class Killed(BaseException):
    """The process is gone: no `except Exception` of the code under test gets to tidy up."""


@dataclass(frozen=True, slots=True)
class StopPoint:
    """A point at the nth operation of a store, counted from 1.

    `before` it; `during` a listing, when its first part has come; `after` it was done and before its caller knows.
    """

    operation: int
    when: Literal["before", "during", "after"]


def stop_points(calls: Sequence[str]) -> Iterator[StopPoint]:
    """Every point at which a run that made these calls could have stopped and left something different behind."""
    for point in fault_points(calls):
        if point.when == "before" or calls[point.operation - 1].startswith(("put_new", "delete")):
            yield point


def fault_points(calls: Sequence[str]) -> Iterator[StopPoint]:
    """Every point at which the store can fail a run that makes these calls: readings get lost as well."""
    for operation, call in enumerate(calls, start=1):
        yield StopPoint(operation, "before")
        yield StopPoint(operation, "during" if call.startswith(("list", "folders")) else "after")


def die() -> NoReturn:
    """Stop as if killed, but let the test go on."""
    raise Killed


def kill_process() -> None:
    """Stop for real; for use in a process of its own."""
    os.kill(os.getpid(), signal.SIGKILL)


def raising(error: Exception) -> Callable[[], NoReturn]:
    """A fault that is an error of the store."""

    def fault() -> NoReturn:
        raise error

    return fault


class FaultyStore:
    """Passes everything on to another store until the point comes.

    Attributes:
        calls: Every operation that was begun, as `verb key`, in order.
    """

    def __init__(
        self,
        inner: ObjectStore,
        *,
        point: StopPoint | None = None,
        fault: Callable[[], None] = die,
        stays_down: bool = True,
    ) -> None:
        self.calls: list[str] = []
        self._inner = inner
        self._point = point
        self._fault = fault
        self._stays_down = stays_down
        self._is_down = False

    @property
    def url(self) -> str:
        return self._inner.url

    async def get(self, key: str) -> bytes:
        with self._operation(f"get {key}"):
            return await self._inner.get(key)

    async def put_new(self, key: str, body: bytes) -> None:
        with self._operation(f"put_new {key}"):
            await self._inner.put_new(key, body)

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        operation = self._begin(f"list {prefix}")
        async for found in self._inner.list(prefix):
            yield found
            self._strike_at(StopPoint(operation, "during"))

    async def folders(self, prefix: str = "") -> AsyncIterator[str]:
        operation = self._begin(f"folders {prefix}")
        async for found in self._inner.folders(prefix):
            yield found
            self._strike_at(StopPoint(operation, "during"))

    async def delete(self, key: str) -> None:
        with self._operation(f"delete {key}"):
            await self._inner.delete(key)

    async def aclose(self) -> None:
        await self._inner.aclose()

    @contextmanager
    def _operation(self, call: str) -> Generator[None]:
        operation = self._begin(call)
        try:
            yield
        finally:
            self._strike_at(StopPoint(operation, "after"))

    def _begin(self, call: str) -> int:
        if self._is_down:
            self._fault()
        self.calls.append(call)
        operation = len(self.calls)
        self._strike_at(StopPoint(operation, "before"))
        return operation

    def _strike_at(self, here: StopPoint) -> None:
        if here == self._point:
            self._point = None
            self._is_down = self._stays_down
            self._fault()


class KilledBehindDeletion(FaultyStore):
    """The process is gone as soon as it has deleted something: nothing that it still tries reaches the store."""

    async def delete(self, key: str) -> None:
        await super().delete(key)
        self._is_down = True
        die()
