"""What each rung of a halved screen decided, computed again from the answers that it saw."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from emoloom.auditing.comparing import differences
from emoloom.auditing.rescoring import RawRun, config_rule
from emoloom.config import Config
from emoloom.errors import UserError
from emoloom.ranking.entries import ScoredCandidate
from emoloom.ranking.halving import RungResult, decide
from emoloom.row_sets.spread import spread
from emoloom.screening.outputs import SELECT, read_answers
from emoloom.sources.source_strings import parse_source

_RUNG_ZERO = "dropped at rung 0:"


def rung_faults(raw: RawRun, stated: Mapping[str, Any]) -> Iterator[str]:
    """What rungs.json states and the answers do not give.

    Args:
        raw: a run with rungs.
        stated: its rungs.json.

    Raises:
        UserError: the answers to a rung cannot be read.
        KeyError, TypeError, ValueError: it is no record of rungs of this config.
    """
    said = stated["rungs"]
    most = raw.config.halving.rungs - 1
    candidates = [entry for entry in raw.entries if entry.kind == "candidate"]
    ends = {entry.status for entry in candidates}
    # A candidate that the budget let back in may leave a rung undecided behind one that is scored.
    if len(said) > most or (len(said) < most and "scored" in ends and "not_done" not in ends):
        yield f"it has {len(said)} rungs of {most}, and candidates are ranked"
        return
    alive: Sequence[str] = [entry.name for entry in candidates]
    order = _order(raw.config)
    for rung, one in enumerate(said, start=1):
        names = sorted(one["scores"], key=lambda name: order.get(name, len(order)))
        if not names:
            yield f"rungs[{rung}]: nobody stands in it"
            return
        yield from _strangers(raw, rung, names, alive)
        if not order.keys() >= set(names):
            return
        result = _decided(raw, rung, names)
        yield from differences(one, result.to_dict(), f"rungs[{rung}]")
        yield from _ends(raw, result)
        alive = result.promotion.promoted
    yield from _unexplained(candidates, said)


def _order(config: Config) -> dict[str, int]:
    """Places of candidates as the config names them: of equal scores the first goes on."""
    models = [parse_source(model.source, name=model.name).name for model in config.models]
    names = [f"{model}.{recipe}" for model in models for recipe in config.recipes]
    return {name: place for place, name in enumerate(names)}


def _strangers(raw: RawRun, rung: int, names: Sequence[str], alive: Sequence[str]) -> Iterator[str]:
    """Who stands in a rung must have reached it; who reached it stands there, or has failed."""
    yield from (f"rungs[{rung}]: {n} never reached it" for n in names if n not in alive)
    by_name = {entry.name: entry for entry in raw.entries}
    for name in alive:
        entry = by_name[name]
        before = rung == 1 and entry.status == "dropped" and entry.reason.startswith(_RUNG_ZERO)
        if name not in names and entry.status != "failed" and not before:
            yield f"rungs[{rung}]: {name} is not in it"


def _unexplained(candidates: Sequence[ScoredCandidate], said: Sequence[Any]) -> Iterator[str]:
    """Whoever is dropped was dropped by a rung."""
    dropped = {name for one in said for name in one["dropped"]}
    for entry in candidates:
        zero = entry.reason.startswith(_RUNG_ZERO)
        if entry.status == "dropped" and not zero and entry.name not in dropped:
            yield f"{entry.name} is dropped, and no rung dropped it"


def _decided(raw: RawRun, rung: int, names: Sequence[str]) -> RungResult:
    by_name = {entry.name: entry for entry in raw.entries}
    rows = spread(raw.rows.select, raw.config.halving.rows)
    wanted = sorted(row.id for row in rows)
    answered = []
    for name in names:
        entry = by_name[name]
        answers, ids = read_answers(raw.run, name, raw.space, f"{SELECT}-{rung}")
        if sorted(ids) != wanted:
            raise UserError(f"{name} does not answer each row of rung {rung} once")
        scored = replace(entry, status="scored", reason="", answers=answers, row_ids=ids)
        answered.append(replace(scored, polarity=None, cross={}))
    rule = config_rule(raw.config, raw.rows, raw.space)
    return decide(rung, answered, rows, (raw.space, rule), raw.config.halving)


def _ends(raw: RawRun, result: RungResult) -> Iterator[str]:
    """Those that it drops must be so in the leaderboard, for its reason."""
    by_name = {entry.name: entry for entry in raw.entries}
    for name in result.promotion.dropped:
        entry, why = by_name[name], result.why_dropped(name)
        if (entry.status, entry.reason) != ("dropped", why):
            yield f"rungs[{result.rung}]: {name} is {entry.status} ({entry.reason}), not {why}"
