"""What a change of format costs: each part that has no place in the new one, and whether that needs leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluvault.errors import GuardRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluvault.model.json_text import JsonObject


@dataclass(frozen=True, slots=True)
class Loss:
    """One part of a file that the service will not hold.

    Attributes:
        pointer: The place, as a JSON pointer (RFC 6901) into the file as it was read, or as it was upgraded.
        sentence: What is lost.
        needs_leave: Whether a model trained without it behaves in another way, so that the user must agree.
    """

    pointer: str
    sentence: str
    needs_leave: bool = False

    def to_json(self) -> JsonObject:
        """The loss for programs."""
        return {"pointer": self.pointer, "sentence": self.sentence, "needsLeave": self.needs_leave}


def refuse_without_leave(losses: Sequence[Loss], *, what: str, mend: str) -> None:
    """Refuse losses that change what is trained.

    Args:
        losses: All of them.
        what: What would be done, as plans say it: `create prod/EmailApp from …`.
        mend: How to see all of them and to accept them.

    Raises:
        GuardRefused: there are such losses; the message has the first and their number.
    """
    grave = [loss for loss in losses if loss.needs_leave]
    if grave:
        more = f" (and {len(grave) - 1} more)" if len(grave) > 1 else ""
        raise GuardRefused(
            f"to {what} would lose what a model is trained on, nothing was changed: at {grave[0].pointer}: "
            f"{grave[0].sentence}{more}",
            mend=mend,
        )
