"""Models, rows and what the recipes need beside them: all that is there before a model is run."""

from collections.abc import Sequence
from dataclasses import dataclass

from emoloom.auditing.facts import SourceHashes, model_licences
from emoloom.engines.answering import candidate_runs
from emoloom.engines.context import Context
from emoloom.row_sets.build import Drawing
from emoloom.row_sets.parts import source_hashes
from emoloom.row_sets.polarity_set import held_out_rows, pair_hashes, pair_set_work, with_pairs
from emoloom.row_sets.shared import SharedRows, read_row_sets, row_set_work
from emoloom.runs.record import add_licences
from emoloom.screening.candidate_run import CandidateRun
from emoloom.screening.candidates import Candidate, list_candidates
from emoloom.screening.extras import Extras, extras_work, read_extras
from emoloom.sources.model_files import ModelFiles, get_model


@dataclass(frozen=True, slots=True)
class Ready:
    """What is there before any model is run."""

    rows: SharedRows
    """Shared by all candidates."""
    jobs: list[CandidateRun]
    """Every candidate with all it is given, in the order in which they are done."""
    files: dict[str, ModelFiles]
    """Models on this disk, by name."""
    sources: SourceHashes
    """Of the corpora."""


def prepare(context: Context) -> Ready:
    """Models, rows, and what the recipes need beside them."""
    config = context.config
    files = fetch_models(context, list_candidates(config))
    context.engine.files = files
    add_licences(context.run, model_licences(files.values()))
    sources = source_hashes(config.data) | pair_hashes(config.polarity)
    rows = draw_rows(context, sources)
    jobs = candidate_runs(context, rows, make_extras(context, rows), files)
    return Ready(rows, jobs, files, sources)


def fetch_models(context: Context, chosen: Sequence[Candidate]) -> dict[str, ModelFiles]:
    """Every model on this disk, by name; before a stage is done, so that a config may be mended."""
    models = {candidate.model.name: candidate.model for candidate in chosen}
    return {name: get_model(model, say=context.progress.say) for name, model in models.items()}


def draw_rows(context: Context, sources: SourceHashes) -> SharedRows:
    """Draw the row sets and the polarity pairs that all candidates share, once."""
    config, run, space = context.config, context.run, context.space
    drawing = Drawing(config.data, sources, config.seed, held_out_rows(config.polarity))
    context.engine.do(row_set_work(run, drawing, space, context.lexicon))
    rows = read_row_sets(run.root / "data", space)
    if config.polarity.pairs:
        context.engine.do(pair_set_work(run, config.polarity, space, config.seed))
        rows = with_pairs(rows, run, space)
    for warning in rows.warnings:
        context.progress.say(f"warning: {warning}")
    return rows


def make_extras(context: Context, rows: SharedRows) -> Extras:
    """Flipped rows and the appraisal verifier, where a recipe needs them."""
    say = context.progress.say
    for unit in extras_work(context.run, context.config, rows, context.space, context.lexicon, say):
        context.engine.do(unit)
    return read_extras(context.run, context.config, context.space)
