"""Who may do what: the service's roles, and the weakest that each operation needs (contract, section 5).

Roles bind the bearers of tokens. Whoever has a key may do everything but what needs a token.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cluvault.emulator.calls import Operation


class Role(IntEnum):
    """The service's roles; each may do what the ones before it may."""

    READER = 1
    WRITER = 2
    OWNER = 3

    @property
    def title(self) -> str:
        """The role's name in Azure."""
        return f"Cognitive Services Language {self.name.capitalize()}"


_READER_ACTIONS: Final = frozenset({":export", ":analyze-conversations"})
_OWNER_ACTIONS: Final = frozenset({":swap", ":assign", ":unassign", ":delete-from-resources"})


def needed_role(operation: Operation) -> Role:
    """The weakest role that may do an operation: the one that it names, else what its method and path say."""
    if operation.role is not None:
        return operation.role
    action = operation.path.rpartition("/")[2]
    if operation.method == "GET" or action in _READER_ACTIONS:
        return Role.READER
    deploys = operation.method == "PUT" and "/deployments/" in operation.path
    if operation.method == "DELETE" or action in _OWNER_ACTIONS or deploys:
        return Role.OWNER
    return Role.WRITER


def needs_token(operation: Operation) -> bool:
    """Whether no key will do: assigning resources asks who is asking."""
    return operation.path.endswith("/:assign")
