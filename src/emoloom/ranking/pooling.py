"""Several trainings of one candidate as one entry: scores are means, counts are sums."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

import numpy as np

from emoloom.metrics.intervals import Resampled
from emoloom.metrics.scoring import METRICS, BlockScores, Scores
from emoloom.metrics.seeds import LEAST_SEEDS, SeedScores, seed_interval, two_level_draws
from emoloom.metrics.teacher_forced import mean_forced
from emoloom.ranking.entries import Estimate, ScoredEntry
from emoloom.ranking.rule import RankingRule
from emoloom.records import FailureReason


def pool_trainings(entries: Sequence[ScoredEntry], rule: RankingRule) -> list[ScoredEntry]:
    """All entries, and for each group of trainings one that is their mean, before them.

    Args:
        entries: as `entries.score_entries` gives them; trainings name their group in `pooled`.
        rule: the rule in force, for the bootstrap.

    Returns:
        A group ranks only where each of its trainings is scored on all rows; else it is failed or
        not done, and its reason says which are missing. The trainings stay, and do not rank.
    """
    groups: dict[str, list[ScoredEntry]] = {}
    for entry in entries:
        if entry.source.pooled:
            groups.setdefault(entry.source.pooled, []).append(entry)
    made: list[ScoredEntry] = []
    for entry in entries:
        group = groups.get(entry.source.pooled, [])
        if group and entry is group[0]:
            made.append(_pool(entry.source.pooled, sorted(group, key=_by_seed), rule))
        made.append(entry)
    return made


def _by_seed(entry: ScoredEntry) -> tuple[int, str]:
    """The same order whatever the entries' own: names differ in their seed's digits alone."""
    return len(entry.source.name), entry.source.name


def _pool(name: str, group: Sequence[ScoredEntry], rule: RankingRule) -> ScoredEntry:
    first = group[0]
    source = replace(
        first.source,
        name=name,
        pooled="",
        trainings=tuple(entry.source.name for entry in group),
        polarity=None,
        cross={},
        forced=mean_forced([entry.source.forced for entry in group]),
        answers=(),
        row_ids=(),
    )
    missing = [entry for entry in group if not entry.complete]
    if missing:
        statuses = {entry.source.status for entry in missing}
        said = "; ".join(f"{one.source.name}: {one.source.reason}" for one in missing)
        reason = f"{len(group) - len(missing)} of {len(group)} trainings are scored; {said}"
        status = next(s for s in ("failed", "dropped", "not_done") if s in statuses)
        return replace(missing[0], source=replace(source, status=status, reason=reason))
    by_seed = {
        key: SeedScores(
            np.array([_or_nan(entry.estimates[key].value) for entry in group]),
            np.stack([entry.draws[key].draws_B for entry in group]),
            np.mean([entry.draws[key].influence_N for entry in group], axis=0),
        )
        for key in first.estimates
    }
    return ScoredEntry(
        source=source,
        scores=_pooled_scores([entry.scores for entry in group]),
        estimates={key: _estimate(one, rule) for key, one in by_seed.items()},
        draws=_draws(by_seed, rule),
        complete=True,
        per_label=tuple(
            _mean_label(lines) for lines in zip(*(entry.per_label for entry in group), strict=True)
        ),
        by_seed=by_seed,
    )


def _draws(by_seed: Mapping[str, SeedScores], rule: RankingRule) -> dict[str, Resampled]:
    """Draws of the mean: of rows and trainings; of rows alone where trainings are too few."""
    if len(next(iter(by_seed.values())).values_S) < LEAST_SEEDS:
        return {key: one.over_rows for key, one in by_seed.items()}
    drawn = two_level_draws(list(by_seed.values()), rule.settings.bootstrap.seed)
    return {
        key: Resampled(draws_B, one.influence_N)
        for (key, one), draws_B in zip(by_seed.items(), drawn, strict=True)
    }


def _estimate(one: SeedScores, rule: RankingRule) -> Estimate:
    level = rule.settings.bootstrap.level
    if np.isnan(one.mean):
        return Estimate(None, None)
    if len(one.values_S) < LEAST_SEEDS:
        return Estimate(one.mean, one.over_rows.interval(level))
    return Estimate(one.mean, seed_interval(one, level))


def _pooled_scores(group: Sequence[Scores]) -> Scores:
    counts = {
        reason: sum(scores.reasons.get(reason, 0) for scores in group)
        for reason in get_args(FailureReason)
    }
    return Scores(
        n=sum(scores.n for scores in group),
        parse_ok=_mean([scores.parse_ok for scores in group]),
        reasons={reason: count for reason, count in counts.items() if count},
        strict=_pooled_block([scores.strict for scores in group]),
        parsed=_pooled_block([scores.parsed for scores in group]),
    )


def _pooled_block(group: Sequence[BlockScores]) -> BlockScores:
    """A label left out for one training is named, so that no mean hides it."""
    left_out = dict.fromkeys(label for block in group for label in block.labels_left_out)
    return BlockScores(
        values={key: _mean([block.values[key] for block in group]) for key in METRICS},
        n_labels=min(block.n_labels for block in group),
        n_label_rows=sum(block.n_label_rows for block in group),
        n_vad_rows=sum(block.n_vad_rows for block in group),
        n_rated=(
            sum(block.n_rated[0] for block in group),
            sum(block.n_rated[1] for block in group),
            sum(block.n_rated[2] for block in group),
        ),
        labels_left_out=tuple(left_out),
    )


def _mean_label(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Strict scores of one label: means over the trainings, null where one is undefined."""
    scores = {key: _mean([line[key] for line in lines]) for key in ("precision", "recall", "f1")}
    return {"label": lines[0]["label"], "support": lines[0]["support"]} | scores


def _mean(values: Sequence[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return sum(defined) / len(values) if len(defined) == len(values) else None


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
