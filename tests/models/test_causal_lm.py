"""Loading a model whole or not at all, and the forward that defines an answer."""

import json
import logging
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from architectures import OTHER_CONFIGS, tiny_model
from emoloom.errors import UserError
from emoloom.models.causal_lm import CausalLM, full_forward, load_causal_lm
from emoloom.models.logits import Logits, ModelError, NonFiniteError, greedy
from emoloom.models.preflight import certify
from emoloom.sources.tiny import write_random_llama
from tiny_lm import SPACE, make_tiny

WEIGHTS = "model.safetensors"


@pytest.fixture
def folder(tmp_path):
    write_random_llama(tmp_path / "model", 0)
    return tmp_path / "model"


@pytest.fixture(scope="module")
def lm(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("causal") / "model")


def rewrite(folder, change) -> None:
    tensors = load_file(folder / WEIGHTS)
    save_file(change(tensors), folder / WEIGHTS, metadata={"format": "pt"})


def edit_json(folder, name, **changes) -> None:
    path = folder / name
    values = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps(values), encoding="utf-8")


def spelled(rows, name="the model") -> Logits:
    return Logits(torch.tensor(rows), None, name)


def load(folder) -> CausalLM:
    return load_causal_lm(folder, SPACE, name="the model")


def test_a_folder_loads_in_fp32_frozen_and_in_evaluation_mode(folder):
    rewrite(folder, lambda tensors: {key: value.bfloat16() for key, value in tensors.items()})
    found = load(folder)
    assert {p.dtype for p in found.model.parameters()} == {torch.float32}
    assert not any(p.requires_grad for p in found.model.parameters())
    assert not found.model.training
    assert found.name == "the model"
    assert found.prompter.space == SPACE
    assert found.prompter.max_text_tokens == 256


@pytest.mark.parametrize("method", ["bitsandbytes", "gptq", "fp8", "of-tomorrow"])
def test_plain_weights_load_as_such_whatever_quantiser_the_config_kept(folder, method):
    """Merged and saved in 16 bits, a model keeps the block of the base that it was trained on."""
    plain = load(folder).model
    edit_json(folder, "config.json", quantization_config={"quant_method": method, "bits": 4})
    found = load(folder).model
    wanted = plain.state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in found.state_dict().items())
    assert "quantization_config" not in found.config.to_dict(), "an export keeps none of it"


def test_a_quantisers_own_tensors_are_no_plain_weights(folder):
    rewrite(folder, lambda tensors: tensors | {"model.norm.weight_scale": torch.ones(1)})
    edit_json(folder, "config.json", quantization_config={"quant_method": "compressed-tensors"})
    with pytest.raises(UserError, match="do: choose a copy of the model that is not quantised"):
        load(folder)


def test_a_prefix_before_every_name_is_said(folder):
    rewrite(folder, lambda tensors: {f"base_model.model.{k}": v for k, v in tensors.items()})
    said = r"21 tensors are missing, e\.g\. lm_head\.weight \(the weights name it "
    said += r"base_model\.model\.lm_head\.weight: take base_model\.model\. off their names\)"
    with pytest.raises(UserError, match=said):
        load(folder)


def without_a_layer(tensors):
    return {key: value for key, value in tensors.items() if "layers.1.mlp" not in key}


def too_small(tensors):
    return tensors | {"lm_head.weight": tensors["lm_head.weight"][:-1].contiguous()}


FAULTS = {
    "missing tensors": (
        lambda folder: rewrite(folder, without_a_layer),
        r"3 tensors are missing, e\.g\. model\.layers\.1\.mlp",
    ),
    "a tensor of another shape": (lambda folder: rewrite(folder, too_small), "does not load"),
    "half a file": (
        lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:5000]),
        "does not load",
    ),
    "an impossible config": (
        lambda folder: edit_json(folder, "config.json", hidden_size=65),
        "does not load",
    ),
    "an unknown architecture": (
        lambda folder: edit_json(folder, "config.json", model_type="no-such-model"),
        "does not load",
    ),
    "no config": (lambda folder: (folder / "config.json").unlink(), "does not load"),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "does not load"),
    "an empty tokenizer": (
        lambda folder: (folder / "tokenizer.json").write_text("{}", encoding="utf-8"),
        "does not load",
    ),
    "a template that refuses": (
        lambda folder: (folder / "chat_template.jinja").write_text(
            "{{ raise_exception('no user turns') }}", encoding="utf-8"
        ),
        "no user turns",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_folder_is_a_user_error_in_one_line(folder, fault):
    breaks, message = FAULTS[fault]
    breaks(folder)
    with pytest.raises(UserError, match=message) as caught:
        load(folder)
    assert "\n" not in str(caught.value)


def test_code_in_a_folder_is_not_run(folder, tmp_path):
    marker = tmp_path / "was-run"
    (folder / "own.py").write_text(f"open({str(marker)!r}, 'w')", encoding="utf-8")
    edit_json(
        folder,
        "config.json",
        model_type="own-model",
        auto_map={"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"},
    )
    with pytest.raises(UserError, match="does not load"):
        load(folder)
    assert not marker.exists()


def test_pickled_weights_are_not_read(folder):
    torch.save(load_file(folder / WEIGHTS), folder / "pytorch_model.bin")
    (folder / WEIGHTS).unlink()
    with pytest.raises(UserError, match="does not load"):
        load(folder)


def test_tied_weights_are_not_missing(folder):
    edit_json(folder, "config.json", tie_word_embeddings=True)
    rewrite(folder, lambda t: {key: value for key, value in t.items() if "lm_head" not in key})
    found = load(folder)
    assert torch.equal(found.model.lm_head.weight, found.model.model.embed_tokens.weight)


@pytest.mark.parametrize("stops", [None, 2, [2, 7]])
def test_stop_ids_come_from_the_generation_config_too(folder, stops):
    edit_json(folder, "generation_config.json", eos_token_id=stops)
    expected = {2} | set(stops if isinstance(stops, list) else [])
    assert load(folder).prompter.stop_ids == expected


@pytest.mark.parametrize("architecture", ["bloom", "mamba"])
def test_an_architecture_without_sdpa_loads(folder, architecture, lm):
    config = OTHER_CONFIGS[architecture]()
    config.vocab_size = len(lm.prompter.tokenizer)
    tiny_model(config).save_pretrained(folder)
    found = load(folder)
    assert certify(found, ["word"], ['{"labels":["joy"]}'], 8).verdict == "canonical only"


def test_loading_leaves_no_trace_in_the_log_level(folder):
    logger = logging.getLogger("transformers")
    before = logger.level
    load(folder)
    assert logger.level == before


def test_a_broken_folder_leaves_no_trace_in_the_log_level_either(folder):
    logger = logging.getLogger("transformers")
    before = logger.level
    (folder / "config.json").unlink()
    with pytest.raises(UserError):
        load(folder)
    assert logger.level == before


def test_a_full_forward_is_the_plain_forward_of_transformers(lm):
    ids = list(range(3, 40))
    with torch.no_grad():
        expected = lm.model(input_ids=torch.tensor([ids])).logits[0]
    asked = [36, 0, 7]
    found = full_forward(lm, ids, asked).whole()
    torch.testing.assert_close(found, expected[asked], atol=1e-5, rtol=0)


def test_a_full_forward_equals_generate_without_a_cache(lm):
    """Greedy `generate` of transformers (5.23.0 when written) is the other implementation."""
    ids = [*lm.prompter.head_ids, *lm.prompter.prompt("I love this puppy.").ids]
    out = lm.model.generate(
        torch.tensor([ids]),
        attention_mask=torch.ones(1, len(ids), dtype=torch.long),
        do_sample=False,
        max_new_tokens=12,
        use_cache=False,
        pad_token_id=0,
    )
    written = []
    for _ in range(12):
        token = greedy(full_forward(lm, [*ids, *written], [len(ids) + len(written) - 1]))[0][0]
        written.append(token)
        if token in lm.prompter.stop_ids:
            break
    assert out[0, len(ids) :].tolist() == written


class Recorder:
    """Keeps what a model is called with."""

    def __init__(self, dtype=torch.bfloat16):
        self.device, self.calls, self.dtype = torch.device("cpu"), [], dtype

    def __call__(self, **inputs):
        self.calls.append(inputs)
        kept = len(inputs["logits_to_keep"])
        return SimpleNamespace(logits=torch.zeros(1, kept, 5, dtype=self.dtype))


def test_a_full_forward_uses_no_cache_and_no_padding():
    model = Recorder()
    logits_KV = full_forward(CausalLM(model, SimpleNamespace(), "recorder"), (4, 5, 6), [2]).whole()
    (call,) = model.calls
    assert call["use_cache"] is False
    assert call["input_ids"].tolist() == [[4, 5, 6]]
    assert "attention_mask" not in call
    assert logits_KV.shape == (1, 5)
    assert logits_KV.dtype == torch.float32
    assert not logits_KV.requires_grad


def test_nan_logits_are_a_model_error():
    with pytest.raises(ModelError, match="the model gave NaN"):
        spelled([[0.0, float("nan")]], "the model").whole()
    ordinary = torch.tensor([[0.0, float("-inf")]])
    assert torch.equal(spelled(ordinary.tolist(), "x").whole(), ordinary)


GREEDY = {
    "plain": ([0.0, 2.0, 1.0], 1, 1.0),
    "a tie at the top": ([0.0, 2.0, 1.0, 2.0, 2.0], 1, 0.0),
    "all equal": ([1.0] * 7, 0, 0.0),
    "a tie below the top": ([1.0, 3.0, 1.0], 1, 2.0),
    "negative": ([-5.0, -4.0, -4.0], 1, 0.0),
    "the last": ([0.0, 0.0, 0.5], 2, 0.5),
    "forbidden tokens": ([float("-inf"), float("-inf"), 1.0, 0.0], 2, 1.0),
}


@pytest.mark.parametrize("case", GREEDY)
def test_greedy(case):
    logits, token, gap = GREEDY[case]
    tokens, gaps = greedy(spelled([logits, [9.0, *logits[1:]]]))
    assert tokens[0] == token
    assert gaps[0] == pytest.approx(gap)


@pytest.mark.parametrize("bad", ["inf", "nan"])
def test_no_largest_logit_no_token(bad):
    with pytest.raises(NonFiniteError) as fault:
        greedy(spelled([[0.0, 1.0], [float(bad), 3.0]]))
    assert fault.value.position == 1


@given(
    st.lists(
        st.lists(st.sampled_from([-1.5, 0.0, 0.25, 3.0]), min_size=400, max_size=400),
        min_size=1,
        max_size=3,
    )
)
def test_ties_go_to_the_lowest_id(rows):
    """With few values there are always ties; the list's own `index` finds the first."""
    tokens, gaps = greedy(spelled(rows))
    for row, token, gap in zip(rows, tokens, gaps, strict=True):
        assert token == row.index(max(row))
        ordered = sorted(row, reverse=True)
        assert gap == ordered[0] - ordered[1]
