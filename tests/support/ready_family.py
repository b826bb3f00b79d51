"""One family of ready models: what is published of it, and how its folder is written.

Config keys are those of the published config.json, with small sizes; what makes the architecture
(tied embeddings, rotary scaling, grouped heads, biases, windows, a vocabulary padded beyond the
tokenizer) is kept.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from ready_tokenizers import Maker, Rules

PADDING = 11
"""Rows of the embedding that no token of the tokenizer has."""


@dataclass(frozen=True)
class Ready:
    """One family: how to write it, and what its own rules lead to."""

    config: dict[str, Any]
    """Published keys of config.json."""
    maker: Maker
    """Of the tokenizer."""
    rules: Rules
    """Its special and other added tokens."""
    tokenizer_config: dict[str, Any]
    """Published keys of tokenizer_config.json."""
    end: str
    """The token that ends an answer."""
    stops: tuple[str, ...] = ()
    """`eos_token_id` of generation_config.json; decoding stops at each."""
    template: str | None = None
    """Chat template."""
    system_turn: str = ""
    """What the template puts before the user's turn of its own accord."""
    bos_count: int = 0
    """Tokens in a prompt that are the tokenizer's `bos_token`."""
    number: tuple[str, ...] = ("0", ".", "5", "3")
    """Tokens of `0.53` inside an answer."""
    year: tuple[str, ...] = ("2", "0", "2", "4")
    """Digits of the tokens of ` 2024`."""
    publish: Callable[[Path, "Ready"], None] | None = None
    """Writes the folder where the publisher's layout is not one of transformers."""
    runs_as: str = ""
    """The architecture that such a folder is converted to."""


SIZES = {
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "initializer_range": 0.02,
    "torch_dtype": "bfloat16",
    "use_cache": True,
}


def write_ready(folder: Path, ready: Ready, seed: int = 3) -> Path:
    """Write the family's folder: config, safetensors, tokenizer, template."""
    if ready.publish is not None:
        ready.publish(folder, ready)
        return folder
    folder.mkdir()
    backend = ready.maker(ready.rules)
    backend.save(str(folder / "tokenizer.json"))
    names = ready.tokenizer_config | ({"chat_template": ready.template} if ready.template else {})
    _write(folder / "tokenizer_config.json", names)
    ids = {key: backend.token_to_id(value) for key, value in names.items() if _is_name(key, value)}
    config = (
        ready.config
        | {"vocab_size": backend.get_vocab_size() + PADDING}
        | {f"{key}_id": value for key, value in ids.items()}
    )
    _write(folder / "config.json", config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
        for parameter in model.parameters():
            if parameter.dim() > 1:
                torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    _write(folder / "config.json", config)  # saving writes the keys of the newest transformers
    if ready.stops:
        stops = [backend.token_to_id(stop) for stop in ready.stops]
        _write(folder / "generation_config.json", {"eos_token_id": stops})
    return folder


def _is_name(key: str, value: Any) -> bool:
    return key in {"bos_token", "eos_token", "pad_token"} and value is not None


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2), encoding="utf-8")


def features(model: Any) -> set[str]:
    """What of an architecture shows in its weights: tied, grouped, normed, biased."""
    shared = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    found = {"tied"} if shared else set()
    if model.config.model_type == "gpt_neox":
        return found  # one matrix for queries, keys and values
    attention = model.model.layers[0].self_attn
    if attention.k_proj.out_features < attention.q_proj.out_features:
        found.add("grouped")
    if hasattr(attention, "q_norm"):
        found.add("normed")
    if attention.k_proj.bias is not None:
        found.add("biased")
    return found
