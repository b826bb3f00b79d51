from dataclasses import replace

import pytest

from asked_rows import build_row_sets, part, sets_of
from emoloom.config_sections import DataConfig
from emoloom.corpora.labels import load_space
from emoloom.errors import UserError
from emoloom.records import VAD, Answer, PartialVAD, Row, VadSources
from emoloom.row_sets.checks import count_rows
from emoloom.row_sets.lexicon_fit import supervise
from emoloom.row_sets.shared import mean_human_vad, untrained_vad
from emoloom.supervision.affine import AffineMap, fit_affine
from emoloom.supervision.weak_vad import rationale, weak_vad
from official_files import BROKEN, emobank_file


@pytest.fixture
def official_sets(official, lexicon):
    labels, vad = official
    parts = (part("goemotions", path=labels), part("emobank", path=vad))
    return sets_of(lexicon, parts, parts)


def test_lines_in_are_rows_and_rejected(official_sets):
    counts = official_sets.counts
    # 20 sound and 6 broken lines of train.tsv, 20 of dev.tsv; 21 records of each EmoBank split.
    assert counts["lines_read"] == 26 + 20 + 21 + 21
    assert counts["rejected"] == len(official_sets.rejected) == 6 + 1 + 1
    kept = len(official_sets.train) + len(official_sets.select) + counts["removed_from_train"]
    assert counts["lines_read"] == kept + counts["rejected"]
    assert counts["sets"]["train"] == {"emobank": 20, "goemotions": 20, "all": 40}
    assert counts["sets"]["select"] == {"emobank": 20, "goemotions": 20, "all": 40}
    assert sum(counts["select_positives"].values()) == sum(
        len(row.answer.labels) for row in official_sets.select if row.answer.labels
    )


def test_every_rejected_line_is_listed_with_its_place_and_reason(official_sets):
    of_goemotions = [line for line in official_sets.rejected if line.source == "goemotions"]
    assert [line.line for line in of_goemotions] == [4, 5, 6, 7, 8, 9]
    for line, (text, reason) in zip(of_goemotions, BROKEN, strict=True):
        assert reason in line.reason
        assert "allowed" in line.reason
        assert line.excerpt == text.replace("\t", "\N{REPLACEMENT CHARACTER}")
    of_emobank = [line for line in official_sets.rejected if line.source == "emobank"]
    assert ["train-bad" in line.excerpt for line in of_emobank] == [True, False]
    assert all("9" in line.reason for line in of_emobank)


def test_a_text_of_dev_is_removed_from_train_and_never_from_select(official, lexicon):
    labels, _ = official
    dev = (labels / "dev.tsv").read_text(encoding="utf-8").splitlines()
    same = dev[0].split("\t")[0].upper() + "!\t3\tcopy"
    with (labels / "train.tsv").open("a", encoding="utf-8") as stream:
        stream.write(same + "\n")
    # The row is removed even where the draw leaves its twin out of `select`.
    for rows in (None, 5):
        sets = sets_of(
            lexicon, (part("goemotions", path=labels),), (part("goemotions", rows, labels),)
        )
        assert "goemotions/copy" not in {row.id for row in sets.train}
        assert sets.counts["removed_from_train"] == 1
    whole = sets_of(
        lexicon, (part("goemotions", path=labels),), (part("goemotions", None, labels),)
    )
    assert "goemotions/dev0" in {row.id for row in whole.select}


def test_the_draw_is_a_function_of_the_seed(lexicon):
    parts = ((part("goemotions-sample", 30), part("emobank-sample", 30)),)
    one = sets_of(lexicon, *parts, *parts, seed=1)
    assert sets_of(lexicon, *parts, *parts, seed=1) == one
    other = sets_of(lexicon, *parts, *parts, seed=2)
    assert {row.id for row in other.train} != {row.id for row in one.train}
    assert {row.id for row in other.select} != {row.id for row in one.select}
    assert not any("English" in warning for warning in one.counts["warnings"])
    assert 0.1 < one.counts["lexicon_hit_rate"] < 1


def test_a_smaller_draw_is_the_beginning_of_a_larger_one(lexicon):
    def ids(rows: int) -> list[str]:
        drawn = sets_of(lexicon, (part("goemotions-sample", 5),), (part("emobank-sample", rows),))
        return [row.id for row in drawn.select]

    assert ids(40)[:10] == ids(10)


def test_one_corpus_does_not_move_the_draw_of_another(lexicon):
    select = (part("goemotions-sample", 5),)
    alone = sets_of(lexicon, (part("goemotions-sample", 10),), select)
    both = sets_of(lexicon, (part("goemotions-sample", 10), part("emobank-sample", 3)), select)
    assert [row.id for row in alone.train] == [row.id for row in both.train][:10]
    assert alone.select == both.select


def test_train_is_supervised_weakly_and_select_never(official_sets):
    for row in official_sets.train:
        assert row.answer.vad is not None
        assert row.vad_source == ("human" if row.source == "emobank" else "weak")
        assert row.answer.rationale.startswith("cues: ")
    for row in official_sets.select:
        assert (row.answer.vad is None) == (row.source == "goemotions")
        assert row.vad_source == ("human" if row.source == "emobank" else None)
        assert row.answer.rationale == ""


def test_human_vad_wins_and_keeps_its_value(official_sets):
    rows = {row.id: row for row in official_sets.train}
    # Ratings 3, 3, 3 of 1 to 5.
    assert rows["emobank/train-2"].answer.vad == VAD(0.5, 0.5, 0.5)


def test_weak_vad_is_the_formulas_brought_to_the_human_scale(official_sets, lexicon):
    human = [row for row in official_sets.train if row.vad_source == "human"]
    weak = [weak_vad(row.text, lexicon).vad for row in human]
    scale = fit_affine(weak, [row.answer.vad for row in human])
    assert official_sets.scale == scale
    for row in official_sets.train:
        if row.vad_source == "weak":
            found = weak_vad(row.text, lexicon)
            wanted = scale.apply(found.vad).as_tuple()
            assert row.answer.vad.as_tuple() == pytest.approx(wanted, abs=5e-5)
            assert row.answer.rationale == rationale(found.cues)


def test_supervise_adds_cues_and_what_is_missing_only(lexicon):
    row = Row("a", "I love this puppy", Answer(None, None, ""), "s", "train", None, "g")
    found = weak_vad(row.text, lexicon)
    done = supervise(row, found.cues, found.vad, AffineMap((0.5, 0.5, 0.5), (0.1, 0.2, 0.3)))
    weak = found.vad
    wanted = (0.5 * weak.v + 0.1, 0.5 * weak.a + 0.2, 0.5 * weak.d + 0.3)
    assert done.answer.vad.as_tuple() == pytest.approx(wanted, abs=5e-5)
    assert done.vad_source == "weak"
    assert done.answer.labels is None
    assert "love" in done.answer.rationale
    rated = replace(row, answer=Answer(None, VAD(0.1, 0.2, 0.3), ""), vad_source="human")
    kept = supervise(rated, found.cues, None, AffineMap.identity())
    assert (kept.answer.vad, kept.vad_source) == (VAD(0.1, 0.2, 0.3), "human")


def test_supervise_fills_the_dimensions_that_nobody_rated(lexicon):
    row = Row(
        "a", "I love it", Answer(None, PartialVAD(0.1, None, 0.3), ""), "s", "train", "human", "g"
    )
    weak = weak_vad(row.text, lexicon).vad
    done = supervise(row, (), weak, AffineMap((1.0, 0.5, 1.0), (0.0, 0.2, 0.0)))
    assert done.answer.vad == VAD(0.1, round(0.5 * weak.a + 0.2, 4), 0.3)
    assert done.vad_source == VadSources("human", "weak", "human")
    assert done.human_vad == row.answer.vad
    given = supervise(replace(row, vad_source="weak"), (), weak, AffineMap.identity())
    assert given.vad_source == "weak", "a user's own weak ratings, and ours"


@pytest.mark.parametrize(("rows", "mapped"), [(9, False), (10, True)])
def test_few_human_rows_carry_no_map(official, lexicon, rows, mapped):
    labels, vad = official
    sets = sets_of(
        lexicon,
        (part("goemotions", path=labels), part("emobank", rows, vad)),
        (part("emobank", path=vad),),
    )
    assert (sets.scale != AffineMap.identity()) is mapped


def test_the_mean_of_human_vad_leaves_weak_out():
    def row(vad, source):
        return Row("x", "t", Answer(None, vad, ""), "s", "train", source, "g")

    rows = [row(VAD(0.2, 0.4, 0.0), "human"), row(VAD(0.6, 0.5, 1.0), "human")]
    rows += [row(VAD(1.0, 1.0, 1.0), "weak"), row(None, None)]
    assert mean_human_vad(rows).as_tuple() == pytest.approx((0.4, 0.45, 0.5))
    assert mean_human_vad(rows[2:]) is None
    assert untrained_vad(rows[2:]) == VAD(0.5, 0.5, 0.5)


def test_the_mean_of_human_vad_is_of_each_dimension_by_itself():
    def row(vad, source):
        return Row("x", "t", Answer(None, vad, ""), "s", "train", source, "g")

    rows = [
        row(PartialVAD(0.2, None, None), "human"),
        row(VAD(0.4, 0.8, 1.0), VadSources("human", "human", "weak")),
    ]
    assert mean_human_vad(rows) == PartialVAD(pytest.approx(0.3), 0.8, None)
    assert untrained_vad(rows) == VAD(pytest.approx(0.3), 0.8, 0.5)


def test_texts_of_another_language_are_warned_of_and_stop_nothing(tmp_path, lexicon):
    vad = emobank_file(tmp_path / "e", words=("unvergleichlich", "grenzenlos", "kopfzerbrechen"))
    text = vad.read_text(encoding="utf-8")
    text = text.replace('"train so ', '"alles ').replace('"dev so ', '"andere ')
    vad.write_text(text, encoding="utf-8")
    sets = sets_of(lexicon, (part("emobank", path=vad),), (part("emobank", path=vad),))
    assert sets.counts["lexicon_hit_rate"] < 0.1
    (warning,) = sets.counts["warnings"]
    assert "of the tokens (below 10%): are the texts English?" in warning
    assert sets.scale == AffineMap.identity()


# What cannot be drawn


def test_a_corpus_whose_labels_no_map_leads_to_is_refused(official, lexicon):
    labels, _ = official
    parts = (part("goemotions", path=labels),)
    said = r"other labels .*no map leads there; got: goemotions28; allowed: empathetic32"
    with pytest.raises(UserError, match=said):
        build_row_sets(
            DataConfig(train=parts, select=parts), load_space("empathetic32"), lexicon, 1
        )


@pytest.mark.parametrize(("rows", "fits"), [(20, True), (21, False)])
def test_more_rows_than_there_are(official, rows, fits):
    labels, _ = official
    settings = part("goemotions", rows, labels)
    if fits:
        count_rows(settings, "train")
    else:
        with pytest.raises(
            UserError, match=r"too few rows .*got: rows: 21; allowed: at most 20; 6"
        ):
            count_rows(settings, "train")


def test_a_corpus_named_twice_is_refused(official, lexicon):
    labels, _ = official
    parts = (part("goemotions", path=labels), part("goemotions", path=labels))
    with pytest.raises(UserError, match="a row stands twice in the screen; got: goemotions/train0"):
        sets_of(lexicon, parts, (part("emobank-sample", 5),))


def test_a_train_set_that_is_all_in_select_is_refused(official, lexicon):
    labels, _ = official
    dev = (labels / "dev.tsv").read_text(encoding="utf-8").replace("\tdev", "\ttrain")
    (labels / "train.tsv").write_text(dev, encoding="utf-8")
    parts = (part("goemotions", path=labels),)
    with pytest.raises(UserError, match="no train row is left; got: 20 rows"):
        sets_of(lexicon, parts, parts)
