"""Valence Flip: training rows with their polarity turned over (ours).

A row is rewritten, its labels go through the mirror pairs, and its weak VAD is computed again. The
gate keeps a flip only if the lexicon's valence crosses 0.5. Training rows only: dev and test stay
as people wrote them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from emoloom.errors import UserError
from emoloom.records import VAD, VAD_DECIMALS, Row
from emoloom.supervision.affine import AffineMap
from emoloom.supervision.antonyms import load_antonyms
from emoloom.supervision.lexicon import Lexicon
from emoloom.supervision.matching import match_terms
from emoloom.supervision.mirror_pairs import MirrorPairs
from emoloom.supervision.rewriting import Rewritten, find_emoticons, rewrite
from emoloom.supervision.tokens import tokenise
from emoloom.supervision.weak_vad import label_prior, rationale, weak_vad

SUFFIX = "+flip"
"""Marks the id and the source of a flipped row."""

STRONG_UNPLEASANT, STRONG_PLEASANT = 0.20, 0.86
"""Valence at which a word left in a flip contradicts it (ours).

Pleasant words are often just the topic (mom, music), so the bar for them is higher.
"""

DropReason = Literal[
    "no_labels",
    "no_mirror",
    "both_sides",
    "too_long",
    "idiom",
    "no_polar_word",
    "gate",
    "mixed",
    "against_labels",
]
"""Why a row is not flipped, in the order of the tests.

`no_labels`: the row has none. `no_mirror`: one of its labels has no mirror. `both_sides`: it has
a label and its mirror, so it has no one polarity. `too_long`, `idiom`, `no_polar_word`: see
`rewriting.rewrite`. `gate`: the lexicon's valence does not cross 0.5. `mixed`: it does, but a
strong word or an emoticon of the old polarity is left. `against_labels`: the valence crosses, but
lay on the other side than that of the labels (irony, or a word that the lexicon misreads).
"""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A text or row that is not flipped."""

    reason: DropReason
    """The first test that failed."""


@dataclass(frozen=True, slots=True)
class FlippedText:
    """A text whose valence crossed 0.5."""

    text: str
    """The flip."""
    vad: VAD
    """Weak VAD of the flip without labels, unmapped."""


@dataclass(frozen=True, slots=True)
class FlippedRows:
    """Flips of a set of training rows."""

    rows: tuple[Row, ...]
    """In the order of the rows that they were made of."""
    dropped: Mapping[DropReason, int]
    """Rows dropped, by reason: every reason, in the order of the tests."""
    rows_in: int
    """Rows given: those flipped and those dropped."""

    def __post_init__(self) -> None:
        assert self.rows_in == len(self.rows) + sum(self.dropped.values())


def flip_text(text: str, lexicon: Lexicon) -> FlippedText | Dropped:
    """Flip one text.

    The gate: the weak valence of the text and that of the flip, without labels and unmapped, lie
    strictly on two sides of 0.5. A text without a word of the lexicon lies on neither. Besides, no
    strong word or emoticon of the old polarity may be left (`mixed`), negators counted in.
    """
    rewritten = rewrite(text, lexicon)
    if not isinstance(rewritten, Rewritten):
        return Dropped(rewritten)
    before, after = weak_vad(text, lexicon), weak_vad(rewritten.text, lexicon)
    seen = before.hits > 0 and after.hits > 0
    if not seen or (before.vad.v - 0.5) * (after.vad.v - 0.5) >= 0:
        return Dropped("gate")
    if _left_over(rewritten.text, lexicon, pleasant=before.vad.v > 0.5):
        return Dropped("mixed")
    return FlippedText(rewritten.text, after.vad)


def flip_row(
    row: Row, mirrors: MirrorPairs, lexicon: Lexicon, scale: AffineMap | None = None
) -> Row | Dropped:
    """Flip one training row.

    Args:
        row: A row of the split `train`.
        mirrors: Mirror pairs of the row's label space.
        lexicon: Whose valence the gate reads and whose weak VAD the flip is given.
        scale: From weak to human VAD, for the flip's VAD; None leaves it unmapped. The gate never
            uses it.

    Returns:
        The flip, its id and source marked with `+flip`, its group that of the original (so that
        no split can come between them); or why there is none.

    Raises:
        UserError: the row is not of the split `train`, or is a flip already.
    """
    _check_trainable(row)
    labels = row.answer.labels
    if labels is None:
        return Dropped("no_labels")
    mirrored = mirrors.of(labels)
    if mirrored is None:
        return Dropped("no_mirror")
    if not set(mirrored).isdisjoint(labels):
        return Dropped("both_sides")
    flipped = flip_text(row.text, lexicon)
    if isinstance(flipped, Dropped):
        return flipped
    if (flipped.vad.v - 0.5) * (label_prior(mirrored, lexicon).v - 0.5) <= 0:
        return Dropped("against_labels")
    return _marked(row, flipped.text, mirrored, lexicon, scale or AffineMap.identity())


def flip_rows(
    rows: Iterable[Row], mirrors: MirrorPairs, lexicon: Lexicon, scale: AffineMap | None = None
) -> FlippedRows:
    """Flip every training row that can be; rows in = flipped + dropped.

    Raises:
        UserError: as `flip_row`.
    """
    flips: list[Row] = []
    dropped: Counter[DropReason] = Counter()
    for row in rows:
        flipped = flip_row(row, mirrors, lexicon, scale)
        if isinstance(flipped, Dropped):
            dropped[flipped.reason] += 1
        else:
            flips.append(flipped)
    counts = {reason: dropped[reason] for reason in get_args(DropReason)}
    return FlippedRows(tuple(flips), counts, len(flips) + dropped.total())


def _marked(
    row: Row, text: str, labels: tuple[str, ...], lexicon: Lexicon, scale: AffineMap
) -> Row:
    """The flip as a row, its weak VAD that of its own text."""
    weak = weak_vad(text, lexicon)
    vad = VAD(*(round(value, VAD_DECIMALS) for value in scale.apply(weak.vad).as_tuple()))
    answer = replace(row.answer, labels=labels, vad=vad, rationale=rationale(weak.cues))
    marks = {"id": row.id + SUFFIX, "source": row.source + SUFFIX}
    return replace(row, text=text, answer=answer, vad_source="weak", **marks)


def _left_over(text: str, lexicon: Lexicon, *, pleasant: bool) -> bool:
    """Whether a flip still has a strong word or an emoticon of the text's own polarity."""
    smiles = load_antonyms().pleasant_emoticons
    if any((emoticon in smiles) == pleasant for emoticon in find_emoticons(text)):
        return True
    for match in match_terms(tokenise(text), lexicon):
        valence = 1.0 - match.vad.v if match.negated else match.vad.v
        if valence >= STRONG_PLEASANT if pleasant else valence <= STRONG_UNPLEASANT:
            return True
    return False


def _check_trainable(row: Row) -> None:
    if row.split != "train":
        raise UserError(
            f"row {row.id!r} may not be flipped",
            got=f"split {row.split}",
            allowed="rows of the split train: dev and test stay as people wrote them",
            do="flip training rows only",
        )
    if row.source.endswith(SUFFIX):
        raise UserError(
            f"row {row.id!r} is a flip already",
            got=f"source {row.source}",
            allowed="rows of a corpus",
            do="flip the originals once",
        )
