"""What tokens stand for: values with one or several digits a token, shared first tokens, cues."""

import pytest

from emoloom.contract.prompt import Prompter, make_prompter
from emoloom.contract.schema import write_answer
from emoloom.corpora.labels import load_space
from emoloom.records import VAD, LabelSpace, Prediction
from emoloom.supervision.affine import AffineMap
from emoloom.supervision.lexicon import load_lexicon
from emoloom.supervision.weak_vad import weak_vad
from emoloom.training.label_chart import label_chart, log_odds
from emoloom.training.number_chart import number_chart, number_tokens, target_index
from emoloom.training.word_chart import cue_tokens, word_chart
from small_tokenizers import CHATML, byte_level, dummy_prefix, fast, metaspace
from tiny_lm import SPACE, row

LINE = '{"labels":["joy"],"vad":{"v":0.83,"a":0.55,"d":1.00},"rationale":"cues: love, puppy"}'

KINDS = {
    "one token a digit": byte_level,
    "two digits a token": lambda: byte_level(merged_digits=True),
    "point fused, Metaspace": metaspace,
    "point fused, dummy prefix": dummy_prefix,
}

PLACES = {
    "one token a digit": (4, 4, 4),
    "two digits a token": (3, 3, 3),
    "point fused, Metaspace": (2, 2, 3),
    "point fused, dummy prefix": (2, 2, 3),
}
"""Tokens of 0.83, 0.55 and 1.00."""


@pytest.fixture(scope="module", params=sorted(KINDS))
def kind(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def prompter(kind) -> Prompter:
    return make_prompter(fast(KINDS[kind](), template=CHATML), SPACE)


def test_every_token_of_a_value_is_found(kind, prompter):
    found = number_tokens(LINE, prompter.answer(LINE))
    counts = tuple(sum(one.dimension == d for one in found) for d in range(3))
    assert counts == PLACES[kind]
    for one in found:
        assert ["0.83", "0.55", "1.00"][one.dimension].startswith(one.written)


def test_the_gold_token_is_among_those_that_may_follow(prompter):
    answer = prompter.answer(LINE)
    chart = number_chart(prompter.tokenizer)
    for one in number_tokens(LINE, answer):
        assert answer.ids[one.at] in chart.after(one.lead, one.written).token_ids_N


def test_the_last_token_of_the_target_itself_is_at_no_distance(prompter):
    answer, chart = prompter.answer(LINE), number_chart(prompter.tokenizer)
    found = number_tokens(LINE, answer)
    for dimension, value in enumerate((0.83, 0.55, 1.0)):
        last = [one for one in found if one.dimension == dimension][-1]
        after = chart.after(last.lead, last.written)
        (at,) = (after.token_ids_N == answer.ids[last.at]).nonzero()[0]
        assert after.distances_NT[at, target_index(value)] == 0
        assert after.distances_NT[at, target_index(0.4)] == pytest.approx(abs(value - 0.4))


def test_a_digit_leaves_the_mean_distance_of_what_it_leaves_open():
    """0.8 may become 0.80 to 0.89; before the digit of 0.83 the one at 0.5 leaves 0.50 to 0.59."""
    tokenizer = fast(byte_level(), template=CHATML)
    after = number_chart(tokenizer).after("", "0.")
    by_text = {
        tokenizer.decode([int(token)]): distances
        for token, distances in zip(after.token_ids_N, after.distances_NT, strict=True)
    }
    assert sorted(by_text) == list("0123456789")
    expected = sum(abs((50 + k) / 100 - 0.83) for k in range(10)) / 10
    assert by_text["5"][target_index(0.83)] == pytest.approx(expected)


def test_the_whole_digit_counts():
    """Before 1.00, a nought leaves 0.00 to 0.99 and a one nothing but the target."""
    tokenizer = fast(byte_level(), template=CHATML)
    after = number_chart(tokenizer).after("", "")
    by_text = {
        tokenizer.decode([int(token)]): distances
        for token, distances in zip(after.token_ids_N, after.distances_NT, strict=True)
    }
    assert sorted(by_text) == ["0", "1"]
    assert by_text["1"][target_index(1.0)] == 0
    assert by_text["0"][target_index(1.0)] == pytest.approx(
        sum(k / 100 for k in range(1, 101)) / 100
    )


def test_what_writes_no_value_is_not_in_the_chart(prompter):
    chart = number_chart(prompter.tokenizer)
    written = {prompter.tokenizer.decode([int(t)]) for t in chart.after("", "1.").token_ids_N}
    assert not any(text[:1] in "123456789" for text in written)
    assert not set(chart.after("", "0.").token_ids_N) & set(prompter.tokenizer.all_special_ids)


def test_labels_with_one_first_token_share_it_by_frequency():
    space = load_space("goemotions28")
    prompter = make_prompter(fast(byte_level(), template=CHATML), space)
    counts = {label: number % 5 for number, label in enumerate(space.labels)}
    chart = label_chart(prompter, counts)
    for label in space.labels:
        line = write_answer(Prediction((label,), VAD(0.1, 0.2, 0.3), "cues: none"))
        ids = prompter.answer(line).ids
        assert ids[: chart.place] == chart.before
        (at,) = (chart.token_ids_T == ids[chart.place]).nonzero()[0]
        assert chart.shares_TL[at, space.labels.index(label)] > 0
    assert len(chart.token_ids_T) < len(space.labels)
    assert chart.shares_TL.sum(axis=1) == pytest.approx(1)
    for shares in chart.shares_TL:
        sharing = [label for label, share in zip(space.labels, shares, strict=True) if share]
        whole = sum(counts[label] + 1 for label in sharing)
        for label in sharing:
            expected = (counts[label] + 1) / whole
            assert shares[space.labels.index(label)] == pytest.approx(expected)


def test_one_label_alone_has_a_chart():
    prompter = make_prompter(fast(byte_level(), template=CHATML), LabelSpace("one", ("joy",)))
    chart = label_chart(prompter, {})
    assert chart.shares_TL.tolist() == [[1.0]]


def test_log_odds_of_labels():
    rows = [
        row(0, "a", ("joy",), None),
        row(1, "b", ("anger", "joy"), None),
        row(2, "c", None, None),
    ]
    found = dict(zip(SPACE.labels, log_odds(rows, SPACE), strict=True))
    assert found["joy"] > found["anger"] == pytest.approx(0.0)
    assert found["sadness"] < 0


@pytest.mark.parametrize("kind_", sorted(KINDS))
def test_cue_words_begin_where_they_begin(kind_):
    answer = make_prompter(fast(KINDS[kind_](), template=CHATML), SPACE).answer(LINE)
    starts = [
        LINE[begin:end].strip(' "')
        for begin, end in (answer.spans[k] for k in cue_tokens(LINE, answer))
    ]
    assert len(starts) == 2
    for word, start in zip(("love", "puppy"), starts, strict=True):
        assert word.startswith(start) and start
    assert cue_tokens(LINE.replace("love, puppy", "none"), answer) == ()


def test_words_of_the_lexicon_among_the_tokens():
    tokenizer, lexicon = fast(byte_level(), template=CHATML), load_lexicon()
    chart = word_chart(tokenizer, lexicon, AffineMap.identity())
    words = {
        tokenizer.decode([int(token)]).strip(): vad
        for token, vad in zip(chart.token_ids_W, chart.vad_W3, strict=True)
    }
    assert "love" in words
    for word, vad in words.items():
        # As a text of that word alone is supervised: of one kind with the rows' targets.
        assert word in lexicon.entries
        assert vad.tolist() == pytest.approx(weak_vad(word, lexicon).vad.as_tuple())
