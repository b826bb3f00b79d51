"""Model folders whose weights are damaged, dangerous, too large, or not those of the config."""

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bad_case import DECODE, GET, WEIGHTS, Case, Sound, copy_model, edit_json, model_case, with_rows

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 583712\n"
HALF = "lm_head.weight"
EMBEDDING = "model.embed_tokens.weight"
NOT_FINITE = f"{HALF} holds numbers that are NaN or infinite"


def read_header(folder: Path) -> tuple[dict[str, Any], bytes]:
    content = (folder / WEIGHTS).read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def write_header(folder: Path, header: dict[str, Any], data: bytes, length: int = 0) -> None:
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", length or len(text)) + text + data)


def header(change: Callable[[dict[str, Any]], object], length: int = 0) -> Callable[[Path], None]:
    """Change the header and leave the data as they are."""

    def harm(folder: Path) -> None:
        read, data = read_header(folder)
        change(read)
        write_header(folder, read, data, length)

    return harm


def tensors(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Path], None]:
    """Change the tensors and write a whole file."""

    def harm(folder: Path) -> None:
        from safetensors.numpy import load_file, save_file

        save_file(change(load_file(folder / WEIGHTS)), folder / WEIGHTS, metadata={"format": "pt"})

    return harm


def filled(value: float, *where: int) -> Callable[[Path], None]:
    """One value in one place of the output matrix, or in a whole row of it."""

    def change(weights: dict[str, Any]) -> dict[str, Any]:
        weights[HALF][where] = value
        return weights

    return tensors(change)


def one_nan(embedding: Any) -> Any:
    """The last token's first number: no probe and no row holds that token."""
    changed = embedding.copy()
    changed[-1, 0] = float("nan")
    return changed


def cut(start: int, stop: int | None) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[start:stop])

    return harm


def content(data: bytes) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        (folder / WEIGHTS).write_bytes(data)

    return harm


def overlap(read: dict[str, Any]) -> None:
    read[HALF]["data_offsets"] = read["model.embed_tokens.weight"]["data_offsets"]


def only_pickle(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    # A pickle that would run a command; nothing may ever load it.
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch was-run'\ntR.")


def pickle_renamed(folder: Path) -> None:
    only_pickle(folder)
    (folder / "pytorch_model.bin").rename(folder / WEIGHTS)


def linked(target: str) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        (folder / WEIGHTS).rename(folder.parent / "elsewhere.safetensors")
        (folder / WEIGHTS).symlink_to(target)

    return harm


def index(*names: str) -> Callable[[Path], None]:
    """The weights in one shard, and an index that names others."""

    def harm(folder: Path) -> None:
        (folder / WEIGHTS).rename(folder.parent / "elsewhere.safetensors")
        weight_map = {f"{number}.weight": name for number, name in enumerate(names)}
        text = json.dumps({"weight_map": weight_map})
        (folder / f"{WEIGHTS}.index.json").write_text(text, encoding="utf-8")

    return harm


def too_large(folder: Path) -> None:
    """2.1 billion weights: a hole of 2.1 GB in the file, which takes no room on the disk."""
    read, data = read_header(folder)
    shape, start = [2_100_000, 1000], len(data)
    read["model.more.weight"] = {
        "dtype": "F8_E4M3",
        "shape": shape,
        "data_offsets": [start, start + shape[0] * shape[1]],
    }
    write_header(folder, read, data)
    size = (folder / WEIGHTS).stat().st_size
    os.truncate(folder / WEIGHTS, size + shape[0] * shape[1])


def smaller_head(weights: dict[str, Any]) -> dict[str, Any]:
    return weights | {HALF: weights[HALF][:-1].copy()}


def without_a_layer(weights: dict[str, Any]) -> dict[str, Any]:
    return {name: weight for name, weight in weights.items() if ".layers.1." not in name}


def one_layer(folder: Path) -> None:
    edit_json(folder / "config.json", num_hidden_layers=1)


def nan_model(here: Path, sound: Sound) -> None:
    filled(float("nan"), 5)(copy_model(here, sound))


WHOLE = "is not a whole safetensors file"
LOADS = "model does not load as a causal language model"

CASES = (
    model_case("weights-cut-in-the-header", cut(0, 500), WHOLE, "got: 500 bytes", "do: fetch the"),
    model_case("weights-cut-in-the-data", cut(0, -100), WHOLE, "not fully covered", "do: fetch"),
    model_case("weights-without-their-start", cut(100, None), WHOLE, "got: ", "do: fetch"),
    model_case("weights-empty", content(b""), WHOLE, "got: 0 bytes", "do: fetch"),
    model_case(
        "weights-header-longer-than-the-file",
        header(lambda read: None, length=10_000_000),
        *(WHOLE, "invalid header length", "do: fetch"),
    ),
    model_case(
        "weights-header-longer-than-memory",
        header(lambda read: None, length=2**62),
        *(WHOLE, "header too large", "do: fetch"),
    ),
    model_case(
        "weights-of-an-unknown-dtype",
        header(lambda read: read[HALF].update(dtype="F99")),
        *(WHOLE, "`F99`, expected one of", "do: fetch"),
    ),
    model_case(
        "weights-of-integers",
        header(lambda read: read[HALF].update(dtype="I32")),
        *("no floating-point numbers", "got: lm_head.weight as I32", "allowed: F64, F32"),
    ),
    model_case("weights-that-overlap", header(overlap), WHOLE, "invalid offset", "do: fetch"),
    model_case(
        "weights-git-lfs-pointer", content(POINTER), WHOLE, "a pointer file is often saved in place"
    ),
    model_case(
        "weights-pickle-only",
        only_pickle,
        *("a pickle can run code", "got: pytorch_model.bin", "allowed: safetensors", "do: convert"),
    ),
    model_case("weights-pickle-renamed", pickle_renamed, WHOLE, "got: ", "do: fetch"),
    model_case(
        "weights-link-to-itself",
        linked(WEIGHTS),
        *("holds no weights", "got: model.safetensors is a link that leads to no file", "allowed:"),
    ),
    # A folder is the user's own: links in it are followed, and what they lead to is hashed.
    model_case(
        "weights-link-out-of-the-folder", linked("../elsewhere.safetensors"), "/model\n", code=0
    ),
    model_case(
        "weights-index-goes-up",
        index("../elsewhere.safetensors"),
        *("index.json does not fit its folder", "got: ../elsewhere.safetensors", "allowed: names"),
    ),
    model_case(
        "weights-index-names-a-pickle",
        index("pytorch_model.bin"),
        *("index.json does not fit its folder", "got: pytorch_model.bin", "allowed: names"),
    ),
    model_case(
        "weights-over-2-billion",
        too_large,
        *("is not a small model", "parameters; allowed: at most 2,000,000,000", "`allow_large"),
    ),
    model_case(
        "weights-fewer-than-layers",
        lambda folder: edit_json(folder / "config.json", num_hidden_layers=10**9),
        *("do not fit together", "num_hidden_layers 1000000000, and 21 tensors", "do: fetch both"),
    ),
    model_case(
        "weights-of-another-shape",
        tensors(smaller_head),
        *(LOADS, "lm_head.weight is (556, 64), where config.json makes it (557, 64)", "allowed:"),
        load=True,
    ),
    model_case(
        "weights-missing",
        tensors(without_a_layer),
        *(LOADS, "got: 9 tensors are missing, e.g. model.layers.1.", "do: check the folder"),
        load=True,
    ),
    model_case(
        "weights-of-more-layers",
        one_layer,
        *(LOADS, "fewer layers than the weights have, e.g. not model.layers.1.", "do: check"),
        load=True,
    ),
    model_case(
        "weights-nan", filled(float("nan"), 5), *(LOADS, NOT_FINITE, "do: check"), load=True
    ),
    model_case(
        "weights-nan-of-a-token-nobody-writes",
        tensors(lambda weights: weights | {EMBEDDING: one_nan(weights[EMBEDDING])}),
        *(LOADS, NOT_FINITE.replace(HALF, EMBEDDING), "do: check"),
        load=True,
    ),
    Case(
        "weights-nan-canonical",
        with_rows(nan_model),
        f"{DECODE} --decoder canonical",
        (LOADS, NOT_FINITE, "do: check"),
    ),
    model_case(
        "weights-infinite",
        filled(float("inf"), 5, 3),
        *(LOADS, NOT_FINITE, "do: check"),
        load=True,
    ),
    Case(
        "weights-unreadable",
        lambda here, sound: (copy_model(here, sound) / WEIGHTS).chmod(0),
        GET,
        ("Permission denied", "do: "),
        weak=True,
    ),
)
