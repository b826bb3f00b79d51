"""Cue words in drafts: read off a forward, completed from the text, foretold by habit."""

import pytest

from emoloom.contract.prompt import make_prompter
from emoloom.decoding.cue_habits import MOST_CUES, CueHabits, complete_cues
from emoloom.decoding.cues import Cues, cues_begun, cues_in, read_cues, whole_word, words_of
from emoloom.decoding.drafts import contract_drafter
from emoloom.records import VAD, LabelSpace, Prediction
from small_tokenizers import CHATML, byte_level, fast

SPACE = LabelSpace("two", ("joy", "neutral"))
HEAD = '{"labels":["joy"],"vad":{"v":0.83,"a":0.55,"d":0.61},"rationale":"cues: '
WORDS = words_of("Happily divorced, friends still married: so it's good-hearted trolls.")
HAPPILY = Cues(("happily", "friends", "married"), ("friends", "friends", "divorced"), 3)


@pytest.fixture(scope="module")
def prompter():
    return make_prompter(fast(byte_level(), template=CHATML), SPACE)


def said_instead(prompter, drafted: str, said: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A line, and argmaxes at its places that write another from where the two part."""
    was, now = prompter.answer(HEAD + drafted + '"}').ids, prompter.answer(HEAD + said + '"}').ids
    now = (*now, *was[len(now) :])
    return was, (*now[: len(was)], now[0])


def test_words_of_a_text_and_of_a_rationale():
    assert WORDS[:2] == ("Happily", "divorced")
    assert {"it's", "good-hearted", "trolls"} <= set(WORDS)
    assert cues_in("cues: a, b") == ("a", "b")
    assert cues_in("cues: none") == cues_in("because") == cues_in("") == ()
    assert cues_begun(HEAD + 'a, b"}') == ["a", "b"]
    assert cues_begun(HEAD + "a,") == ["a", ""]
    assert cues_begun('{"labels":["joy') == []


def test_a_word_is_completed_from_the_text():
    assert whole_word("troll", WORDS) == "trolls"
    assert whole_word("it's", WORDS) == "it's"
    assert whole_word("zebra", WORDS) == "zebra"
    assert whole_word("", WORDS) == ""


def test_what_a_forward_says_in_place_of_each_drafted_word(prompter):
    was, now = said_instead(prompter, "aaaa, bbbb", "aaaa, cccc")
    found = read_cues(was, now, prompter.decode, ("cccc", "bbbb"))
    assert found == Cues(("aaaa", "bbbb"), ("aaaa", "cccc"), 2)


def test_a_word_is_read_no_further_than_one_token_behind_its_draft(prompter):
    """The argmaxes behind a wrong token go on with the drafted word: `xaaa` says `x` alone."""
    was = prompter.answer(HEAD + 'aaaa, bbbb"}').ids
    start = len(prompter.answer(HEAD.rstrip()).ids) + len(prompter.answer(" ").ids)
    wrong = prompter.answer("x").ids[0]
    now = (*was[:start], wrong, *was[start + 1 :], was[0])
    assert prompter.decode(now[:-1]) == HEAD + 'xaaa, bbbb"}'
    found = read_cues(was, now, prompter.decode, ("xylophone",))
    assert found is not None
    assert found.said == ("xylophone", "bbbb")


def test_where_the_forward_ends_a_rationale_is_read(prompter):
    was, now = said_instead(prompter, "aaaa, bbbb", 'aaaa"')
    found = read_cues(was, now, prompter.decode, ())
    assert found is not None
    assert found.ends == 1


def test_a_line_without_cues_has_none(prompter):
    for line in ('{"labels":["joy', HEAD.replace("cues: ", 'because"}'), "prose"):
        ids = prompter.answer(line).ids
        assert read_cues(ids, (*ids, 0), prompter.decode, WORDS) is None


def likely(begun: str, cues: Cues, habits: CueHabits | None = None) -> str | None:
    return complete_cues(begun, cues, WORDS, habits or CueHabits())


def test_a_word_drafted_too_early_comes_next():
    assert likely("cues: friends", HAPPILY) == "cues: friends, happily, divorced"


def test_what_the_forward_said_is_used_where_it_is_new():
    cues = Cues(("slow", "song"), ("happily", "married"), 2)
    assert likely("", cues) == "cues: happily, married"
    assert likely("cues: ", cues) == "cues: happily, married"


def test_a_begun_word_is_finished_as_said_else_from_the_text():
    assert likely("cues: fr", HAPPILY) == "cues: friends, happily, divorced"
    assert likely("cues: tr", HAPPILY) == "cues: trolls, friends, divorced"


def test_every_draft_begins_with_what_was_written():
    for begun in (
        "",
        "cues",
        "cues:",
        "cues: a,b",
        "cues: a,",
        "cues: a, ",
        "cues: a , b",
        "cues:  ",
    ):
        for cues in (HAPPILY, Cues(), Cues(("none",), ("none",), 1)):
            found = likely(begun, cues)
            assert found is not None
            assert found.startswith(begun)
    assert likely("because", HAPPILY) is None


def test_where_nothing_is_known_there_are_no_cues():
    assert likely("", Cues(("none",), ("none",), 1)) == "cues: none"


def test_behind_a_comma_a_word_is_drafted_even_where_all_are_used():
    assert likely("cues: a, ", Cues(("a",), ("a",), 1)) == "cues: a, a"


def test_words_said_again_are_learnt_and_forgotten():
    """The second half unlearns what the first half taught."""
    habits, cues = CueHabits(), Cues(("a", "b", "c"), ("a", "b", "c"), 3)
    before = ["a", "b"]
    assert habits.likely(before, cues) == "c"
    for _ in range(8):
        habits.learn_word(before, "a", cues)
    assert habits.likely(before, cues) == "a"
    for _ in range(40):
        habits.learn_word(before, "c", cues)
    assert habits.likely(before, cues) == "c"


def test_a_draft_is_longer_where_answers_often_were():
    habits, short = CueHabits(), Cues(("a",), ("a",), 1)
    assert likely("cues: a", short, habits) == "cues: a"
    for _ in range(4):
        habits.learn_end(1)
    habits.learn_end(3)
    assert habits.goes_on(1)
    assert not habits.goes_on(3)
    assert likely("cues: a", short, habits) == "cues: a, a, a"
    for _ in range(9):
        habits.learn_end(1)
    assert not habits.goes_on(1)
    assert likely("cues: a", short, habits) == "cues: a"


def test_no_more_than_a_few_words_are_drafted():
    many = Cues(tuple("abcdef"), tuple("abcdef"), 6)
    assert len(cues_in(likely("", many) or "")) == MOST_CUES


def test_a_drafter_counts_each_word_once_and_learns_from_whole_answers(prompter):
    hint = Prediction(("joy",), VAD(0.83, 0.55, 0.61), "cues: aa, bb")
    drafter = contract_drafter(prompter, {"x": hint})
    whole = prompter.answer(HEAD + 'bb, aa, bb"}').ids
    row = drafter.start("x", "aa bb")
    for stop in (len(whole) - 6, len(whole) - 3, len(whole) - 2):
        row = drafter.decided(row, whole[:stop], (), (), 0)
    drafter.finished(row, whole)
    assert sum(drafter.cue_habits.ended.values()) == 1
    assert drafter.cue_habits.ended[3] == 1
    tried = drafter.cue_habits.tried
    assert max(tried.values()) == 1
    assert {place for _, place in tried} == {0, 1, 2}


def test_a_rationale_of_another_kind_is_read_as_it_is(prompter):
    hint = Prediction(("joy",), VAD(0.83, 0.55, 0.61), "cues: aa, bb")
    drafter = contract_drafter(prompter, {"x": hint})
    line = HEAD.replace("cues: ", 'I like it"}')
    other = line.replace("0.83", "0.93")
    drafted, said = prompter.answer(other).ids, prompter.answer(line).ids
    at = next(k for k, (one, two) in enumerate(zip(drafted, said, strict=True)) if one != two)
    row = drafter.start("x", "aa bb")
    row = drafter.decided(row, said[: at + 1], said[at + 1 :], drafted[at:], 0)
    rest = drafter.propose(row, said[: at + 1])
    assert prompter.decode((*said[: at + 1], *rest)) == line
