"""`lm` by fields: each field's mean by its weight, against plain forwards of one row at a time."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from emoloom.records import VAD
from emoloom.training.answer_fields import FIELDS
from emoloom.training.cut_rows import CutExamples, CutShares, row_ends
from emoloom.training.examples import Examples, SoftDigits
from emoloom.training.fit import Training
from emoloom.training.schedule import FitSettings
from emoloom.training.soft_numbers import Spreads, numeral_tokens
from emoloom.training.terms import FieldWeights, Reader, Weights
from tiny_lm import make_tiny, row, train_rows, varied_rows

WEIGHTS = FieldWeights(labels=0.5, digits=0.3, rationale=0.15, skeleton=0.05)
ROWS = [
    *train_rows(),
    *(replace(one, vad_source="weak") for one in varied_rows(6)),
    row(50, "only labels", ("joy",), None),
    row(51, "only VAD", None, VAD(1.0, 0.0, 0.07), "cues: great"),
]
FILLING = {"r51": "joy"}


@pytest.fixture(scope="module")
def lm(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("fields") / "model"
    return make_tiny(folder)


def shown(lm, soft: bool):
    spread = SoftDigits(Spreads(0.05, 0.08), numeral_tokens(lm.prompter), 7) if soft else None
    whole = Examples(lm.prompter, ROWS, FILLING, VAD(0.5, 0.5, 0.5), soft=spread)
    return CutExamples(whole, row_ends(ROWS, CutShares(0.3, 0.3), 7))


def costs(lm, example) -> list[tuple[str, float]]:
    """(field, cross-entropy) of every trained token, by a forward of this row alone."""
    ids = torch.tensor([[*lm.prompter.head_ids, *example.ids]])
    with torch.no_grad():
        logp = lm.model(input_ids=ids, use_cache=False).logits[0].double().log_softmax(dim=-1)
    head, wanted = len(lm.prompter.head_ids), {one.at: one for one in example.soft}
    found = []
    for k, (on, field) in enumerate(zip(example.trained, example.fields, strict=True)):
        place = example.answer_start + k
        line = logp[head + place - 1]
        cost = -float(line[example.ids[place]])
        if k in wanted:
            pairs = zip(wanted[k].token_ids_N.tolist(), wanted[k].shares_N.tolist(), strict=True)
            cost = -math.fsum(share * float(line[token]) for token, share in pairs)
        if on:
            found.append((field, cost))
    return found


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("pack_tokens", [64, 5000])
def test_a_step_costs_each_fields_mean_by_its_weight(lm, soft, pack_tokens):
    examples = shown(lm, soft)
    every = [one for example in examples for one in costs(lm, example)]
    means = {f: [cost for name, cost in every if name == f] for f in FIELDS}
    settings = FitSettings(seed=1, batch_rows=len(ROWS), pack_tokens=pack_tokens, learning_rate=0.0)
    for parameter in lm.model.parameters():
        parameter.requires_grad_(True)
    reader = Reader(Weights(fields=WEIGHTS), None, None)
    step = Training(lm, examples, 10_000, settings, reader=reader).step()
    assert set(step.terms) == {f"lm_{field}" for field in FIELDS}
    for field, found in means.items():
        mean = math.fsum(found) / len(found)
        assert step.terms[f"lm_{field}"] == pytest.approx(mean, rel=1e-4), field
    expected = math.fsum(WEIGHTS.of(f) * step.terms[f"lm_{f}"] for f in FIELDS)
    assert step.loss == pytest.approx(expected, rel=1e-5)


def test_a_field_of_weight_nought_is_not_computed(lm):
    reader = Reader(Weights(fields=FieldWeights(1.0, 0.0, 0.0, 0.0)), None, None)
    settings = FitSettings(seed=1, batch_rows=len(ROWS), learning_rate=0.0)
    step = Training(lm, shown(lm, soft=True), 10_000, settings, reader=reader).step()
    assert set(step.terms) == {"lm_labels"}
    assert step.loss == pytest.approx(step.terms["lm_labels"])
