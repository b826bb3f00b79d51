"""Partial answers: the whole ones up to the end of VAD, in every way of decoding."""

import pytest

from emoloom.contract.parse import UNASKED, object_closed, parse_output, scored_part
from emoloom.decoding.audit import audit
from emoloom.decoding.canonical import decode_canonical, output_of
from emoloom.decoding.drafts import NoDrafts, contract_drafter
from emoloom.decoding.replaying import decode_again
from emoloom.decoding.verified import DecodeSettings, decode_rows
from emoloom.models.certificate import Certificate
from emoloom.records import ParseFailure, Prediction
from tiny_lm import SPACE, make_tiny, reference, trained_tiny, varied_rows, word_texts

LINE = '{"labels":["joy"],"vad":{"v":0.83,"a":0.55,"d":0.61},"rationale":"cues: love"}'
UP_TO_VAD = LINE[: LINE.index(',"rationale"')]


@pytest.mark.parametrize("behind", ["", ",", ',"rationale":"', ',"rationale":"cues: love"'])
def test_an_answer_that_has_written_its_vad_is_closed_there(behind):
    assert scored_part(UP_TO_VAD + behind) == UP_TO_VAD + UNASKED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no object",
        LINE,
        UP_TO_VAD[:-1],
        '{"labels":["joy"]',
        '{"vad":{"v":0.83,"a":0.55,"d":0.61}',
        '{"labels":["joy"],"vad":{"v":0.83,"a":0.55}',
        '{"labels":["joy"],"vad":{"v":0.83,"a":0.55,"d":0.61},"more":{}',
        '{"labels":["}"],"vad":{"v":0.83',
        '{"labels":["joy"],"labels":["fear"],"vad":{"v":0.8,"a":0.5,"d":}',
    ],
)
def test_any_other_goes_on(text):
    assert scored_part(text) is None


@pytest.mark.parametrize(
    ("labels", "v", "reason"),
    [
        ('["sadness"]', "0.50", None),
        ('["bliss"]', "0.50", "unknown_label"),
        ("[]", "0.50", "empty_labels"),
        ('["joy"]', "1.50", "out_of_range"),
        ('"joy"', "0.50", "wrong_type"),
    ],
)
def test_what_is_wrong_with_labels_or_vad_is_wrong_in_either_form(labels, v, reason):
    start = f'{{"labels":{labels},"vad":{{"v":{v},"a":0.50,"d":0.50}}'
    whole, part = f'{start},"rationale":"cues: x"}}', scored_part(start)
    assert part is not None
    one, other = parse_output(whole, SPACE), parse_output(part, SPACE)
    if reason is None:
        assert isinstance(one, Prediction)
        assert isinstance(other, Prediction)
        assert (one.labels, one.vad) == (other.labels, other.vad)
    else:
        assert one == other == ParseFailure(reason)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Whole canonical answers, most of them in form."""
    for epochs in (15, 30, 60, 120):
        lm = trained_tiny(tmp_path_factory.mktemp("partial") / "m", varied_rows(48), epochs)
        made = reference(lm, word_texts(40, 2), max_new_tokens=48)
        closed = [a for a in made.answers.values() if '"rationale":"' in a.output]
        if sum(object_closed(answer.output) for answer in closed) >= 20:
            break
    return made


def expected(whole, answer):
    """Id -> what is left of a whole answer: ids up to the first that ends VAD, and its text."""
    prompter = whole.lm.prompter
    for count in range(1, len(answer.ids) + 1):
        part = scored_part(prompter.decode(answer.ids[:count]))
        if part is not None:
            return answer.ids[:count], part
    return answer.ids, answer.output


def decoded(whole, drafter, **sizes):
    settings = DecodeSettings(whole.max_new_tokens, partial=True, **sizes)
    rows = decode_rows(whole.lm, whole.rows, whole.certificate, settings, drafter)
    return {answer.id: answer for answer in rows}


def test_canonical_ones_are_the_whole_ones_cut(whole):
    cut = 0
    for row_id, text in whole.rows:
        own = decode_canonical(whole.lm, row_id, text, whole.max_new_tokens, partial=True)
        assert (own.ids, own.output) == expected(whole, whole.answers[row_id])
        cut += own.output.endswith(UNASKED)
    assert cut >= 20


@pytest.mark.parametrize("sizes", [{}, {"pack_rows": 1}, {"pack_rows": 16, "first_rows": 16}])
@pytest.mark.parametrize("drafts", [True, False])
def test_verified_ones_are_the_canonical_ones(whole, sizes, drafts):
    drafter = contract_drafter(whole.lm.prompter) if drafts else NoDrafts()
    for row_id, answer in decoded(whole, drafter, **sizes).items():
        assert (answer.ids, answer.output) == expected(whole, whole.answers[row_id])


def test_rows_that_may_not_be_packed_are_partial_too(whole):
    refused = Certificate.from_dict(whole.certificate.to_dict() | {"verdict": "canonical only"})
    settings = DecodeSettings(whole.max_new_tokens, partial=True)
    for answer in decode_rows(whole.lm, whole.rows[:5], refused, settings):
        assert (answer.ids, answer.output) == expected(whole, whole.answers[answer.id])


def test_they_take_fewer_forwards_and_compute_less(whole):
    settings = DecodeSettings(whole.max_new_tokens)
    drafter = contract_drafter(whole.lm.prompter)
    every = list(decode_rows(whole.lm, whole.rows, whole.certificate, settings, drafter))
    cut = decoded(whole, contract_drafter(whole.lm.prompter)).values()
    assert sum(a.forwards for a in cut) < sum(a.forwards for a in every)
    assert sum(a.tokens_computed for a in cut) < sum(a.tokens_computed for a in every)


def test_they_are_audited_and_decoded_again_as_they_are(whole):
    limit, rows = whole.max_new_tokens, dict(whole.rows[:6])
    outputs = {row_id: expected(whole, whole.answers[row_id])[1] for row_id in rows}
    assert not audit(whole.lm, rows, outputs, limit, partial=True).mismatches
    assert audit(whole.lm, rows, outputs, limit).mismatches
    for row_id, text in rows.items():
        kept = outputs[row_id]
        assert decode_again(whole.lm, row_id, text, kept, limit, partial=True).same


def test_a_model_that_writes_no_vad_is_asked_to_its_limit(tmp_path):
    lm = make_tiny(tmp_path / "random")
    own = decode_canonical(lm, "1", "a text", 12, partial=True)
    assert own == decode_canonical(lm, "1", "a text", 12)
    assert output_of(lm.prompter, own.ids, partial=True) == own.output
