"""The leaderboard: every entry, and the verdict; `leaderboard_texts` writes them.

No time, rate or count of forwards stands here: on the same answers every byte is the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from emoloom.contract.schema import CONTRACT_VERSION
from emoloom.metrics.signature import Signature
from emoloom.ranking.ablation import Ablation, ablations
from emoloom.ranking.against_floors import FloorFamily, against_floors
from emoloom.ranking.entries import UNCUT, Entry, ScoredCandidate, ScoredEntry, score_entries
from emoloom.ranking.finals import Finals, chosen_clause
from emoloom.ranking.frozen_probes import below_probes
from emoloom.ranking.noise import Noise, measure_noise
from emoloom.ranking.pooling import pool_trainings
from emoloom.ranking.rule import RankingRule
from emoloom.ranking.standing import TIE_DECIMALS, RankedScores, Standing, ranked_scores, stand
from emoloom.ranking.verdict import verdict_text
from emoloom.records import LabelSpace, Row

__all__ = [
    "Entry",
    "Leaderboard",
    "ScoredCandidate",
    "build_leaderboard",
    "verdict_text",
]


HINT = " (`data.test` gives one that is not)"
"""How to have a score that is not of the rows that chose."""


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """All of it, before it becomes text."""

    run: str
    """Name of the run."""
    label_space: str
    """Name of the label space in force."""
    signature: str
    """Every setting that can change a number."""
    rule: RankingRule
    """What ranks."""
    standing: Standing
    """The ranked candidates and the best set."""
    floors: FloorFamily
    """The leader against each floor, adjusted for every candidate against every floor."""
    verdict: str
    """One sentence."""
    ablations: tuple[Ablation, ...]
    """Each recipe less plain fine-tuning; empty where there is one recipe."""
    entries: tuple[Entry, ...]
    """Ranked candidates by rank, then floors by score (of equal ones by the uncut score), then
    shown, then trainings that are pooled in a candidate, then failed or not done."""
    finals: Finals | None = None
    """The best set on `test`; None where there is no such set."""
    notes: tuple[str, ...] = ()
    """What bears on the verdict and is no part of the scores: rows that were lost before."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON object, keys in fixed order, floats unrounded."""
        return {
            "contract_version": CONTRACT_VERSION,
            "run": self.run,
            "label_space": self.label_space,
            "signature": self.signature,
            "rank_by": self.rule.rank_by(),
            "verdict": {
                "text": self.verdict,
                **({"notes": list(self.notes)} if self.notes else {}),
                "leader": None if self.standing.tied else self.standing.leader,
                "tied": list(self.standing.tied),
                "best_set": list(self.standing.best_set),
                "seeds": self.standing.seeds,
                "training_noise": None if (one := self.standing.noise) is None else one.to_dict(),
                "p_best": dict(self.standing.p_best),
                "comparisons": [c.to_dict() for c in self.standing.comparisons],
                "floor_comparisons": [c.to_dict() for c in self.floors.comparisons],
                "floor_family": {"method": self.floors.method, "tests": self.floors.tests},
            },
            **({} if self.finals is None else {"test": self.finals.to_dict()}),
            "ablations": [ablation.to_dict() for ablation in self.ablations],
            "entries": [entry.to_dict() for entry in self.entries],
        }

    def closed(self, finals: Finals | None, *, hint: str = HINT) -> "Leaderboard":
        """With what is known of rows that chose nobody, and the verdict's last clause.

        Args:
            finals: the best set on `test`; None where there is no such set.
            hint: what the clause says of how to have one.
        """
        clause = chosen_clause(self.standing, finals, hint)
        said = f"{self.verdict.removesuffix('.')}; {clause}." if clause else self.verdict
        return replace(self, finals=finals, verdict=said)


def build_leaderboard(
    candidates: Sequence[ScoredCandidate],
    rows: Sequence[Row],
    space: LabelSpace,
    rule: RankingRule,
    *,
    run_name: str,
    signature: Signature,
) -> Leaderboard:
    """Score, compare and rank.

    Args:
        candidates: Candidates, floors and shown models, in any order.
        rows: The rows that rank.
        space: The label space in force.
        rule: Fixed before training, by `ranking.ranking_rule`.
        run_name: Name of the run.
        signature: The run's settings; `rule.signature_pairs()` gives the rule's part.

    Raises:
        UserError: As `entries.score_entries`.
    """
    scored = pool_trainings(score_entries(candidates, rows, space, rule), rule)
    noise = measure_noise(scored)
    ranked, names, floors = _comparable(scored, len(rows), noise)
    standing = stand(ranked, names, rule, noise)
    against = against_floors(ranked, names, standing.leader, floors, rule)
    probes = {one.name: one.probe for one in below_probes(scored)}
    entries = [
        Entry(
            e,
            standing.ranks.get(e.source.name),
            _floors_above(e, floors, ranked.scores),
            probes.get(e.source.name, ""),
        )
        for e in scored
    ]
    return Leaderboard(
        run=run_name,
        label_space=space.name,
        signature=signature.format(),
        rule=rule,
        standing=standing,
        floors=against,
        verdict=verdict_text(scored, standing, against.comparisons, rule, len(rows)),
        ablations=ablations(scored, rule, noise),
        entries=tuple(sorted(entries, key=_place)),
    )


def _comparable(
    scored: Sequence[ScoredEntry], n_rows: int, noise: Noise | None
) -> tuple[RankedScores, list[str], list[str]]:
    """(scores that may be compared, candidates that rank, floors from the best down)."""
    found = {e.source.name: e for e in scored if e.complete and e.score is not None}
    ranked = ranked_scores(found, n_rows, noise)
    alone = {name: e.source.kind for name, e in found.items() if not e.source.pooled}
    names = [name for name, kind in alone.items() if kind == "candidate"]
    floors = [name for name, kind in alone.items() if kind == "floor"]
    floors.sort(key=lambda name: (ranked.falling(name), name))
    return ranked, names, floors


def _floors_above(
    entry: ScoredEntry, floors: Sequence[str], scores: Mapping[str, float]
) -> tuple[str, ...]:
    """Only what is scored on the same rows can be compared."""
    name = entry.source.name
    if entry.source.kind == "floor" or name not in scores:
        return ()
    return tuple(floor for floor in floors if scores[floor] > scores[name])


def _place(entry: Entry) -> tuple[int, float, float, str]:
    """Group, then rank or falling score (of equal ones the uncut), then name."""
    source, estimates = entry.scored.source, entry.scored.estimates
    if source.status != "scored":
        return (4, 0.0, 0.0, source.name)
    if entry.rank is not None:
        return (0, float(entry.rank), 0.0, source.name)
    group = 3 if source.pooled else {"floor": 1, "shown": 2, "candidate": 3}[source.kind]
    score, uncut = (-round(estimates[key].value or 0.0, TIE_DECIMALS) for key in ("score", UNCUT))
    return (group, score, uncut, source.name)
