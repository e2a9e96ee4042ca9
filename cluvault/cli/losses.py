"""Losses as people read them: those that change what is trained first and in colour, few enough for a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cluvault.cli.render import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluvault.plan.losses import Loss

_MOST_SHOWN: Final = 40


def show_losses(losses: Sequence[Loss]) -> None:
    """One line for each loss; of many only the first, `--json` has all."""
    ranked = sorted(losses, key=lambda loss: not loss.needs_leave)
    for loss in ranked[:_MOST_SHOWN]:
        say(f"  lost: {loss.pointer}: {loss.sentence}", style="yellow" if loss.needs_leave else "dim")
    if len(ranked) > _MOST_SHOWN:
        say(f"  and {len(ranked) - _MOST_SHOWN} more losses (--json lists all)", style="dim")
