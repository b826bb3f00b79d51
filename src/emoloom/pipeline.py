"""A whole screen, one call a stage, read from top to bottom.

config -> models -> rows -> rule, plan -> floors -> rungs -> candidates -> polarity pairs
-> cross rows -> ranking -> test rows, by the best set -> leaderboard -> manifest, report, manifest
with the report
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from emoloom.auditing.entry_facts import BaseModel, entry_facts
from emoloom.auditing.facts import (
    ANSWERED_BEFORE,
    given_config,
    made_from,
    run_facts,
    run_identity,
    run_signature,
)
from emoloom.auditing.final_answers import answered_before
from emoloom.auditing.inputs import input_changes, refuse_another
from emoloom.auditing.links import scores_files
from emoloom.auditing.reranking import EARLIER, earlier_rankings
from emoloom.auditing.rescoring import config_rule
from emoloom.config import MEND, Config, load_config
from emoloom.corpora.labels import load_space
from emoloom.engines.answering import (
    add_cross,
    add_polarity,
    answer_test,
    answer_with_candidates,
    answer_with_floors,
)
from emoloom.engines.context import Context
from emoloom.engines.halving import halve
from emoloom.engines.local import LocalEngine
from emoloom.engines.planning import Planned, announce, plan_ahead
from emoloom.engines.pool import PoolEngine
from emoloom.engines.preparing import Ready, find_inputs, prepare
from emoloom.engines.progress import Progress
from emoloom.errors import ConfigError, ExitCode, UserError
from emoloom.ranking.finals import check_scored, score_finals
from emoloom.ranking.leaderboard import (
    Leaderboard,
    ScoredCandidate,
    build_leaderboard,
)
from emoloom.ranking.leaderboard_texts import to_csv, to_json, to_markdown
from emoloom.ranking.rule import RankingRule
from emoloom.report.page import RANKED_PAGE, write_ranked_page, write_report
from emoloom.row_sets.build import Drawing, write_row_sets
from emoloom.row_sets.checks import PartChecks, check_parts, known_names
from emoloom.row_sets.part_facts import source_hashes
from emoloom.row_sets.polarity_set import check_pairs, held_out_rows
from emoloom.row_sets.shared import SharedRows, read_row_sets
from emoloom.runs.changes import CHANGED, Change, change_event
from emoloom.runs.directory import (
    RunDirectory,
    write_json_atomic,
    write_text_atomic,
)
from emoloom.runs.provenance import write_manifest
from emoloom.runs.record import (
    close_run,
    held_record,
    open_run,
    refuse_foreign_files,
    refuse_identity,
)
from emoloom.screening.candidates import all_candidates, list_candidates
from emoloom.screening.encoder_floor import list_encoders, told_of_encoders
from emoloom.screening.extras import check_recipes, try_extras
from emoloom.screening.recipe_settings import rate_said
from emoloom.sources.model_files import get_model, parse_source
from emoloom.sources.origins import GgufFile, LocalFolder
from emoloom.supervision.lexicon import load_lexicon


@dataclass(frozen=True, slots=True)
class Screened:
    """What a screen leaves behind."""

    code: ExitCode
    """DONE, BUDGET where it stopped early with a valid report, USER_ERROR where all failed."""
    folder: Path
    """The run folder."""
    table: str
    """The leaderboard as Markdown."""
    verdict: str
    """One sentence."""
    notes: tuple[str, ...]
    """What else bears on it, one sentence each."""
    digest: str
    """sha256 of the manifest, which binds every file of the folder."""


def screen(
    config_path: Path, out: Path | None, progress: Progress, *, accept_changed: bool = False
) -> Screened:
    """Run, or continue, a whole screen.

    Args:
        config_path: the YAML config.
        out: run folder; `runs/<name>` when None. Enters no fingerprint, score or leaderboard.
        progress: where to show what is going on.
        accept_changed: go on in the folder of a run whose inputs have changed since.

    Raises:
        UserError: the config, a corpus, a model or the folder cannot be used, or the folder holds
            a run of another config, of other versions or of other inputs.
    """
    config = check(config_path)
    run = RunDirectory(out or Path("runs") / config.name)
    with opened(config, run, progress, accept_changed=accept_changed) as context:
        ready = prepare(context)
        rule = fix_rule(context, ready.rows)
        planned = plan_ahead(context, ready.jobs, ready.encoders)
        announce(context, planned)
        missing = ready.inputs.missing
        floors = answer_with_floors(context, ready.rows, ready.encoders, missing)
        halved = halve(context, rule, ready.jobs, planned)
        answered = answer_with_candidates(context, ready.jobs, halved)
        asked = add_polarity(context, ready.rows, [*floors, *answered], ready.jobs)
        entries = add_cross(context, ready.rows, asked, ready.jobs)
        ranked = rank(context, ready.rows, rule, entries)
        board = add_test(context, ready, ranked, entries)
        who = write_leaderboard(context, ready, board)
        context.engine.ledger.close()
        close_run(run, "stopped_by_budget" if context.engine.stopped else "done")
        facts = made_from(config, context.space, context.lexicon, ready.inputs)
        facts |= {"config_given": given_config(config_path), "entries": who}
        if earlier := earlier_rankings(run, [one["name"] for one in who]):
            facts[EARLIER] = earlier
        if before := answered_before(run, entries, board.standing.best_set):
            facts[ANSWERED_BEFORE] = before
        digest = close_folder(run, facts)
    code = ExitCode.BUDGET if context.engine.stopped else _exit_code(answered)
    return Screened(code, run.root, to_markdown(board), board.verdict, board.notes, digest)


def plan(
    config_path: Path, out: Path, progress: Progress, *, accept_changed: bool = False
) -> Planned:
    """Draw the rows, time the models for seconds, and say what the screen will cost.

    Args:
        config_path: the YAML config.
        out: run folder: a new one, or that of a run, of which what is left is forecast. `screen`
            goes on in it, and times nothing again.
        progress: where to show what is going on.
        accept_changed: as `screen`.

    Raises:
        UserError: as `screen`.
    """
    config = check(config_path)
    config = config.model_copy(update={"budget": config.budget.model_copy(update={"probe": True})})
    run = RunDirectory(out)
    with opened(config, run, progress, accept_changed=accept_changed) as context:
        ready = prepare(context)
        planned = plan_ahead(context, ready.jobs, ready.encoders)
        context.engine.ledger.close()
        assert planned is not None
        forecast = planned.forecast
        close_run(run, "planned" if forecast.expected or forecast.unknown else "done")
    return planned


def close_folder(run: RunDirectory, facts: dict[str, Any]) -> str:
    """Manifest and page; the page shows what the manifest says, and is bound by it.

    Returns:
        The run's digest.
    """
    write_manifest(run, facts)
    write_report(run.root)
    digest = write_manifest(run, facts)
    if (run.root / RANKED_PAGE).exists():
        write_ranked_page(run.root)
    return digest


@contextmanager
def opened(
    config: Config, run: RunDirectory, progress: Progress, *, accept_changed: bool = False
) -> Iterator[Context]:
    """A run at work in its folder; however it ends, that is recorded."""
    refuse_foreign_files(run)
    with run.lock():
        context = open_context(config, run, progress, accept_changed=accept_changed)
        try:
            yield context
        except KeyboardInterrupt:
            run.event("interrupted")
            close_run(run, "interrupted")
            raise
        except UserError as error:
            run.event("failed", message=str(error))
            close_run(run, "failed")
            raise
        finally:
            context.engine.close()


def _exit_code(answered: Sequence[ScoredCandidate]) -> ExitCode:
    """A failed candidate is said in the report; that every one failed is for the user to mend."""
    ends = {entry.status for entry in answered}
    return ExitCode.USER_ERROR if ends == {"failed"} else ExitCode.DONE


def check(config_path: Path) -> Config:
    """Everything that can be known to be wrong before any work is done, all of it at once.

    Raises:
        UserError: the config, its label space, lexicon, a corpus or a model name is at fault.
    """
    parts = PartChecks()
    config = load_config(
        config_path,
        {
            "labels": parts.labels,
            "lexicon": load_lexicon,
            "model": parse_source,
            "floor": partial(parse_source, encoder=True),
            "train": parts.train,
            "select": parts.select,
            "cross": parts.cross,
            "test": parts.test,
            "polarity": check_pairs,
        },
        known_names(),
    )
    try:
        list_candidates(config)
    except UserError as error:
        raise ConfigError(str(config_path), [f"models: {error}"], do=MEND) from error
    try:
        list_encoders(config)
    except UserError as error:
        raise ConfigError(str(config_path), [f"floors: {error}"], do=MEND) from error
    space = load_space(config.labels)
    if faults := [*check_parts(config.data, space), *check_recipes(config, space)]:
        raise ConfigError(str(config_path), faults, do=MEND)
    return config


@dataclass(frozen=True, slots=True)
class Checked:
    """A config without a fault, and what a screen of it would draw."""

    config: Config
    """The config."""
    told: tuple[str, ...]
    """What would become of the records, in words."""
    warnings: tuple[str, ...]
    """For the user."""


def check_whole(config_path: Path) -> Checked:
    """As `check`, and all that `data build` or `screen` would refuse before a model is loaded.

    The row sets are drawn into a temporary folder, and models that lie on this disk are looked at
    (a GGUF file is converted into the cache, as `screen` would); nothing is fetched.

    Raises:
        UserError: as `check`, and of what is found there.
    """
    config = check(config_path)
    faults, floors = _faults_of_models(config), told_of_encoders(config)
    try:
        rows = _try_rows(config)
    except UserError as error:
        faults.append(str(error))
    if faults:
        raise ConfigError(str(config_path), faults, do=MEND)
    rate = f"learning rate: {rate_said(config, len(rows.train))}"
    told = (*rows.told, rate) if config.trials.learning_rates else rows.told
    return Checked(config, told, (*config.path_warnings, *rows.warnings, *floors))


def _try_rows(config: Config) -> SharedRows:
    """Draw the row sets, as `data build` and `screen` do, and throw them away."""
    space, lexicon = load_space(config.labels), load_lexicon(config.lexicon)
    sources = source_hashes(config.data)
    drawing = Drawing(config.data, sources, config.seed, held_out_rows(config.polarity))
    with tempfile.TemporaryDirectory() as name:
        write_row_sets(Path(name), drawing, space, lexicon)
        rows = read_row_sets(Path(name), space)
    check_scored(config_rule(config, rows, space), rows.test)
    try_extras(config, rows, space)
    return rows


def _faults_of_models(config: Config) -> list[str]:
    """Of the models that need not be fetched."""
    faults = []
    models = {one.model.name: one.model for one in list_candidates(config)}
    for index, model in enumerate(models.values()):
        if isinstance(model.origin, LocalFolder | GgufFile):
            try:
                get_model(model)
            except UserError as error:
                faults.append(f"models.{index}: {error}")
    return faults


def open_context(
    config: Config, run: RunDirectory, progress: Progress, *, accept_changed: bool
) -> Context:
    """Claim the run folder for this config, or continue in it.

    Of a run that is there the inputs are looked at before anything is written.
    """
    space, lexicon = load_space(config.labels), load_lexicon(config.lexicon)
    identity, facts = run_identity(config), run_facts(config, space, lexicon, run.root)
    for warning in config.path_warnings:
        progress.say(f"warning: {warning}")
    held, inputs = held_record(run), None
    changes: Sequence[Change] = ()
    if held is not None:
        refuse_another(run.root, held, facts)
        refuse_identity(run, held, identity)
        inputs = find_inputs(config, lexicon, progress.say)
        may_lack = [one.name for one in list_encoders(config)]
        changes = input_changes(
            run.root, held, inputs.hashes, accept=accept_changed, may_lack=may_lack
        )
        facts["inputs"] = inputs.hashes
    if changes:
        run.event(CHANGED, **change_event(changes))
    if open_run(run, identity, facts):
        progress.say(f"continuing the run in {run.root}")
    engine = (
        PoolEngine(run, progress, config.budget, config=config)
        if config.workers
        else LocalEngine(run, progress, config.budget)
    )
    return Context(config, run, engine, progress, space, lexicon, inputs)


def fix_rule(context: Context, rows: SharedRows) -> RankingRule:
    """The ranking rule, fixed before any candidate is trained.

    Raises:
        UserError: nothing is left to rank by, or `test` cannot be scored by it.
    """
    rule = config_rule(context.config, rows, context.space)
    check_scored(rule, rows.test)
    return rule


def rank(
    context: Context, rows: SharedRows, rule: RankingRule, scored: Sequence[ScoredCandidate]
) -> Leaderboard:
    """Score, compare, rank, on `select` alone."""
    config = context.config
    signature = run_signature(config, context.space, rows, rule)
    board = build_leaderboard(
        scored, rows.select, context.space, rule, run_name=config.name, signature=signature
    )
    return replace(board, notes=(*rows.notes, *config.decoding.notes))


def add_test(
    context: Context, ready: Ready, ranked: Leaderboard, scored: Sequence[ScoredCandidate]
) -> Leaderboard:
    """The leaderboard with what its best set says on `test`; no rank changes by it."""
    best = ranked.standing.best_set
    tested = answer_test(context, ready.rows, scored, best, ready.jobs)
    if not ready.rows.test:
        return ranked.closed(None)
    found = score_finals(tested, ready.rows.test, context.space, ranked.rule, ranked.standing)
    return ranked.closed(found)


def write_leaderboard(context: Context, ready: Ready, board: Leaderboard) -> list[dict[str, Any]]:
    """One file for machines, one for sheets, one for people; and each entry's own scores.

    Returns:
        Who its entries are, for the manifest.
    """
    config = context.config
    signature = run_signature(config, context.space, ready.rows, board.rule)
    parameters = {name: files.parameters for name, files in ready.inputs.files.items()}
    bases = {
        one.name: BaseModel(one.model.name, ready.inputs.files[one.model.name].weights_sha256)
        for one in all_candidates(config, parameters)
    }
    bases |= {job.name: BaseModel(job.name, job.model.weights_sha256) for job in ready.encoders}
    who = entry_facts(
        [entry.scored.source for entry in board.entries if not entry.scored.source.trainings], bases
    )
    for name, scores in scores_files(context.run, board, signature, who).items():
        write_json_atomic(context.run.candidate(name) / "scores.json", scores)
    for suffix, text in (("json", to_json), ("csv", to_csv), ("md", to_markdown)):
        write_text_atomic(context.run.root / f"leaderboard.{suffix}", text(board))
    return who
