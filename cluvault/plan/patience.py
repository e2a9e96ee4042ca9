"""How long to bear with a server that does not answer, and when to ask it again; pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """Bounded patience.

    Attributes:
        seconds: For so long a server may be away; 0 gives up at once.
        first: Seconds before it is asked again for the first time; then twice as many, and so on.
        longest: Seconds between two tries, at most: so soon is it noticed that the server is back.
    """

    seconds: float = 1800.0
    first: float = 1.0
    longest: float = 15.0

    def wait(self, tries: int, *, away: float) -> float | None:
        """Seconds to wait before the next try; None when patience is over.

        Args:
            tries: How often it was asked in vain, at least 1.
            away: Seconds since it was first asked in vain.
        """
        left = self.seconds - away
        if left <= 0:
            return None
        return min(self.first * 2 ** min(tries - 1, 16), self.longest, left)  # the last try is at the very end
