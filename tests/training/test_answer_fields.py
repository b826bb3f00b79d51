"""Which token of an answer writes what, for tokenizers that cut it in different places."""

import pytest

from emoloom.contract.prompt import make_prompter
from emoloom.training.answer_fields import FIELDS, answer_fields
from small_tokenizers import CHATML, byte_level, dummy_prefix, fast, metaspace
from tiny_lm import SPACE

LINE = '{"labels":["joy","anger"],"vad":{"v":0.83,"a":0.55,"d":1.00},"rationale":"cues: love, 0.5"}'

WRITTEN = {
    "labels": ['joy","anger"]'],
    "digits": ["0.83", "0.55", "1.00"],
    "rationale": ['cues: love, 0.5"}'],
}

KINDS = {
    "one token a digit": byte_level,
    "two digits a token": lambda: byte_level(merged_digits=True),
    "point fused": metaspace,
    "dummy prefix": dummy_prefix,
}


def test_every_character_is_in_its_field():
    """With a token for each character the fields are the characters themselves."""
    fields = answer_fields(LINE, [(at, at + 1) for at in range(len(LINE))])
    for field, pieces in WRITTEN.items():
        text = "".join(c for c, name in zip(LINE, fields, strict=True) if name == field)
        assert text == "".join(pieces)
    rest = "".join(c for c, name in zip(LINE, fields, strict=True) if name == "skeleton")
    assert rest == '{"labels":[","vad":{"v":,"a":,"d":},"rationale":"'


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_token_belongs_to_the_most_specific_field_it_touches(kind):
    answer = make_prompter(fast(KINDS[kind](), template=CHATML), SPACE).answer(LINE)
    by_character = answer_fields(LINE, [(at, at + 1) for at in range(len(LINE))])
    for (start, stop), field in zip(answer.spans, answer_fields(LINE, answer.spans), strict=True):
        touched = {*by_character[start:stop]} or {"skeleton"}
        assert field == min(touched, key=FIELDS.index)


def test_what_looks_like_a_field_inside_the_rationale_is_rationale():
    line = '{"labels":["joy"],"vad":{"v":0.10,"a":0.20,"d":0.30},"rationale":"cues: 0.40, ]"}'
    fields = answer_fields(line, [(at, at + 1) for at in range(len(line))])
    inside = line.index("cues")
    assert set(fields[inside:]) == {"rationale"}
