import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoloom import __version__
from emoloom.errors import UserError
from emoloom.metrics.signature import Signature, number_signatures

KEYS = st.from_regex(r"[a-z][a-z0-9_.-]{0,8}", fullmatch=True).filter(lambda key: key != "v")
VALUES = st.text(max_size=20)
PAIRS = st.lists(st.tuples(KEYS, VALUES), max_size=6, unique_by=lambda pair: pair[0])


def test_the_version_comes_last():
    signature = Signature((("data", "goemotions"), ("seed", "0")))
    assert signature.format() == f"data:goemotions|seed:0|v:{__version__}"


def test_a_source_stays_readable():
    assert Signature((("model", "hf:org/name@rev"),), "1").format() == "model:hf:org/name@rev|v:1"


@given(PAIRS, VALUES)
def test_round_trip(pairs, version):
    signature = Signature(tuple(pairs), version)
    text = signature.format()
    assert len(text.splitlines()) <= 1
    assert Signature.parse(text) == signature
    assert Signature.parse(text).format() == text


@pytest.mark.parametrize("value", ["a|b", "a%7c;b", "%", "x\ny", "|v:9", ":", ""])
def test_hostile_values_stay_in_their_place(value):
    signature = Signature((("a", value), ("b", "1")), "2")
    assert Signature.parse(signature.format()).pairs == (("a", value), ("b", "1"))


@pytest.mark.parametrize("key", ["", "v", "A", "a|b", "a:b", "1a", "a b", "a\n"])
def test_a_bad_key_is_refused(key):
    with pytest.raises(UserError, match="this key"):
        Signature(((key, "1"),))


def test_a_key_twice_is_refused():
    with pytest.raises(UserError, match="twice"):
        Signature((("a", "1"), ("a", "2")))


@pytest.mark.parametrize("text", ["", "a", "a:1", "v:1|a:2", "a:1||v:2"])
def test_no_signature_is_refused(text):
    with pytest.raises(UserError, match="no signature"):
        Signature.parse(text)


def test_each_number_has_the_settings_and_its_own_name():
    behind = Signature((("seed", "0"),), "1").extended(("answers", "a.jsonl@0f"))
    assert number_signatures(behind, ["score", "strict.macro_f1"]) == {
        "score": "seed:0|answers:a.jsonl@0f|number:score|v:1",
        "strict.macro_f1": "seed:0|answers:a.jsonl@0f|number:strict.macro_f1|v:1",
    }
    with pytest.raises(UserError, match="twice"):
        behind.extended(("seed", "1"))
