"""Folders of the first Qwen that cannot be converted."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bad_case import GET, Case, Sound, edit_json

VOCABULARY = "qwen.tiktoken"
SECOND = "model-00002-of-00002.safetensors"
WEIGHTS = "The weights of model are not those of the first Qwen"


def case(name: str, harm: Callable[[Path], object], *parts: str) -> Case:
    def make(here: Path, sound: Sound) -> None:
        from qwen1_maker import write_qwen1

        harm(write_qwen1(here / "model"))

    return Case(f"qwen1-{name}", make, GET, parts)


def line(number: int, text: bytes) -> Callable[[Path], None]:
    """Another line in the vocabulary, counted from 1."""

    def harm(folder: Path) -> None:
        lines = (folder / VOCABULARY).read_bytes().splitlines()
        lines[number - 1] = text
        (folder / VOCABULARY).write_bytes(b"\n".join(lines))

    return harm


def tensors(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Change the tensors of the second file."""

    def harm(folder: Path) -> None:
        from safetensors.numpy import load_file, save_file

        weights = load_file(folder / SECOND)
        change(weights)
        save_file(weights, folder / SECOND, metadata={"format": "pt"})

    return harm


def narrower(weights: dict[str, Any]) -> None:
    weights["transformer.h.1.mlp.w1.weight"] = weights["transformer.h.1.mlp.w1.weight"][:-1].copy()


def with_eyes(weights: dict[str, Any]) -> None:
    """As Qwen-VL, whose model type is `qwen` too."""
    weights["transformer.visual.proj"] = weights["transformer.ln_f.weight"].copy()


def packed(weights: dict[str, Any]) -> None:
    """As GPTQ stores a matrix."""
    matrix = weights.pop("transformer.h.1.attn.c_proj.weight")
    weights["transformer.h.1.attn.c_proj.qweight"] = matrix.astype("int32")


def only_pickle(folder: Path) -> None:
    for path in folder.glob("model*"):
        path.unlink()
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch was-run'\ntR.")


def cut(folder: Path) -> None:
    (folder / SECOND).write_bytes((folder / SECOND).read_bytes()[:-50])


def cut_vocabulary(folder: Path) -> None:
    """A line less: every special token would move by one."""
    from qwen1_maker import pieces, write_qwen1

    write_qwen1(folder.parent / "other", pieces(b"in", b" t"))
    lines = (folder.parent / "other" / VOCABULARY).read_bytes().splitlines(keepends=True)
    for path in (folder.parent / "other").iterdir():
        path.replace(folder / path.name)
    (folder.parent / "other").rmdir()
    (folder / VOCABULARY).write_bytes(b"".join(lines[:-1]))


def no_list(folder: Path) -> None:
    (folder / "generation_config.json").write_text(json.dumps([1]), encoding="utf-8")


CASES = (
    case(
        "without-vocabulary",
        lambda folder: (folder / VOCABULARY).unlink(),
        *("model holds no tokenizer", f"got: no {VOCABULARY}", "do: fetch that file from"),
    ),
    case(
        "vocabulary-with-a-garbage-line",
        line(7, b"<html>\x00"),
        *("qwen.tiktoken of model cannot be read", r"got: line 7: b'<html>\x00'"),
        *("allowed: a token in base64, a space, and its rank", "do: fetch it again"),
    ),
    case(
        "vocabulary-is-a-pointer",
        lambda folder: (folder / VOCABULARY).write_bytes(b"version https://git-lfs.github.com/"),
        *("qwen.tiktoken of model cannot be read", "got: line 1: b'version https", "do: fetch"),
    ),
    case(
        "vocabulary-cut-at-a-line",
        cut_vocabulary,
        *("does not fit its config", "got: 257 ordinary", "eos_token_id 258", "do: fetch all"),
    ),
    case(
        "tensor-of-another-shape",
        tensors(narrower),
        *(WEIGHTS, "mlp.w1.weight is (79, 48), where config.json makes it (80, 48)", "do: "),
    ),
    case(
        "tensor-unknown",
        tensors(with_eyes),
        *(WEIGHTS, "got: transformer.visual.proj is unknown; allowed: the tensors of a text model"),
    ),
    case(
        "tensor-missing",
        tensors(lambda weights: weights.pop("lm_head.weight")),
        *(WEIGHTS, "got: lm_head.weight is missing; allowed: ", "do: choose the original"),
    ),
    case(
        "quantised",
        tensors(packed),
        *(WEIGHTS, "c_proj.qweight is unknown; h.1.attn.c_proj.weight is missing", "not quantised"),
    ),
    case("weights-cut", cut, "is not a whole safetensors file", "not fully covered", "do: fetch"),
    case(
        "pickle-only",
        only_pickle,
        *("a pickle can run code", "got: pytorch_model.bin", "allowed: safetensors", "do: convert"),
    ),
    case(
        "partly-rotary",
        lambda folder: edit_json(folder / "config.json", rotary_pct=0.25),
        *("config.json of model is not one of the first Qwen", "got: rotary_pct 0.25", "do: "),
    ),
    case(
        "more-layers-than-tensors",
        lambda folder: edit_json(folder / "config.json", num_hidden_layers=10**9),
        *("do not fit together", "num_hidden_layers 1000000000, and ", "do: fetch both"),
    ),
    case(
        "an-adapter-beside-it",
        lambda folder: (folder / "adapter_config.json").write_text("{}", encoding="utf-8"),
        *("is an adapter, not a whole model", "got: adapter_config.json", "do: merge the adapter"),
    ),
    case(
        "generation-config-no-object",
        no_list,
        *("generation_config.json of ", "cannot be read", "allowed: a JSON object", "do: fetch"),
    ),
)
