"""Scores and ranking of a run folder, computed again from raw outputs; no model is needed.

What the folder states of its scores is not read. Config, label space, gold rows and answers are;
who the entries are comes from the manifest.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emoloom.auditing.facts import run_signature
from emoloom.auditing.final_answers import final_answers, finalists
from emoloom.config import Config, parse_config
from emoloom.config_paths import recorded
from emoloom.corpora.readers import read_rows
from emoloom.errors import UserError
from emoloom.metrics.cross_corpus import CrossScores
from emoloom.metrics.polarity import PolarityScores
from emoloom.metrics.resampling import Bootstrap
from emoloom.metrics.signature import Signature
from emoloom.metrics.teacher_forced import ForcedScores
from emoloom.ranking.entries import ScoredCandidate
from emoloom.ranking.finals import score_finals
from emoloom.ranking.leaderboard import Leaderboard, build_leaderboard
from emoloom.ranking.rule import RankingRule, RankingSettings, ranking_rule
from emoloom.records import LabelSpace, ParseFailure, Prediction, Row
from emoloom.row_sets.cross_spaces import (
    CROSS,
    CrossSpace,
    read_cross_rows,
    read_cross_spaces,
)
from emoloom.row_sets.held_out import TEST
from emoloom.row_sets.losses import loss_notes
from emoloom.row_sets.polarity_set import POLARITY, pair_scores
from emoloom.row_sets.shared import SharedRows, mean_human_vad
from emoloom.runs.directory import RunDirectory, sha256_file
from emoloom.screening.cross_set import cross_scores
from emoloom.screening.outputs import FORCED, SELECT, read_answers, read_forced
from emoloom.supervision.affine import AffineMap
from emoloom.supervision.lexicon import SHIPPED, Lexicon, load_lexicon


@dataclass(frozen=True, slots=True)
class RawRun:
    """What scores are made of, as it lies in the folder."""

    run: RunDirectory
    """The folder."""
    config: Config
    """In force."""
    space: LabelSpace
    """In force."""
    rows: SharedRows
    """Gold rows; of train only the VAD is used, as the constant of skill."""
    entries: tuple[ScoredCandidate, ...]
    """With their answers, where they are scored."""
    made_by: tuple[dict[str, Any], ...]
    """The same entries as the manifest has them."""
    version: str
    """Of the emoloom that made the run; it stands in every signature."""
    unchecked: str
    """What cannot be computed here, and why; empty where all can."""


def config_rule(
    config: Config,
    rows: SharedRows,
    space: LabelSpace,
    weights: tuple[float, float] | None = None,
) -> RankingRule:
    """The rule of a screen, with the config's weights or others, of labels and VAD.

    Raises:
        UserError: nothing is left to rank by.
    """
    given = config.ranking
    weight_labels, weight_vad = weights or (given.labels_weight, given.vad_weight)
    settings = RankingSettings(
        weight_labels=weight_labels,
        weight_vad=weight_vad,
        min_positives=given.min_positives,
        bootstrap=Bootstrap(draws=given.bootstrap, seed=config.seed),
    )
    return ranking_rule(rows.select, space, settings, vad_reference=mean_human_vad(rows.train))


def read_raw(
    root: Path, record: Mapping[str, Any], predicate: Mapping[str, Any], entries: Sequence[Any]
) -> RawRun:
    """Read gold rows and answers of a run folder.

    Args:
        root: the folder.
        record: its run.json.
        predicate: of its manifest.
        entries: from `entry_facts.read_entries`.

    Raises:
        UserError: a file is missing, or is not what a run has.
    """
    run = RunDirectory(root)
    look = recorded(record.get("paths"), root)
    config = parse_config(dict(record["config"]), source="run.json, `config`", look=look)
    space = _space(record)
    rows = _shared_rows(run, config, space)
    lexicon, why_not = _lexicon(config, predicate)
    return RawRun(
        run=run,
        config=config,
        space=space,
        rows=rows,
        entries=tuple(_scored(run, entry, rows, space, lexicon, config) for entry in entries),
        made_by=tuple(entries),
        version=str(predicate["emoloom"]["version"]),
        unchecked=why_not if rows.polarity else "",
    )


def rescore(
    raw: RawRun, weights: tuple[float, float] | None = None
) -> tuple[Leaderboard, Signature]:
    """The leaderboard of these answers, by the config's weights or by others.

    Returns:
        The leaderboard, and the signature that stands behind its numbers.

    Raises:
        UserError: an answer is to no row of the run, or nothing is left to rank by.
    """
    rule = config_rule(raw.config, raw.rows, raw.space, weights)
    now = run_signature(raw.config, raw.space, raw.rows, rule)
    signature = replace(now, version=raw.version)
    board = build_leaderboard(
        raw.entries,
        raw.rows.select,
        raw.space,
        rule,
        run_name=raw.config.name,
        signature=signature,
    )
    board = replace(board, notes=(*raw.rows.notes, *raw.config.decoding.notes))
    if weights is not None:  # the best set by other weights was asked nothing
        return board.closed(None, hint=""), signature
    if not raw.rows.test:
        return board.closed(None), signature
    chosen = finalists(raw.entries, board.standing.best_set)
    with _answers_to(TEST):
        tested = final_answers(raw.run, chosen, raw.rows.test, raw.space)
    return board.closed(score_finals(tested, raw.rows.test, raw.space, rule, board.standing)), (
        signature
    )


def _space(record: Mapping[str, Any]) -> LabelSpace:
    space = record["label_space"]
    return LabelSpace(str(space["name"]), tuple(str(label) for label in space["labels"]))


def _shared_rows(run: RunDirectory, config: Config, space: LabelSpace) -> SharedRows:
    sets = {"train": _gold(run.data("train"), space), SELECT: _gold(run.data(SELECT), space)}
    if config.polarity.pairs:
        sets[POLARITY] = _gold(run.data(POLARITY), space)
    spaces: dict[str, CrossSpace] = {}
    counts = json.loads((run.root / "data" / "counts.json").read_text(encoding="utf-8"))
    if config.data.cross:
        spaces = read_cross_spaces(counts, space)
        sets[CROSS] = read_cross_rows(run.data(CROSS), spaces)
    if config.data.test:
        sets[TEST] = _gold(run.data(TEST), space)
    return SharedRows(
        train=sets["train"],
        select=sets[SELECT],
        scale=AffineMap.identity(),  # for training targets alone
        warnings=(),
        hashes={name: sha256_file(run.data(name)) for name in sets},
        polarity=sets.get(POLARITY, ()),
        cross=sets.get(CROSS, ()),
        cross_spaces=spaces,
        test=sets.get(TEST, ()),
        notes=loss_notes(counts.get("losses", ())),
    )


def _gold(path: Path, space: LabelSpace) -> tuple[Row, ...]:
    read = read_rows(path, space)
    if read.rejected:
        first = read.rejected[0]
        raise UserError(
            f"{path.parent.name}/{path.name} has lines that are no rows of a run",
            got=f"line {first.line}: {first.reason}",
        )
    return read.rows


def _lexicon(config: Config, predicate: Mapping[str, Any]) -> tuple[Lexicon | None, str]:
    """The lexicon that polarity is scored with, or why it cannot be.

    The path may be a stranger's: the file is read only where it has the hash of the run's lexicon.
    """
    path = config.lexicon or SHIPPED
    if not path.is_file():
        return None, f"polarity consistency needs the run's lexicon, and there is no file {path}"
    if sha256_file(path) != predicate["lexicon"]["sha256"]:
        return None, f"polarity consistency needs the run's lexicon, and {path} is another"
    return load_lexicon(config.lexicon), ""


_TEXTS = ("name", "kind", "model", "recipe", "status", "reason", "pooled", "noise_of")


def _scored(
    run: RunDirectory,
    entry: Mapping[str, Any],
    rows: SharedRows,
    space: LabelSpace,
    lexicon: Lexicon | None,
    config: Config,
) -> ScoredCandidate:
    name, done = entry["name"], entry["status"] == "scored"
    answers: tuple[Prediction | ParseFailure, ...] | None = None
    ids: tuple[str, ...] = ()
    polarity: PolarityScores | None = None
    cross: dict[str, CrossScores] = {}
    forced: ForcedScores | None = None
    bootstrap = Bootstrap(draws=config.ranking.bootstrap, seed=config.seed)
    if done:
        with _answers_of(run, name, SELECT):
            answers, ids = read_answers(run, name, space)
        with _answers_to((run.candidate(name) / FORCED).relative_to(run.root).as_posix()):
            forced = read_forced(run, name, rows, space)
    asked = done and entry["kind"] != "shown"
    said = {row_set for row_set in (POLARITY, CROSS) if run.rows(name, row_set).is_file()}
    if asked and rows.polarity and lexicon is not None and POLARITY in said:
        with _answers_of(run, name, POLARITY):
            polarity = pair_scores(run, name, rows.polarity, space, lexicon, bootstrap)
    if asked and rows.cross and CROSS in said:
        with _answers_of(run, name, CROSS):
            cross = cross_scores(run, name, rows, space, bootstrap)
    texts = {key: entry[key] for key in _TEXTS}
    return ScoredCandidate(
        **texts, answers=answers, row_ids=ids, polarity=polarity, cross=cross, forced=forced
    )


def _answers_of(run: RunDirectory, name: str, row_set: str) -> AbstractContextManager[None]:
    return _answers_to(run.rows(name, row_set).relative_to(run.root).as_posix())


@contextmanager
def _answers_to(where: str) -> Iterator[None]:
    """Whatever stands in a file of answers, a fault of it is the file's."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{where} holds lines that are no answers", got=str(error)) from error
