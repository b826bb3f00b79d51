"""Teacher-forced losses: against float64 sums over whole vocabularies, row by row, unpacked."""

import math
from dataclasses import replace

import pytest
import torch

from emoloom.contract.schema import write_answer
from emoloom.metrics.teacher_forced import ForcedScores, forced_scores, mean_forced
from emoloom.models.causal_lm import full_forward
from emoloom.models.logits import ModelError
from emoloom.records import VAD, PartialVAD, Prediction
from emoloom.screening.head_answers import PackLimits
from emoloom.screening.teacher_forced import forced_lines
from tiny_lm import SPACE, make_tiny, row, trained_tiny, varied_rows

ROWS = [
    row(0, "I love this puppy", ("joy",), None, "cues: love"),
    row(1, "He lied to me", ("anger", "sadness"), VAD(0.17, 0.62, 0.4), "cues: lied"),
    row(2, "What a great time", None, PartialVAD(0.9, 0.08, None), "cues: great"),
    row(3, "Nothing is known of this one", None, None, ""),
    row(4, "The day is over and so are we", ("sadness",), PartialVAD(None, None, 0.5), ""),
]
LIMITS = PackLimits(1200, 4096)


@pytest.fixture(scope="module")
def lm(tmp_path_factory):
    return trained_tiny(tmp_path_factory.mktemp("forced") / "m", varied_rows(24), 8)


def human(rows):
    return [replace(one, vad_source="human" if one.answer.vad else None) for one in rows]


def by_hand(lm, one, label):
    """From the logits of the gold line alone: no chart, no tree, no pack."""
    prompter, given = lm.prompter, one.answer
    known = (None,) * 3 if given.vad is None else given.vad.as_tuple()
    filled = VAD(*(0.5 if value is None else value for value in known))
    line = write_answer(Prediction(given.labels or (label,), filled, given.rationale))
    answer, prompt = prompter.answer(line), prompter.prompt(one.text).ids
    whole = [*prompter.head_ids, *prompt, *answer.ids]
    start = len(prompter.head_ids) + len(prompt)
    logits = full_forward(lm, whole, range(start - 1, len(whole) - 1)).spelled().double()
    p = logits.softmax(dim=1)
    nll = None
    if given.labels:
        places = places_where_labels_part(prompter, given.labels[0])
        nll = -math.fsum(math.log(p[k, answer.ids[k]]) for k in places)
    distances = [
        None if wanted is None else distance(prompter, p, answer, line, key, wanted)
        for key, wanted in zip("vad", known, strict=True)
    ]
    return nll, distances


def places_where_labels_part(prompter, label):
    """Every other label's own tokens say where they part from this one's."""

    def ids(name):
        return prompter.answer(write_answer(Prediction((name,), VAD(0.5, 0.5, 0.5), ""))).ids

    own, others = ids(label), [ids(name) for name in SPACE.labels if name != label]
    pairs = [list(zip(own, other, strict=False)) for other in others]
    return {next(k for k, (one, two) in enumerate(each) if one != two) for each in pairs}


def distance(prompter, p, answer, line, key, wanted):
    """Token by token of one value, over the whole vocabulary."""
    begin = line.index(f'"{key}":') + 4
    reached, total = 1.0, 0.0
    for k, (left, right) in enumerate(answer.spans):
        if right <= begin or left >= begin + 4:
            continue
        written, lead = line[begin : max(begin, left)], line[left:begin]
        gold = answer.ids[k]
        rest = 1 - float(p[k, gold])
        for token in set(range(p.shape[1])) - {gold}:
            text = prompter.decode((token,))
            values = values_behind(written + text[len(lead) :]) if text.startswith(lead) else []
            if text and values:
                total += (
                    reached
                    * float(p[k, token])
                    * sum(abs(v - wanted) for v in values)
                    / len(values)
                )
                rest -= float(p[k, token])
        total += reached * max(0.0, rest) * max(wanted, 1 - wanted)
        reached *= float(p[k, gold])
    return total


def values_behind(text):
    """Values of the contract that a text may become; one that is finished is itself."""
    every = [f"{k / 100:.2f}" for k in range(101)]
    if any(value.startswith(text) for value in every):
        return [float(value) for value in every if value.startswith(text)]
    for value in every:
        if text.startswith(value) and not text[len(value) :][:1].isdigit():
            return [float(value)]
    return []


def test_they_are_what_the_logits_of_the_gold_line_say(lm):
    rows = human(ROWS)
    lines = forced_lines(lm, rows, {"r2": "joy"}, LIMITS, lambda _: None)
    assert [line["id"] for line in lines] == [one.id for one in rows]
    for one, line in zip(rows, lines, strict=True):
        nll, distances = by_hand(lm, one, "joy" if one.id == "r2" else SPACE.labels[-1])
        if nll is None:
            assert line["label_nll"] is None
        else:
            assert line["label_nll"] == pytest.approx(nll, abs=2e-4)
        for said, wanted in zip(line["vad_distance"], distances, strict=True):
            assert said == (None if wanted is None else pytest.approx(wanted, abs=3e-4))


@pytest.mark.parametrize(
    "limits", [PackLimits(1, 4096), PackLimits(1200, 0), PackLimits(150, 4096)]
)
def test_packs_of_any_size_say_the_same(lm, limits):
    rows = human(ROWS)
    whole = forced_lines(lm, rows, {}, LIMITS, lambda _: None)
    other = forced_lines(lm, rows, {}, limits, lambda _: None)
    for one, two in zip(whole, other, strict=True):
        assert two["label_nll"] == (
            one["label_nll"] and pytest.approx(one["label_nll"], abs=1.5e-4)
        )
        assert two["vad_distance"] == [
            value and pytest.approx(value, abs=1.5e-4) for value in one["vad_distance"]
        ]


def test_vad_that_nobody_rated_is_left_out(lm):
    (line,) = forced_lines(lm, [replace(ROWS[1], vad_source="weak")], {}, LIMITS, lambda _: None)
    assert line["vad_distance"] == [None, None, None]
    assert line["label_nll"] is not None


def test_a_nan_names_its_row(tmp_path):
    broken = make_tiny(tmp_path / "m")
    with torch.no_grad():
        broken.model.get_output_embeddings().weight.fill_(torch.nan)
    with pytest.raises(ModelError, match="gave NaN logits on row r0"):
        forced_lines(broken, human(ROWS), {}, LIMITS, lambda _: None)


def test_memory_that_runs_out_halves_the_packs(lm, monkeypatch):
    from emoloom.screening import teacher_forced

    whole = forced_lines(lm, human(ROWS), {}, LIMITS, lambda _: None)
    plain, sizes = teacher_forced.packed_logits, []

    def small(lm, group):
        sizes.append(len(group.examples))
        if len(group.examples) > 2:
            raise MemoryError
        return plain(lm, group)

    monkeypatch.setattr(teacher_forced, "packed_logits", small)
    halved = forced_lines(lm, human(ROWS), {}, LIMITS, lambda _: None)
    assert sizes[0] == 4
    assert [one["id"] for one in halved] == [one["id"] for one in whole]
    assert halved[1]["label_nll"] == pytest.approx(whole[1]["label_nll"], abs=1.5e-4)


def test_a_border_stands_before_each_forward(lm):
    told = []
    forced_lines(lm, human(ROWS), {}, PackLimits(1, 4096), told.append)
    assert told == [0] * 4, "the row of which nothing is known needs none"


def test_scores_stand_beside_a_constants():
    train = [
        row(10, "a", ("joy",), None, ""),
        row(11, "b", ("joy", "anger"), None, ""),
        row(12, "c", ("anger",), None, ""),
        row(13, "d", None, VAD(0.2, 0.2, 0.2), ""),
    ]
    lines = [
        {"id": "r0", "label_nll": 1.0, "vad_distance": [None, None, None]},
        {"id": "r1", "label_nll": 2.0, "vad_distance": [0.1, 0.2, 0.3]},
        {"id": "r2", "label_nll": None, "vad_distance": [0.4, 0.2, None]},
    ]
    found = forced_scores(lines, ROWS, train, SPACE, PartialVAD(0.5, 0.5, None))
    total = 3 + len(SPACE.labels)
    base = (math.log(total / 3) + math.log(total / 2)) / 2
    far = (abs(0.5 - 0.17) + abs(0.5 - 0.62) + abs(0.5 - 0.9) + abs(0.5 - 0.08)) / 4
    assert found == ForcedScores(
        1.5, pytest.approx(base), 2, pytest.approx(0.225), pytest.approx(far), 4
    )


def test_no_row_no_score():
    assert forced_scores([], ROWS, [], SPACE, None) == ForcedScores(None, None, 0, None, None, 0)


def test_of_several_trainings_the_mean_and_none_where_one_lacks_them():
    one = ForcedScores(1.0, 3.0, 2, None, None, 0)
    assert mean_forced([one, replace(one, label_nll=2.0)]) == replace(one, label_nll=1.5)
    assert mean_forced([one, None]) is None
    assert mean_forced([]) is None
