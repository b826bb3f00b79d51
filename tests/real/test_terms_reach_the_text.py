"""Each regulariser alone moves what SmolLM2 writes freely, on the rows that it is trained on."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pytest

from emoloom.config import load_config
from emoloom.contract.parse import parse_output
from emoloom.corpora.labels import load_space
from emoloom.decoding.drafts import contract_drafter
from emoloom.decoding.verified import DecodeSettings, decode_rows
from emoloom.models.causal_lm import CausalLM
from emoloom.records import ATOMS, Appraisal, ParseFailure, Prediction, Row
from emoloom.runs.directory import RunDirectory
from emoloom.screening.candidates import list_candidates, load, read_certificate, with_adapter
from emoloom.screening.row_sets import mean_human_vad, read_row_sets
from emoloom.sources.model_files import get_model
from emoloom.supervision.lexicon import load_lexicon
from emoloom.supervision.theory import atom_profile
from emoloom.training.adapters import add_adapter, save_adapter
from emoloom.training.charts import make_charts
from emoloom.training.examples import Examples
from emoloom.training.fit import Training
from emoloom.training.schedule import FitSettings
from emoloom.training.terms import Reader, Weights

OFF = dict.fromkeys(asdict(Weights()), 0.0)
STEPS = 12


@pytest.fixture(scope="module")
def trained(few_rows):
    """The demo's model after twelve steps, and eight of its training rows."""
    config, run = load_config(few_rows.config), RunDirectory(few_rows.run)
    space = load_space(config.labels)
    sets = read_row_sets(run.root / "data", space)
    (candidate,) = (one for one in list_candidates(config) if one.recipe == "sft")
    folder = run.candidate(candidate.name)
    files = get_model(candidate.model)
    certificate = read_certificate(folder / "preflight.json")
    rows = [row for row in sets.train if row.answer.labels and row.answer.vad][:8]
    assert len(rows) == 8

    def fresh() -> CausalLM:
        return with_adapter(load(files, config, space), folder)

    return fresh, rows, sets, certificate


def answers(lm: CausalLM, rows: Sequence[Row], certificate) -> list[Prediction | ParseFailure]:
    """What the model writes of its own accord; the drafts change no byte of it."""
    known = [Prediction(r.answer.labels, r.answer.vad, r.answer.rationale) for r in rows]
    drafter = contract_drafter(lm.prompter, answers=known)
    texts = [(row.id, row.text) for row in rows]
    found = {
        one.id: one.output
        for one in decode_rows(lm, texts, certificate, DecodeSettings(96), drafter)
    }
    return [parse_output(found[row.id], lm.prompter.space) for row in rows]


def strict_rmse(predicted, rows) -> float:
    """As the scores have it: a failed parse counts as the farthest value."""
    gaps = []
    for one, row in zip(predicted, rows, strict=True):
        target = np.array(row.answer.vad.as_tuple())
        failed = isinstance(one, ParseFailure)
        far = np.maximum(target, 1 - target)
        gaps.append(far if failed else np.array(one.vad.as_tuple()) - target)
    return float(np.sqrt(np.mean(np.square(gaps))))


def agreement(predicted, atoms, profile, labels) -> float:
    """Closeness of the atoms that the answered labels imply; a failed parse implies none."""
    gaps = []
    for one, wanted in zip(predicted, atoms, strict=True):
        if isinstance(one, ParseFailure):
            gaps.append(np.maximum(wanted, 1 - wanted))
        else:
            implied = profile[[labels.index(label) for label in one.labels]].mean(axis=0)
            gaps.append(np.abs(implied - wanted))
    return 1 - float(np.mean(gaps))


def by_one_term(lm: CausalLM, rows, sets, certificate, term: str, appraisals) -> Training:
    settings = FitSettings(seed=1, epochs=STEPS, batch_rows=8, learning_rate=5e-4)
    add_adapter(lm, settings)
    profile = atom_profile(lm.prompter.space)
    charts = make_charts(lm.prompter, sets.train, load_lexicon(), sets.scale, profile)
    fill = mean_human_vad(sets.train)
    examples = Examples(lm.prompter, rows, "neutral", fill, charts, appraisals)
    reader = Reader(Weights(**{**OFF, term: 1.0}), charts, None)
    training = Training(lm, examples, certificate.packed_up_to, settings, reader=reader)
    while not training.finished:
        training.step()
    return training


@pytest.mark.real
def test_vad_preserving_alone_brings_the_written_vad_nearer(trained) -> None:
    fresh, rows, sets, certificate = trained
    before = strict_rmse(answers(fresh(), rows, certificate), rows)
    lm = fresh()
    by_one_term(lm, rows, sets, certificate, "vad_preserving", None)
    assert strict_rmse(answers(lm, rows, certificate), rows) <= 0.8 * before


@pytest.mark.real
def test_appraisal_alone_brings_the_written_labels_nearer(trained) -> None:
    """Of a verifier that says of each text what its labels stand for in the theory table."""
    fresh, rows, sets, certificate = trained
    lm = fresh()
    labels, profile = lm.prompter.space.labels, atom_profile(lm.prompter.space)
    atoms = [profile[[labels.index(x) for x in r.answer.labels]].mean(axis=0) for r in rows]
    before = agreement(answers(lm, rows, certificate), atoms, profile, labels)
    lm = fresh()
    appraisals = [Appraisal(**dict(zip(ATOMS, one.tolist(), strict=True))) for one in atoms]
    by_one_term(lm, rows, sets, certificate, "appraisal", appraisals)
    assert agreement(answers(lm, rows, certificate), atoms, profile, labels) > before


@pytest.mark.real
def test_weight_nought_is_the_term_absent(trained, tmp_path) -> None:
    """The same adapter of SmolLM2, byte for byte, after two steps."""
    fresh, rows, sets, certificate = trained
    written = []
    for name, charts_too in (("absent", False), ("nought", True)):
        lm = fresh()
        settings = FitSettings(seed=1, epochs=2, batch_rows=2)
        wrapper = add_adapter(lm, settings)
        charts = (
            make_charts(lm.prompter, sets.train, load_lexicon(), sets.scale, None)
            if charts_too
            else None
        )
        examples = Examples(lm.prompter, rows[:2], "neutral", mean_human_vad(sets.train), charts)
        reader = Reader(Weights(), charts, None) if charts_too else None
        training = Training(lm, examples, certificate.packed_up_to, settings, reader=reader)
        while not training.finished:
            training.step()
        (tmp_path / name).mkdir()
        save_adapter(wrapper, tmp_path / name, "smollm2-135m")
        written.append((tmp_path / name / "adapter_model.safetensors").read_bytes())
    assert written[0] == written[1]
