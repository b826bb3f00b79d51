"""Rows that lack dimensions: no term of the loss sees what was filled in."""

from dataclasses import replace

import pytest
import torch

from emoloom.records import VAD, PartialVAD, Row
from emoloom.training.examples import make_example
from emoloom.training.fit import packed_logits, single_logits
from emoloom.training.readings import make_group
from emoloom.training.target_proof import prove_targets
from emoloom.training.terms import term_counts, term_sums
from example_rows import FILL_LABEL, KINDS, VAD_GIVEN, prompter_of, row
from term_setup import ALL, Setup, set_up
from tiny_lm import make_tiny
from tiny_lm import row as tiny_row

PARTS = [
    PartialVAD(0.15, 0.83, None),
    PartialVAD(None, 0.83, 1.0),
    PartialVAD(0.15, None, None),
    PartialVAD(None, None, 1.0),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("vad", PARTS)
def test_exactly_the_filled_dimensions_are_masked(kind, vad):
    prompter = prompter_of(kind)
    one = row(("joy",), vad)
    made = [
        make_example(prompter, one, label=FILL_LABEL, vad=VAD(*[value] * 3))
        for value in (0.42, 0.97)
    ]
    prove_targets(prompter, [one, one], made)
    text = prompter.decode(made[0].ids[made[0].answer_start : -1])
    spans = prompter.answer(text).spans
    for key, value in zip("vad", vad.as_tuple(), strict=True):
        begin = text.index(f'"{key}":') + 4
        over = [k for k, (start, stop) in enumerate(spans) if start < begin + 4 and begin < stop]
        assert text[begin : begin + 4] == ("0.42" if value is None else f"{value:.2f}")
        assert any(made[0].trained[k] for k in over) == (value is not None), key
    # Where two fillings differ, nothing is trained.
    for example in made:
        trained = {k for k, on in enumerate(example.trained) if on}
        assert len(example.ids) == len(made[0].ids)
        differ = [a != b for a, b in zip(made[0].ids, made[1].ids, strict=True)]
        assert not trained & {k - example.answer_start for k, on in enumerate(differ) if on}


def test_a_proof_fails_where_a_rated_dimension_is_not_written():
    from emoloom.errors import UserError

    prompter = prompter_of("single digits")
    one, other = row(("joy",), PARTS[0]), row(("joy",), PartialVAD(0.15, 0.84, None))
    example = make_example(prompter, one, label=FILL_LABEL, vad=VAD_GIVEN)
    prove_targets(prompter, [replace(one, answer=replace(one.answer, vad=VAD_GIVEN))], [example])
    with pytest.raises(UserError, match="says something else"):
        prove_targets(prompter, [other], [example])


def setup_of(lm, rows: list[Row], fill: VAD) -> Setup:
    setup = set_up(lm, rows, ALL)
    return replace(setup, examples=replace(setup.examples, vad=fill))


ROWS = [
    tiny_row(0, "I love this puppy", ("joy",), PartialVAD(0.83, 0.55, None), "cues: love"),
    tiny_row(1, "He lied to me", ("anger",), PartialVAD(0.17, None, None), "cues: lied"),
    tiny_row(2, "What a great time", None, VAD(0.9, 0.8, 0.7), "cues: great"),
]


@pytest.fixture(scope="module")
def lm(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("partial") / "model")


def test_each_term_counts_what_is_rated(lm):
    setup = setup_of(lm, ROWS, VAD(0.5, 0.5, 0.5))
    counts = term_counts(setup.reader, list(setup.examples))
    assert (counts["labels"], counts["vad"], counts["vad_digits"]) == (2, 3, 6)


def test_what_is_filled_in_moves_no_term_and_no_gradient_of_the_heads(lm):
    """Every term that reads a place before the filled number, which is context for what follows."""
    found = []
    for fill in (VAD(0.5, 0.11, 0.11), VAD(0.5, 0.99, 0.99)):
        setup = setup_of(lm, [ROWS[0]], fill)  # only dominance, the last number, is missing
        group = make_group([replace_cues(setup.examples[0])])
        sums = term_sums(setup.reader, single_logits(lm, group, hidden=True), group)
        assert set(sums) == {"lm", "labels", "vad", "vad_digits", "vad_words", "appraisal"}
        setup.reader.heads.zero_grad()
        (sums["labels"] + sums["vad"]).backward()
        grads = {name: p.grad for name, p in setup.reader.heads.named_parameters()}
        found.append(({k: float(v.detach()) for k, v in sums.items() if k != "lm"}, grads))
    (one, one_grads), (other, other_grads) = found
    assert other == pytest.approx(one, abs=1e-6)
    for name, gradient in one_grads.items():
        assert torch.allclose(gradient, other_grads[name], atol=1e-7), name
    assert torch.equal(one_grads["vad.bias"][2], torch.tensor(0.0)), "dominance is not trained"
    assert bool((one_grads["vad.bias"][:2] != 0).all())


def replace_cues(example):
    """Without its cue words, which are written behind the filled number."""
    return replace(example, targets=replace(example.targets, cues=()))


def test_packed_and_alone_the_terms_are_the_same(lm):
    setup = setup_of(lm, ROWS, VAD(0.5, 0.5, 0.5))
    examples = list(setup.examples)
    together = make_group(examples)
    packed = term_sums(setup.reader, packed_logits(lm, together, hidden=True), together)
    alone: dict[str, float] = {}
    for example in examples:
        group = make_group([example])
        for part, value in term_sums(
            setup.reader, single_logits(lm, group, hidden=True), group
        ).items():
            alone[part] = alone.get(part, 0.0) + float(value.detach())
    assert {k: float(v.detach()) for k, v in packed.items()} == pytest.approx(alone, rel=1e-4)
