"""Stores that promise to write only what is absent: the promise is tried out before it is relied on."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Final

from cluvault.errors import ObjectExists, StorageUnsafe
from cluvault.vault.store import PROBE_KEY, check_key

_PROBE_BODY: Final = b"cluvault tries here whether this store refuses to overwrite. It may be deleted.\n"


class ProbedStore(ABC):
    """A store whose condition "only if absent" is proved, once a process, before its first write.

    Some stores that speak S3 ignore `If-None-Match`, and overwrite. With those, two writers of one key would both
    believe that they won. What is tried out is a reserved key, whose object stays and is never listed: from the second
    process on, one request tells.
    """

    def __init__(self) -> None:
        self._is_proved = False
        self._proving = asyncio.Lock()

    @property
    @abstractmethod
    def url(self) -> str:
        """Where the store is."""

    @abstractmethod
    async def _put_if_absent(self, key: str, body: bytes) -> None:
        """Write under the condition. Raises ObjectExists."""

    async def put_new(self, key: str, body: bytes) -> None:
        """Write a body that is complete and durable, or absent.

        Raises:
            ObjectExists: the key is taken; its first body stays.
            StorageUnsafe: this store overwrites in spite of the condition; nothing was written under `key`.
        """
        check_key(key)
        await self.prove_condition()
        await self._put_if_absent(key, body)

    async def prove_condition(self) -> None:
        """Find out whether the store keeps its promise; remembered.

        Raises:
            StorageUnsafe: it does not.
        """
        async with self._proving:
            if self._is_proved:
                return
            for _ in range(2):
                try:
                    await self._put_if_absent(PROBE_KEY, _PROBE_BODY)
                except ObjectExists:
                    self._is_proved = True
                    return
        raise StorageUnsafe(
            f"{self.url}: this store ignores If-None-Match and overwrites what is there; nothing was stored",
            mend="upgrade it, or keep the vault in a store that has conditional writes",
        )
