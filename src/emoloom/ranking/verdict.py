"""The verdict in one plain sentence."""

from collections import Counter
from collections.abc import Sequence

from emoloom.metrics.seeds import LEAST_SEEDS
from emoloom.ranking.entries import ScoredEntry
from emoloom.ranking.frozen_probes import BelowProbe, below_probes
from emoloom.ranking.rule import RankingRule
from emoloom.ranking.standing import Comparison, Standing

_NAMED = 5
"""Names that one clause may list."""


def verdict_text(
    entries: Sequence[ScoredEntry],
    standing: Standing,
    floors: Sequence[Comparison],
    rule: RankingRule,
    n_rows: int,
) -> str:
    """Who leads, who is not separable, how floors and probes stand, and how far it can be trusted.

    Args:
        entries: All entries; candidates that failed or are not done are counted when none was
            ranked, and floors that did are named.
        standing: The ranked candidates.
        floors: The leader against each floor.
        rule: The rule in force.
        n_rows: Rows that rank.

    Returns:
        One sentence. With fewer than 3 seeds it speaks of rows alone, and of this seed only, unless
        the spread between trainings was measured on one candidate.
    """
    missing = _missing_floors(entries)
    if standing.leader is None:
        return "; ".join([f"No candidate was ranked{_why_none(entries)}", *missing]) + "."
    where = _where(n_rows, standing)
    leader = _name(standing.leader)
    if standing.tied:
        tied = _join([_name(name) for name in standing.tied])
        clauses = [f"{tied} share the best score {where}: none of them leads"]
        clauses += _rivals(leader, standing, rule)
    elif standing.comparisons:
        chance = _chance(standing.p_best[standing.leader])
        clauses = [f"{leader} leads {where} (p of being best {chance})"]
        clauses += _rivals(leader, standing, rule)
    else:
        clauses = [f"{leader} is the only candidate that was ranked, {where}"]
    clauses += _against_floors(leader, floors)
    clauses += missing
    clauses += _below_probes(below_probes(entries))
    if rule.indicative:
        clauses.append("the ranking is only indicative")
    return "; ".join(clauses) + "."


def _where(n_rows: int, standing: Standing) -> str:
    seeds, noise = standing.seeds, standing.noise
    if seeds >= LEAST_SEEDS:
        return f"over {seeds} seeds and {n_rows} rows"
    these = "this seed" if seeds == 1 else f"these {seeds} seeds"
    if noise is None or noise.score is None:
        return f"on these {n_rows} rows alone, {these}"
    measured = f"the spread of {noise.trainings} trainings of {_name(noise.of)}"
    return f"on these {n_rows} rows, {these}, and {measured}"


def _why_none(entries: Sequence[ScoredEntry]) -> str:
    found: Counter[str] = Counter(
        e.source.status for e in entries if e.source.kind == "candidate" and not e.source.pooled
    )
    words = [
        f"{found[status]} {word}"
        for status, word in (
            ("failed", "failed"),
            ("not_done", "not done"),
            ("dropped", "dropped at a rung"),
            ("scored", "without a defined score"),
        )
        if found[status]
    ]
    return f": {', '.join(words)}" if words else ": there was none"


def _rivals(leader: str, standing: Standing, rule: RankingRule) -> list[str]:
    """The clauses on the other candidates, but those that tie with the leader."""
    others = [c for c in standing.comparisons if c.name not in standing.tied]
    same = [c for c in others if c.difference == 0.0]
    equal = [c for c in others if not c.separable and c not in same]
    apart = [c for c in others if c.separable]
    clauses = []
    if same:
        has = "has" if len(same) == 1 else "have"
        why = f"the same score as {leader}, which only skill below 0 puts first: not separable"
        clauses.append(f"{_join([_name(c.name) for c in same])} {has} {why}")
    if equal:
        what = f"not separable from {leader} at this budget{_needed(equal)}"
        clauses.append(f"{_names(equal)} {what}")
    if apart:
        clauses.append(f"{_names(apart)} separable from {leader}")
    # Holm's first step must be able to reject: the smallest p of the draws is 2 / (draws + 1).
    smallest = 2.0 / (rule.settings.bootstrap.draws + 1)
    of_draws = standing.seeds < LEAST_SEEDS
    if of_draws and smallest * len(standing.comparisons) > rule.settings.alpha:
        clauses.append("the bootstrap has too few draws to separate so many candidates")
    return clauses


def _against_floors(leader: str, floors: Sequence[Comparison]) -> list[str]:
    """The clause on the floors, if there are any: beaten, not separable, or above the leader."""
    beaten = [c for c in floors if c.difference > 0 and c.separable]
    level = [c for c in floors if c.difference >= 0 and not c.separable]
    above = [c for c in floors if c.difference < 0]
    said = []
    if beaten:
        said.append(f"beats {_join([_name(c.name) for c in beaten])}")
    if level:
        said.append(f"does not score separably above {_join([_name(c.name) for c in level])}")
    for separable, sure in ((True, "separably"), (False, "not separably")):
        names = [_name(c.name) for c in above if c.separable is separable]
        if names:
            floor = "floor" if len(names) == 1 else "floors"
            said.append(f"is below the {floor} {_join(names)} ({sure})")
    return [f"{leader} {', and '.join(said)}"] if said else []


def _missing_floors(entries: Sequence[ScoredEntry]) -> list[str]:
    """The clause on floors that nobody was compared with."""
    floors = [e.source for e in entries if e.source.kind == "floor" and not e.source.pooled]
    missing = [_name(floor.name) for floor in floors if floor.status != "scored"]
    if not missing:
        return []
    one = len(missing) == 1
    return [f"the floor{'' if one else 's'} {_join(missing)} {'is' if one else 'are'} missing"]


def _below_probes(below: Sequence[BelowProbe]) -> list[str]:
    """The clause on candidates that have not learnt what a linear head reads off their model."""
    if not below:
        return []
    told = [f"{_name(b.name)} ({b.score:.3f} against {b.probe_score:.3f})" for b in below]
    own = "is below its own" if len(below) == 1 else "are below their own"
    why = "the training has not yet reached what a linear head reads off the untrained model"
    return [f"{_join(told)} {own} frozen probe{'s' if len(below) > 1 else ''}: {why}"]


def _needed(equal: Sequence[Comparison]) -> str:
    """The rows that would separate these, or that no number of rows would."""
    rows = sorted(c.rows_to_separate for c in equal if c.rows_to_separate is not None)
    beyond = [c for c in equal if c.rows_to_separate is None]
    if not rows:
        return " (no number of rows would separate them)" if beyond else ""
    span = _about(rows[0])
    if _about(rows[-1]) != span:
        span = f"{span} to {_about(rows[-1])}"
    said = f"by extrapolation, about {span} rows would be needed"
    if beyond:
        said += f"; for {_join([_name(c.name) for c in beyond])} no number of rows would do"
    return f" ({said})"


def _about(count: int) -> str:
    """Two significant digits: an extrapolation has no more."""
    scale = 10 ** max(0, len(str(count)) - 2)
    return f"{-(-count // scale) * scale:,}"


def _name(name: str) -> str:
    """On one line, whatever the name holds."""
    return " ".join(name.split())


def _names(comparisons: Sequence[Comparison]) -> str:
    names = [_name(comparison.name) for comparison in comparisons]
    return f"{_join(names)} {'is' if len(names) == 1 else 'are'}"


def _join(names: Sequence[str]) -> str:
    """`a, b and c`; of many, the first and how many more."""
    if len(names) > _NAMED:
        names = [*names[: _NAMED - 1], f"{len(names) - _NAMED + 1} others"]
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _chance(p: float) -> str:
    """Two decimals; a share of draws is never a certainty."""
    if p >= 0.995:
        return "above 0.99"
    return "below 0.01" if p < 0.005 else f"{p:.2f}"
