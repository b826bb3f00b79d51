"""Check a GGUF file, and convert it once to a safetensors folder that transformers loads."""

import io
import math
from collections.abc import Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emoloom.errors import UserError
from emoloom.sources.quantisation import read_quantisation
from emoloom.sources.quiet import quiet_transformers

PROBES = (
    '{"labels":["joy"],"vad":{"v":0.83,"a":0.55,"d":0.61},"rationale":"cues: love, puppy"}',
    "Sum 1234567890 and 42.\n\n7  times   3",
    "naïve café 😀 ½ ²³ don't  WON'T\tx_y",
    "<|im_start|>user\nhi<|im_end|>\n",
)
"""Strings whose ids must be the same before and after saving a tokenizer."""

# Split of llama.cpp's BPE pre-tokenizer types (llama-vocab.cpp, by name) that cut every digit off
# before GPT-2's split. transformers 5.23 has no rule for them and uses GPT-2's split alone.
_DIGITS_FIRST = frozenset({"smollm", "starcoder", "refact", "command-r", "codeshell"})
_VERSIONS = (2, 3)
_GPT2_SPLIT = frozenset({None, "gpt-2", "phi-2", "mpt", "olmo", "jais"})


@dataclass(frozen=True, slots=True)
class GgufFacts:
    """What a GGUF file says of itself."""

    licence: str | None
    """`general.license`, or None."""
    pre_tokenizer: str | None
    """`tokenizer.ggml.pre`, the split that goes before BPE, or None."""
    elements: int
    """Number of weights over all tensors."""
    has_tokenizer: bool
    """Whether a tokenizer is inside."""
    rope_scaling: str
    """What scales the rotary positions; empty where nothing does."""
    quantisation: str
    """How the weights are stored, for a model's name: `dequantised Q4_K_M`, or `F16`."""


def inspect_gguf(path: Path, shown: str) -> GgufFacts:
    """Check a GGUF file's header, and that every tensor lies inside the file.

    Args:
        path: the file.
        shown: its name in messages.

    Raises:
        UserError: not a GGUF file, cut short or damaged, without tokenizer, or with RoPE scaling.
    """
    with path.open("rb") as file:
        magic = file.read(4)
    size = path.stat().st_size
    if magic != b"GGUF":
        raise UserError(
            f"{shown} is not a GGUF file",
            got=f"{size} bytes that start with {magic!r}",
            allowed="a file that starts with b'GGUF'",
            do="check the path; a web page or a pointer file is often saved in place of weights",
        )
    _check_version(path, shown)
    try:
        facts = _read_facts(path, size)
    except Exception as error:  # the reader fails in many ways on bytes it does not expect
        raise UserError(
            f"{shown} is cut short or damaged",
            got=f"{size} bytes; {type(error).__name__}: {_first_line(error)}",
            do="fetch the file again and compare its sha256 with the publisher's",
        ) from error
    if not facts.has_tokenizer:
        raise UserError(f"{shown} holds no tokenizer", do="choose a GGUF file with its tokenizer")
    if facts.rope_scaling:
        raise UserError(
            f"{shown} scales its rotary positions, which transformers does not read from GGUF",
            got=facts.rope_scaling,
            do="use the model's safetensors folder",
        )
    return facts


def _check_version(path: Path, shown: str) -> None:
    with path.open("rb") as file:
        stated = file.read(8)[4:]
    version = int.from_bytes(stated, "big" if stated[:2] == b"\0\0" else "little")
    if len(stated) == 4 and version not in _VERSIONS:
        raise UserError(
            f"{shown} is in a version of GGUF that is not read",
            got=f"version {version}",
            allowed=f"version {' or '.join(map(str, _VERSIONS))}",
            do="convert the model again with a current llama.cpp",
        )


def convert_gguf(path: Path, target: Path, facts: GgufFacts, shown: str) -> None:
    """Dequantise to fp32 and save config, weights (safetensors) and tokenizer into `target`.

    Args:
        path: the GGUF file, alone in its folder: transformers reads other files beside it.
        target: the folder to write; it must not exist.
        facts: what `inspect_gguf` returned for the file.
        shown: the file's name in messages.

    Raises:
        UserError: transformers cannot convert this file, or would lose a part of it.
    """
    # The converter's own progress bar cannot be turned off, and writes to stderr.
    with quiet_transformers(), redirect_stderr(io.StringIO()):
        _convert(path, target, facts, shown)


def _convert(path: Path, target: Path, facts: GgufFacts, shown: str) -> None:
    try:
        tokenizer = _load_tokenizer(path.parent, gguf_file=path.name)
        model, loading = _load_model(path)
    except Exception as error:  # transformers fails in many ways on files it does not know
        raise UserError(
            f"transformers cannot convert {shown}",
            got=f"{type(error).__name__}: {_first_line(error)}",
            allowed="a GGUF file of an architecture that transformers reads (llama, qwen2, ...)",
            do="use the model's safetensors folder",
        ) from error
    _check_whole(model, loading, facts, len(tokenizer), shown)
    _restore_split(tokenizer, facts, shown)
    # The mark says that the weights are GGUF blocks; they no longer are.
    if getattr(model.config, "quantization_config", None) is not None:
        del model.config.quantization_config
    model.hf_quantizer = None
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    _check_tokenizer(tokenizer, _load_tokenizer(target), shown)


def _load_tokenizer(folder: Path, **options: str) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, **options
    )


def _load_model(path: Path) -> tuple[Any, Mapping[str, Any]]:
    import torch
    import transformers

    options: dict[str, Any] = {}
    if hasattr(transformers, "GgufConfig"):
        # Without it newer transformers keep the blocks packed, with kernels fetched from the hub.
        options["quantization_config"] = transformers.GgufConfig(dequantize=True)
    model, loading = transformers.AutoModelForCausalLM.from_pretrained(
        path.parent,
        gguf_file=path.name,
        dtype=torch.float32,
        local_files_only=True,
        trust_remote_code=False,
        output_loading_info=True,
        **options,
    )
    return model, loading


def _check_whole(
    model: Any, loading: Mapping[str, Any], facts: GgufFacts, tokens: int, shown: str
) -> None:
    """Transformers fills missing tensors with random numbers and drops unknown ones; we refuse."""
    import torch

    parameters = list(model.parameters())
    lost = sorted(loading["missing_keys"]) + sorted(str(key) for key in loading["mismatched_keys"])
    have = sum(parameter.numel() for parameter in parameters)
    if lost or have != facts.elements:
        raise UserError(
            f"{shown} does not fill the {model.config.model_type} model that transformers builds",
            got=f"{facts.elements} weights" + (f", without {', '.join(lost[:3])}" if lost else ""),
            allowed=f"{have} weights",
            do="use the model's safetensors folder",
        )
    if any(parameter.dtype != torch.float32 for parameter in parameters):
        raise UserError(f"{shown} was not dequantised", do="use the model's safetensors folder")
    if tokens > model.get_input_embeddings().num_embeddings:
        raise UserError(
            f"{shown} has more tokens than embeddings",
            got=f"{tokens} tokens",
            allowed=f"at most {model.get_input_embeddings().num_embeddings}",
            do="use the model's safetensors folder",
        )


def _restore_split(tokenizer: Any, facts: GgufFacts, shown: str) -> None:
    from tokenizers import pre_tokenizers

    backend = tokenizer.backend_tokenizer
    if facts.pre_tokenizer in _DIGITS_FIRST:
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
            ]
        )
    elif (
        isinstance(backend.pre_tokenizer, pre_tokenizers.ByteLevel)
        and facts.pre_tokenizer not in _GPT2_SPLIT
    ):
        raise UserError(
            f"transformers does not know how the tokenizer of {shown} splits text",
            got=f"tokenizer.ggml.pre {facts.pre_tokenizer!r}",
            do="use the model's safetensors folder",
        )


def _check_tokenizer(before: Any, after: Any, shown: str) -> None:
    same = (
        [before(probe)["input_ids"] for probe in PROBES]
        == [after(probe)["input_ids"] for probe in PROBES]
        and before.get_vocab() == after.get_vocab()
        and before.chat_template == after.chat_template
        and before.special_tokens_map == after.special_tokens_map
    )
    if not same:
        raise UserError(
            f"The tokenizer of {shown} changes when transformers saves it",
            do="use the model's safetensors folder",
        )


def _read_facts(path: Path, size: int) -> GgufFacts:
    import numpy as np
    from gguf import GGUFReader

    # Offsets of a damaged file wrap around in the reader; they are checked below.
    with np.errstate(over="ignore"):
        reader = GGUFReader(path)
    elements = sum(_elements_inside(one, reader.data_offset, size) for one in reader.tensors)
    if not elements:
        raise ValueError("no tensors")
    _check_blocks(reader)
    return GgufFacts(
        licence=_text(reader, "general.license"),
        pre_tokenizer=_text(reader, "tokenizer.ggml.pre"),
        elements=elements,
        has_tokenizer="tokenizer.ggml.model" in reader.fields,
        rope_scaling=_rope_scaling(reader),
        quantisation=read_quantisation(reader),
    )


def _check_blocks(reader: Any) -> None:
    """A model of as many blocks as the file says is built, even where they have no tensors."""
    for key in (one for one in reader.fields if one.endswith(".block_count")):
        blocks = int(reader.fields[key].contents())
        if blocks > len(reader.tensors):
            raise ValueError(f"{blocks} blocks, and {len(reader.tensors)} tensors")


def _elements_inside(tensor: Any, data_offset: int, size: int) -> int:
    """Elements of one tensor, in Python's integers: the reader's own may wrap around."""
    from gguf.constants import GGML_QUANT_SIZES

    elements = math.prod(int(dimension) for dimension in tensor.shape)
    block_elements, block_bytes = GGML_QUANT_SIZES[tensor.tensor_type]
    start = data_offset + int(tensor.field.parts[-1][0])
    end = start + elements // block_elements * block_bytes
    if elements % block_elements or end > size:
        raise ValueError(f"tensor {tensor.name!r} ends at byte {end}")
    return elements


def _rope_scaling(reader: Any) -> str:
    kinds = [_text(reader, key) for key in reader.fields if key.endswith("rope.scaling.type")]
    factors = [one.name for one in reader.tensors if one.name == "rope_freqs.weight"]
    return ", ".join([str(kind) for kind in kinds if kind != "none"] + factors)


def _text(reader: Any, key: str) -> str | None:
    field = reader.get_field(key)
    value = None if field is None else field.contents()
    return value if isinstance(value, str) and value else None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0][:300]
