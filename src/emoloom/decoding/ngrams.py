"""Drafts from what was written before: in the instruction, in other answers, in this answer.

After prompt lookup decoding (Saxena 2023); the adaptive length is ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

Ids = tuple[int, ...]

LENGTH = 3
"""Tokens that must agree before what followed them is proposed."""

MOST = 24
"""Tokens proposed, at most."""


@dataclass(slots=True)
class NgramMemory:
    """What followed each n-gram, last seen wins."""

    followed: dict[Ids, Ids] = field(default_factory=dict)
    """Up to `MOST` ids by the `LENGTH` ids before them."""

    def learn(self, ids: Sequence[int]) -> None:
        """Remember an answer, or the instruction."""
        for start in range(len(ids) - LENGTH):
            stop = start + LENGTH
            self.followed[tuple(ids[start:stop])] = tuple(ids[stop : stop + MOST])

    def propose(self, accepted: Ids) -> Ids:
        """What may follow: the answer's own repetition goes before what others said."""
        return _repetition(accepted) or self.followed.get(accepted[-LENGTH:], ())


def reach_after(reach: int, drafted: int, hits: int) -> int:
    """How many tokens are worth proposing next: twice as many after a full hit, else the hits.

    Each proposed token lengthens the next forward, so that text which cannot be foretold costs
    one token more than no draft at all.

    Args:
        reach: the number so far.
        drafted: tokens proposed last.
        hits: those of them that were accepted.
    """
    if drafted and hits == drafted:
        return min(MOST, 2 * max(reach, drafted))
    return max(1, hits)


def _repetition(accepted: Ids) -> Ids:
    """What followed the last n-gram where it stood before in the same answer, repeated."""
    last = accepted[-LENGTH:]
    for start in range(len(accepted) - LENGTH - 1, -1, -1):
        if accepted[start : start + LENGTH] == last:
            period = accepted[start + LENGTH :]
            return (period * (MOST // len(period) + 1))[:MOST]
    return ()
