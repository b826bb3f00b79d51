"""Stops, near-ties, limits and costs of both decoders, on a model whose every word is written."""

from dataclasses import replace

import pytest
import torch

from emoloom.contract.parse import parse_output
from emoloom.contract.prompt import make_prompter
from emoloom.decoding.canonical import decode_canonical
from emoloom.decoding.drafts import NoDrafts, contract_drafter
from emoloom.decoding.verified import DecodeSettings, decode_rows
from emoloom.models.logits import ModelError
from emoloom.records import VAD, Prediction
from scripted_lm import packs, scripted
from small_tokenizers import CHATML, byte_level, fast
from tiny_lm import SPACE

LINE = '{"labels":["anger"],"vad":{"v":0.12,"a":0.34,"d":0.56},"rationale":"cues: love, puppy"}'
TEXTS = ("I am glad", "You lied!", "It is noon")
HINTED = ("r0", "r1", "r2")


@pytest.fixture(scope="module")
def prompter():
    return make_prompter(fast(byte_level(), template=CHATML), SPACE)


def both(prompter, ids, *, nudge=None, cert=None, hints=None, max_new_tokens=60):
    """Canonical and verified answers of a model that says `ids` after every text."""
    lm, _ = scripted(prompter, dict.fromkeys(TEXTS, ids), nudge)
    rows = [(f"r{number}", text) for number, text in enumerate(TEXTS)]
    canonical = [decode_canonical(lm, *row, max_new_tokens) for row in rows]
    settings = DecodeSettings(max_new_tokens)
    verified = sorted(
        decode_rows(lm, rows, cert or packs(), settings, contract_drafter(prompter, hints)),
        key=lambda answer: answer.id,
    )
    return canonical, verified


def script_of(prompter, text: str) -> tuple[int, ...]:
    return prompter.answer(text).ids


def test_decoding_stops_at_the_end_token(prompter):
    said = script_of(prompter, "I think it is anger")
    for answers in both(prompter, (*said, prompter.end_id)):
        assert [answer.output for answer in answers] == ["I think it is anger"] * 3
        assert all(answer.ids == said for answer in answers)


def test_an_end_token_at_once_is_an_empty_answer(prompter):
    for answers in both(prompter, (prompter.end_id,)):
        assert [answer.output for answer in answers] == [""] * 3
        assert all(answer.ids == () and answer.forwards == 1 for answer in answers)


def test_every_stop_id_stops(prompter):
    for stop in prompter.stop_ids:
        for answers in both(prompter, (*script_of(prompter, "anger"), stop)):
            assert [answer.output for answer in answers] == ["anger"] * 3


def test_decoding_stops_at_the_closing_brace(prompter):
    ids = script_of(prompter, LINE)
    for answers in both(prompter, (*ids, *script_of(prompter, " and more"))):
        assert [answer.output for answer in answers] == [LINE] * 3


def test_a_brace_in_a_string_or_a_nested_object_is_no_end(prompter):
    text = 'x {"a":{"b":1},"c":"} \\" }"}'
    for answers in both(prompter, (*script_of(prompter, text), *script_of(prompter, " y"))):
        assert [answer.output for answer in answers] == [text] * 3


def test_a_token_with_more_than_the_brace_is_kept_whole(prompter):
    ids = script_of(prompter, LINE)
    assert prompter.decode(ids[-1:]) == '"}'
    for answers in both(prompter, ids):
        assert [answer.output for answer in answers] == [LINE] * 3


def test_decoding_stops_at_max_new_tokens(prompter):
    ids = script_of(prompter, "again and ")
    for answers in both(prompter, ids, max_new_tokens=13):
        assert all(answer.ids == (ids * 9)[:13] for answer in answers)
    canonical, verified = both(prompter, ids, max_new_tokens=60)
    assert all(answer.forwards == 60 for answer in canonical)
    assert all(answer.forwards < 20 for answer in verified)  # it repeats itself


def test_a_right_hint_costs_one_forward(prompter):
    answer = parse_output(LINE, SPACE)
    assert isinstance(answer, Prediction)
    _, verified = both(prompter, script_of(prompter, LINE), hints=dict.fromkeys(HINTED, answer))
    assert [answer.output for answer in verified] == [LINE] * 3
    assert [answer.forwards for answer in verified] == [1] * 3


def test_all_wrong_digits_are_mended_by_one_more_forward(prompter):
    """The fixed-point update: every later argmax of the forward that missed is read."""
    wrong = Prediction(("anger",), VAD(0.98, 0.76, 0.21), "cues: love, puppy")
    _, verified = both(prompter, script_of(prompter, LINE), hints=dict.fromkeys(HINTED, wrong))
    assert [answer.output for answer in verified] == [LINE] * 3
    assert [answer.forwards for answer in verified] == [2] * 3


def swap_first_two(logits_V: torch.Tensor, seen: tuple[int, ...], packed: bool) -> None:
    """A near-tie that a packed forward gets wrong, at every position."""
    said = int(logits_V.argmax())
    logits_V[(said + 1) % 5 + 20] = 10.0 + (1e-6 if packed else -1e-6)


def test_near_ties_are_decided_by_the_canonical_forward(prompter):
    canonical, verified = both(
        prompter, script_of(prompter, LINE), nudge=swap_first_two, cert=packs(tie_margin=1e-5)
    )
    assert [answer.output for answer in canonical] == [LINE] * 3
    assert [answer.output for answer in verified] == [LINE] * 3
    assert all(answer.near_ties == len(answer.ids) for answer in verified)


def test_without_a_margin_that_test_would_fail(prompter):
    canonical, verified = both(
        prompter, script_of(prompter, LINE), nudge=swap_first_two, max_new_tokens=12
    )
    assert canonical[0].ids != verified[0].ids


def tie(logits_V: torch.Tensor, seen: tuple[int, ...], packed: bool) -> None:
    logits_V[[9, 5, 7]] = 10.0


def test_exact_ties_go_to_the_lowest_id(prompter):
    for answers in both(prompter, (100,), nudge=tie, max_new_tokens=4):
        assert all(answer.ids == (5, 5, 5, 5) for answer in answers)


def verified_with(prompter, nudge):
    """The verified answers to `TEXTS` of a model that says `LINE`, in one pack."""
    lm, _ = scripted(prompter, dict.fromkeys(TEXTS, script_of(prompter, LINE)), nudge)
    rows = [(f"r{number}", text) for number, text in enumerate(TEXTS)]
    return list(decode_rows(lm, rows, packs(), DecodeSettings(60)))


@pytest.mark.parametrize("number", range(3))
def test_a_nan_stops_either_decoder_and_names_its_row(prompter, number):
    prompt = (*prompter.head_ids, *prompter.prompt(TEXTS[number]).ids)

    def nudge(logits_V: torch.Tensor, seen: tuple[int, ...], packed: bool) -> None:
        if seen[: len(prompt)] == prompt and len(seen) > len(prompt) + 5:
            logits_V[3] = float("nan")

    said = f"scripted gave NaN logits on row r{number}"
    with pytest.raises(ModelError, match=said):
        both(prompter, script_of(prompter, LINE), nudge=nudge)
    with pytest.raises(ModelError, match=said):
        verified_with(prompter, nudge)


def test_a_nan_behind_a_wrong_draft_is_no_fault(prompter):
    """Decoding one token after another would never have come there."""
    right = script_of(prompter, LINE)
    starts = [(*prompter.head_ids, *prompter.prompt(text).ids) for text in TEXTS]
    seen_nan = []

    def nudge(logits_V: torch.Tensor, seen: tuple[int, ...], packed: bool) -> None:
        start = next(start for start in starts if seen[: len(start)] == start)
        written = seen[len(start) :]
        if written != right[: len(written)]:
            seen_nan.append(packed)
            logits_V[3] = float("nan")

    answers = verified_with(prompter, nudge)
    assert [answer.output for answer in answers] == [LINE] * 3
    assert seen_nan
    assert all(seen_nan)
    assert all(answer.forwards <= 2 * len(right) for answer in answers)


def test_a_nan_of_packs_alone_leaves_the_canonical_answers(prompter):
    def nudge(logits_V: torch.Tensor, seen: tuple[int, ...], packed: bool) -> None:
        if packed:
            logits_V[3] = float("nan")

    lm, _ = scripted(prompter, dict.fromkeys(TEXTS, script_of(prompter, LINE)), nudge)
    spent: list[int] = []
    rows = [(f"r{number}", text) for number, text in enumerate(TEXTS)]
    charged = replace(lm, spend=spent.append)
    answers = list(decode_rows(charged, rows, packs(), DecodeSettings(60)))
    assert [answer.output for answer in answers] == [LINE] * 3
    computed = sum(answer.tokens_computed for answer in answers)
    assert computed == pytest.approx(sum(spent), abs=3), "drafts in vain are counted"


def test_rows_enter_a_running_pack(prompter):
    """Else a pack would wait for its slowest row."""
    texts_ = [f"text number {number} is here" for number in range(12)]
    slow, fast_ = (script_of(prompter, "again and ") * 9)[:40], script_of(prompter, "yes")
    scripts = {text: (*(fast_ if k else slow), prompter.end_id) for k, text in enumerate(texts_)}
    lm, model = scripted(prompter, scripts)
    rows = [(text, text) for text in texts_]
    settings = DecodeSettings(60, pack_rows=2)
    answers = list(decode_rows(lm, rows, packs(), settings, NoDrafts()))
    assert [answer.id for answer in answers] == [*texts_[1:], texts_[0]]
    assert len(scripts[texts_[1]]) * 11 <= 41
    assert len(model.calls) == 41


@pytest.mark.parametrize("short_by", [0, 1])
def test_a_row_longer_than_the_certificate_is_decoded_canonically(prompter, short_by):
    lm, model = scripted(prompter, dict.fromkeys(TEXTS, script_of(prompter, LINE)))
    rows = [(f"r{number}", text) for number, text in enumerate(TEXTS)]
    length = {
        row_id: len(prompter.head_ids) + len(prompter.prompt(text).ids) + 60
        for row_id, text in rows
    }
    limit = max(length.values()) - short_by
    answers = {
        answer.id: answer for answer in decode_rows(lm, rows, packs(limit), DecodeSettings(60))
    }
    assert [answers[row_id].output for row_id, _ in rows] == [LINE] * 3
    alone = [row_id for row_id in answers if length[row_id] > limit]
    assert bool(alone) == bool(short_by)
    for row_id in alone:
        assert answers[row_id].forwards == len(answers[row_id].ids)
    singles = [tokens for tokens, packed in model.calls if not packed]
    assert len(singles) == sum(answers[row_id].forwards for row_id in alone)


@pytest.mark.parametrize("verdict", ["canonical only", "refused"])
def test_without_packing_all_is_canonical(prompter, verdict):
    lm, model = scripted(prompter, dict.fromkeys(TEXTS, script_of(prompter, LINE)))
    cert = replace(packs(), verdict=verdict)
    answers = list(decode_rows(lm, [("a", TEXTS[0])], cert, DecodeSettings(60)))
    assert [answer.output for answer in answers] == [LINE]
    assert not any(packed for _, packed in model.calls)


@pytest.mark.parametrize(("pack_rows", "pack_tokens"), [(64, 400), (2, 10_000), (64, 10_000)])
@pytest.mark.parametrize("hinted", [True, False])
def test_a_pack_is_never_larger_than_allowed(prompter, pack_rows, pack_tokens, hinted):
    """Drafts and answers grow after a row has entered; the pack must not."""
    texts_ = [f"text number {number} is here" for number in range(30)]
    lm, model = scripted(prompter, dict.fromkeys(texts_, script_of(prompter, LINE)))
    rows = [(text, text) for text in texts_]
    wrong = Prediction(("joy",), VAD(0.98, 0.76, 0.21), "cues: hate")
    hints = dict.fromkeys(texts_, wrong) if hinted else None
    settings = DecodeSettings(60, pack_rows, pack_tokens)
    drafter = contract_drafter(prompter, hints)
    answers = list(decode_rows(lm, rows, packs(), settings, drafter))
    assert [answer.output for answer in answers] == [LINE] * 30
    head, shortest = len(prompter.head_ids), len(prompter.prompt(texts_[0]).ids)
    assert len(prompter.head_ids) + shortest + 60 < 400  # one row alone always fits
    for tokens, packed in model.calls:
        assert packed
        assert tokens <= pack_tokens
        assert tokens <= head + pack_rows * (shortest + 2 + 60)
    assert max(tokens for tokens, _ in model.calls) > head + 2 * shortest  # rows do share packs


def test_answers_come_as_soon_as_they_are_finished(prompter):
    """A caller that stops early has paid for no more than it got."""
    texts_ = [f"text number {number} is here" for number in range(12)]
    lm, model = scripted(prompter, dict.fromkeys(texts_, script_of(prompter, LINE)))
    rows = [(text, text) for text in texts_]
    answer = parse_output(LINE, SPACE)
    assert isinstance(answer, Prediction)
    hints = dict.fromkeys(texts_, answer)
    drafter = contract_drafter(prompter, hints)
    answers = decode_rows(lm, rows, packs(), DecodeSettings(60, pack_rows=2), drafter)
    next(answers)
    assert len(model.calls) == 1
    assert len(list(answers)) == 11
    assert len(model.calls) == 6
