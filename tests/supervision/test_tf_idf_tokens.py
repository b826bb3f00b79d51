"""Tokens of TF-IDF: words of any length, emoji and emoticons whole, `!` and `?`."""

import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoloom.corpora.lines import straight_apostrophes
from emoloom.records import VAD, Answer, LabelSpace, Row
from emoloom.screening.floors import FloorInputs, floor_outputs
from emoloom.supervision.affine import AffineMap
from emoloom.supervision.lexicon import load_lexicon
from emoloom.supervision.tf_idf_tokens import tf_idf_tokens

FAMILY, ENGLAND = (
    "👨\u200d👩\u200d👧\u200d👦",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("I am a DOG", ["i", "am", "a", "dog"]),
        ("don't 'quote' rock'n'roll", ["don't", "quote", "rock'n'roll"]),
        ("x_y well-being [NAME] 3rd", ["x", "y", "well", "being", "name", "3rd"]),
        ("caf\u00e9 cafe\u0301", ["café", "café"]),
        ("so!! what?!", ["so", "!", "!", "what", "?", "!"]),
        ("a, b; (c) ... 10:30", ["a", "b", "c", "10", "30"]),
        ("", []),
    ],
)
def test_words(text, tokens):
    assert tf_idf_tokens(text) == tokens


@pytest.mark.parametrize("mark", "’‘‛′ʻʼ´`＇")
def test_every_form_of_an_apostrophe_is_one(mark):
    assert tf_idf_tokens(f"I don{mark}t :{mark}(") == ["i", "don't", ":'("]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("😂😂lol😭", ["😂", "😂", "lol", "😭"]),
        ("👍🏽 👍", ["👍🏽", "👍"]),
        (f"{FAMILY}{FAMILY}", [FAMILY, FAMILY]),
        ("🇩🇪🇫🇷 " + ENGLAND, ["🇩🇪", "🇫🇷", ENGLAND]),
        ("1\ufe0f\u20e3 1\u20e3 1", ["1\u20e3", "1\u20e3", "1"]),
        ("\u2764\ufe0f \u2764", ["\u2764", "\u2764"]),
        ("❤️\u200d🔥 🤷🏽\u200d♀️", ["❤\u200d🔥", "🤷🏽\u200d♀"]),
    ],
)
def test_an_emoji_is_one_token_with_all_that_is_joined_to_it(text, tokens):
    assert tf_idf_tokens(text) == tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        (":) ;-( =] :* :'(", [":)", ";-(", "=]", ":*", ":'("]),
        ("thanks:) no:((( :)))", ["thanks", ":)", "no", ":(", ":)"]),
        (":D ;P :-/ :3 >:D", [":d", ";p", ":-/", ":3", ">:d"]),
        ("(: D:", ["(:", "d:"]),
        ("xD XDDD", ["xd", "xd"]),
        ("<3 <333 </3", ["<3", "<3", "</3"]),
        ("T_T ;_; o_O u_u >.<", ["t_t", ";_;", "o_o", "u_u", ">.<"]),
        ("^_^ -_- >_< ^^", ["^_^", "-_-", ">_<", "^^"]),
        ("\\o/ ¯\\_(ツ)_/¯", ["\\o/", "¯\\_(ツ)_/¯"]),
    ],
)
def test_an_emoticon_is_one_token(text, tokens):
    assert tf_idf_tokens(text) == tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("http://x.yz", ["http", "x", "yz"]),
        ("at 10:30, 3:15", ["at", "10", "30", "3", "15"]),
        ("note:Day a:b", ["note", "day", "a", "b"]),
        ("**bold** -- --- ^^^ <30", ["bold", "30"]),
        ("axd xdocs (8)", ["axd", "xdocs", "8"]),
    ],
)
def test_what_only_looks_like_one_is_none(text, tokens):
    assert tf_idf_tokens(text) == tokens


@given(
    st.text(
        alphabet=st.one_of(st.characters(), st.sampled_from(":;=()<3xD'’^_-👍🏽\u200d\ufe0f❤1!"))
    )
)
def test_tokens_come_in_the_texts_order_and_leave_no_letter_out(text):
    plain = straight_apostrophes(unicodedata.normalize("NFC", text))
    tokens = tf_idf_tokens(text)
    assert tf_idf_tokens(plain) == tokens
    assert all(token and not any(map(str.isspace, token)) for token in tokens)
    # A mouth that is drawn out loses some of its own.
    assert letters("".join(tokens)) == letters(plain.casefold())


def letters(text: str) -> list[str]:
    kinds = ((one, unicodedata.category(one)) for one in text)
    return [one for one, kind in kinds if (kind[0] == "L" or kind == "Nd") and one not in "d3"]


def test_the_floor_reads_what_is_no_word():
    """Texts of the same words: what tells them apart is an emoji, an emoticon, one letter, `!`."""
    space = LabelSpace("two", ("joy", "anger"))

    def row(sign: str, label: str | None, v: float) -> Row:
        answer = Answer(None if label is None else (label,), VAD(v, v, v), "")
        return Row(sign, f"the day {sign}", answer, "own", "train", "human", sign)

    for good, bad in (("😀", "😡"), (":)", ":("), ("y", "n"), ("!", ""), ("don’t", "do")):
        train = 5 * [row(good, "joy", 0.9), row(bad, "anger", 0.1)]
        made_from = FloorInputs(train, space, load_lexicon(), AffineMap.identity())
        asked = [row(sign.replace("’", "'"), None, 0.5) for sign in (good, bad)]
        outputs = [one.output for one in floor_outputs("tf-idf", made_from, asked)]
        assert outputs[0].startswith('{"labels":["joy"],'), good
        assert outputs[1].startswith('{"labels":["anger"],'), bad


def test_importing_it_loads_no_regex():
    code = "import sys, emoloom.supervision.tf_idf_tokens; assert 'regex' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
