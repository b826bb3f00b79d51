"""The frozen probe: a model's states of a text, its inputs, its names, its rows."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from architectures import CONFIGS, OTHER_CONFIGS
from asked_rows import CERTIFICATE, SPACE, row
from certified import candidate
from emoloom.config import parse_config
from emoloom.contract.prompt import make_prompter
from emoloom.metrics.resampling import Bootstrap
from emoloom.models.causal_lm import CausalLM, layer_states, load_causal_lm
from emoloom.models.logits import ModelError
from emoloom.runs.directory import RunDirectory, write_json_atomic
from emoloom.screening.candidate_run import CandidateRun
from emoloom.screening.candidates import all_candidates
from emoloom.screening.frozen_probe import (
    frozen_probe_work,
    held_out,
    probe_answers,
    probed_rows,
    probed_texts,
)
from emoloom.screening.head_answers import PackLimits
from emoloom.screening.text_states import text_states
from emoloom.sources.model_files import get_model, parse_source
from small_tokenizers import CHATML, byte_level, fast
from tiny_screen import SETTINGS

TEXTS = ("I am glad", "so very sad", "a table", "I am glad and I say it at some length, twice", "x")
ALONE, PACKED, SMALL = PackLimits(600, 0), PackLimits(1200, 512), PackLimits(300, 512)


@pytest.fixture(scope="module")
def lm(tmp_path_factory) -> CausalLM:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOLOOM_CACHE", str(tmp_path_factory.mktemp("cache")))
        return _load()


def _load() -> CausalLM:
    files = get_model(parse_source("random:tiny@1"))
    return load_causal_lm(files.folder, SPACE, name="tiny")


def states(lm, limits, texts=TEXTS) -> np.ndarray:
    return text_states(lm, texts, limits, lambda _: None)


def test_a_vector_is_the_mean_over_text_tokens_and_layers_worked_out_by_hand(lm):
    (found,) = states(lm, ALONE, TEXTS[:1])
    prompter = lm.prompter
    ids = [*prompter.head_ids, *prompter.prompt(TEXTS[0]).ids]
    stop = len(ids) - len(prompter.tail_ids)
    whole = lm.model(input_ids=torch.tensor([ids]), output_hidden_states=True)
    means = []
    for layer in whole.hidden_states[1:]:
        own = layer[0, len(prompter.head_ids) : stop].detach().double().numpy()
        even = (own - own.mean(axis=1, keepdims=True)) / own.std(axis=1, keepdims=True)
        means.append(even.mean(axis=0))
    assert len(means) == lm.model.config.num_hidden_layers
    np.testing.assert_allclose(found, np.mean(means, axis=0), atol=2e-3)


def test_packs_of_any_size_give_the_same_vectors(lm):
    wanted = states(lm, ALONE)
    for limits in (PACKED, SMALL):
        np.testing.assert_allclose(states(lm, limits), wanted, atol=1e-4)
    assert np.array_equal(states(lm, PACKED), states(lm, PACKED))
    backwards = states(lm, PACKED, TEXTS[::-1])[::-1]
    np.testing.assert_allclose(backwards, wanted, atol=1e-4)
    assert len({tuple(line) for line in wanted}) == len(TEXTS)


def test_every_position_is_charged_and_every_text_told(lm):
    spent, told = [], []
    charged = replace(lm, spend=spent.append)
    text_states(charged, TEXTS, PACKED, told.append)
    prompts = sum(len(lm.prompter.prompt(text).ids) for text in TEXTS)
    assert sum(told) == len(TEXTS)
    assert sum(spent) == len(lm.prompter.head_ids) * len(told) + prompts


def test_an_empty_text_has_a_vector_too(lm):
    assert np.isfinite(states(lm, PACKED, ("", "x", " "))).all()


def test_states_that_are_no_numbers_or_missing_are_the_models_fault(lm):
    class Broken(torch.nn.Module):
        device, dtype, config = torch.device("cpu"), torch.float32, None

        def __init__(self, states):
            super().__init__()
            self.states = states

        def forward(self, input_ids, **_given):
            made = type("Output", (), {"hidden_states": self.states})()
            if self.states is not None:
                made.hidden_states = [torch.full((1, input_ids.shape[1], 4), torch.nan)] * 3
            return made

    for given, said in ((0, "NaN or infinite"), (None, "does not hand out the states")):
        broken = replace(lm, model=Broken(given), split=None)
        with pytest.raises(ModelError, match=said):
            states(broken, ALONE)
    ids = torch.tensor([[1, 2, 3]])
    assert len(layer_states(lm, input_ids=ids)) == lm.model.config.num_hidden_layers


def configured(**changes):
    given = {**SETTINGS, "frozen_probe": {"rows": 5}, "cache": {"answers": False}, **changes}
    return parse_config(given, source="c")


def test_one_of_each_model_stands_behind_all_that_trains_and_before_zero_shot():
    models = [{"source": f"random:tiny@{n}", "name": name} for n, name in ((1, "a"), (2, "b"))]
    config = configured(models=models, recipes=["zero-shot", "sft"])
    found = all_candidates(config, {})
    names = ["a.sft", "b.sft", "a.probe", "b.probe", "a.zero-shot", "b.zero-shot"]
    assert [one.name for one in found] == names
    assert {one.kind for one in found[2:]} == {"shown"}
    off = configured(models=models, frozen_probe={"rows": 0})
    assert not any(one.name.endswith(".probe") for one in all_candidates(off, {}))


def test_it_is_on_where_nothing_is_said():
    given = {key: value for key, value in SETTINGS.items() if key != "frozen_probe"}
    assert parse_config(given, source="c").frozen_probe.rows == 2000


def test_it_reads_rows_with_labels_or_human_vad_of_all_corpora_in_turn(rows):
    bare = replace(row(90), answer=replace(row(90).answer, labels=None), vad_source="weak")
    train = (bare, *(row(n) for n in range(6)), *(row(n, "b") for n in range(20, 22)))
    found = probed_rows(configured(), train)
    assert [one.id for one in found] == ["a/0", "a/1", "a/2", "b/20", "b/21"]
    asked = replace(rows, train=train, select=(row(10), row(0)))
    texts = ["text 0", "text 1", "text 2", "text 20", "text 21", "text 10"]
    assert list(probed_texts(configured(), asked)) == texts


@pytest.fixture
def job(tmp_path, rows, lexicon, own_cache) -> CandidateRun:
    config = configured()
    probe = next(one for one in all_candidates(config, {}) if one.name == "one.probe")
    run, files = RunDirectory(tmp_path / "run"), get_model(probe.model)
    made = CandidateRun(probe, files, config, run, SPACE, lexicon, rows)
    write_json_atomic(made.folder() / "preflight.json", CERTIFICATE.to_dict())
    return made


def test_its_inputs_are_model_rows_and_settings(job):
    def inputs(**changes) -> str:
        return frozen_probe_work(replace(job, **changes)).stage.inputs

    others = [
        inputs(model=replace(job.model, weights_sha256="x")),
        inputs(rows=replace(job.rows, hashes={"train": "x", "select": "hs"})),
        inputs(rows=replace(job.rows, hashes={"train": "ht", "select": "x"})),
        inputs(config=configured(frozen_probe={"rows": 4})),
        inputs(config=configured(ranking={"bootstrap": 101})),
        inputs(config=configured(training={"pack_tokens": 333})),
    ]
    assert len({inputs(), *others}) == 7
    assert inputs(config=configured(zero_shot={"rows": 3})) == inputs()


def test_its_answers_follow_the_vectors_and_held_out_rows_are_not_their_own_teachers(job):
    """Each text has a direction of its own, so a row teaches nothing of any other."""
    labels = ("joy", "anger", "fear")
    train = [
        replace(row(n), answer=replace(row(n).answer, labels=(labels[n % 3],))) for n in range(12)
    ]
    vectors = {one.text: np.eye(13)[at] for at, one in enumerate([*train, row(99)])}
    known = probe_answers(train, SPACE, vectors, train)
    assert [one.labels[0] for one in known] == [one.answer.labels[0] for one in train]
    record = held_out(train, job, vectors, Bootstrap(draws=100, seed=1))
    seen, unseen = 1.0, record["out_of_fold"]["strict"]["micro_f1"]["value"]
    assert unseen < 0.5 < seen
    assert record["out_of_fold"]["n"] == 12
    few = held_out(train[:4], job, vectors, Bootstrap(draws=100, seed=1))
    assert few == {"folds": 5, "out_of_fold": None}


ARCHITECTURES = {**CONFIGS, **OTHER_CONFIGS}


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_every_architecture_that_loads_has_vectors(architecture):
    """Packed where packing is exact; the others alone, as their certificate has it."""
    prompter = make_prompter(fast(byte_level(), template=CHATML), SPACE)
    config = ARCHITECTURES[architecture]()
    size = len(prompter.head_ids) + 100
    lm = candidate(prompter, config, **_roomy(config, size))
    found = states(lm, PackLimits(10_000, 0))
    assert np.isfinite(found).all()
    assert len({tuple(line) for line in found.round(6)}) == len(set(TEXTS))
    if architecture in CONFIGS:
        packed = states(lm, PackLimits(10_000, 5000))
        np.testing.assert_allclose(packed, found, atol=1e-3)


def _roomy(config, size: int) -> dict[str, int]:
    names = ("max_position_embeddings", "n_positions")
    return {n: max(size, getattr(config, n)) for n in names if hasattr(config, n)}
