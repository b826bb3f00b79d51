"""Who goes on after a rung: counts, ties and order, for any scores."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asked_rows import SPACE, row
from emoloom.config_budget import HalvingConfig
from emoloom.ranking.entries import ScoredCandidate
from emoloom.ranking.halving import decide, promote, promoted_counts
from emoloom.ranking.rule import RankingSettings, ranking_rule
from emoloom.records import VAD, Prediction

SCORES = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=3),
    st.none() | st.integers(0, 12).map(lambda n: n / 12),
    min_size=1,
    max_size=12,
)


@st.composite
def rungs(draw):
    scores = draw(SCORES)
    keep = draw(st.integers(1, len(scores)))
    cap = draw(st.integers(keep, len(scores)))
    margin = draw(st.integers(0, 4)) / 12
    return scores, keep, cap, margin


def near(scores, margin):
    """Told apart by more than a margin."""

    def separable(cut: str, other: str) -> bool:
        return scores[cut] is None or scores[cut] - scores[other] > margin + 1e-9

    return separable


def value(score):
    return -1.0 if score is None else score


@given(rungs())
def test_everyone_is_promoted_or_dropped_once(case):
    scores, keep, cap, margin = case
    found = promote(scores, keep, cap, near(scores, margin))
    assert sorted([*found.promoted, *found.dropped]) == sorted(scores)
    assert keep <= len(found.promoted) <= cap


@given(rungs())
def test_no_one_goes_on_before_a_better_one(case):
    scores, keep, cap, margin = case
    found = promote(scores, keep, cap, near(scores, margin))
    worst = min(value(scores[name]) for name in found.promoted)
    assert all(value(scores[name]) <= worst for name in found.dropped)


@given(rungs())
def test_a_tie_group_goes_on_whole_where_the_cap_allows(case):
    scores, keep, cap, margin = case
    found = promote(scores, keep, cap, near(scores, margin))
    at_cut = sorted(map(value, scores.values()), reverse=True)[keep - 1]
    for name in found.tied:
        assert at_cut - scores[name] <= margin + 1e-9
    below = [n for n in found.dropped if scores[n] is not None and at_cut >= 0]
    if keep + len(found.tied) <= cap:
        assert set(found.tied) <= set(found.promoted)
        assert not found.capped
        assert all(at_cut - scores[name] > margin - 1e-9 for name in below)
    else:
        assert len(found.promoted) == cap
        assert found.capped


@given(rungs(), st.randoms(use_true_random=False))
def test_of_distinct_scores_the_order_given_does_not_matter(case, random):
    scores, keep, cap, margin = case
    if len(set(scores.values())) < len(scores):
        scores = {name: number / 100 for number, name in enumerate(scores)}
    names = list(scores)
    random.shuffle(names)
    shuffled = {name: scores[name] for name in names}
    rule = near(scores, margin)
    assert promote(shuffled, keep, cap, rule) == promote(scores, keep, cap, rule)


@given(rungs(), st.data())
def test_a_better_score_never_drops_anyone(case, data):
    scores, keep, cap, _ = case
    found = promote(scores, keep, cap, near(scores, 0))
    name = data.draw(st.sampled_from(found.promoted))
    better = {**scores, name: value(scores[name]) + 0.3}
    assert name in promote(better, keep, cap, near(better, 0)).promoted


def test_equal_scores_beyond_the_cap_go_by_the_order_given():
    scores = dict.fromkeys("abcde", 0.5)
    found = promote(scores, 1, 3, near(scores, 0))
    assert (found.promoted, found.dropped) == (("a", "b", "c"), ("d", "e"))
    assert found.capped


def test_a_separable_one_ends_the_tie_group():
    scores = {"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.69}
    asked = []

    def separable(cut, other):
        asked.append((cut, other))
        return other == "c"

    assert promote(scores, 1, 4, separable).promoted == ("a", "b")
    assert asked == [("a", "b"), ("a", "c")]


@pytest.mark.parametrize(
    ("keep", "cap", "count", "expected"),
    [
        (0.5, 0.75, 8, (4, 6)),
        (0.5, 1.0, 4, (2, 4)),
        (0.3, 0.2, 10, (3, 3)),
        (0.1, 0.5, 3, (1, 3)),
        (0.25, 0.25, 4, (1, 1)),
        (0.55, 0.55, 20, (11, 11)),
        *(
            (0.5, 0.75, count, expected)
            for count, expected in enumerate(
                [
                    *((1, 1), (1, 2), (2, 3), (2, 3), (3, 4), (3, 5)),
                    *((4, 6), (4, 6), (5, 7), (5, 8), (6, 9), (6, 9)),
                ],
                start=1,
            )
        ),
    ],
)
def test_counts_worked_out_by_hand(keep, cap, count, expected):
    assert promoted_counts(HalvingConfig(keep=keep, cap=cap), count) == expected


@pytest.mark.parametrize("count", range(2, 13))
def test_the_one_behind_the_cut_goes_on_where_it_ties(count):
    """As shipped: with a cap rounded down nobody ever did among 2, 3 or 5."""
    scores = {f"c{place:02}": 1.0 - place / 100 for place in range(count)}
    keep, cap = promoted_counts(HalvingConfig(), count)
    found = promote(scores, keep, cap, lambda cut, other: False)
    assert len(found.promoted) == cap > keep
    assert (cap == count) == (count <= 3)
    apart = promote(scores, keep, cap, lambda cut, other: True)
    assert (len(apart.promoted), apart.tied) == (keep, ()), "separable ones are dropped"


@given(keep=st.floats(0.01, 0.99), cap=st.floats(0.01, 1.0), count=st.integers(1, 500))
def test_counts_are_possible(keep, cap, count):
    found = promoted_counts(HalvingConfig(keep=keep, cap=cap), count)
    assert 1 <= found[0] <= found[1] <= count


# On answers


def entrant(name: str, right: int, rows) -> ScoredCandidate:
    """Answers of which the first `right` have the gold label; all have the gold VAD."""
    answers = tuple(
        Prediction(("joy",) if place < right else ("anger",), VAD(0.5, 0.4, 0.3), "cues: none")
        for place, _ in enumerate(rows)
    )
    return ScoredCandidate(
        name, "candidate", "m", "sft", "scored", "", answers, tuple(r.id for r in rows)
    )


def below_zero(name: str, right: int, off: float, rows) -> ScoredCandidate:
    """As `entrant`, with every VAD off by so much."""
    one = entrant(name, right, rows)
    vad = VAD(0.5 + off, 0.4 + off, 0.3 + off)
    return replace(one, answers=tuple(replace(said, vad=vad) for said in one.answers))


def test_where_no_skill_is_above_zero_a_rung_is_decided_by_skill_below_it():
    rows = [row(number) for number in range(40)]
    rule = ranking_rule(rows, SPACE, RankingSettings(), vad_reference=VAD(0.51, 0.41, 0.31))
    settings = HalvingConfig(rungs=2, keep=0.25, cap=0.25)
    said = {"a": (20, 0.3), "b": (19, 0.1), "c": (18, 0.3), "d": (17, 0.3)}
    answered = [below_zero(name, *given, rows) for name, given in said.items()]
    found = decide(1, answered, rows, (SPACE, rule), settings)
    assert (found.promotion.promoted, found.decided_by) == (("b",), "uncut")
    assert found.scores["a"] < found.scores["b"] < 0
    assert "skill below 0 counted on 40 rows, place 2 of 4" in found.why_dropped("a")
    assert found.to_dict()["decided_by"] == "uncut"
    above = below_zero("e", 1, 0.0, rows)
    found = decide(1, [*answered, above], rows, (SPACE, rule), settings)
    assert found.decided_by == "score", "one has skill above 0: the score can tell"


def test_equal_scores_at_a_rung_are_ordered_by_skill_below_zero():
    rows = [row(number) for number in range(40)]
    rule = ranking_rule(rows, SPACE, RankingSettings(), vad_reference=VAD(0.51, 0.41, 0.31))
    settings = HalvingConfig(rungs=2, keep=0.25, cap=0.25)
    answered = [
        below_zero(name, 20, off, rows) for name, off in (("a", 0.3), ("b", 0.2), ("c", 0.1))
    ]
    answered.append(below_zero("d", 0, 0.0, rows))
    found = decide(1, answered, rows, (SPACE, rule), settings)
    assert found.decided_by == "score"
    order = [*found.promotion.promoted, *found.promotion.dropped]
    assert [name for name in order if name != "d"] == ["c", "b", "a"]
    assert len({found.scores[name] for name in "abc"}) == 1


def test_those_that_their_rows_cannot_tell_apart_go_on_together():
    rows = [row(number) for number in range(40)]
    rule = ranking_rule(rows, SPACE, RankingSettings(), vad_reference=VAD(0.9, 0.9, 0.9))
    answered = [
        entrant(name, right, rows) for name, right in zip("abcd", (40, 20, 19, 1), strict=True)
    ]
    settings = HalvingConfig(rungs=2, keep=0.5, cap=0.75)
    found = decide(1, answered, rows, (SPACE, rule), settings)
    assert found.promotion.promoted == ("a", "b", "c")
    assert found.promotion.tied == ("c",)
    assert found.promotion.dropped == ("d",)
    assert found.why_dropped("d").startswith("dropped at rung 1: score 0.")
    assert found.why_dropped("d").endswith("on 40 rows, place 4 of 4; 3 went on")
    record = found.to_dict()
    assert (record["rung"], record["rows"], record["keep"], record["cap"]) == (1, 40, 2, 3)
    assert list(record["scores"]) == list("abcd")
    assert record["capped"] is False
