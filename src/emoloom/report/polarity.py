"""Polarity consistency: shares by entry, and pairs of the leader with what it said of both texts.

Which pair is consistent stands in the leader's scores.json; no score is computed here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emoloom.contract.parse import parse_output
from emoloom.corpora.polarity_pairs import FLIP_SUFFIX
from emoloom.metrics.polarity import LABEL_MARGIN
from emoloom.records import LabelSpace, ParseFailure
from emoloom.report.board import Entry
from emoloom.report.formats import clip
from emoloom.report.inputs import Candidate, Record, RunInputs, mapping
from emoloom.report.rows import TEXT_LIMIT

EXAMPLES = 6
"""Pairs of the leader that the page shows; half of them inconsistent where there are so many."""


@dataclass(frozen=True, slots=True)
class Said:
    """One text of a pair and the answer to it."""

    text: str
    """The text."""
    valence: float | None
    """Predicted valence, in [0, 1]; None where the output did not parse."""
    labels: tuple[str, ...]
    """Predicted labels."""
    failure: str
    """Reason of a failed parse; empty where there is none."""


@dataclass(frozen=True, slots=True)
class ShownPair:
    """A pair, and whether the leader turned over with it."""

    id: str
    """Id of the original."""
    original: Said
    """The text of the corpus."""
    flip: Said
    """Its flip."""
    consistent: bool
    """From scores.json."""


def polarity_view(inputs: RunInputs, entries: Sequence[Entry], space: LabelSpace | None) -> Record:
    """The entries that were asked, and examples of the leader."""
    verdict = mapping(inputs.objects["leaderboard.json"].get("verdict"))
    leader = str(verdict.get("leader") or "")
    asked = [e for e in entries if e.scored and e.polarity["strict"].consistency.value is not None]
    candidate = inputs.candidates.get(leader)
    texts = {str(r.get("id")): str(r.get("text")) for r in inputs.lines["data/polarity.jsonl"]}
    return {
        "entries": asked,
        "leader": leader,
        "examples": _examples(candidate, texts, space) if candidate and space else [],
        "margin": LABEL_MARGIN,
    }


def _examples(candidate: Candidate, texts: Mapping[str, str], space: LabelSpace) -> list[ShownPair]:
    """Inconsistent pairs first, as they stand in the file of rows."""
    verdicts = mapping(mapping(candidate.scores).get("polarity_pairs"))
    there = texts.keys() & candidate.pairs.keys()
    known = [
        pair_id
        for pair_id in texts
        if isinstance(verdicts.get(pair_id), bool) and {pair_id, pair_id + FLIP_SUFFIX} <= there
    ]
    wrong = [pair_id for pair_id in known if not verdicts[pair_id]]
    right = [pair_id for pair_id in known if verdicts[pair_id]]
    wrong = wrong[: max(EXAMPLES - len(right), EXAMPLES // 2)]
    return [
        ShownPair(
            pair_id,
            _said(texts, candidate.pairs, pair_id, space),
            _said(texts, candidate.pairs, pair_id + FLIP_SUFFIX, space),
            verdicts[pair_id],
        )
        for pair_id in (*wrong, *right[: EXAMPLES - len(wrong)])
    ]


def _said(
    texts: Mapping[str, str], outputs: Mapping[str, str], row_id: str, space: LabelSpace
) -> Said:
    text, answer = clip(texts[row_id], TEXT_LIMIT), parse_output(outputs[row_id], space)
    if isinstance(answer, ParseFailure):
        return Said(text, None, (), answer.reason)
    return Said(text, answer.vad.v, answer.labels, "")
