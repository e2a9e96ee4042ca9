"""Whether one model is worse than another on the same utterances, or chance makes it look so; pure.

McNemar's exact test: only the utterances on which the two differ tell them apart. If neither were worse, each of these
would be as likely to speak for the one as for the other.
"""

from __future__ import annotations

from math import comb


def chance_of(lost: int, won: int) -> float:
    """How likely it is that so many or more of the differing utterances are lost, if the models are equally good.

    Args:
        lost: Utterances about which the old model is right and the new one is not.
        won: The other way round.

    Returns:
        The one-sided p-value; 1 when nothing differs.
    """
    differing = lost + won
    return sum(comb(differing, number) for number in range(lost, differing + 1)) / 2**differing
