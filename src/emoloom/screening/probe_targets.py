"""VAD that linear models read off the untrained model, as targets of its digits (ours).

A rating is what a few people said of a text, and weak VAD what a lexicon says of its words. A
ridge regression on the frozen states of all train rows is smooth in the text, so a short training
learns it where ratings alone are noise; mixed with either it is nearer to people's mean than both
(docs/decisions/0027-distilled-vad.md). Each text is told by a fit that has not seen it.
"""

from collections.abc import Mapping, Sequence

from emoloom.models.causal_lm import CausalLM
from emoloom.records import RatedVAD, Row
from emoloom.runs.work import Advance
from emoloom.screening.floor_fit import rated_vad, vector_features
from emoloom.screening.frozen_probe import FOLDS, STRENGTHS
from emoloom.screening.head_answers import PackLimits
from emoloom.screening.text_states import text_states
from emoloom.supervision.verbalisers import VERBALISER


def probe_targets(
    lm: CausalLM, rows: Sequence[Row], limits: PackLimits, advance: Advance
) -> Mapping[str, RatedVAD]:
    """Id of a row -> what is read off its text; without rows that nothing could be read off.

    Equal texts and rows of one group are told by the same fit, which has seen none of them.

    Args:
        lm: the model, before its adapter is added.
        rows: train rows; those that spell a label's name are left out.
        limits: of the packs.
        advance: told of each finished text.

    Raises:
        ModelError: a state is NaN or infinite, the model hands out none, or memory does not suffice
            for one prompt.
    """
    known = [row for row in rows if row.source != VERBALISER]
    texts = list(dict.fromkeys(row.text for row in known))
    vectors = dict(zip(texts, text_states(lm, texts, limits, advance), strict=True))
    features = vector_features(vectors, standardised=True)
    fold = _folds(known)
    told: dict[str, RatedVAD] = {}
    for part in range(FOLDS):
        asked = [row for row in known if fold[row.id] == part]
        others = [row for row in known if fold[row.id] != part]
        values = rated_vad(others, [row.text for row in asked], features, STRENGTHS)
        pairs = zip(asked, values, strict=True)
        told |= {row.id: value for row, value in pairs if value is not None}
    return told


def _folds(rows: Sequence[Row]) -> dict[str, int]:
    """Row id -> fold: groups in turn, in the order of their first rows; equal texts are joined."""
    group_of: dict[str, str] = {}
    for row in rows:
        group_of.setdefault(row.text, row.group)
    order: dict[str, int] = {}
    return {row.id: order.setdefault(group_of[row.text], len(order)) % FOLDS for row in rows}
