"""pytest's `approx`, typed: the versions that work with pytest-xdist leave its types out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

approx = cast("Callable[..., Any]", pytest.approx)  # pyright: ignore[reportUnknownMemberType]
