"""The first Qwen, converted, against a forward pass of its own architecture written here."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from qwen1_reference import SETTINGS, furthest, stored
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from emoloom.errors import UserError
from emoloom.models.causal_lm import load_causal_lm
from emoloom.sources.qwen1 import convert_qwen1
from qwen1_maker import save_weights, write_json, write_qwen1
from tiny_lm import SPACE

REPO = "Qwen/Qwen-1_8B-Chat"


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    return write_qwen1(tmp_path_factory.mktemp("qwen1") / "model", **SETTINGS)


@pytest.fixture(scope="module")
def converted(original, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("converted") / "model"
    convert_qwen1(original, out, "a model")
    return out


@pytest.fixture
def folder(original, tmp_path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "model"))


def test_the_logits_are_those_of_the_first_qwen(original, converted):
    lm = load_causal_lm(converted, SPACE, name="converted")
    assert type(lm.model).__name__ == "Qwen2ForCausalLM"
    assert furthest(lm, original) < 1e-4


def swap_gate(layer) -> None:
    gate, up = layer.mlp.gate_proj, layer.mlp.up_proj
    layer.mlp.gate_proj, layer.mlp.up_proj = up, gate


def swap_keys_and_values(layer) -> None:
    attention = layer.self_attn
    attention.k_proj, attention.v_proj = attention.v_proj, attention.k_proj


def drop_bias(layer) -> None:
    for name in "qkv":
        getattr(layer.self_attn, f"{name}_proj").bias.zero_()


def interleave(layer) -> None:
    """Rotary pairs (0, 1), (2, 3), ... in place of halves."""
    order = torch.arange(48).reshape(4, 6, 2).transpose(1, 2).flatten()
    for projection in (layer.self_attn.q_proj, layer.self_attn.k_proj):
        projection.weight.copy_(projection.weight[order].clone())
        projection.bias.copy_(projection.bias[order].clone())


def swap_norms(layer) -> None:
    first, second = layer.input_layernorm, layer.post_attention_layernorm
    layer.input_layernorm, layer.post_attention_layernorm = second, first


@pytest.mark.parametrize(
    "harm", [swap_gate, swap_keys_and_values, drop_bias, interleave, swap_norms]
)
def test_the_reference_sees_each_fault(original, converted, harm):
    lm = load_causal_lm(converted, SPACE, name="converted")
    harm(lm.model.model.layers[0])
    assert furthest(lm, original) > 0.05


def test_every_bit_and_dtype_is_kept(tmp_path):
    folder = write_qwen1(tmp_path / "model", dtype=torch.bfloat16)
    convert_qwen1(folder, tmp_path / "out", "a model")
    before, after = stored(folder), stored(tmp_path / "out")
    assert {tensor.dtype for tensor in after.values()} == {torch.bfloat16}
    assert torch.equal(after["lm_head.weight"], before["lm_head.weight"])
    joint = before["transformer.h.1.attn.c_attn.weight"]
    thirds = [after[f"model.layers.1.self_attn.{one}_proj.weight"] for one in "qkv"]
    assert torch.equal(torch.cat(thirds), joint)
    total = sum(tensor.numel() for tensor in before.values())
    assert total == sum(tensor.numel() for tensor in after.values())
    files = sorted(path.name for path in (tmp_path / "out").glob("*.safetensors"))
    assert files == ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    index = json.loads((tmp_path / "out/model.safetensors.index.json").read_text(encoding="utf-8"))
    assert index["metadata"]["total_size"] == 2 * total
    assert index["weight_map"].keys() == after.keys()


def test_config_and_end_tokens(converted):
    config = json.loads((converted / "config.json").read_text(encoding="utf-8"))
    assert config["model_type"] == "qwen2"
    assert (config["intermediate_size"], config["num_key_value_heads"]) == (80, 4)
    assert (config["rms_norm_eps"], config["rope_theta"]) == (1e-3, 500.0)
    # log-n attention and dynamic NTK start beyond seq_length
    assert config["max_position_embeddings"] == 8192
    assert "auto_map" not in config
    generation = json.loads((converted / "generation_config.json").read_text(encoding="utf-8"))
    assert generation == {"eos_token_id": [258, 256, 257], "pad_token_id": 256}
    tokenizer = AutoTokenizer.from_pretrained(converted)
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|endoftext|>")
    # make_context of qwen_generation_utils.py for one question and for a second one
    system = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    turns = [("user", "a"), ("assistant", "b"), ("user", "c")]
    messages = [{"role": role, "content": content} for role, content in turns]
    said = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    asked, answered = "<|im_start|>user\n{}<|im_end|>\n", "<|im_start|>assistant\n"
    expected = system + asked.format("a") + answered + "b<|im_end|>\n" + asked.format("c")
    assert said == expected + answered


def test_a_base_model_has_no_turns(folder, tmp_path):
    """`chat_format` of Qwen/Qwen-1_8B is `raw`."""
    write_json(folder / "generation_config.json", {"chat_format": "raw", "eos_token_id": 256})
    convert_qwen1(folder, tmp_path / "out", "a model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert (tokenizer.eos_token, tokenizer.chat_template) == ("<|endoftext|>", None)
    text = (tmp_path / "out/generation_config.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"eos_token_id": 256, "pad_token_id": 256}


def test_buffers_are_left_out_and_one_file_stays_one(folder, tmp_path):
    weights = stored(folder)
    for path in folder.glob("model*"):
        path.unlink()
    weights["transformer.rotary_emb.inv_freq"] = torch.ones(6)
    weights["transformer.h.0.attn.rotary_emb.inv_freq"] = torch.ones(6)
    weights["transformer.h.1.attn.masked_bias"] = torch.ones(())
    save_file(weights, folder / "model.safetensors")
    convert_qwen1(folder, tmp_path / "out", "a model")
    assert not list((tmp_path / "out").glob("*.index.json"))
    lm = load_causal_lm(tmp_path / "out", SPACE, name="converted")
    assert furthest(lm, folder) < 1e-4


def test_names_without_their_prefix(original, tmp_path):
    folder = Path(shutil.copytree(original, tmp_path / "model"))
    save_weights(folder, {k.removeprefix("transformer."): v for k, v in stored(folder).items()})
    convert_qwen1(folder, tmp_path / "out", "a model")
    assert furthest(load_causal_lm(tmp_path / "out", SPACE, name="converted"), original) < 1e-4


@pytest.mark.parametrize(
    ("change", "got"),
    [
        ({"rotary_pct": 0.5}, "rotary_pct 0.5"),
        ({"no_bias": False}, "no_bias False"),
        ({"tie_word_embeddings": True}, "tie_word_embeddings True"),
        ({"kv_channels": 16}, "4 heads of 16 in a hidden size of 48"),
        ({"intermediate_size": 161}, "intermediate_size 161, which is odd"),
        ({"seq_length": None, "hidden_size": "48"}, "hidden_size '48', seq_length None"),
        ({"layer_norm_epsilon": 0}, "layer_norm_epsilon 0"),
        ({"rotary_emb_base": True}, "rotary_emb_base True"),
    ],
)
def test_settings_that_qwen2_does_not_have(folder, tmp_path, change, got):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    write_json(folder / "config.json", config | change)
    with pytest.raises(UserError, match=rf"that can be converted; got: {got}; allowed: the sizes"):
        convert_qwen1(folder, tmp_path / "out", "a model")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("eos", "vocabulary"), [(255, 475), (151643, 475), ([256], 475), (256, 463)]
)
def test_a_vocabulary_that_would_shift_the_special_tokens(tmp_path, eos, vocabulary):
    folder = write_qwen1(tmp_path / "model", spare=vocabulary - 464)
    write_json(folder / "generation_config.json", {"eos_token_id": eos})
    with pytest.raises(UserError, match=r"does not fit its config; got: 256 ordinary and 208 spec"):
        convert_qwen1(folder, tmp_path / "out", "a model")


def test_a_tensor_that_stands_twice(folder, tmp_path):
    second = folder / "model-00002-of-00002.safetensors"
    weights = load_file(second)
    save_file(weights | {"wte.weight": weights["lm_head.weight"].clone()}, second)
    with pytest.raises(UserError, match=r"got: wte\.weight twice; allowed: the tensors of a text"):
        convert_qwen1(folder, tmp_path / "out", "a model")
