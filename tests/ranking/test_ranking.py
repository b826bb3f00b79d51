from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from emoloom.errors import UserError
from emoloom.metrics.intervals import Resampled, two_sided_p
from emoloom.metrics.resampling import Bootstrap, resample
from emoloom.metrics.row_table import row_table
from emoloom.metrics.signature import Signature
from emoloom.ranking.rule import RankingSettings, rank_measure, ranking_rule
from emoloom.ranking.standing import RankedScores, stand
from emoloom.records import (
    VAD,
    Answer,
    LabelSpace,
    ParseFailure,
    PartialVAD,
    Prediction,
    Row,
    make_vad,
)

SPACE = LabelSpace("abc", ("a", "b", "c"))
MEAN = VAD(0.5, 0.5, 0.5)


def row(number, labels=None, vad=None, origin="human"):
    answer = Answer(labels, None if vad is None else make_vad(*vad), "")
    source = "labels" if labels else "vad"
    return Row(f"{number}", "t", answer, source, "dev", origin if vad else None, "g")


def labelled(**counts):
    """So many rows of each label."""
    names = [label for label, count in counts.items() for _ in range(count)]
    return [row(i, (label,)) for i, label in enumerate(names)]


def human(n=2, vad=(0.9, 0.4, 0.5)):
    return [row(f"v{i}", None, vad) for i in range(n)]


def score_of(rows, answers, rule):
    table = row_table(answers, rows, SPACE, rule.vad_scoring)
    return float(rank_measure(rule, SPACE)(table.totals())["score"])


def said(*labels, vad=(0.5, 0.5, 0.5)):
    return Prediction(labels, VAD(*vad), "")


def test_the_rule_in_words():
    rows = labelled(a=20, b=21, c=25) + human()
    rule = ranking_rule(rows, SPACE, vad_reference=MEAN)
    assert rule.labels_metric == "strict_macro_f1"
    assert (rule.labels, rule.least_positives) == (("a", "b", "c"), 20)
    assert rule.indicative
    assert rule.note == (
        "Score = 0.5 x strict macro-F1 over 3 labels with at least 20 gold rows"
        " + 0.5 x max(strict skill, 0) on human VAD."
        " Skill below 0 breaks ties."
        " Indicative only: fewer than 1000 rows."
    )


def test_a_large_select_is_not_indicative():
    rule = ranking_rule(labelled(a=500, b=478, c=20) + human(), SPACE, vad_reference=MEAN)
    assert not rule.indicative
    assert "ndicative" not in rule.note


def test_what_stands_in_is_said_and_indicative():
    settings = RankingSettings(min_rows=1)
    rows = labelled(a=19, b=3, c=2) + human()
    rule = ranking_rule(rows, SPACE, settings, vad_reference=MEAN)
    assert (rule.labels_metric, rule.labels) == ("strict_macro_f1", ("a", "b"))
    assert rule.indicative
    assert rule.note.startswith("Score = 0.5 x strict macro-F1 over 2 labels with at least 3 gold")
    assert rule.note.endswith(
        "Indicative only: too few labels have 20 gold rows (0 of 3 in gold), so those with at least"
        " 3 stand in."
    )
    assert rule.rank_by()["least_positives"] == 3
    assert dict(rule.signature_pairs())["least_positives"] == "3"
    # Answering the commonest label alone pays for that label alone.
    constant = [said("a", vad=(0, 1, 1))] * len(rows)
    assert score_of(rows, constant, rule) == pytest.approx(0.5 * (2 * 19 / (24 + 19)) / 2)


@pytest.mark.parametrize(
    ("rows", "reference", "weights", "note"),
    [
        (human(), MEAN, (0.0, 1.0), "A part is dropped: select has no gold labels."),
        (labelled(a=20), MEAN, (1.0, 0.0), "A part is dropped: select has no human VAD."),
        (labelled(a=20) + human(), None, (1.0, 0.0), "dropped: no train mean VAD is known."),
        (
            labelled(a=20) + human(vad=(0.5, 0.5, 0.5)),
            MEAN,
            (1.0, 0.0),
            "dropped: all human VAD equals the train mean.",
        ),
        (
            [*labelled(a=20), row("w", None, (0.9, 0.1, 0.5), "weak")],
            MEAN,
            (1.0, 0.0),
            "select has no human VAD",
        ),
    ],
)
def test_a_part_without_rows_is_dropped_and_said(rows, reference, weights, note):
    rule = ranking_rule(rows, SPACE, vad_reference=reference)
    assert (rule.weight_labels, rule.weight_vad) == weights
    assert note in rule.note


VA = human(vad=(0.9, 0.4, None))


@pytest.mark.parametrize(
    ("rows", "reference", "dimensions", "notes"),
    [
        (VA, MEAN, "va", ["Dominance does not rank: nobody rated it in `select`."]),
        (human(vad=(None, None, 0.9)), MEAN, "d", ["Valence does not", "Arousal does not"]),
        (
            human(),
            PartialVAD(0.5, None, 0.5),
            "vd",
            ["Arousal does not rank: no train mean is known of it."],
        ),
        ([*VA, *human(vad=(None, 0.5, 0.5))], MEAN, "vad", []),
    ],
)
def test_vad_ranks_by_the_dimensions_that_there_are(rows, reference, dimensions, notes):
    rule = ranking_rule(labelled(a=20) + rows, SPACE, vad_reference=reference)
    assert (rule.vad_dimensions, rule.weight_vad) == (dimensions, 0.5)
    assert f"skill, 0) on human {dimensions.upper()}." in rule.note
    assert [note for note in notes if note not in rule.note] == []
    assert rule.note.count(" does not rank: ") == len(notes)
    whole = dimensions == "vad"
    assert rule.rank_by().get("vad_dimensions") == (None if whole else list(dimensions))
    said = dict(rule.signature_pairs())
    assert said["vad"] == ("human" if whole else f"human,{','.join(dimensions)}")
    assert said["vad_reference"].count("none") == reference.as_tuple().count(None)


@pytest.mark.parametrize(
    ("vad", "reference", "why"),
    [
        ((0.9, 0.4, None), PartialVAD(None, None, 0.5), "in a dimension of which a train mean is"),
        ((0.5, None, None), PartialVAD(0.5, 0.1, None), "all human VAD equals the train mean."),
        ((0.5, None, None), None, "no train mean VAD is known."),
    ],
)
def test_vad_without_a_dimension_to_compare_is_dropped(vad, reference, why):
    rule = ranking_rule(labelled(a=20) + human(vad=vad), SPACE, vad_reference=reference)
    assert (rule.weight_vad, rule.vad_dimensions) == (0.0, "")
    assert why in rule.note
    assert "does not rank:" not in rule.note
    assert "vad_dimensions" not in rule.rank_by()


def test_a_dimension_that_nobody_rated_cannot_move_the_score():
    rows = labelled(a=20) + VA
    rule = ranking_rule(rows, SPACE, vad_reference=MEAN)
    labels = [said("a")] * 20
    scores = {
        score_of(rows, [*labels, *[said("a", vad=(0.8, 0.4, d))] * 2], rule)
        for d in (0.0, 0.5, 1.0)
    }
    assert len(scores) == 1
    skill = 1 - (0.01 / (0.16 + 0.01)) ** 0.5
    assert scores.pop() == pytest.approx(0.5 + 0.5 * skill)


def test_weights_are_scaled_and_a_part_of_weight_zero_is_not_called_dropped():
    settings = RankingSettings(weight_labels=3, weight_vad=1)
    rule = ranking_rule(labelled(a=20) + human(), SPACE, settings, vad_reference=MEAN)
    assert (rule.weight_labels, rule.weight_vad) == (0.75, 0.25)
    only = ranking_rule(labelled(a=20), SPACE, RankingSettings(weight_vad=0))
    assert (only.weight_labels, only.weight_vad) == (1.0, 0.0)
    assert "dropped" not in only.note


def test_nothing_to_rank_by_is_refused():
    with pytest.raises(UserError, match="no gold labels; select has no human VAD"):
        ranking_rule([row("w", None, (0.9, 0.1, 0.5), "weak")], SPACE, vad_reference=MEAN)
    with pytest.raises(UserError, match="select has no gold labels"):
        ranking_rule(human(), SPACE, RankingSettings(weight_vad=0), vad_reference=MEAN)


@pytest.mark.parametrize(
    "settings",
    [
        {"weight_labels": -1},
        {"weight_labels": 0, "weight_vad": 0},
        {"weight_vad": float("nan")},
        {"weight_vad": float("inf")},
        {"min_positives": 0},
        {"alpha": 0},
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings):
    with pytest.raises(UserError, match="cannot"):
        RankingSettings(**settings)


def test_the_score_by_hand():
    rows = labelled(a=20, b=1) + human(2, (0.9, 0.5, 0.5))
    rule = ranking_rule(rows, SPACE, vad_reference=MEAN)
    # a: 15 right, 5 failed; b is not in the list, and its row is called a: F1 = 30 / 36.
    failed = ParseFailure("no_json")
    answers = [said("a")] * 15 + [failed] * 5 + [said("a")] + [said("a", vad=(0.8, 0.5, 0.5))] * 2
    assert score_of(rows, answers, rule) == pytest.approx(0.5 * 30 / 36 + 0.5 * (1 - 0.1 / 0.4))


def test_skill_below_the_constant_counts_as_zero():
    rows = labelled(a=20) + human()
    rule = ranking_rule(rows, SPACE, vad_reference=MEAN)
    assert score_of(rows, [said("a", vad=(0, 1, 1))] * 22, rule) == pytest.approx(0.5)


def test_weak_vad_does_not_rank():
    rows = [*labelled(a=20), *human(), row("w", None, (0.1, 0.1, 0.1), "weak")]
    rule = ranking_rule(rows, SPACE, vad_reference=MEAN)
    right, wrong = said("a", vad=(0.1, 0.1, 0.1)), said("a", vad=(1, 1, 1))
    assert score_of(rows, [said("a")] * 22 + [right], rule) == score_of(
        rows, [said("a")] * 22 + [wrong], rule
    )


def test_the_rule_is_in_the_signature():
    rows = labelled(a=20, b=20, c=20) + human()
    rule = ranking_rule(rows, SPACE, vad_reference=MEAN)
    pairs = dict(rule.signature_pairs())
    assert Signature.parse(Signature(rule.signature_pairs()).format()).pairs == tuple(pairs.items())
    others = [
        ranking_rule(rows, SPACE, RankingSettings(weight_vad=1), vad_reference=MEAN),
        ranking_rule(rows, SPACE, RankingSettings(alpha=0.01), vad_reference=MEAN),
        ranking_rule(rows, SPACE, RankingSettings(min_positives=19), vad_reference=MEAN),
        ranking_rule(rows, SPACE, RankingSettings(bootstrap=Bootstrap(seed=1)), vad_reference=MEAN),
        ranking_rule(rows, SPACE, vad_reference=VAD(0.5, 0.5, 0.4)),
        ranking_rule(rows[1:], SPACE, vad_reference=MEAN),
    ]
    found = {other.signature_pairs() for other in others} | {rule.signature_pairs()}
    assert len(found) == len(others) + 1


def as_drawn(draws):
    """Of so many rows that t is normal."""
    return Resampled(draws, np.zeros(0))


def ranked_of(means, *, sd=0.02, draws=1000, n_rows=400):
    """Made-up scores whose draws spread independently around them."""
    generator = np.random.default_rng(0)
    return RankedScores(
        dict(means),
        {name: as_drawn(generator.normal(m, sd, draws)) for name, m in means.items()},
        n_rows,
    )


RULE = ranking_rule(labelled(a=20) + human(), SPACE, vad_reference=MEAN)


def test_the_best_set_has_all_that_cannot_be_told_from_the_leader():
    ranked = ranked_of({"far": 0.2, "near": 0.39, "best": 0.4, "mid": 0.25})
    standing = stand(ranked, list(ranked.scores), RULE)
    assert standing.leader == "best"
    assert standing.best_set == ("best", "near")
    assert standing.ranks == {"best": 1, "near": 2, "mid": 3, "far": 4}
    assert [c.name for c in standing.comparisons] == ["near", "mid", "far"]
    assert [c.separable for c in standing.comparisons] == [False, True, True]
    near = standing.comparisons[0]
    assert near.difference == pytest.approx(0.01)
    assert near.interval[0] < 0 < near.interval[1]
    # z at 0.05 / 3 is 2.394; the spread of a difference is 0.02 sqrt 2.
    assert near.rows_to_separate == pytest.approx(400 * (2.394 * 0.02828 / 0.01) ** 2, rel=0.1)
    assert sum(standing.p_best.values()) == pytest.approx(1.0)
    assert 0.5 < standing.p_best["best"] < 0.8


def test_a_difference_that_hangs_on_few_rows_is_told_by_students_t():
    ranked = ranked_of({"best": 0.4, "next": 0.4 - 2.2 * 0.02 * 2**0.5})
    few = np.zeros(400)
    few[:2] = 1.0
    best = replace(ranked.draws["best"], influence_N=few - few.mean())
    level = replace(ranked.draws["next"], influence_N=np.zeros(400))
    hanging = replace(ranked, draws={"best": best, "next": level})
    assert [s.best_set for s in (stand(r, ["best", "next"], RULE) for r in (ranked, hanging))] == [
        ("best",),
        ("best", "next"),
    ]
    (found,) = stand(hanging, ["best", "next"], RULE).comparisons
    gap = best.draws_B - level.draws_B
    share = (1 + np.sum(gap <= 0)) / (len(gap) + 1)
    assert found.p == pytest.approx(2 * stats.t.sf(-stats.norm.ppf(share), 4), rel=0.05)
    assert found.p > 0.05 > two_sided_p(gap)


def test_holm_makes_the_test_stricter_than_one_alone():
    means = {"best": 0.4, "next": 0.4 - 2.2 * 0.02 * 2**0.5}
    alone = stand(ranked_of(means), list(means), RULE)
    assert alone.best_set == ("best",)
    # Each of six is beyond 2.2 standard errors: enough alone, not among six.
    many = ranked_of({"best": 0.4} | {f"next{i}": means["next"] for i in range(6)})
    family = stand(many, list(many.scores), RULE)
    assert "next0" in family.best_set
    assert family.comparisons[0].p < 0.05 < family.comparisons[0].p_adjusted


def test_equal_scores_share_a_rank_and_the_name_decides_the_leader():
    scores = {"b": 0.3, "a": 0.3, "c": 0.1, "d": 0.1, "e": 0.0}
    shared = np.linspace(0.0, 1.0, 200)
    draws = {name: as_drawn(shared + value) for name, value in scores.items()}
    standing = stand(RankedScores(scores, draws, 50), list(scores), RULE)
    assert standing.leader == "a"
    assert standing.ranks == {"a": 1, "b": 1, "c": 3, "d": 3, "e": 5}
    assert (standing.p_best["a"], standing.p_best["b"]) == (0.5, 0.5)
    tied = standing.comparisons[0]
    assert (tied.name, tied.p, tied.separable, tied.rows_to_separate) == ("b", 1.0, False, None)


def test_of_equal_scores_skill_below_zero_gives_the_order_and_nothing_more():
    generator = np.random.default_rng(0)
    below_B = np.minimum(0.0, generator.normal(-0.1, 0.1, 200))
    scores = {"a": 0.3, "b": 0.3, "c": 0.3, "d": 0.2}
    draws = {name: as_drawn(np.full(200, score)) for name, score in scores.items()}
    uncut = {"a": 0.0, "b": 0.2, "c": 0.2, "d": 0.19}
    ranked = RankedScores(scores, draws, 50, uncut=uncut)
    ranked = replace(
        ranked, uncut_draws={name: uncut[name] + below_B * (name == "a") for name in uncut}
    )
    standing = stand(ranked, list(scores), RULE)
    assert standing.ranks == {"b": 1, "c": 1, "a": 3, "d": 4}
    assert (standing.leader, standing.tied) == ("b", ("b", "c"))
    assert standing.best_set == ("b", "c", "a")
    assert standing.p_best == {"b": 0.5, "c": 0.5, "a": 0.0, "d": 0.0}
    alone = stand(ranked, ["a", "b", "d"], RULE)
    assert (alone.leader, alone.tied, alone.best_set) == ("b", (), ("b", "a"))
    (broken, _) = alone.comparisons
    assert (broken.name, broken.difference, broken.separable) == ("a", 0.0, False)


def test_an_equal_score_is_never_separable_whatever_its_draws_say():
    one, other = np.full(200, 0.3), np.full(200, 0.2)
    draws = {"a": as_drawn(one), "b": as_drawn(other)}
    (found,) = stand(RankedScores({"a": 0.3, "b": 0.3}, draws, 50), ["a", "b"], RULE).comparisons
    assert (found.p, found.separable) == (1.0, False)


def test_nobody_and_one():
    empty = stand(RankedScores({}, {}, 0), [], RULE)
    assert (empty.leader, empty.best_set, dict(empty.p_best), empty.comparisons) == (
        None,
        (),
        {},
        (),
    )
    one = stand(ranked_of({"a": 0.3}), ["a"], RULE)
    assert (one.leader, one.best_set, one.p_best) == ("a", ("a",), {"a": 1.0})


def test_p_of_a_paired_difference_is_that_of_shared_draws():
    """Two candidates that differ on few rows: unpaired draws would hide the difference."""
    rows = labelled(a=200, b=200)
    rule = ranking_rule(rows, SPACE)
    generator = np.random.default_rng(0)
    noisy = [said(str(generator.choice(["a", "b"]))) for _ in rows]
    better = [
        said(*r.answer.labels) if i % 16 == 0 else n
        for i, (r, n) in enumerate(zip(rows, noisy, strict=True))
    ]
    tables = [row_table(answers, rows, SPACE, rule.vad_scoring) for answers in (better, noisy)]
    drawn = resample(
        tables, [r.source for r in rows], rule.settings.bootstrap, rank_measure(rule, SPACE)
    )
    scores = {
        name: float(rank_measure(rule, SPACE)(t.totals())["score"])
        for name, t in zip(("better", "noisy"), tables, strict=True)
    }
    draws = {"better": drawn[0]["score"], "noisy": drawn[1]["score"]}
    standing = stand(RankedScores(scores, draws, len(rows)), list(scores), rule)
    assert standing.best_set == ("better",)
    noisy_one = draws["noisy"]
    shuffled = dict(draws, noisy=replace(noisy_one, draws_B=np.roll(noisy_one.draws_B, 1)))
    unpaired = stand(RankedScores(scores, shuffled, len(rows)), list(scores), rule)
    assert unpaired.best_set == ("better", "noisy")
