"""A small folder in the layout of the first Qwen, as its publisher's: names, config keys, files.

Config keys and their values (but the sizes) are those of Qwen/Qwen-1_8B-Chat; so are the names of
the tensors and the form of `qwen.tiktoken`. The vocabulary is made up.
"""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers.convert_slow_tokenizer import bytes_to_unicode

from emoloom.sources.qwen1_tokenizer import SPECIAL
from ready_family import PADDING, Ready

CONFIG: dict[str, Any] = {
    "architectures": ["QWenLMHeadModel"],
    "attn_dropout_prob": 0.0,
    "auto_map": {
        "AutoConfig": "configuration_qwen.QWenConfig",
        "AutoModelForCausalLM": "modeling_qwen.QWenLMHeadModel",
    },
    "bf16": False,
    "emb_dropout_prob": 0.0,
    "fp16": False,
    "fp32": False,
    "hidden_size": 48,
    "initializer_range": 0.02,
    "intermediate_size": 160,  # both halves
    "kv_channels": 12,
    "layer_norm_epsilon": 1e-6,
    "max_position_embeddings": 8192,
    "model_type": "qwen",
    "no_bias": True,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "onnx_safe": None,
    "rotary_emb_base": 10000,
    "rotary_pct": 1.0,
    "scale_attn_weights": True,
    "seq_length": 8192,
    "tie_word_embeddings": False,
    "tokenizer_class": "QWenTokenizer",
    "torch_dtype": "bfloat16",
    "use_cache": True,
    "use_dynamic_ntk": True,
    "use_flash_attn": "auto",
    "use_logn_attn": True,
}
GENERATION: dict[str, Any] = {
    "chat_format": "chatml",
    "max_window_size": 6144,
    "max_new_tokens": 512,
    "do_sample": True,
    "top_k": 0,
    "top_p": 0.8,
    "repetition_penalty": 1.1,
}
CODE = "raise SystemExit('the code was run')\n"

# In the published file too, single bytes come first, those that can be printed before the others.
BYTES = [bytes([value]) for value in (*range(33, 127), *range(33), *range(127, 256))]


def pieces(*more: bytes) -> list[bytes]:
    """The 256 bytes and further tokens, by rank."""
    return [*BYTES, *more]


def write_qwen1(
    folder: Path,
    tokens: Sequence[bytes] | None = None,
    *,
    seed: int = 3,
    dtype: torch.dtype = torch.float32,
    spare: int = PADDING,
    **config: Any,
) -> Path:
    """Write a folder with random weights in two files and their index.

    Args:
        folder: the folder; it must not exist.
        tokens: ordinary tokens by rank; None for the bytes alone.
        seed: of the weights.
        dtype: of the weights.
        spare: rows of the embedding that no token has.
        config: keys of config.json to change.
    """
    tokens = tokens or pieces()
    rows = len(tokens) + len(SPECIAL) + spare
    settings = CONFIG | {"vocab_size": rows} | config
    folder.mkdir()
    write_json(folder / "config.json", settings)
    ends = {"eos_token_id": len(tokens), "pad_token_id": len(tokens)}
    write_json(folder / "generation_config.json", GENERATION | ends)
    write_json(
        folder / "tokenizer_config.json",
        {
            "model_max_length": 8192,
            "tokenizer_class": "QWenTokenizer",
            "auto_map": {"AutoTokenizer": ["tokenization_qwen.QWenTokenizer", None]},
        },
    )
    lines = (b"%s %d\n" % (base64.b64encode(token), rank) for rank, token in enumerate(tokens))
    (folder / "qwen.tiktoken").write_bytes(b"".join(lines))
    for name in ("configuration_qwen", "modeling_qwen", "tokenization_qwen"):
        (folder / f"{name}.py").write_text(CODE, encoding="utf-8")
    save_weights(folder, random_weights(settings, seed, dtype))
    return folder


def publish(folder: Path, ready: Ready) -> None:
    """Write a ready model's folder, with a vocabulary that its maker learns."""
    letters = {letter: bytes([value]) for value, letter in bytes_to_unicode().items()}
    learned = sorted(ready.maker(ready.rules).get_vocab(False).items(), key=lambda item: item[1])
    words = [word for word, _ in learned if word not in ready.rules.special]
    tokens = [b"".join(letters[letter] for letter in word) for word in words]
    write_qwen1(folder, tokens, **ready.config)


def random_weights(config: dict[str, Any], seed: int, dtype: torch.dtype) -> dict[str, Any]:
    """Tensors by the names of the first Qwen; linear weights are (out, in)."""
    generator = torch.Generator().manual_seed(seed)
    vocabulary, hidden = config["vocab_size"], config["hidden_size"]
    inner = config["intermediate_size"] // 2

    def normal(*shape: int, mean: float = 0.0) -> torch.Tensor:
        return (mean + 0.2 * torch.randn(*shape, generator=generator)).to(dtype)

    weights = {"transformer.wte.weight": normal(vocabulary, hidden)}
    for number in range(config["num_hidden_layers"]):
        layer = f"transformer.h.{number}"
        weights |= {
            f"{layer}.ln_1.weight": normal(hidden, mean=1.0),
            f"{layer}.attn.c_attn.weight": normal(3 * hidden, hidden),
            f"{layer}.attn.c_attn.bias": normal(3 * hidden),
            f"{layer}.attn.c_proj.weight": normal(hidden, hidden),
            f"{layer}.ln_2.weight": normal(hidden, mean=1.0),
            f"{layer}.mlp.w1.weight": normal(inner, hidden),
            f"{layer}.mlp.w2.weight": normal(inner, hidden),
            f"{layer}.mlp.c_proj.weight": normal(hidden, inner),
        }
    weights["transformer.ln_f.weight"] = normal(hidden, mean=1.0)
    weights["lm_head.weight"] = normal(vocabulary, hidden)
    return weights


def save_weights(folder: Path, weights: dict[str, Any]) -> None:
    """In two files, cut inside the first layer, and their index."""
    names = list(weights)
    parts = {
        "model-00001-of-00002.safetensors": names[:4],
        "model-00002-of-00002.safetensors": names[4:],
    }
    for file, held in parts.items():
        save_file({name: weights[name] for name in held}, folder / file, metadata={"format": "pt"})
    weight_map = {name: file for file, held in parts.items() for name in held}
    write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": weight_map})


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
