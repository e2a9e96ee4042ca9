"""How Azure names a resource: its ARM id and its region.

The emulator has no subscriptions and no resource groups: an id is a resource's when its account is, whatever else it
says, so that a configuration that was written for Azure can be rehearsed unchanged.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_GROUP: Final = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/emulator"
_ACCOUNT: Final = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.CognitiveServices/accounts/([^/]+)/?",
    re.IGNORECASE,
)


def arm_id(resource: str) -> str:
    """The ARM id of a resource of the emulator."""
    return f"{_GROUP}/providers/Microsoft.CognitiveServices/accounts/{resource}"


def account_of(azure_id: str) -> str:
    """The account that an ARM id names, in lower case: such ids have no letter case. Empty when it is none."""
    match = _ACCOUNT.fullmatch(azure_id)
    return match[1].lower() if match else ""


def resource_of(azure_id: str, resources: Iterable[str]) -> str | None:
    """The resource of the emulator that an ARM id names."""
    account = account_of(azure_id)
    return next((name for name in resources if name.lower() == account), None)


def region_name(display_name: str) -> str:
    """A region as ARM writes it: `East US` is `eastus`."""
    return display_name.replace(" ", "").lower()
