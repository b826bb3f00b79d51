"""A random two-layer BERT with a WordPiece tokenizer, and BERT's formula once more in numpy."""

import json
import math
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

SIZES = {"hidden": 32, "middle": 48, "layers": 2, "heads": 4, "positions": 66}
WORDS = ["happy", "sad", "the", "you", "love", "not", "day", "was", "good", "bad", "fear"]
VOCABULARY = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS),
    *"abcdefghijklmnopqrstuvwxyz.,!?'[]",
    *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"),
]


def write_tiny_bert(folder: Path, seed: int = 0, *, pooler: bool = True) -> Path:
    """As sentence-transformers saves one: its tokenizer.json cuts and pads to a length."""
    folder.mkdir(parents=True)
    write_json(folder / "config.json", config())
    save_file(tensors(seed, pooler=pooler), folder / "model.safetensors", metadata={"format": "pt"})
    write_json(folder / "tokenizer.json", tokenizer())
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer"})
    return folder


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def config() -> dict:
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": SIZES["hidden"],
        "intermediate_size": SIZES["middle"],
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": SIZES["positions"],
        "num_attention_heads": SIZES["heads"],
        "num_hidden_layers": SIZES["layers"],
        "pad_token_id": 0,
        "type_vocab_size": 2,
        "vocab_size": len(VOCABULARY),
    }


def tokenizer() -> dict:
    special = enumerate(VOCABULARY[:5])
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    first, last = ({"SpecialToken": {"id": one, "type_id": 0}} for one in ("[CLS]", "[SEP]"))
    piece = [first, {"Sequence": {"id": "A", "type_id": 0}}, last]
    return {
        "version": "1.0",
        "truncation": {
            "max_length": 8,
            "strategy": "LongestFirst",
            "stride": 0,
            "direction": "Right",
        },
        "padding": {
            "strategy": {"Fixed": 8},
            "direction": "Right",
            "pad_to_multiple_of": None,
            "pad_id": 0,
            "pad_type_id": 0,
            "pad_token": "[PAD]",
        },
        "added_tokens": [{"id": i, "content": t, "special": True, **flags} for i, t in special],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": piece,
            "pair": piece,
            "special_tokens": {
                name: {"id": name, "ids": [VOCABULARY.index(name)], "tokens": [name]}
                for name in ("[CLS]", "[SEP]")
            },
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {token: index for index, token in enumerate(VOCABULARY)},
        },
    }


def tensors(seed: int, *, pooler: bool = True) -> dict[str, np.ndarray]:
    draws, hidden, middle = np.random.default_rng(seed), SIZES["hidden"], SIZES["middle"]

    def drawn(*shape: int) -> np.ndarray:
        return (draws.standard_normal(shape) * shape[-1] ** -0.5).astype(np.float32)

    made = {
        "embeddings.word_embeddings.weight": drawn(len(VOCABULARY), hidden),
        "embeddings.position_embeddings.weight": drawn(SIZES["positions"], hidden),
        "embeddings.token_type_embeddings.weight": drawn(2, hidden),
    }
    norms, shapes = ["embeddings.LayerNorm"], {}
    for layer in range(SIZES["layers"]):
        at = f"encoder.layer.{layer}"
        norms += [f"{at}.attention.output.LayerNorm", f"{at}.output.LayerNorm"]
        names = [f"attention.self.{one}" for one in ("query", "key", "value")]
        shapes |= {f"{at}.{one}": (hidden, hidden) for one in names}
        shapes[f"{at}.attention.output.dense"] = (hidden, hidden)
        shapes[f"{at}.intermediate.dense"] = (middle, hidden)
        shapes[f"{at}.output.dense"] = (hidden, middle)
    for name, shape in shapes.items():
        made |= {f"{name}.weight": drawn(*shape), f"{name}.bias": drawn(shape[0])}
    for name in norms:
        made |= {f"{name}.weight": 1 + drawn(hidden), f"{name}.bias": drawn(hidden)}
    if pooler:
        made |= {"pooler.dense.weight": drawn(hidden, hidden), "pooler.dense.bias": drawn(hidden)}
    return made


def bert_vectors(folder: Path, sequences: list[list[int]]) -> np.ndarray:
    """Of each text alone, [N, D] (Devlin et al. 2019; Reimers and Gurevych 2019, MEAN)."""
    stored = load_file(folder / "model.safetensors")
    weights = {name: one.astype(np.float64) for name, one in stored.items()}
    given = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    vectors = [_states(weights, given, ids).mean(axis=0) for ids in sequences]
    return np.stack([one / np.sqrt((one**2).sum()) for one in vectors])


def _states(weights: dict[str, np.ndarray], given: dict, ids: list[int]) -> np.ndarray:
    def dense(name: str, x: np.ndarray) -> np.ndarray:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(name: str, x: np.ndarray) -> np.ndarray:
        scale = np.sqrt(x.var(axis=-1, keepdims=True) + given["layer_norm_eps"])
        flat = (x - x.mean(axis=-1, keepdims=True)) / scale
        return flat * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    count, heads = len(ids), given["num_attention_heads"]
    x = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][:count]
    x = norm("embeddings.LayerNorm", x + weights["embeddings.token_type_embeddings.weight"][0])
    for layer in range(given["num_hidden_layers"]):
        at = f"encoder.layer.{layer}"
        q, k, v = (
            dense(f"{at}.attention.self.{one}", x).reshape(count, heads, -1).swapaxes(0, 1)
            for one in ("query", "key", "value")
        )
        scores = q @ k.swapaxes(1, 2) / math.sqrt(q.shape[-1])
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = (shares / shares.sum(axis=-1, keepdims=True)) @ v
        mixed = dense(f"{at}.attention.output.dense", mixed.swapaxes(0, 1).reshape(count, -1))
        x = norm(f"{at}.attention.output.LayerNorm", x + mixed)
        inner = dense(f"{at}.intermediate.dense", x)
        gelu = 0.5 * inner * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
        x = norm(f"{at}.output.LayerNorm", x + dense(f"{at}.output.dense", gelu))
    return x
