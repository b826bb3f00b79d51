"""A whole screen, one call a stage, read from top to bottom.

config -> models -> rows -> rule, plan -> floors -> candidates -> leaderboard -> manifest, report
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from emoloom.config import MEND, Config, load_config
from emoloom.contract.prompt import instruction_sha256
from emoloom.contract.schema import CONTRACT_VERSION
from emoloom.corpora.labels import load_space
from emoloom.engines.local import BudgetStop, LocalEngine
from emoloom.engines.progress import Progress
from emoloom.errors import ConfigError, ExitCode, UserError
from emoloom.metrics.resampling import Bootstrap
from emoloom.metrics.signature import Signature
from emoloom.models.logits import ModelError
from emoloom.records import LabelSpace
from emoloom.report.page import write_report
from emoloom.runs.directory import (
    RunDirectory,
    write_json_atomic,
    write_text_atomic,
)
from emoloom.runs.provenance import write_manifest
from emoloom.runs.record import add_licences, close_run, open_run, refuse_foreign_files
from emoloom.screening.answers import (
    CandidateRun,
    candidate_work,
    floor_work,
    has_heads,
    read_answers,
)
from emoloom.screening.candidates import Candidate, list_candidates
from emoloom.screening.entries import Status
from emoloom.screening.extras import Extras, check_recipes, extras_work, read_extras
from emoloom.screening.facts import (
    SourceHashes,
    made_from,
    model_licences,
    run_facts,
    run_identity,
    source_hashes,
)
from emoloom.screening.floors import FLOORS
from emoloom.screening.head_answers import SUFFIX
from emoloom.screening.leaderboard import (
    Leaderboard,
    ScoredCandidate,
    build_leaderboard,
    to_csv,
    to_json,
    to_markdown,
)
from emoloom.screening.plan import write_plan
from emoloom.screening.ranking import RankingRule, RankingSettings, ranking_rule
from emoloom.screening.row_sets import (
    SharedRows,
    mean_human_vad,
    read_part,
    read_row_sets,
    row_set_work,
)
from emoloom.sources.model_files import ModelFiles, get_model, parse_source
from emoloom.supervision.lexicon import Lexicon, load_lexicon


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


@dataclass(frozen=True, slots=True)
class Context:
    """What every stage needs."""

    config: Config
    run: RunDirectory
    engine: LocalEngine
    progress: Progress
    space: LabelSpace
    lexicon: Lexicon


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
            sources = source_hashes(config.data)
            rows = draw_rows(context, sources)
            rule = fix_rule(context, rows)
            extras = make_extras(context, rows)
            write_plan(run, config, chosen, rows, len(extras.flips))
            floors = answer_with_floors(context, rows)
            answered = answer_with_candidates(context, rows, extras, chosen, files)
            board = write_leaderboard(context, rows, rule, [*floors, *answered])
            stopped = any(entry.status == "not_done" for entry in answered)
            close_run(run, "stopped_by_budget" if stopped else "done")
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
    return Screened(_exit_code(answered), run.root, to_markdown(board), board.verdict)


def _exit_code(answered: Sequence[ScoredCandidate]) -> ExitCode:
    """A failed candidate is said in the report; that every one failed is for the user to mend."""
    ends = {entry.status for entry in answered}
    if "not_done" in ends:
        return ExitCode.BUDGET
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
    """Draw the row sets that all candidates share, once."""
    config, folder = context.config, context.run.root / "data"
    context.engine.do(
        row_set_work(context.run, config.data, sources, context.space, context.lexicon, config.seed)
    )
    rows = read_row_sets(folder, context.space)
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
    """Every model on this disk, by name; before a stage is done, so that a config may be mended."""
    models = {candidate.model.name: candidate.model for candidate in chosen}
    return {name: get_model(model, say=context.progress.say) for name, model in models.items()}


def answer_with_floors(context: Context, rows: SharedRows) -> list[ScoredCandidate]:
    """The baselines every candidate must beat, on the same rows in the same contract."""
    scored = []
    for name in FLOORS:
        context.engine.do(
            floor_work(context.run, name, rows, context.space, context.lexicon, context.config.seed)
        )
        answers, ids = read_answers(context.run, name, context.space)
        scored.append(ScoredCandidate(name, "floor", "-", "floor", "scored", "", answers, ids))
    return scored


def answer_with_candidates(
    context: Context,
    rows: SharedRows,
    extras: Extras,
    chosen: Sequence[Candidate],
    files: dict[str, ModelFiles],
) -> list[ScoredCandidate]:
    """Certify, train and decode each candidate; a failure stops that one alone."""
    scored: list[ScoredCandidate] = []
    for candidate in chosen:
        model = files[candidate.model.name]
        job = CandidateRun(
            candidate,
            model,
            context.config,
            context.run,
            context.space,
            context.lexicon,
            rows,
            extras,
        )
        status, reason = _answer(context, job)
        done = status == "scored"
        answers, ids = (
            read_answers(context.run, candidate.name, context.space) if done else (None, ())
        )
        scored.append(
            ScoredCandidate(
                name=candidate.name,
                kind=candidate.kind,
                model=model.display_name,
                recipe=candidate.recipe,
                status=status,
                reason=reason,
                answers=answers,
                row_ids=ids,
            )
        )
        if done and has_heads(job):
            scored.append(_head_alone(context, candidate, model))
    return scored


def _head_alone(context: Context, candidate: Candidate, model: ModelFiles) -> ScoredCandidate:
    """The heads as a floor: is generating worth it?"""
    name = candidate.name + SUFFIX
    answers, ids = read_answers(context.run, name, context.space)
    shown = model.display_name
    return ScoredCandidate(name, "floor", shown, "head alone", "scored", "", answers, ids)


def _answer(context: Context, job: CandidateRun) -> tuple[Status, str]:
    """Do what one candidate needs; how it ended, and why where it did not end well."""
    status: Status
    try:
        for unit in candidate_work(job):
            context.engine.do(unit)
    except (ModelError, UserError) as error:
        status, reason = "failed", str(error)
    except BudgetStop as error:
        status, reason = "not_done", str(error)
    else:
        return "scored", ""
    context.run.event(status, candidate=job.candidate.name, message=reason)
    context.progress.say(f"{job.candidate.name}: {reason}")
    return status, reason


def write_leaderboard(
    context: Context, rows: SharedRows, rule: RankingRule, scored: Sequence[ScoredCandidate]
) -> Leaderboard:
    """Score, compare, rank; one file for machines, one for sheets, one for people."""
    config = context.config
    signature = Signature(
        (
            ("contract", CONTRACT_VERSION),
            ("space", context.space.name),
            ("instruction", instruction_sha256(context.space)[:8]),
            ("set", "select"),
            ("rows", f"{len(rows.select)}@{rows.hashes['select'][:8]}"),
            (
                "decoding",
                f"kv-off,greedy,max_new={config.decoding.max_new_tokens},{config.decoding.dtype}",
            ),
            *rule.signature_pairs(),
        )
    )
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
