"""The first Qwen (model type `qwen`) becomes an equal folder of Qwen2, which transformers has.

transformers itself never had this architecture: its repositories bring Python code. None of it is
run here. What the model computes was read in copies of Alibaba's `modeling_qwen.py`, and the names
also in llama.cpp (gguf-py, tensor_mapping.py) and vLLM (qwen.py):

- One matrix `c_attn` with bias for queries, keys and values, a third of the rows each; no grouped
  heads; `c_proj` without bias. Rotary positions over whole heads, in halves. RMSNorm before each.
- `mlp.c_proj(w1(x) * silu(w2(x)))`: `w2` is the gate, and `intermediate_size` counts both.
- Up to `seq_length` tokens nothing else. Beyond it, `use_logn_attn` scales queries and
  `use_dynamic_ntk` changes the rotary base; Qwen2 has neither, so no longer context is claimed.

Weights are copied byte by byte under other names, so their dtype and every bit stay. Settings for
sampling are left out: this project decodes greedily.

Shape legend of the comments: V vocabulary, H hidden, F inner size of the MLP.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emoloom.errors import UserError
from emoloom.sources.folder import refuse_adapter, sha256_file, weight_files
from emoloom.sources.json_files import read_json
from emoloom.sources.qwen1_tokenizer import (
    END_OF_TEXT,
    SPECIAL,
    TURN_END,
    TURN_START,
    VOCABULARY,
    make_tokenizer,
    read_ranks,
)
from emoloom.sources.safetensors_files import check_safetensors
from emoloom.sources.tensor_bytes import StoredTensor, read_tensors, write_tensors

_GENERATION = "generation_config.json"

# Buffers that the original computes from its settings; older files hold them.
_BUFFERS = re.compile(r"(h\.\d+\.attn\.)?rotary_emb\.inv_freq|h\.\d+\.attn\.masked_bias")

_COUNTS = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "kv_channels",
    "seq_length",
)
# What Qwen2 cannot do otherwise; the value is also the default of configuration_qwen.py.
_FIXED: Mapping[str, object] = {
    "rotary_pct": 1.0,
    "no_bias": True,
    "tie_word_embeddings": False,
    "attn_dropout_prob": 0.0,
    "emb_dropout_prob": 0.0,
}


@dataclass(frozen=True, slots=True)
class _Plan:
    """All that was checked before anything is written."""

    config: dict[str, Any]
    """config.json of the original."""
    ranks: dict[bytes, int]
    """Its ordinary tokens."""
    chat: bool
    """Whether it was trained on turns."""
    shards: list[dict[str, StoredTensor]]
    """Tensors of each file to write, by their new names."""


def is_qwen1(folder: Path) -> bool:
    """Whether config.json says that a folder is of the first Qwen."""
    try:
        return read_json(folder / "config.json", folder).get("model_type") == "qwen"
    except UserError:
        return False  # said by `check_folder`


def qwen1_hashes(folder: Path) -> dict[str, str]:
    """The sha256 of every file that the conversion reads, by name.

    Raises:
        UserError: the folder holds no safetensors weights.
        OSError: a file cannot be read.
    """
    others = (folder / name for name in ("config.json", _GENERATION, VOCABULARY))
    paths = [*weight_files(folder), *(path for path in others if path.is_file())]
    return {path.name: sha256_file(path) for path in paths}


def count_qwen1(folder: Path, shown: str) -> int:
    """See that a folder can be converted, and count its weights.

    Raises:
        UserError: as `convert_qwen1`.
    """
    shards = _plan(folder, shown).shards
    return sum(math.prod(one.shape) for shard in shards for one in shard.values())


def convert_qwen1(folder: Path, out: Path, shown: str) -> None:
    """Write the folder of Qwen2 that gives the same logits and the same ids.

    Args:
        folder: config.json, generation_config.json, safetensors and `qwen.tiktoken`.
        out: the folder to write; it must not exist.
        shown: the model's name in messages.

    Raises:
        UserError: a file is missing or damaged, a setting is one that Qwen2 does not have, or a
            tensor is unknown, missing or of another shape.
    """
    plan = _plan(folder, shown)
    first = len(plan.ranks)
    ids = {token: first + number for number, token in enumerate(SPECIAL)}
    # `chat()` stops at a turn's start too: `get_stop_words_ids` in qwen_generation_utils.py.
    stops = [ids[TURN_END], ids[END_OF_TEXT], ids[TURN_START]] if plan.chat else ids[END_OF_TEXT]
    out.mkdir()
    tokens = {"eos_token_id": stops, "pad_token_id": ids[END_OF_TEXT]}
    _write_json(out / _GENERATION, tokens)
    eos = ids[TURN_END if plan.chat else END_OF_TEXT]
    _write_json(out / "config.json", _qwen2_config(plan.config) | tokens | {"eos_token_id": eos})
    make_tokenizer(plan.ranks, chat=plan.chat).save_pretrained(out)
    _write_shards(plan.shards, out)


def _plan(folder: Path, shown: str) -> _Plan:
    refuse_adapter(folder)
    config = read_json(folder / "config.json", folder)
    _check_settings(config, shown)
    paths = [path for path in weight_files(folder) if path.suffix == ".safetensors"]
    check_safetensors(paths, layers=config["num_hidden_layers"])
    shards = _rename([read_tensors(path) for path in paths], _layout(config), shown)
    ranks = read_ranks(folder, shown)
    has_generation = (folder / _GENERATION).is_file()
    generation = read_json(folder / _GENERATION, folder) if has_generation else {}
    _check_tokens(len(ranks), config["vocab_size"], generation, shown)
    return _Plan(config, ranks, generation.get("chat_format") == "chatml", shards)


def _check_settings(config: Mapping[str, Any], shown: str) -> None:
    faults = [
        f"{key} {config.get(key)!r}"
        for key in _COUNTS
        if type(config.get(key)) is not int or config[key] < 1
    ]
    for key in ("layer_norm_epsilon", "rotary_emb_base"):
        value = config.get(key)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is None or not number or not 0 < value < math.inf:
            faults.append(f"{key} {value!r}")
    faults += [
        f"{key} {config[key]!r}" for key, fixed in _FIXED.items() if config.get(key, fixed) != fixed
    ]
    if not faults:
        heads, width = config["num_attention_heads"], config["kv_channels"]
        if heads * width != config["hidden_size"]:
            faults.append(f"{heads} heads of {width} in a hidden size of {config['hidden_size']}")
        if config["intermediate_size"] % 2:
            faults.append(f"intermediate_size {config['intermediate_size']}, which is odd")
    if faults:
        raise UserError(
            f"config.json of {shown} is not one of the first Qwen that can be converted",
            got=", ".join(faults[:5]),
            allowed="the sizes as whole numbers, heads * kv_channels = hidden_size, "
            + ", ".join(f"{key} {value}" for key, value in _FIXED.items()),
            do="fetch config.json again, or choose another model",
        )


def _check_tokens(
    ordinary: int, embeddings: int, generation: Mapping[str, Any], shown: str
) -> None:
    """The special tokens follow the ordinary ones, so a vocabulary cut short would shift them."""
    stated = generation.get("eos_token_id")
    ends = (ordinary, ordinary + SPECIAL.index(TURN_END))
    if ordinary + len(SPECIAL) > embeddings or (stated is not None and stated not in ends):
        raise UserError(
            f"{VOCABULARY} of {shown} does not fit its config",
            got=f"{ordinary} ordinary and {len(SPECIAL)} special tokens, {embeddings} embeddings, "
            f"eos_token_id {stated!r}",
            allowed=f"an embedding for each, and eos_token_id {ends[0]} or {ends[1]}",
            do="fetch all files again from one place",
        )


def _layout(config: Mapping[str, Any]) -> dict[str, tuple[tuple[int, ...], tuple[str, ...]]]:
    """Name of each tensor without `transformer.`: its shape, and the tensors its rows become."""
    vocabulary, hidden = config["vocab_size"], config["hidden_size"]
    inner = config["intermediate_size"] // 2
    layout: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {
        "wte.weight": ((vocabulary, hidden), ("model.embed_tokens.weight",)),  # VH
        "ln_f.weight": ((hidden,), ("model.norm.weight",)),
        "lm_head.weight": ((vocabulary, hidden), ("lm_head.weight",)),  # VH
    }
    layer: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {
        "ln_1.weight": ((hidden,), ("input_layernorm.weight",)),
        "attn.c_attn.weight": (
            (3 * hidden, hidden),
            tuple(f"self_attn.{one}_proj.weight" for one in "qkv"),
        ),
        "attn.c_attn.bias": ((3 * hidden,), tuple(f"self_attn.{one}_proj.bias" for one in "qkv")),
        "attn.c_proj.weight": ((hidden, hidden), ("self_attn.o_proj.weight",)),
        "ln_2.weight": ((hidden,), ("post_attention_layernorm.weight",)),
        "mlp.w2.weight": ((inner, hidden), ("mlp.gate_proj.weight",)),  # FH
        "mlp.w1.weight": ((inner, hidden), ("mlp.up_proj.weight",)),  # FH
        "mlp.c_proj.weight": ((hidden, inner), ("mlp.down_proj.weight",)),  # HF
    }
    for number in range(config["num_hidden_layers"]):
        for name, (shape, parts) in layer.items():
            renamed = tuple(f"model.layers.{number}.{part}" for part in parts)
            layout[f"h.{number}.{name}"] = (shape, renamed)
    return layout


def _rename(
    files: list[dict[str, StoredTensor]],
    layout: Mapping[str, tuple[tuple[int, ...], tuple[str, ...]]],
    shown: str,
) -> list[dict[str, StoredTensor]]:
    """The tensors by their new names; every one is used, and none is missing."""
    shards: list[dict[str, StoredTensor]] = []
    left, faults = dict(layout), []
    for tensors in files:
        shard: dict[str, StoredTensor] = {}
        for stored, tensor in tensors.items():
            name = stored.removeprefix("transformer.")
            if _BUFFERS.fullmatch(name):
                continue
            if name not in left:
                faults.append(f"{stored} {'twice' if name in layout else 'is unknown'}")
                continue
            shape, parts = left.pop(name)
            if tensor.shape != shape:
                faults.append(f"{stored} is {tensor.shape}, where config.json makes it {shape}")
                continue
            shard |= dict(zip(parts, tensor.cut(len(parts)), strict=True))
        shards.append(shard)
    faults += [f"{name} is missing" for name in left]
    if faults:
        raise UserError(
            f"The weights of {shown} are not those of the first Qwen",
            got="; ".join(faults[:3]) + (f"; and {len(faults) - 3} more" if faults[3:] else ""),
            allowed="the tensors of a text model that is not quantised",
            do="choose the original model, or fetch all files again from one place",
        )
    return [shard for shard in shards if shard]


def _qwen2_config(config: Mapping[str, Any]) -> dict[str, Any]:
    dtype = {"torch_dtype": config["torch_dtype"]} if "torch_dtype" in config else {}
    return dtype | {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "attention_dropout": 0.0,
        "bos_token_id": None,
        "hidden_act": "silu",
        "hidden_size": config["hidden_size"],
        "initializer_range": config.get("initializer_range", 0.02),
        "intermediate_size": config["intermediate_size"] // 2,
        "max_position_embeddings": config["seq_length"],
        "num_attention_heads": config["num_attention_heads"],
        "num_hidden_layers": config["num_hidden_layers"],
        "num_key_value_heads": config["num_attention_heads"],
        "rms_norm_eps": config["layer_norm_epsilon"],
        "rope_theta": float(config["rotary_emb_base"]),
        "tie_word_embeddings": False,
        "use_sliding_window": False,
        "vocab_size": config["vocab_size"],
    }


def _write_shards(shards: list[dict[str, StoredTensor]], out: Path) -> None:
    if len(shards) == 1:
        write_tensors(out / "model.safetensors", shards[0])
        return
    weight_map: dict[str, str] = {}
    for number, shard in enumerate(shards, 1):
        name = f"model-{number:05}-of-{len(shards):05}.safetensors"
        write_tensors(out / name, shard)
        weight_map |= dict.fromkeys(shard, name)
    total = sum(tensor.size for shard in shards for tensor in shard.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    _write_json(out / "model.safetensors.index.json", index)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
