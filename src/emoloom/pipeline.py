"""A whole screen, one call a stage, read from top to bottom.

config -> models -> rows -> rule and plan -> floors -> candidates -> polarity pairs -> leaderboard
-> manifest -> report
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from emoloom.config import MEND, Config, load_config
from emoloom.corpora.labels import load_space
from emoloom.engines.answering import (
    add_polarity,
    answer_with_candidates,
    answer_with_floors,
    candidate_runs,
)
from emoloom.engines.context import Context
from emoloom.engines.local import LocalEngine
from emoloom.engines.progress import Progress
from emoloom.errors import ConfigError, ExitCode, UserError
from emoloom.metrics.resampling import Bootstrap
from emoloom.report.page import write_report
from emoloom.runs.directory import (
    RunDirectory,
    write_json_atomic,
    write_text_atomic,
)
from emoloom.runs.provenance import write_manifest
from emoloom.runs.record import add_licences, close_run, open_run, refuse_foreign_files
from emoloom.screening.candidates import Candidate, list_candidates
from emoloom.screening.extras import Extras, check_recipes, extras_work, read_extras
from emoloom.screening.facts import (
    SourceHashes,
    made_from,
    model_licences,
    run_facts,
    run_identity,
    run_signature,
    source_hashes,
)
from emoloom.screening.leaderboard import (
    Leaderboard,
    ScoredCandidate,
    build_leaderboard,
)
from emoloom.screening.leaderboard_texts import to_csv, to_json, to_markdown
from emoloom.screening.plan import write_plan
from emoloom.screening.polarity_set import (
    check_pairs,
    held_out_rows,
    pair_hashes,
    pair_set_work,
    with_pairs,
)
from emoloom.screening.ranking import RankingRule, RankingSettings, ranking_rule
from emoloom.screening.row_sets import (
    Drawing,
    SharedRows,
    mean_human_vad,
    read_part,
    read_row_sets,
    row_set_work,
)
from emoloom.sources.model_files import ModelFiles, get_model, parse_source
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


def screen(config_path: Path, out: Path | None, progress: Progress) -> Screened:
    """Run, or continue, a whole screen.

    Args:
        config_path: the YAML config.
        out: run folder; `runs/<name>` when None. Enters no fingerprint, score or leaderboard.
        progress: where to show what is going on.

    Raises:
        UserError: the config, a corpus, a model or the folder cannot be used.
    """
    config = check(config_path)
    run = RunDirectory(out or Path("runs") / config.name)
    refuse_foreign_files(run)
    with run.lock():
        context = open_context(config, run, progress)
        try:
            chosen = list_candidates(config)
            files = fetch_models(context, chosen)
            add_licences(run, model_licences(files.values()))
            sources = source_hashes(config.data) | pair_hashes(config.polarity)
            rows = draw_rows(context, sources)
            rule = fix_rule(context, rows)
            extras = make_extras(context, rows)
            write_plan(run, config, chosen, rows, len(extras.flips))
            floors = answer_with_floors(context, rows)
            jobs = candidate_runs(context, rows, extras, chosen, files)
            answered = answer_with_candidates(context, jobs)
            entries = add_polarity(context, rows, [*floors, *answered], jobs)
            board = write_leaderboard(context, rows, rule, entries)
            close_run(run, "stopped_by_budget" if context.engine.stopped else "done")
            facts = made_from(config, context.space, context.lexicon, sources, files)
            write_manifest(run, facts)
            write_report(run.root)
        except KeyboardInterrupt:
            run.event("interrupted")
            close_run(run, "interrupted")
            raise
        except UserError as error:
            run.event("failed", message=str(error))
            close_run(run, "failed")
            raise
    code = ExitCode.BUDGET if context.engine.stopped else _exit_code(answered)
    return Screened(code, run.root, to_markdown(board), board.verdict)


def _exit_code(answered: Sequence[ScoredCandidate]) -> ExitCode:
    """A failed candidate is said in the report; that every one failed is for the user to mend."""
    ends = {entry.status for entry in answered}
    return ExitCode.USER_ERROR if ends == {"failed"} else ExitCode.DONE


def check(config_path: Path) -> Config:
    """Everything that can be known to be wrong before any work is done, all of it at once.

    Raises:
        UserError: the config, its label space, lexicon, a corpus or a model name is at fault.
    """
    config = load_config(
        config_path,
        {
            "labels": load_space,
            "lexicon": load_lexicon,
            "model": parse_source,
            "train": partial(read_part, split="train"),
            "select": partial(read_part, split="dev"),
            "polarity": check_pairs,
        },
    )
    try:
        list_candidates(config)
    except UserError as error:
        raise ConfigError(str(config_path), [f"models: {error}"], do=MEND) from error
    if faults := check_recipes(config, load_space(config.labels)):
        raise ConfigError(str(config_path), faults, do=MEND)
    return config


def open_context(config: Config, run: RunDirectory, progress: Progress) -> Context:
    """Claim the run folder for this config, or continue in it."""
    space, lexicon = load_space(config.labels), load_lexicon(config.lexicon)
    identity = run_identity(config, space, lexicon)
    facts = run_facts(config, space, lexicon)
    if open_run(run, identity, facts):
        progress.say(f"continuing the run in {run.root}")
    engine = LocalEngine(run, progress, config.budget.wall_seconds)
    return Context(config, run, engine, progress, space, lexicon)


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


def fix_rule(context: Context, rows: SharedRows) -> RankingRule:
    """The ranking rule, fixed before any candidate is trained."""
    ranking = context.config.ranking
    settings = RankingSettings(
        weight_labels=ranking.labels_weight,
        weight_vad=ranking.vad_weight,
        min_positives=ranking.min_positives,
        bootstrap=Bootstrap(draws=ranking.bootstrap, seed=context.config.seed),
    )
    return ranking_rule(
        rows.select, context.space, settings, vad_reference=mean_human_vad(rows.train)
    )


def fetch_models(context: Context, chosen: Sequence[Candidate]) -> dict[str, ModelFiles]:
    """Every model on this disk, by its name.

    Before the first stage: what cannot be had is said while the folder is still free for a config
    that was mended.
    """
    models = {candidate.model.name: candidate.model for candidate in chosen}
    return {name: get_model(model, say=context.progress.say) for name, model in models.items()}


def write_leaderboard(
    context: Context, rows: SharedRows, rule: RankingRule, scored: Sequence[ScoredCandidate]
) -> Leaderboard:
    """Score, compare, rank; one file for machines, one for sheets, one for people."""
    config = context.config
    signature = run_signature(config, context.space, rows, rule)
    board = build_leaderboard(
        scored, rows.select, context.space, rule, run_name=config.name, signature=signature
    )
    for entry in board.entries:
        name = entry.scored.source.name
        if entry.scored.source.status == "scored":
            write_json_atomic(context.run.candidate(name) / "scores.json", entry.scores_file())
    for suffix, text in (("json", to_json), ("csv", to_csv), ("md", to_markdown)):
        write_text_atomic(context.run.root / f"leaderboard.{suffix}", text(board))
    return board
