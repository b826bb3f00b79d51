"""What is read off the untrained model, by fits that have not seen the text, and digits of it."""

from dataclasses import replace

import numpy as np
import pytest

from asked_rows import SPACE
from emoloom.models.causal_lm import CausalLM
from emoloom.records import VAD, PartialVAD
from emoloom.screening.head_answers import PackLimits
from emoloom.screening.probe_targets import probe_targets
from emoloom.screening.text_states import text_states
from emoloom.screening.training_steps import train
from emoloom.supervision.verbalisers import verbaliser_rows
from emoloom.training.examples import SoftDigits
from emoloom.training.schedule import FitSettings
from emoloom.training.soft_numbers import Spreads, numeral_tokens
from tiny_lm import make_tiny, reload, row
from train_jobs import train_job

LIMITS = PackLimits(300, 512)
WORDS = ("glad", "sad", "a table", "I cry", "so so", "never", "I laugh", "rain", "home", "war")


@pytest.fixture(scope="module")
def lm(tmp_path_factory) -> CausalLM:
    folder = tmp_path_factory.mktemp("targets") / "model"
    make_tiny(folder)
    return reload(folder)


def rated(count: int = 20, **of_row):
    chance = np.random.default_rng(3).random((count, 3)).tolist()
    texts = [f"{WORDS[k % 10]} {k}" for k in range(count)]
    made = [
        row(k, text, None, VAD(*vad))
        for k, (text, vad) in enumerate(zip(texts, chance, strict=True))
    ]
    return [replace(one, **of_row) for one in made]


def told(lm, rows):
    return probe_targets(lm, rows, LIMITS, lambda _: None)


def test_a_text_is_told_by_ridge_on_the_others_in_folds_by_hand(lm):
    """scikit-learn's ridge on standardised states, every fifth text left out in turn."""
    from sklearn.linear_model import Ridge

    rows = rated()
    states = text_states(lm, [one.text for one in rows], LIMITS, lambda _: None)
    values = np.array([one.answer.vad.as_tuple() for one in rows])
    found = told(lm, rows)
    assert list(found) == [rows[k].id for part in range(5) for k in range(part, 20, 5)]
    for part in range(5):
        seen = np.array([k % 5 != part for k in range(20)])
        mean, scale = states[seen].mean(axis=0), states[seen].std(axis=0)
        even = (states - mean) / scale / np.sqrt(states.shape[1])
        expected = Ridge(alpha=2.0).fit(even[seen], values[seen]).predict(even[~seen])
        got = [found[rows[k].id].as_tuple() for k in range(part, 20, 5)]
        np.testing.assert_allclose(got, np.clip(expected, 0, 1), atol=1e-6)


def test_no_rating_tells_its_own_text_nor_one_of_its_group(lm):
    rows = rated()
    rows[7] = replace(rows[7], text=rows[2].text)
    rows[13] = replace(rows[13], group=rows[2].group)
    before = told(lm, rows)
    for other in (2, 7, 13):
        changed = list(rows)
        changed[other] = replace(rows[other], answer=replace(rows[other].answer, vad=VAD(1, 1, 1)))
        after = told(lm, changed)
        assert {k for k in range(20) if before[rows[k].id] == after[rows[k].id]} >= {2, 7, 13}
        assert before != after


def test_rows_that_nobody_rated_are_told_and_teach_nothing(lm):
    rows = rated(12)
    weak = [replace(one, vad_source="weak") for one in rated(15)[12:]]
    spelled = list(verbaliser_rows(SPACE))[:2]
    found = told(lm, [*rows, *weak, *spelled])
    assert set(found) == {one.id for one in (*rows, *weak)}
    other = [replace(one, answer=replace(one.answer, vad=VAD(1, 1, 1))) for one in weak]
    assert told(lm, [*rows, *other]) == told(lm, [*rows, *weak])
    assert told(lm, weak) == {}
    partial = [
        replace(one, answer=replace(one.answer, vad=PartialVAD(0.3, None, 0.4))) for one in rows
    ]
    assert all(value.a is None and value.v is not None for value in told(lm, partial).values())


def test_digits_want_a_mean_of_both_with_the_spread_of_weak_vad(lm):
    numerals, human = numeral_tokens(lm.prompter), row(1, "text", ("joy",), VAD(0.2, 0.4, 0.6))
    soft = SoftDigits(
        Spreads(human=0.05, weak=0.03), numerals, 7, {human.id: PartialVAD(0.6, 0.4, None)}, 0.75
    )
    found = soft.of(human)
    assert found[0] == (pytest.approx(0.5), 0.03)
    assert found[1] == (pytest.approx(0.4), 0.03)
    assert found[2] == (0.6, 0.05), "nothing was read off the text"
    assert soft.of(row(2, "text", ("joy",), VAD(0.2, 0.4, 0.6)))[0] == (0.2, 0.05)


def test_a_training_learns_what_was_told(lm, tmp_path):
    """Another weight of what is told is another adapter; the steps and their rows are the same."""
    made = {}
    for share in (0.0, 0.5):
        settings = FitSettings(
            seed=2, batch_rows=4, learning_rate=1e-2, lora_rank=4, spreads=Spreads(0.05, 0.03)
        )
        job = train_job(replace(settings, distil=share))
        units: list[int] = []
        make_tiny(tmp_path / f"model{share}")
        train(reload(tmp_path / f"model{share}"), job, tmp_path / str(share), units.append, print)
        adapter = tmp_path / str(share) / "checkpoint" / "adapter_model.safetensors"
        made[share] = (adapter.read_bytes(), sum(units))
    assert made[0.0][0] != made[0.5][0]
    assert made[0.0][1] == made[0.5][1]
