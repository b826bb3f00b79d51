"""A run's scores for the hub: `.eval_results/*.yaml`, and `model-index` of the card's metadata.

Both by corpus, over the rows of `test` where the candidate answered them, else over those that
ranked. `.eval_results` names a dataset of the hub, so only
corpora that are there under one name can be in it; `model-index`, which the hub calls legacy and
still shows, has them all. The layouts are those that `huggingface_hub` reads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emoloom.contract.parse import parse_output
from emoloom.corpora.registry import CORPORA
from emoloom.metrics.scoring import HUMAN_VAD, score
from emoloom.records import LabelSpace, Row

HUB_DATASETS: Mapping[str, str] = {"goemotions": "google-research-datasets/go_emotions"}
"""Corpus (a sample counts as its corpus) -> dataset of the hub."""

METRICS: Mapping[str, str] = {
    "macro_f1": "strict macro-F1",
    "micro_f1": "strict micro-F1",
    "rmse": "strict RMSE of human {vad}",
    "parse_ok": "share of outputs that parse",
}
"""Scores that are published, in [0, 1]; of RMSE 0 is exact."""

_TYPES = {"macro_f1": "f1", "micro_f1": "f1", "rmse": "rmse", "parse_ok": "accuracy"}


@dataclass(frozen=True, slots=True)
class CorpusScores:
    """Scores over the rows of one corpus."""

    corpus: str
    """Registry name."""
    split: str
    """The split that the rows are from."""
    rows: int
    """Rows."""
    values: Mapping[str, float]
    """By the keys of `METRICS`; what is undefined is left out."""
    among: int = 1
    """Candidates that were ranked on these rows; 0 where they chose nobody, those of `test`."""
    vad: str = "VAD"
    """The dimensions that people rated: `VAD`, `VA`, `V`, ..."""

    @property
    def stem(self) -> str:
        """Name of the corpus, of a sample that of its corpus."""
        return self.corpus.removesuffix("-sample")

    @property
    def title(self) -> str:
        """For people."""
        return CORPORA[self.corpus].title if self.corpus in CORPORA else self.corpus

    def metric(self, key: str) -> str:
        """A metric in words."""
        return METRICS[key].format(vad=self.vad)

    @property
    def note(self) -> str:
        """What the numbers are of."""
        rows = f"{self.rows} rows of {self.split}, drawn by emoloom"
        if not self.among:
            return f"{rows}, answered once after the ranking; not the whole test split"
        chosen = f": the best of {self.among} on these rows" if self.among > 1 else ""
        return f"{rows} to rank candidates{chosen}; not the official test split"


def score_by_corpus(
    rows: Sequence[Row], outputs: Mapping[str, str], space: LabelSpace, *, among: int = 1
) -> tuple[CorpusScores, ...]:
    """Score a candidate's outputs on each corpus apart, in the order of the rows.

    Args:
        rows: that it answered.
        outputs: raw, by row id.
        space: in force.
        among: candidates ranked on these rows; 0 where they chose nobody.
    """
    parts: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        parts.setdefault((row.source, row.split), []).append(row)
    found = []
    for (corpus, split), own in parts.items():
        answers = [parse_output(outputs[row.id], space) for row in own]
        scores = score(answers, own, space, vad_sources=HUMAN_VAD)
        values = {**scores.strict.values, "parse_ok": scores.parse_ok}
        kept = {key: values[key] for key in METRICS}
        defined = {key: round(value, 6) for key, value in kept.items() if value is not None}
        rated = rated_dimensions(scores.strict.n_rated)
        found.append(CorpusScores(corpus, split, len(own), defined, among, rated))
    return tuple(found)


def rated_dimensions(rows: Sequence[object]) -> str:
    """`VA` of counts of rows with v, a and d whose third is 0; `VAD` of none at all."""
    return "".join(key for key, n in zip("VAD", rows, strict=True) if n) or "VAD"


def eval_results(scores: Sequence[CorpusScores]) -> list[dict[str, Any]]:
    """Entries of `.eval_results/emoloom.yaml`; empty where no corpus is a dataset of the hub."""
    return [
        {
            "dataset": {"id": HUB_DATASETS[one.stem], "task_id": f"emoloom_{key}"},
            "value": value,
            "notes": f"{one.metric(key)}; {one.note}",
        }
        for one in scores
        if one.stem in HUB_DATASETS
        for key, value in one.values.items()
    ]


def model_index(name: str, scores: Sequence[CorpusScores]) -> list[dict[str, Any]]:
    """`model-index` of the card's metadata."""
    results = [
        {
            "task": {"type": "text-generation", "name": "emotion labels and VAD in JSON"},
            "dataset": {
                "name": one.title,
                "type": HUB_DATASETS.get(one.stem, one.stem),
                "split": one.split,
            },
            "metrics": [
                {"type": _TYPES[key], "name": f"{one.metric(key)} ({one.note})", "value": value}
                for key, value in one.values.items()
            ],
        }
        for one in scores
        if one.values
    ]
    return [{"name": name, "results": results}]
