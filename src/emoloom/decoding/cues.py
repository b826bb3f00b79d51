"""Cue words that a forward foretold: a rationale of the form `cues: a, b`, word by word (ours).

The argmaxes behind a miss stand behind wrong words, and are cut as those were: read as text they
are torn (`goodroll`, where `good` was said and ` troll` drafted). So each word is read as far as it
agrees with its draft and one token further, and completed from the text.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

OPENING = "cues: "
"""What such a rationale begins with."""

NO_CUES = "none"
"""What stands in the place of the words where there are none."""

_IN_A_LINE = '"rationale":"cues:'
_WORD = re.compile(r"\w[\w'’‘ʼ´`＇-]*")

Decode = Callable[[tuple[int, ...]], str]
"""Ids to text."""


@dataclass(frozen=True, slots=True)
class Cues:
    """Words of a rationale, by their place."""

    drafted: tuple[str, ...] = ()
    """As the last draft had them."""
    said: tuple[str, ...] = ()
    """As the last forward had them, each behind the drafted words before it."""
    ends: int = 0
    """Words behind which the forward ended the rationale; 0 where it ended it nowhere."""


def words_of(text: str) -> tuple[str, ...]:
    """The words that a cue may be completed to, in order."""
    return tuple(_WORD.findall(text))


def cues_in(rationale: str) -> tuple[str, ...]:
    """The words of a rationale; none where it is no list of cues, or says that there are none."""
    if not rationale.startswith(OPENING):
        return ()
    words = (word.strip() for word in rationale.removeprefix(OPENING).split(","))
    return tuple(word for word in words if word not in ("", NO_CUES))


def cues_begun(line: str) -> list[str]:
    """The words that a contract line has so far, the last of them perhaps cut or empty."""
    _, found, rationale = line.partition(_IN_A_LINE)
    return [word.strip() for word in rationale.split('"')[0].split(",")] if found else []


def read_cues(
    drafted: Sequence[int], said: Sequence[int], decode: Decode, words: Sequence[str]
) -> Cues | None:
    """The cue words of a drafted line, and what the forward said in their places.

    Args:
        drafted: ids of a line, what was accepted of it first.
        said: the argmaxes at the same places, and at the one behind.
        decode: ids to text.
        words: of the text.

    Returns:
        None where the line has no list of cues.
    """
    if _IN_A_LINE not in decode(tuple(drafted)):
        return None
    pieces = [decode((token,)) for token in drafted]
    start = _start(pieces)
    if start is None:
        return None
    was, now, ends = [], [], 0
    for first, stop in _places(pieces, start):
        was.append(decode(tuple(drafted[first:stop])).strip())
        agreed = first
        while agreed < stop and drafted[agreed] == said[agreed]:
            agreed += 1
        begun = _one_word(decode(tuple(said[first : agreed + 1])))
        now.append(was[-1] if agreed == stop else whole_word(begun, words))
        if not ends and '"' in decode((said[stop],)):
            ends = len(now)
    return Cues(tuple(was), tuple(now), ends)


def whole_word(begun: str, words: Sequence[str]) -> str:
    """The word that is, else the first that begins, so; `begun` itself where there is none."""
    if not begun or begun in words:
        return begun
    return next((word for word in words if word.startswith(begun)), begun)


def _start(pieces: Sequence[str]) -> int | None:
    """Which token the first cue begins with."""
    stop = "".join(pieces).find(_IN_A_LINE) + len(_IN_A_LINE)
    if stop < len(_IN_A_LINE):
        return None
    lengths = accumulate(map(len, pieces))
    return next(place for place, length in enumerate(lengths, start=1) if length >= stop)


def _places(pieces: Sequence[str], start: int) -> Iterator[tuple[int, int]]:
    """Where each word begins, and the separator behind it."""
    first = start
    for place in range(start, len(pieces)):
        if "," in pieces[place] or '"' in pieces[place]:
            if place > first:
                yield first, place
            first = place + 1
        if '"' in pieces[place]:
            return


def _one_word(text: str) -> str:
    """Up to what ends a word."""
    return re.split(r'[,"]', text, maxsplit=1)[0].strip()
