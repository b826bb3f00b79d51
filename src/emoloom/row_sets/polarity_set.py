"""The polarity pairs of a screen: chosen once by its seed, the same for all, never trained on."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, zip_longest

from emoloom import __version__
from emoloom.config_sections import PolarityConfig
from emoloom.corpora.polarity_pairs import (
    PAIRS_FILE,
    POLARITY_SOURCE,
    PolarityPair,
    load_polarity_pairs,
    polarity_rows,
)
from emoloom.draws import generator
from emoloom.errors import UserError
from emoloom.metrics.polarity import PolarityScores, score_polarity_outputs
from emoloom.metrics.resampling import Bootstrap
from emoloom.records import LabelSpace, Row
from emoloom.row_sets.shared import SharedRows, read_back
from emoloom.runs.directory import (
    RunDirectory,
    Stage,
    fingerprint,
    read_complete_lines,
    sha256_file,
    write_jsonl_atomic,
)
from emoloom.runs.work import Advance, Outcome, Work
from emoloom.supervision.lexicon import Lexicon

POLARITY = "polarity"
"""Name of the stage, and of the files of rows."""


def check_pairs(count: int) -> None:
    """See that so many pairs ship.

    Raises:
        UserError: they do not.
    """
    most = len(load_polarity_pairs())
    if not 0 <= count <= most:
        raise UserError(
            "there are not so many polarity pairs",
            got=str(count),
            allowed=f"0 (none are asked) to {most}, the pairs that ship",
            do="ask for fewer",
        )


def choose_pairs(count: int, seed: int) -> tuple[PolarityPair, ...]:
    """Draw pairs, pleasant and unpleasant originals in turn until one kind is used up.

    The pairs come in the order drawn: fewer pairs of one seed are the beginning of more.

    Raises:
        UserError: as `check_pairs`.
    """
    check_pairs(count)
    pairs = load_polarity_pairs()
    rng = generator(seed, "polarity-pairs")
    kinds = [[p for p in pairs if p.polarity == kind] for kind in ("pleasant", "unpleasant")]
    shuffled = [[kind[i] for i in rng.permutation(len(kind))] for kind in kinds]
    turns = chain.from_iterable(zip_longest(*shuffled))
    return tuple(pair for pair in turns if pair is not None)[:count]


def held_out_rows(settings: PolarityConfig) -> tuple[Row, ...]:
    """Every row that must not be trained on: all pairs that ship, so that no seed moves train."""
    return polarity_rows(load_polarity_pairs()) if settings.pairs else ()


def pair_hashes(settings: PolarityConfig) -> dict[str, dict[str, str]]:
    """sha256 of the file of pairs, by source, as `facts.source_hashes`; empty if switched off."""
    if not settings.pairs:
        return {}
    return {POLARITY_SOURCE: {PAIRS_FILE.name: sha256_file(PAIRS_FILE)}}


def pair_set_work(
    run: RunDirectory, settings: PolarityConfig, space: LabelSpace, seed: int
) -> Work:
    """Choose the pairs and write their rows to `data/polarity.jsonl`."""
    out = run.data(POLARITY)

    def make(advance: Advance) -> Outcome:
        rows = [_in_space(row, space) for row in polarity_rows(choose_pairs(settings.pairs, seed))]
        write_jsonl_atomic(out, [row.to_dict() for row in rows])
        advance(settings.pairs)
        return Outcome((out,), {"pairs": settings.pairs, "rows": len(rows)})

    inputs = [settings.pairs, seed, space.labels, pair_hashes(settings), __version__]
    stage = Stage(run.root, POLARITY, fingerprint(inputs))
    return Work(stage, "-", settings.pairs, "pairs", make, budgeted=False)


def with_pairs(rows: SharedRows, run: RunDirectory, space: LabelSpace) -> SharedRows:
    """The shared rows, and what `pair_set_work` wrote."""
    path = run.data(POLARITY)
    hashes = {**rows.hashes, POLARITY: sha256_file(path)}
    return replace(rows, polarity=read_back(path, space), hashes=hashes)


def pair_scores(
    run: RunDirectory,
    name: str,
    rows: Sequence[Row],
    space: LabelSpace,
    lexicon: Lexicon,
    bootstrap: Bootstrap,
) -> PolarityScores:
    """Polarity consistency of a candidate or floor that answered every row of the pairs.

    Raises:
        UserError: a row has no output.
    """
    lines = read_complete_lines(run.rows(name, POLARITY))
    outputs = {line["id"]: line["output"] for line in lines}
    asked = {row.id for row in rows}
    pairs = [pair for pair in load_polarity_pairs() if pair.id in asked]
    return score_polarity_outputs(outputs, pairs, space, lexicon, bootstrap)


def _in_space(row: Row, space: LabelSpace) -> Row:
    """The pairs are labelled in one space, and asked in all: only their polarity is scored."""
    if row.answer.labels is None or set(row.answer.labels) <= set(space.labels):
        return row
    return replace(row, answer=replace(row.answer, labels=None))
