"""Models, rows and what the recipes need beside them: all that is there before a model is run."""

from dataclasses import dataclass

from emoloom.auditing.facts import Inputs, SourceHashes, model_licences
from emoloom.auditing.inputs import input_hashes
from emoloom.config import Config
from emoloom.engines.answering import candidate_runs, encoder_runs
from emoloom.engines.context import Context
from emoloom.errors import UserError
from emoloom.row_sets.build import Drawing
from emoloom.row_sets.part_facts import source_hashes
from emoloom.row_sets.polarity_set import held_out_rows, pair_hashes, pair_set_work, with_pairs
from emoloom.row_sets.shared import SharedRows, read_row_sets, row_set_work
from emoloom.runs.record import add_licences, record_inputs
from emoloom.screening.candidate_run import CandidateRun
from emoloom.screening.candidates import list_candidates
from emoloom.screening.encoder_floor import EncoderRun, list_encoders
from emoloom.screening.extras import Extras, extras_work, read_extras
from emoloom.sources.convert import Say
from emoloom.sources.model_files import get_model
from emoloom.supervision.lexicon import Lexicon


@dataclass(frozen=True, slots=True)
class Ready:
    """What is there before any model is run."""

    rows: SharedRows
    """Shared by all candidates."""
    jobs: list[CandidateRun]
    """Every candidate with all it is given, in the order in which they are done."""
    encoders: list[EncoderRun]
    """The encoder floors that can be had, in the order of the config."""
    inputs: Inputs
    """All that was read: models, corpora, what the recipes are given."""


def prepare(context: Context) -> Ready:
    """Models, rows, and what the recipes need beside them."""
    inputs = context.inputs or find_inputs(context.config, context.lexicon, context.progress.say)
    record_inputs(context.run, inputs.hashes)
    context.engine.files = inputs.files
    add_licences(context.run, model_licences(inputs.files.values()))
    rows = draw_rows(context, inputs.sources)
    jobs = candidate_runs(context, rows, make_extras(context, rows), inputs.files)
    return Ready(rows, jobs, encoder_runs(context, rows, inputs.files), inputs)


def find_inputs(config: Config, lexicon: Lexicon, say: Say) -> Inputs:
    """Every input of a screen, its models fetched. Writes nothing into a run folder.

    It comes before a first stage is done, so that a config may be mended. An encoder that cannot be
    had ends nothing: its floor fails.

    Raises:
        UserError: a model or a file cannot be had.
    """
    models = {candidate.model.name: candidate.model for candidate in list_candidates(config)}
    files = {name: get_model(model, say=say) for name, model in models.items()}
    missing: dict[str, str] = {}
    for encoder in list_encoders(config):
        try:
            files[encoder.name] = get_model(encoder, say=say)
        except UserError as error:
            missing[encoder.name] = str(error)
    sources = source_hashes(config.data) | pair_hashes(config.polarity)
    return Inputs(files, sources, input_hashes(config, lexicon, sources, files), missing)


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
    for line in rows.told:
        context.progress.say(line)
    return rows


def make_extras(context: Context, rows: SharedRows) -> Extras:
    """Flipped rows and the appraisal verifier, where a recipe needs them."""
    say = context.progress.say
    for unit in extras_work(context.run, context.config, rows, context.space, context.lexicon, say):
        context.engine.do(unit)
    return read_extras(context.run, context.config, context.space)
