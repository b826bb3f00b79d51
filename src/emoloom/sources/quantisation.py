"""How a GGUF file stores its weights, in the names of llama.cpp."""

from collections import Counter
from typing import Any

_PLAIN = frozenset({"F32", "F16", "BF16", "F64"})
"""Types that are no quantisation: their weights are what was trained, rounded at most."""


def read_quantisation(reader: Any) -> str:
    """What a model's name has to say of its weights: `dequantised Q4_K_M`, or `F16`.

    `general.file_type` counts (llama.cpp's enum). Where it is absent, unknown, or says plain
    numbers of a file that holds blocks (or the other way round), the type of most weights does.

    Args:
        reader: a `gguf.GGUFReader` with at least one tensor.
    """
    commonest = _commonest(reader)
    stated = _stated(reader)
    if stated is None or (stated in _PLAIN) != (commonest in _PLAIN):
        return commonest if commonest in _PLAIN else f"dequantised, mostly {commonest}"
    return stated if stated in _PLAIN else f"dequantised {stated}"


def _stated(reader: Any) -> str | None:
    """The name of `general.file_type`, without the enum's `MOSTLY_` or `ALL_`."""
    from gguf import LlamaFileType

    field = reader.get_field("general.file_type")
    value = None if field is None else field.contents()
    if not isinstance(value, int):
        return None
    try:
        kind = LlamaFileType(value & ~LlamaFileType.GUESSED.value)
    except ValueError:
        return None
    return str(kind.name).removeprefix("MOSTLY_").removeprefix("ALL_")


def _commonest(reader: Any) -> str:
    """The type that holds the most weights."""
    weights: Counter[str] = Counter()
    for tensor in reader.tensors:
        weights[str(tensor.tensor_type.name)] += int(tensor.n_elements)
    return weights.most_common(1)[0][0]
