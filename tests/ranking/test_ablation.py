"""What a recipe changes against plain fine-tuning: against direct computation from the answers."""

from dataclasses import replace

import numpy as np
import pytest

from emoloom.corpora.polarity_pairs import PolarityPair
from emoloom.metrics.polarity import score_polarity
from emoloom.metrics.resampling import weight_blocks
from emoloom.metrics.scoring import HUMAN_VAD, score
from emoloom.ranking.leaderboard_texts import to_json, to_markdown
from emoloom.ranking.rule import RankingSettings, ranking_rule
from emoloom.records import VAD, ParseFailure, Prediction
from emoloom.supervision.lexicon import load_lexicon
from expanded import expanded_ends, less_its_stratum
from leaderboard_cases import (
    MEAN,
    ROWS,
    RULE,
    SPACE,
    answered,
    built,
    entrant,
    shown_json,
)

GOOD, POOR = answered(ROWS, 0.8), answered(ROWS, 0.4, seed=5)


def trained(model, recipe, answers, **given):
    return replace(entrant(f"{model}.{recipe}", answers, **given), recipe=recipe)


def shown(*candidates, **given):
    return shown_json(candidates, **given)["ablations"]


def parts_of(answers, rows):
    """The score and its parts on some rows, by the public metric alone."""
    if not rows:
        return None
    strict = score(answers, rows, SPACE, vad_reference=MEAN, vad_sources=HUMAN_VAD).to_dict()
    strict = strict["strict"]
    labels, skill = strict["macro_f1"], strict["skill"]
    return {"score": 0.5 * labels + 0.5 * max(skill, 0), "labels": labels, "vad": skill}


def test_differences_are_those_of_the_answers():
    (found,) = shown(trained("m", "sft", POOR), trained("m", "sft+flip", GOOD))
    keys = ["model", "recipe", "name", "base", "n", "pairs", "score", "labels", "vad", "polarity"]
    assert list(found) == keys
    assert (found["model"], found["recipe"]) == ("m", "sft+flip")
    assert (found["name"], found["base"]) == ("m.sft+flip", "m.sft")
    assert (found["n"], found["pairs"]) == (len(ROWS), 0)
    good, poor = parts_of(GOOD, ROWS), parts_of(POOR, ROWS)
    for part in good:
        assert found[part]["value"] == pytest.approx(good[part] - poor[part], abs=1e-6), part
        assert found[part]["value"] > 0.1
    assert found["polarity"] == {"value": None, "interval": None}


def test_intervals_are_those_of_the_leaderboards_draws():
    rule = ranking_rule(
        ROWS,
        SPACE,
        RankingSettings(bootstrap=replace(RULE.settings.bootstrap, draws=100)),
        vad_reference=MEAN,
    )
    (found,) = shown(trained("m", "sft", POOR), trained("m", "full-recipe", GOOD), rule=rule)

    def differences(index):
        rows = [replace(ROWS[i], id=f"{k}") for k, i in enumerate(index)]
        good, poor = (parts_of([said[i] for i in index], rows) for said in (GOOD, POOR))
        return {part: good[part] - poor[part] for part in good}

    drawn = []
    for weights in weight_blocks([row.source for row in ROWS], rule.settings.bootstrap):
        for counts in weights.astype(int):
            drawn.append(differences(np.repeat(np.arange(len(ROWS)), counts)))
    every = np.arange(len(ROWS))
    without = [differences(np.delete(every, i)) for i in every]
    for part in drawn[0]:
        left_out = less_its_stratum([one[part] for one in without], [r.source for r in ROWS])
        ends = expanded_ends([one[part] for one in drawn], left_out)
        assert found[part]["interval"] == pytest.approx(ends, abs=1e-5), part


def test_the_difference_of_two_recipes_is_that_of_the_comparison():
    board = shown_json([trained("m", "sft", POOR), trained("m", "sft+vad", GOOD)])
    (compared,), (found,) = board["verdict"]["comparisons"], board["ablations"]
    assert compared["name"] == "m.sft"
    assert found["score"] == {"value": compared["difference"], "interval": compared["interval"]}


def test_equal_answers_change_nothing():
    (found,) = shown(trained("m", "sft", GOOD), trained("m", "sft+heads", GOOD))
    for part in ("score", "labels", "vad"):
        assert found[part] == {"value": 0.0, "interval": [0.0, 0.0]}


def test_only_trained_recipes_of_one_model_are_compared():
    half = trained("m", "sft+heads", GOOD[:60], rows=ROWS[:60])
    found = shown(
        trained("m", "full-recipe", GOOD),
        trained("m", "sft+flip", GOOD),
        trained("m", "sft", POOR),
        trained("m", "sft+vad", None, status="failed", reason="memory"),
        half,
        trained("m", "zero-shot", GOOD, kind="shown"),
        trained("m", "sft+appraisal", GOOD, kind="floor"),
        trained("b", "sft+flip", GOOD),
        trained("a", "sft", GOOD),
        trained("a", "sft+mixture", POOR),
    )
    assert [(one["name"], one["base"]) for one in found] == [
        ("a.sft+mixture", "a.sft"),
        ("m.sft+flip", "m.sft"),
        ("m.full-recipe", "m.sft"),
    ]
    assert found[0]["score"]["value"] < 0 < found[1]["score"]["value"]


def test_a_part_that_cannot_be_scored_is_null():
    rows = [row for row in ROWS if row.answer.labels]
    rule = ranking_rule(rows, SPACE)
    assert rule.weight_vad == 0
    said = [tuple(a for a, row in zip(x, ROWS, strict=True) if row in rows) for x in (POOR, GOOD)]
    (found,) = shown(
        trained("m", "sft", said[0], rows=rows),
        trained("m", "sft+flip", said[1], rows=rows),
        rows=rows,
        rule=rule,
    )
    assert found["vad"] == {"value": None, "interval": None}
    assert found["labels"] == found["score"]


LEXICON = load_lexicon()
PAIRS = [
    PolarityPair(f"p{i}", "dev", "good", "bad", ("joy",), ("anger",), "pleasant", False)
    for i in range(20)
]
UP = Prediction(("joy",), VAD(0.9, 0.5, 0.5), "")
DOWN = Prediction(("anger",), VAD(0.1, 0.5, 0.5), "")


def polarity(right, pairs=PAIRS):
    """Scores of a model that turns over with the first so many pairs."""
    said = [(UP, DOWN) if i < right else (UP, ParseFailure("no_json")) for i in range(len(pairs))]
    return score_polarity(said, pairs, LEXICON, RULE.settings.bootstrap)


def test_polarity_is_paired_over_the_pairs():
    base = replace(trained("m", "sft", POOR), polarity=polarity(5))
    better = replace(trained("m", "sft+flip", GOOD), polarity=polarity(12))
    (found,) = shown(base, better)
    assert found["pairs"] == 20
    assert found["polarity"]["value"] == pytest.approx(7 / 20)
    gains = np.array([0.0] * 5 + [1.0] * 7 + [0.0] * 8)
    (weights,) = weight_blocks(["pairs"] * 20, RULE.settings.bootstrap)
    ends = expanded_ends(weights @ gains / 20, gains - gains.mean())
    assert found["polarity"]["interval"] == pytest.approx(ends, abs=1e-6)
    (same,) = shown(base, replace(better, polarity=polarity(5)))
    assert same["polarity"] == {"value": 0.0, "interval": [0.0, 0.0]}
    others = [replace(pair, id=f"q{pair.id}") for pair in PAIRS]
    (apart,) = shown(base, replace(better, polarity=polarity(12, others)))
    assert (apart["pairs"], apart["polarity"]["value"]) == (0, None)


def test_the_table_stands_under_the_leaderboard_and_only_where_there_is_something():
    base, hostile = "a|b <img>\n`x`", trained("a|b <img>\n`x`", "sft+flip", GOOD)
    text = to_markdown(built([trained(base, "sft", POOR), hostile]))
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("What each recipe changes"))
    assert "contains 0 shows no separable change on these rows" in lines[at]
    assert at > max(i for i, line in enumerate(lines) if line.startswith("| 2 |"))
    table = [line for line in lines[at:] if line.startswith("|")]
    assert len(table) == 3
    assert table[2].startswith("| a\\|b &lt;img&gt; \\`x\\` | sft+flip | +0.")
    assert table[2].endswith(" | - | 120 | 0 |")
    alone = to_markdown(built([trained("m", "sft", POOR), trained("n", "sft+flip", GOOD)]))
    assert "What each recipe changes" not in alone


def test_the_order_given_changes_no_byte():
    given = [trained("m", recipe, GOOD) for recipe in ("sft", "sft+flip", "full-recipe")]
    assert to_json(built(given)) == to_json(built(given[::-1]))
