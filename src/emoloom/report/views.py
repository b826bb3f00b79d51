"""Run folder to what the template shows, section by section. No HTML is made here."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import get_args

from emoloom.contract.parse import explain
from emoloom.corpora.labels import known_spaces, load_space
from emoloom.records import FailureReason, LabelSpace
from emoloom.report import board, plots
from emoloom.report.ablation import ablation_view
from emoloom.report.budget import budget_view
from emoloom.report.certificates import certificates_view
from emoloom.report.charts import Curves, loss_curves
from emoloom.report.costs import costs_view
from emoloom.report.cross import cross_view
from emoloom.report.data_cards import cards_view
from emoloom.report.finals import finals_view, scores_on_test
from emoloom.report.formats import flatten
from emoloom.report.glance import glance_view, standing
from emoloom.report.head import head_view
from emoloom.report.inputs import Record, RunInputs, listed, mapping
from emoloom.report.manifest import manifest_view
from emoloom.report.polarity import polarity_view
from emoloom.report.rankings import rankings_view
from emoloom.report.rates import rates_view
from emoloom.report.reweigh import reweigh_view
from emoloom.report.row_payload import embed_rows
from emoloom.report.rows import DecodedRows, decode_rows, vad_by
from emoloom.report.rungs import rungs_view
from emoloom.report.tables import Table, table_of
from emoloom.report.training_data import flips_view, verifier_view

REJECTED_SHOWN = 20
"""Rejected lines listed in the page."""


def build_view(inputs: RunInputs) -> Record:
    """Everything the template needs: one entry per section, every one present."""
    run = inputs.objects["run.json"]
    leaderboard = inputs.objects["leaderboard.json"]
    entries = board.entries(leaderboard)
    space = _space(leaderboard, run)
    names = list(dict.fromkeys([*(entry.name for entry in entries), *inputs.candidates]))
    select = inputs.lines["data/select.jsonl"]
    decoded = decode_rows(select, inputs.candidates, names, space)
    finals = finals_view(leaderboard)
    objects = inputs.objects
    budget = budget_view(objects["plan.json"], objects["costs.json"])
    return {
        "title": str(run.get("name") or leaderboard.get("run") or inputs.folder),
        "notes": inputs.notes,
        "head": head_view(inputs, entries, budget, finals),
        "finals": finals,
        "on_test": scores_on_test(finals, entries),
        "glance": glance_view(entries),
        "standing": standing(leaderboard),
        "budget": budget,
        "board": board.board_view(leaderboard, entries),
        "reweigh": reweigh_view(inputs, entries),
        "rankings": rankings_view(inputs.rankings, objects["manifest.json"]),
        "rungs": rungs_view(objects["rungs.json"]),
        "rates": rates_view(inputs, names),
        "scores_so_far": _scores_so_far(inputs) if not entries else [],
        "plots": plots.plots_view(inputs, entries, decoded),
        "ablation": ablation_view(leaderboard),
        "polarity": polarity_view(inputs, entries, space),
        "cross": cross_view(inputs, entries, space),
        "failures": _failures(entries, decoded),
        "decoded": decoded,
        "embedded": embed_rows(decoded, _tested(inputs, names, space)),
        "curves": _curves(inputs, names),
        "certificates": certificates_view(inputs, names),
        "settings": _settings(run),
        "cards": cards_view(run, objects["data/counts.json"], objects["manifest.json"]),
        "data": _data(inputs),
        "flips": flips_view(objects),
        "verifier": verifier_view(objects),
        "costs": costs_view(objects["costs.json"]),
        "manifest": manifest_view(objects["manifest.json"]),
        "events": [_event(record) for record in inputs.lines["events.jsonl"]],
    }


def _space(leaderboard: Record, run: Record) -> LabelSpace | None:
    """The label space in force: one that ships, by its name, or one given whole.

    A path is not followed: the run folder may come from a stranger.
    """
    config = mapping(run.get("config"))
    for given in (run.get("label_space"), leaderboard.get("label_space"), config.get("labels")):
        if isinstance(given, str) and given in known_spaces():
            return load_space(given)
        labels = mapping(given).get("labels")
        if isinstance(labels, list) and labels and all(isinstance(v, str) for v in labels):
            return LabelSpace(str(mapping(given).get("name") or ""), tuple(dict.fromkeys(labels)))
    return None


def _tested(inputs: RunInputs, names: Sequence[str], space: LabelSpace | None) -> DecodedRows:
    """The rows `test`, which the browser has too; no count or plot of the page is of them."""
    said = {name: replace(one, outputs=one.tested) for name, one in inputs.candidates.items()}
    return decode_rows(inputs.lines["data/test.jsonl"], said, names, space)


def _scores_so_far(inputs: RunInputs) -> list[Record]:
    """Scores of single candidates, where a run ended before its leaderboard."""
    return [
        {"name": name, "pairs": list(flatten(candidate.scores))}
        for name, candidate in inputs.candidates.items()
        if candidate.scores
    ]


def _failures(entries: Sequence[board.Entry], decoded: DecodedRows) -> Record:
    """Counts by reason, examples, and where this page's own parse disagrees."""
    counts = {e.name: e.reasons for e in entries if e.scored}
    for name, found in decoded.failures.items():
        counts.setdefault(name, dict(found))
    order = list(get_args(FailureReason))
    met = {reason for one in counts.values() for reason, count in one.items() if count}
    reasons = [r for r in order if r in met] + sorted(met - set(order))
    answered = decoded.parsed and decoded.failures
    return {
        "reasons": reasons,
        "rows": [(name, [one.get(r, 0) for r in reasons]) for name, one in counts.items()],
        "examples": [
            (name, [(reason, explain(reason), some) for reason, some in found.items()])
            for name, found in decoded.examples.items()
            if found
        ],
        "differs": [
            (name, sum(counts[name].values()), sum(found.values()))
            for name, found in decoded.failures.items()
            if answered and _counted(counts[name]) != _counted(found)
        ],
    }


def _counted(reasons: Mapping[str, int]) -> dict[str, int]:
    return {reason: count for reason, count in reasons.items() if count}


def _curves(inputs: RunInputs, names: Sequence[str]) -> Curves:
    found = inputs.candidates
    return loss_curves([(name, found[name].steps) for name in names if name in found])


def _settings(run: Record) -> Record:
    created = mapping(run.get("created_with"))
    version = run.get("emoloom_version")
    own = [("emoloom", str(version))] if version else []
    return {
        "config": list(flatten(run["config"])) if mapping(run.get("config")) else [],
        "instruction": str(run.get("instruction") or ""),
        "sha256": str(run.get("instruction_sha256") or ""),
        "packages": own + list(flatten(run["packages"])) if run.get("packages") else own,
        "machine": list(flatten(created)) if created else [],
        "inputs": [(str(k), str(v)) for k, v in mapping(run.get("inputs")).items()],
    }


def _data(inputs: RunInputs) -> Record:
    """Counts, sources, rejected lines, the plan and the licences."""
    run, rejected = inputs.objects["run.json"], inputs.lines["data/rejected.jsonl"]
    tally: dict[tuple[str, str], int] = {}
    for row in inputs.lines["data/select.jsonl"]:
        key = (str(row.get("source") or "–"), vad_by(row) or "none")
        tally[key] = tally.get(key, 0) + 1
    counts, plan = inputs.objects["data/counts.json"], inputs.objects["plan.json"]
    return {
        "counts": list(flatten(counts)) if counts else [],
        "sources": Table(("source", "vad", "rows"), tuple((*k, n) for k, n in tally.items())),
        "rejected": table_of(rejected[:REJECTED_SHOWN], ("source", "line", "reason", "excerpt")),
        "rejected_total": len(rejected),
        "strictest": _strictest(run.get("strictest_licence")),
        "plan": [(k, v) for k, v in flatten(plan) if not k.startswith("stages")] if plan else [],
        "stages": table_of(listed(plan.get("stages")), ("stage", "candidate", "units")),
    }


def _strictest(found: object) -> Record:
    """The strictest licence of all inputs, and what it and the others ask for."""
    record = mapping(found) if isinstance(found, dict) else {"licence": found}
    asked = mapping(record.get("obligations"))
    return {
        "licence": str(record.get("licence") or ""),
        "asks": [
            (key.replace("-", " "), ", ".join(map(str, whats)))
            for key, whats in asked.items()
            if isinstance(whats, list)
        ],
    }


def _event(record: Record) -> Record:
    rest = {k: v for k, v in record.items() if k not in {"event", "candidate", "message"}}
    return {
        "event": str(record.get("event") or "event"),
        "candidate": str(record.get("candidate") or ""),
        "message": str(record.get("message") or ""),
        "rest": list(flatten(rest)) if rest else [],
    }
