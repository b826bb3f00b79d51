"""No text on two sides: against the definition pair by pair, and on the official corpora."""

from hypothesis import given, settings
from hypothesis import strategies as st

from emoloom.corpora.lines import normalise_text, text_group
from emoloom.corpora.overlap import SetOverlap, keep_apart
from emoloom.corpora.registry import read_corpus
from emoloom.records import Answer, Row
from other_corpora import official_rows


def row(key: str, text: str, group: str = "") -> Row:
    return Row(key, text, Answer(None, None, ""), "s", "train", None, group or text_group(text))


def near(one: str, other: str, threshold: float) -> bool:
    a, b = (set(normalise_text(text).split()) for text in (one, other))
    return bool(a and b) and len(a & b) >= threshold * len(a | b) - 1e-9


TEXTS = st.lists(st.text(alphabet="abcde .", max_size=14), max_size=10)


@settings(max_examples=200, deadline=None)
@given(TEXTS, TEXTS, TEXTS, st.sampled_from([0.5, 0.8, 1.0]))
def test_no_pair_is_left_and_nothing_else_is_removed(train, select, test, threshold):
    rows = [row(f"t{n}", text) for n, text in enumerate(train)]
    others = {
        "select": [row(f"s{n}", text) for n, text in enumerate(select)],
        "test": [row(f"u{n}", text) for n, text in enumerate(test)],
    }
    apart = keep_apart(rows, others, threshold=threshold)
    assert sorted(r.id for r in (*apart.kept, *apart.removed)) == sorted(r.id for r in rows)
    assert [r for r in rows if r in apart.kept] == list(apart.kept), "in the order given"
    assert sum(apart.reasons.values()) == len(apart.removed)
    theirs = [*select, *test]
    for one in rows:
        words = normalise_text(one.text)
        twin = any(
            near(one.text, other, threshold) or (words and words == normalise_text(other))
            for other in theirs
        )
        # Texts without any character share a group, and only that.
        twin = twin or one.group in {text_group(other) for other in theirs}
        assert (one in apart.removed) == twin
    for name, texts in (("select", select), ("test", test)):
        found = apart.sets[name]
        assert found.rows == len(texts), "a set keeps all its rows"
        assert found.same_text == sum(
            any(normalise_text(t) == normalise_text(o) != "" for o in train) for t in texts
        )


def test_the_reason_is_the_first_that_holds():
    train = [
        row("same", "Thank YOU!"),
        row("group", "something else entirely", "conversation 1"),
        row("near", "my dad just passed away"),
        row("own", "own text of mine"),
        row("half", "a b c"),
    ]
    others = {
        "select": [row("a", "thank you"), row("b", "My dad passed away.")],
        "test": [row("c", "hello there", "conversation 1"), row("d", "a b c d e f")],
    }
    apart = keep_apart(train, others)
    assert [r.id for r in apart.kept] == ["own", "half"]
    assert apart.reasons == {
        "same_text": 1,
        "same_group": 1,
        "near_text": 1,
        "same_conversation": 0,
        "near_conversation": 0,
    }
    assert apart.sets["select"] == SetOverlap(2, 1, 1, 0, 0, 0)
    assert apart.sets["test"] == SetOverlap(2, 0, 0, 0, 0, 0)


def test_a_conversation_is_compared_as_a_whole():
    def talk(key: str, *texts: str) -> list[Row]:
        return [row(f"{key}/{n}", text, key) for n, text in enumerate(texts)]

    train = [
        *talk("same", "How are you ? I 'm", "fine thanks"),
        *talk("near", "one two three four five", "six seven eight nine ten"),
        *talk("other", "what a day", "nothing alike"),
    ]
    # Cut elsewhere, so that no utterance has a twin.
    test = [
        *talk("x", "How are you", "I'm fine thanks"),
        *talk("y", "one two", "three four five six seven eight nine eleven"),
        *talk("once", "yes", "yes"),
    ]
    apart = keep_apart(train, {"test": test}, threshold=0.8)
    assert {r.group for r in apart.kept} == {"other"}
    assert apart.reasons["same_conversation"] == apart.reasons["near_conversation"] == 2
    # One text said twice is no conversation.
    assert apart.sets["test"] == SetOverlap(6, 0, 0, 2, 1, 1)


def test_chains_do_not_pull():
    chain = ["a b c d e", "b c d e f", "c d e f g"]
    apart = keep_apart(
        [row("1", chain[1]), row("2", chain[2])], {"test": [row("t", chain[0])]}, threshold=0.6
    )
    assert [r.id for r in apart.kept] == ["2"]


def test_nothing_to_compare_with():
    rows = [row("1", "a"), row("2", "")]
    assert keep_apart(rows, {}).kept == tuple(rows)
    assert keep_apart(rows, {"test": []}).kept == tuple(rows)
    assert keep_apart([], {"test": rows}).kept == ()


# The official corpora


def test_goemotions_109_test_and_113_dev_texts_stand_in_train():
    train = official_rows("goemotions", "train")
    others = {split: official_rows("goemotions", split) for split in ("dev", "test")}
    apart = keep_apart(train, others)
    assert apart.sets["test"].same_text == 109
    assert apart.sets["dev"].same_text == 113
    assert (apart.sets["dev"].rows, apart.sets["test"].rows) == (5426, 5427)
    assert len(apart.kept) + len(apart.removed) == 43_410
    again = keep_apart(apart.kept, others)
    assert again.removed == ()
    assert again.sets["test"].same_text == again.sets["test"].near_text == 0


def test_dailydialog_149_test_and_122_validation_dialogues_stand_in_train():
    others = {split: official_rows("daily-dialog", split) for split in ("dev", "test")}
    apart = keep_apart(official_rows("daily-dialog", "train"), others)
    found = apart.sets
    assert (found["test"].conversations, found["dev"].conversations) == (1000, 1000)
    assert (found["test"].same_conversation, found["dev"].same_conversation) == (149, 122)


def test_texts_are_kept_apart_across_corpora():
    train = official_rows("empathetic-dialogues", "train")
    tests = official_rows("goemotions", "test")
    apart = keep_apart(train, {"test": tests})
    keys = {normalise_text(row.text) for row in tests}
    twins = {row.id for row in train if normalise_text(row.text) in keys}
    assert twins <= {row.id for row in apart.removed}


def test_the_shipped_samples_have_no_text_twice():
    for name in ("goemotions", "emobank"):
        split = {s: read_corpus(f"{name}-sample", s).rows for s in ("train", "dev", "test")}
        apart = keep_apart(split["train"], {"dev": split["dev"], "test": split["test"]})
        assert apart.reasons["same_text"] == apart.reasons["same_group"] == 0


def test_held_out_texts_of_goemotions_that_stand_in_its_train():
    """The counts of docs/decisions/0004: by words alone, and with punctuation kept."""
    train = official_rows("goemotions", "train")
    words = {one.group for one in train}
    whole = {" ".join(one.text.casefold().split()) for one in train}
    found = {
        split: (
            sum(one.group in words for one in rows),
            sum(" ".join(one.text.casefold().split()) in whole for one in rows),
        )
        for split, rows in ((name, official_rows("goemotions", name)) for name in ("dev", "test"))
    }
    assert found == {"dev": (113, 49), "test": (109, 42)}
