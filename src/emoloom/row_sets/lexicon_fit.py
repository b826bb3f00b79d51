"""What the lexicon says of these rows: map to the human scale, tokens it knows, weak VAD."""

from collections.abc import Iterable, Sequence

from emoloom.errors import UserError
from emoloom.records import VAD, VAD_DECIMALS, Answer, Row, fill_vad, join_sources
from emoloom.supervision.affine import AffineMap, fit_affine
from emoloom.supervision.lexicon import Lexicon
from emoloom.supervision.weak_vad import WeakReader, rationale

MIN_AFFINE_ROWS = 10
"""Fewer human-rated train rows than this cannot carry a map; the weak scale is used as it is."""

MIN_HIT_RATE = 0.10
"""Below this share of tokens found, the lexicon does not know the language of the texts."""


def is_human(row: Row) -> bool:
    """Whether people rated a dimension of the row's VAD."""
    return row.human_vad is not None


def fit_scale(rows: Iterable[Row], lexicon: Lexicon) -> AffineMap:
    """The map from weak to human VAD of the rated rows; no change where it cannot be fitted.

    Weak VAD here is what rows that nobody rated are given: that of the text alone. A map that was
    fitted on other values would stretch them (docs/decisions/0021-measured-targets.md).
    """
    reader = WeakReader(lexicon)
    pairs = [
        (reader.vad(reader.find(row.text)), human)
        for row in rows
        if (human := row.human_vad) is not None
    ]
    if len(pairs) < MIN_AFFINE_ROWS:
        return AffineMap.identity()
    try:
        return fit_affine([weak for weak, _ in pairs], [human for _, human in pairs])
    except UserError:
        # Too few rows in every dimension; or the lexicon knows no word of any row, of which the
        # hit rate warns.
        return AffineMap.identity()


def warnings(known: float, lexicon: Lexicon) -> list[str]:
    """What a user should be told of the share of tokens that the lexicon knows."""
    if known >= MIN_HIT_RATE:
        return []
    return [
        f"the lexicon {lexicon.name} knows only {known:.1%} of the tokens "
        f"(below {MIN_HIT_RATE:.0%}): are the texts English?"
    ]


def supervise(row: Row, cues: Sequence[str], weak: VAD | None, scale: AffineMap) -> Row:
    """A train row with cue words, and with weak VAD in each dimension that nobody rated.

    Weak VAD is brought to the human scale, so that all training targets share one.

    Args:
        row: As annotated.
        cues: Of its text.
        weak: Of its text; None where all dimensions are rated.
        scale: From weak to human VAD.
    """
    vad, by = row.answer.vad, row.vad_source
    if weak is not None:
        filling = scale.apply(weak, VAD_DECIMALS)
        given = (None, None, None) if vad is None else vad.as_tuple()
        sources = (s if x is not None else "weak" for x, s in zip(given, row.sources, strict=True))
        vad, by = fill_vad(vad, filling), join_sources(*sources)
    answer = Answer(row.answer.labels, vad, rationale(cues))
    return Row(row.id, row.text, answer, row.source, row.split, by, row.group)
