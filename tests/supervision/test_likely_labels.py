"""Labels that stand, untrained, where a row has none: the likeliest by text, else the commonest."""

from emoloom.contract.parse import parse_output
from emoloom.corpora.labels import load_space
from emoloom.corpora.registry import read_corpus
from emoloom.records import VAD, LabelSpace, Prediction, Row
from emoloom.screening.floors import FloorInputs, floor_outputs
from emoloom.supervision.affine import AffineMap
from emoloom.supervision.lexicon import load_lexicon
from emoloom.supervision.likely_labels import commonest_label, likely_labels
from tiny_lm import SPACE, row

RATED = VAD(0.5, 0.5, 0.5)
LABELLED = [
    row(0, "happy sunny smile", ("joy",), None),
    row(1, "happy smile again", ("joy",), None),
    row(2, "dark angry shout", ("anger",), None),
    row(3, "the meeting", ("neutral",), None),
    row(4, "the table", ("neutral",), None),
    row(5, "the stone", ("neutral",), None),
]


def bare(*texts: str) -> list[Row]:
    return [row(10 + number, text, None, RATED) for number, text in enumerate(texts)]


def test_each_row_without_labels_gets_the_likeliest_of_its_text():
    rows = [*LABELLED, *bare("a happy day", "angry again and dark", "the chair", "zzz")]
    found = {"r10": "joy", "r11": "anger", "r12": "neutral", "r13": "neutral"}
    assert likely_labels(rows, SPACE) == found
    # A function of the rows, in whatever order they stand.
    assert likely_labels(rows[::-1], SPACE) == found


def test_where_nothing_can_be_fitted_the_commonest_stands():
    rows = bare("a happy day", "the chair")
    assert set(likely_labels(rows, SPACE).values()) == {"neutral"}
    wordless = [row(0, "...", ("anger",), None), *rows]
    assert set(likely_labels(wordless, SPACE).values()) == {"anger"}
    assert likely_labels(LABELLED, SPACE) == {}
    assert likely_labels([], SPACE) == {}


def test_the_likeliest_is_one_of_the_labels_that_the_floor_answers():
    space = load_space("goemotions28")
    labelled = read_corpus("goemotions-sample", "train").rows[:160]
    rated = read_corpus("emobank-sample", "train").rows[:80]
    made_from = FloorInputs(labelled, space, load_lexicon(), AffineMap.identity())
    said = [parse_output(one.output, space) for one in floor_outputs("tf-idf", made_from, rated)]
    found = likely_labels([*labelled, *rated], space)
    assert list(found) == [one.id for one in rated]
    for one, answer in zip(rated, said, strict=True):
        assert isinstance(answer, Prediction)
        assert found[one.id] in answer.labels
    # Ratings are seen behind labels of several kinds: `neutral` alone was the fault.
    assert len(set(found.values())) >= 5
    assert 0.05 < sum(label != "neutral" for label in found.values()) / len(found) < 0.5


def test_the_commonest_label():
    rows = [row(0, "", ("joy", "anger"), None), row(1, "", ("anger",), None), *bare("")]
    assert commonest_label(rows, SPACE) == "anger"
    assert commonest_label(rows[:1], SPACE) == "joy"  # a tie: the order of the space
    assert commonest_label(rows[2:], SPACE) == "neutral"
    assert commonest_label([], LabelSpace("two", ("b", "a"))) == "a"
