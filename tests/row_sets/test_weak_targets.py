"""Weak VAD that rows are trained on is of the kind that its map to people's scale was fitted on."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import scipy.stats

from asked_rows import SPACE, build_row_sets, part
from emoloom.config_sections import DataConfig, RowsConfig
from emoloom.corpora.registry import read_corpus
from emoloom.records import Row
from emoloom.supervision.likely_labels import likely_labels
from emoloom.supervision.mirror_pairs import load_mirror_pairs
from emoloom.supervision.valence_flip import flip_rows
from emoloom.supervision.weak_vad import weak_vad

FOLDS = 5
RATED = read_corpus("emobank-sample", "train").rows


def as_file(path: Path, rows: list[Row]) -> RowsConfig:
    path.write_text("".join(json.dumps(row.to_dict()) + "\n" for row in rows), encoding="utf-8")
    return RowsConfig(file=path)


def unrated(rows: list[Row]) -> list[Row]:
    """The rows as a corpus of labels has them, with labels such as their texts suggest."""
    labelled = read_corpus("goemotions-sample", "train").rows
    labels = likely_labels([*labelled, *(replace(r, answer=_bare(r)) for r in rows)], SPACE)
    return [
        replace(row, answer=replace(_bare(row), labels=(labels[row.id],)), vad_source=None)
        for row in rows
    ]


def _bare(row: Row):
    return replace(row.answer, labels=None, vad=None)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory, lexicon) -> list[tuple[Row, Row]]:
    """(as people rated it, as it is trained on where nobody had), each text once, out of fold."""
    folder, found = tmp_path_factory.mktemp("folds"), []
    for fold in range(FOLDS):
        out = list(RATED[fold::FOLDS])
        kept = [row for row in RATED if row not in out]
        parts = (
            as_file(folder / f"rated{fold}.jsonl", kept),
            as_file(folder / f"labelled{fold}.jsonl", unrated(out)),
        )
        data = DataConfig(train=parts, select=(part("goemotions-sample", 5),))
        train = {row.text: row for row in build_row_sets(data, SPACE, lexicon, 1).train}
        found += [(row, train[row.text]) for row in out if row.text in train]
    return found


def test_people_agree_with_mapped_weak_vad_in_scale(pairs):
    """Slope of human on mapped weak VAD, out of fold; with labels as prior it was below a half."""
    assert len(pairs) > 780
    assert {trained.vad_source for _, trained in pairs} == {"weak"}
    assert all(trained.answer.labels for _, trained in pairs)
    for dimension in range(2):  # dominance: the lexicon says next to nothing (decision 0021)
        human = [rated.answer.vad.as_tuple()[dimension] for rated, _ in pairs]
        weak = [trained.answer.vad.as_tuple()[dimension] for _, trained in pairs]
        assert 0.8 <= scipy.stats.linregress(weak, human).slope <= 1.25, "vad"[dimension]


def test_labels_move_no_target(lexicon):
    """Of rows and of flips: a label's own place would be learnt in place of the text's."""
    data = DataConfig(
        train=(part("goemotions-sample", 600), part("emobank-sample", 100)),
        select=(part("goemotions-sample", 5),),
    )
    sets = build_row_sets(data, SPACE, lexicon, 1)
    flips = flip_rows(sets.train, load_mirror_pairs(SPACE), lexicon, sets.scale).rows
    weak = [row for row in (*sets.train, *flips) if row.vad_source == "weak"]
    assert len(flips) > 30
    for row in weak:
        wanted = sets.scale.apply(weak_vad(row.text, lexicon).vad).as_tuple()
        assert row.answer.vad.as_tuple() == pytest.approx(wanted, abs=5e-5)


def test_a_text_of_unknown_words_gets_what_the_map_makes_of_the_centre(lexicon):
    data = DataConfig(
        train=(part("goemotions-sample"), part("emobank-sample")),
        select=(part("goemotions-sample", 5),),
    )
    sets = build_row_sets(data, SPACE, lexicon, 1)
    unknown = [row for row in sets.train if not weak_vad(row.text, lexicon).hits]
    weak = [row for row in unknown if row.vad_source == "weak"]
    people = [row.answer.vad.v for row in unknown if row.vad_source == "human"]
    assert len(weak) > 50
    assert {row.answer.vad for row in weak} == {sets.scale.apply(lexicon.centre, 4)}
    # People rate such texts a little higher: within a third of the ratings' spread of 0.08.
    assert abs(weak[0].answer.vad.v - sum(people) / len(people)) < 0.08 / 3
