"""What the labels and words that a model is about to write stand for, looked up by their names.

Against probabilities from plain forwards, one row at a time: a chart in another order would pull
every label to another label's VAD and atoms.
"""

import math
import re
from pathlib import Path

import pytest
import torch

from emoloom.contract.schema import write_answer
from emoloom.records import VAD, Prediction
from emoloom.supervision.lexicon import load_lexicon
from emoloom.supervision.weak_vad import weak_vad
from emoloom.training.fit import single_logits
from emoloom.training.readings import make_group
from emoloom.training.terms import term_sums
from term_setup import ALL, appraisal_of, set_up
from tiny_lm import SPACE, make_tiny, reload, row, varied_rows

ROWS = [
    *varied_rows(5),
    row(60, "a great and happy day", ("joy",), VAD(0.9, 0.4, 0.6), "cues: great, happy"),
]
LEXICON = load_lexicon()


@pytest.fixture(scope="module")
def setup(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("by-name") / "model"
    make_tiny(folder)
    return set_up(reload(folder), ROWS, ALL)


def next_tokens(setup, number: int) -> torch.Tensor:
    """[positions, V] float64: line k predicts token k + 1 of head and example."""
    ids = torch.tensor([[*setup.lm.prompter.head_ids, *setup.examples[number].ids]])
    with torch.no_grad():
        return setup.lm.model(input_ids=ids, use_cache=False).logits[0].double()


def label_shares(setup, number: int) -> dict[str, float]:
    """How likely each label is the first: tokens that several begin with divided by frequency."""
    place = setup.examples[number].targets.first_label
    example, head = setup.examples[number], len(setup.lm.prompter.head_ids)
    begin = place - example.answer_start
    first = {}
    for label in SPACE.labels:
        line = write_answer(Prediction((label,), VAD(0.5, 0.5, 0.5), "cues: none"))
        first[label] = setup.lm.prompter.answer(line).ids[begin]
    p = next_tokens(setup, number)[head + place - 1].softmax(dim=0)
    rows = {label: 1 + sum(label in (r.answer.labels or ()) for r in ROWS) for label in first}
    together = {t: sum(rows[x] for x in first if first[x] == t) for t in first.values()}
    shares = {x: float(p[t]) * rows[x] / together[t] for x, t in first.items()}
    return {label: share / sum(shares.values()) for label, share in shares.items()}


def means_of(values: dict[str, tuple[float, ...]]) -> dict[str, list[float]]:
    """Mean of each label's rows, five rows of the mean of all rows with labels among them."""
    labelled = [one for one in ROWS if one.answer.labels]
    grand = [sum(v) / len(labelled) for v in zip(*(values[r.id] for r in labelled), strict=True)]
    found = {}
    for label in SPACE.labels:
        own = [values[one.id] for one in labelled if label in one.answer.labels]
        sums_ = [sum(v) for v in zip(*own, strict=True)] or [0.0] * len(grand)
        found[label] = [(s + 5 * g) / (len(own) + 5) for s, g in zip(sums_, grand, strict=True)]
    return found


def sums(setup, number: int) -> dict[str, float]:
    group = make_group([setup.examples[number]])
    found = term_sums(setup.reader, single_logits(setup.lm, group, hidden=True), group)
    return {name: float(value.detach()) for name, value in found.items()}


@pytest.mark.parametrize("number", range(len(ROWS)))
def test_labels_are_at_their_rows_vad_and_words_at_the_lexicons(setup, number):
    example, target = setup.examples[number], ROWS[number].answer.vad.as_tuple()
    shares = label_shares(setup, number)
    points = means_of({row.id: row.answer.vad.as_tuple() for row in ROWS})
    implied = [sum(shares[x] * points[x][k] for x in shares) for k in range(3)]
    expected = math.dist(implied, target) / math.sqrt(3)
    tokens = setup.lm.prompter.tokenizer
    texts = {token: tokens.decode([token]) for token in range(len(tokens))}
    words = {
        token: weak_vad(text.strip(), LEXICON).vad.as_tuple()
        for token, text in texts.items()
        if re.fullmatch(r" ?[a-z]{2,}", text) and text.strip() in LEXICON.entries
    }
    logits, head = next_tokens(setup, number), len(setup.lm.prompter.head_ids)
    for place in example.targets.cues:
        p = logits[head + place - 1][list(words)].softmax(dim=0).tolist()
        implied = [sum(q * w[k] for q, w in zip(p, words.values(), strict=True)) for k in range(3)]
        expected += math.dist(implied, target) / math.sqrt(3)
    assert len(words) > 5
    assert sums(setup, number)["vad_words"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("number", range(len(ROWS)))
def test_labels_stand_for_the_atoms_of_their_own_line(setup, number):
    shares = label_shares(setup, number)
    wanted = vars_of(appraisal_of(ROWS[number]))
    profile = means_of({row.id: vars_of(appraisal_of(row)) for row in ROWS})
    expected = 0.0
    for atom, target in enumerate(wanted):
        said = sum(shares[x] * profile[x][atom] for x in shares)
        expected -= target * math.log(said) + (1 - target) * math.log(1 - said)
    assert sums(setup, number)["appraisal"] == pytest.approx(expected / len(wanted), abs=1e-4)


def vars_of(appraisal) -> tuple[float, ...]:
    names = ("goal_attainment", "controllability", "certainty", "fairness")
    return tuple(getattr(appraisal, name) for name in names)
