"""The floors answer every row, in order, in the contract."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoloom.contract.parse import parse_output
from emoloom.errors import UserError
from emoloom.records import (
    VAD,
    Answer,
    LabelSpace,
    Output,
    PartialVAD,
    Prediction,
    Row,
    VadSource,
    VadSources,
    make_vad,
)
from emoloom.screening.floors import FLOORS, FloorInputs, floor_outputs
from emoloom.supervision.affine import AffineMap
from emoloom.supervision.lexicon import Lexicon, load_lexicon
from emoloom.supervision.weak_vad import label_prior, weak_vad

SPACE = LabelSpace("three", ("joy", "fear", "neutral"))
NO_NEUTRAL = LabelSpace("two", ("joy", "fear"))
SAME = AffineMap.identity()


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return load_lexicon()


def a_row(
    text: str,
    labels: tuple[str, ...] | None = None,
    vad: tuple[float | None, float | None, float | None] | None = None,
    vad_source: VadSource | VadSources | None = None,
    row_id: str = "r",
) -> Row:
    answer = Answer(labels, None if vad is None else make_vad(*vad), "cues: none")
    return Row(row_id, text, answer, "own", "train", vad_source if vad else None, row_id)


def rows_of(*texts: str) -> list[Row]:
    return [a_row(text, row_id=f"r{at}") for at, text in enumerate(texts)]


def parsed(outputs: list[Output], space: LabelSpace = SPACE) -> list[Prediction]:
    found = [parse_output(one.output, space) for one in outputs]
    assert all(isinstance(one, Prediction) for one in found)
    return [one for one in found if isinstance(one, Prediction)]


def answers(name, train, rows, lexicon, space=SPACE, scale=SAME) -> list[Prediction]:
    outputs = floor_outputs(name, FloorInputs(train, space, lexicon, scale), rows)
    assert [one.id for one in outputs] == [row.id for row in rows]
    return parsed(outputs, space)


TRAIN = [
    a_row("happy sunny smile", ("joy",), (0.9, 0.6, 0.7), "human"),
    a_row("happy smile again", ("joy",), (0.8, 0.5, 0.6), "human"),
    a_row("happy bright day", ("joy",), (0.9, 0.5, 0.6), "human"),
    a_row("dark scary night", ("fear",), (0.1, 0.8, 0.2), "human"),
    a_row("dark scary noise", ("fear",), (0.2, 0.7, 0.2), "human"),
    a_row("scary happy ride", ("joy", "fear"), (0.5, 0.9, 0.4), "human"),
    a_row("no labels here", None, (0.3, 0.3, 0.3), "weak"),
    a_row("no rating here", ("joy",), None, None),
]


def test_constant_is_the_commonest_label_and_the_mean_human_vad(lexicon):
    got = answers("constant", TRAIN, rows_of("a", "b"), lexicon)
    # Joy 5, fear 3. V (0.9+0.8+0.9+0.1+0.2+0.5)/6, A 4.0/6, D 2.7/6; the weak row is left out.
    assert got == [Prediction(("joy",), VAD(0.57, 0.67, 0.45), "cues: none")] * 2


def test_constant_without_human_vad_takes_the_mean_of_all(lexicon):
    train = [
        a_row("x", ("fear",), (0.2, 0.4, 0.6), "weak"),
        a_row("y", None, (0.4, 0.4, 1), "weak"),
    ]
    assert answers("constant", train, rows_of("a"), lexicon) == [
        Prediction(("fear",), VAD(0.3, 0.4, 0.8), "cues: none")
    ]


def test_constant_takes_each_dimension_from_those_who_know_it(lexicon):
    train = [
        a_row("x", ("joy",), (0.2, 0.4, 1.0), VadSources("human", "human", "weak")),
        a_row("y", ("joy",), (0.4, 0.0, 0.5), VadSources("human", "weak", "weak")),
        a_row("z", ("joy",), (0.9, 0.9, 0.6), "weak"),
    ]
    # V and A are the human means, D that of all three rows.
    assert answers("constant", train, rows_of("a"), lexicon)[0].vad == VAD(0.3, 0.4, 0.7)
    bare = [a_row("x", ("joy",), (0.2, None, None), "human")]
    assert answers("constant", bare, rows_of("a"), lexicon)[0].vad == VAD(0.2, 0.5, 0.5)


def test_tf_idf_fits_each_dimension_on_the_rows_in_which_people_rated_it(lexicon):
    """As three screens in which only these rows are rated, dimension by dimension."""
    sources = VadSources("human", "human", "weak")
    masked = [
        replace(row, answer=replace(row.answer, vad=PartialVAD(vad.v, None, None)))
        if at % 3 == 0
        else replace(row, vad_source=sources if at % 3 == 1 else "human")
        for at, row in enumerate(TRAIN[:6])
        if (vad := row.answer.vad) is not None
    ]
    rows = rows_of("a happy smile", "a scary dark room", "happy but scary")
    got = answers("tf-idf", masked, rows, lexicon)
    for axis, kept in ((0, (0, 1, 2, 3, 4, 5)), (1, (1, 2, 4, 5)), (2, (2, 5))):
        alone = answers("tf-idf", [TRAIN[at] for at in kept], rows, lexicon)
        wanted = [one.vad.as_tuple()[axis] for one in alone]
        assert [one.vad.as_tuple()[axis] for one in got] == wanted, axis


@pytest.mark.parametrize("name", ["constant", "tf-idf"])
def test_a_floor_says_the_middle_where_nobody_knows_a_dimension(name, lexicon):
    train = [
        replace(row, answer=replace(row.answer, vad=PartialVAD(row.answer.vad.v, None, None)))
        for row in TRAIN[:6]
    ]
    for one in answers(name, train, rows_of("a happy smile", "a scary dark room"), lexicon):
        assert (one.vad.a, one.vad.d) == (0.5, 0.5)
        assert one.vad.v != 0.5


def test_constant_breaks_ties_by_the_order_of_the_space(lexicon):
    train = [a_row("x", ("neutral",)), a_row("y", ("fear",))]
    assert answers("constant", train, rows_of("a"), lexicon)[0].labels == ("fear",)


@pytest.mark.parametrize("name", ["constant", "tf-idf"])
def test_without_training_rows_the_middle_of_the_scale_is_said(name, lexicon):
    expected = Prediction(("joy",), VAD(0.5, 0.5, 0.5), "cues: none")
    assert answers(name, [], rows_of("a"), lexicon) == [expected]


def tiny_lexicon(**entries: VAD) -> Lexicon:
    return Lexicon(
        name="tiny",
        sha256="0" * 64,
        licence="none",
        entries=entries,
        centre=VAD(0.5, 0.5, 0.5),
        max_words=1,
    )


def test_lexicon_by_hand():
    tiny = tiny_lexicon(
        joy=VAD(0.9, 0.6, 0.7),
        fear=VAD(0.1, 0.8, 0.2),
        neutral=VAD(0.5, 0.3, 0.5),
        party=VAD(1.0, 1.0, 1.0),
        monster=VAD(0.0, 1.0, 0.0),
    )
    rows = rows_of("The party!", "A monster.", "Qwerty zxcvb.")
    got = answers("lexicon", [], rows, tiny)
    assert [one.labels for one in got] == [("joy",), ("fear",), ("neutral",)]
    assert [one.rationale for one in got] == ["cues: party", "cues: monster", "cues: none"]
    # One hit x, weight w = |x - c| = 0.866, shrunk to the centre c = 0.5 with k = 1:
    # (w x + c) / (w + 1) = 1.366 / 1.866 = 0.73 where x = 1, and 0.5 / 1.866 = 0.27 where x = 0.
    assert [one.vad for one in got[:2]] == [VAD(0.73, 0.73, 0.73), VAD(0.27, 0.73, 0.27)]
    assert got[2].vad == VAD(0.5, 0.5, 0.5)


def test_lexicon_says_neutral_without_a_hit_even_where_another_prior_is_nearer():
    tiny = tiny_lexicon(joy=VAD(0.5, 0.5, 0.5), neutral=VAD(0.6, 0.3, 0.5))
    rows = rows_of("Qwerty zxcvb.")
    assert answers("lexicon", [], rows, tiny)[0].labels == ("neutral",)
    assert answers("lexicon", [], rows, tiny, space=NO_NEUTRAL)[0].labels == ("joy",)


def test_lexicon_scales_the_vad_and_not_the_label(lexicon):
    upside_down = AffineMap(slope=(-2.0, 0.0, 5.0), intercept=(1.0, 0.25, 0.0))
    rows = rows_of("I love this happy puppy.", "The murder was horrible.", "Qwerty zxcvb.")
    plain = answers("lexicon", [], rows, lexicon)
    scaled = answers("lexicon", [], rows, lexicon, scale=upside_down)
    assert [one.labels for one in scaled] == [one.labels for one in plain]
    for row, one in zip(rows, scaled, strict=True):
        weak = weak_vad(row.text, lexicon).vad
        assert one.vad.v == round(min(max(1 - 2 * weak.v, 0.0), 1.0), 2)
        assert one.vad.a == 0.25
        assert one.vad.d == round(min(5 * weak.d, 1.0), 2)


def test_lexicon_takes_the_nearest_prior_where_the_space_has_no_neutral(lexicon):
    rows = rows_of("Qwerty zxcvb.", "I love this happy puppy.", "The murder was horrible.")
    got = answers("lexicon", [], rows, lexicon, space=NO_NEUTRAL)
    for row, one in zip(rows, got, strict=True):
        here = weak_vad(row.text, lexicon).vad.as_tuple()
        gap = {
            label: math.dist(here, label_prior((label,), lexicon).as_tuple())
            for label in NO_NEUTRAL.labels
        }
        assert one.labels == (min(gap, key=lambda label: gap[label]),)
    assert [one.labels for one in got[1:]] == [("joy",), ("fear",)]


def test_lexicon_looks_at_no_training_row(lexicon):
    rows = rows_of("I love this happy puppy.", "The murder was horrible.")
    assert answers("lexicon", TRAIN, rows, lexicon) == answers("lexicon", [], rows, lexicon)


def test_tf_idf_by_hand(lexicon):
    rows = rows_of("a happy smile", "a scary dark room", "happy but scary")
    got = answers("tf-idf", TRAIN, rows, lexicon)
    assert [one.labels for one in got] == [("joy",), ("fear",), ("joy", "fear")]
    assert got[0].vad.v > got[2].vad.v > got[1].vad.v
    assert {one.rationale for one in got} == {"cues: none"}


def test_tf_idf_says_the_constants_labels_where_no_word_is_known(lexicon):
    # Balanced, the five rows would make fear the likelier label of an unknown word.
    known = [("happy", ("joy",))] * 3 + [("one two", ("fear",)), ("three four", ("fear",))]
    train = [a_row(text, labels) for text, labels in known]
    got = answers("tf-idf", train, rows_of("qwerty", "", "...", "one"), lexicon)
    assert [one.labels for one in got] == [("joy",), ("joy",), ("joy",), ("fear",)]


def test_tf_idf_says_the_likeliest_label_where_none_reaches_one_half(lexicon):
    # Probabilities 0.31 (joy), 0.34 (fear), 0.41 (neutral); the constant would say joy.
    known = [("red red sun", "neutral"), ("red day", "neutral"), ("dark blue", "fear")]
    known += [("green tree", "joy"), ("green sea", "joy")]
    train = [a_row(text, (label,)) for text, label in known]
    assert answers("constant", train, rows_of("red"), lexicon)[0].labels == ("joy",)
    assert answers("tf-idf", train, rows_of("red tree blue"), lexicon)[0].labels == ("neutral",)


def test_tf_idf_weighs_a_rare_label_up(lexicon):
    # Fear has one row of nine: p = 0.43 for "dark" unweighted, 0.77 balanced.
    words = ["happy", "sunny", "bright", "merry", "glad", "warm", "kind", "nice"]
    train = [a_row(f"{word} thing", ("joy",)) for word in words] + [a_row("dark thing", ("fear",))]
    assert answers("tf-idf", train, rows_of("dark day"), lexicon)[0].labels == ("fear",)


def test_tf_idf_clips_the_vad(lexicon):
    # Ridge alone says 1.08 and -0.15.
    known = {"happy": 1.0, "smile": 1.0, "stone": 0.0, "table": 0.0, "grey": 0.0}
    train = [a_row(word, ("joy",), (x, x, x), "human") for word, x in known.items()] * 4
    got = answers("tf-idf", train, rows_of("happy smile", "stone table grey"), lexicon)
    assert [one.vad for one in got] == [VAD(1.0, 1.0, 1.0), VAD(0.0, 0.0, 0.0)]


def test_tf_idf_learns_no_weak_vad(lexicon):
    weak = [a_row("happy smile", None, (0.0, 0.0, 0.0), "weak")] * 20
    rows = rows_of("a happy smile", "a scary dark room")
    assert answers("tf-idf", TRAIN + weak, rows, lexicon) == answers("tf-idf", TRAIN, rows, lexicon)


@pytest.mark.parametrize("text", ["", "...", "-- & --"])
def test_tf_idf_falls_back_to_the_constant_on_an_empty_vocabulary(text, lexicon):
    train = [
        a_row(text, ("fear",), (0.2, 0.4, 0.6), "human"),
        a_row(text, ("fear", "joy"), (0.4, 0.4, 0.8), "human"),
    ]
    rows = rows_of("a happy smile")
    assert answers("tf-idf", train, rows, lexicon) == answers("constant", train, rows, lexicon)


def test_tf_idf_falls_back_for_the_part_that_has_no_rows(lexicon):
    rows = rows_of("a happy smile", "a scary dark room")
    only_vad = [a_row(row.text, None, (0.2, 0.4, 0.6), "human") for row in TRAIN]
    assert {one.labels for one in answers("tf-idf", only_vad, rows, lexicon)} == {("joy",)}
    only_weak = [a_row(row.text, row.answer.labels, (0.2, 0.4, 0.6), "weak") for row in TRAIN]
    got = answers("tf-idf", only_weak, rows, lexicon)
    assert [one.labels for one in got] == [("joy",), ("fear",)]
    assert {one.vad for one in got} == {VAD(0.2, 0.4, 0.6)}


def test_tf_idf_predicts_a_label_positive_everywhere_and_none_without_a_positive(lexicon):
    train = [
        a_row("happy smile", ("joy", "neutral")),
        a_row("calm table", ("neutral",)),
        a_row("one more happy smile", ("joy", "neutral")),
        a_row("grey calm stone", ("neutral",)),
    ]
    got = answers("tf-idf", train, rows_of("happy smile", "calm stone", "scary"), lexicon)
    assert [one.labels for one in got] == [("joy", "neutral"), ("neutral",), ("neutral",)]


def test_tf_idf_fits_a_single_row(lexicon):
    train = [a_row("happy smile", ("fear",), (0.2, 0.4, 0.6), "human")]
    assert (
        answers("tf-idf", train, rows_of("happy smile", "stone"), lexicon)
        == [Prediction(("fear",), VAD(0.2, 0.4, 0.6), "cues: none")] * 2
    )


WORDS = st.sampled_from(
    ["happy", "sad", "not", "love", "Dark", "I", "a", "42", "😀", '"', "\n", "\u2028", "{}", "<s>"]
)
TEXTS = st.one_of(st.text(max_size=30), st.lists(WORDS, max_size=8).map(" ".join))
UNIT = st.floats(0.0, 1.0)
TRAIN_ROWS = st.builds(
    a_row,
    TEXTS,
    st.one_of(
        st.none(),
        st.sets(st.sampled_from(SPACE.labels), min_size=1).map(
            lambda chosen: tuple(name for name in SPACE.labels if name in chosen)
        ),
    ),
    st.one_of(st.none(), st.tuples(UNIT, UNIT, UNIT)),
    st.sampled_from(["human", "weak"]),
)


@pytest.mark.parametrize("name", FLOORS)
@settings(max_examples=60, deadline=None)
@given(train=st.lists(TRAIN_ROWS, max_size=8), texts=st.lists(TEXTS, max_size=5))
def test_every_row_gets_one_parsing_answer_twice_the_same(name, lexicon, train, texts):
    rows = rows_of(*texts)
    first = floor_outputs(name, FloorInputs(train, SPACE, lexicon, SAME), rows)
    assert [one.id for one in first] == [row.id for row in rows]
    for prediction in parsed(first):
        assert set(prediction.labels) <= set(SPACE.labels)
    assert floor_outputs(name, FloorInputs(train, SPACE, lexicon, SAME), rows) == first


def test_an_unknown_floor_is_a_user_error(lexicon):
    with pytest.raises(
        UserError, match=r"unknown floor; got: majority; allowed: constant, lexicon"
    ):
        floor_outputs("majority", FloorInputs(TRAIN, SPACE, lexicon, SAME), [])


@pytest.mark.parametrize("name", ["constant", "tf-idf"])
def test_a_training_label_outside_the_space_is_a_user_error(name, lexicon):
    with pytest.raises(UserError, match="got: anger; allowed: the labels of three"):
        floor_outputs(name, FloorInputs([a_row("x", ("anger",))], SPACE, lexicon, SAME), [])
