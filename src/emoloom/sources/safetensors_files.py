"""Safetensors files, judged by their headers alone: nothing in them is loaded."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from emoloom.errors import UserError

_FLOATS = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"})


def check_safetensors(paths: Iterable[Path], *, layers: object = None) -> None:
    """See that each file is whole, its weights are numbers, and there are enough for the layers.

    A header alone fails on a pointer file, a renamed pickle, and a cut file.

    Args:
        paths: the `.safetensors` files of one model.
        layers: `num_hidden_layers` of its config. transformers builds that many, whatever the
            files hold.

    Raises:
        UserError: a file is damaged, holds weights as integers, or too few tensors.
        OSError: a file cannot be opened.
    """
    kinds: dict[str, str] = {}
    for path in paths:
        kinds |= tensor_kinds(path)
    bad = sorted(
        f"{name} as {kind}"
        for name, kind in kinds.items()
        if name.endswith(".weight") and kind not in _FLOATS
    )
    if bad:
        raise UserError(
            "These safetensors hold weights that are no floating-point numbers",
            got=", ".join(bad[:3]),
            allowed="F64, F32, F16, BF16 or F8",
            do="choose a copy of the model that is not quantised",
        )
    if isinstance(layers, int) and layers > len(kinds):
        raise UserError(
            "config.json and the weights do not fit together",
            got=f"num_hidden_layers {layers}, and {len(kinds)} tensors",
            allowed="at least one tensor a layer",
            do="fetch both files again from one place",
        )


def tensor_kinds(path: Path) -> dict[str, str]:
    """The dtype of each tensor, as the header names it.

    Raises:
        UserError: the file is damaged.
        OSError: it cannot be opened.
    """
    from safetensors import SafetensorError, safe_open

    path.open("rb").close()  # says what is wrong; the library calls a closed file missing
    try:
        with safe_open(path, framework="np") as tensors:
            names: list[Any] = list(tensors.keys())
            return {name: tensors.get_slice(name).get_dtype() for name in names}
    except SafetensorError as error:
        raise UserError(
            f"{path} is not a whole safetensors file",
            got=f"{path.stat().st_size} bytes; {error}",
            do="fetch the file again; a pointer file is often saved in place of weights",
        ) from error
