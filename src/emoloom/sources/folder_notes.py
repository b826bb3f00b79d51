"""What a user should know of a model folder that loads: what in it is not read, and is in the way.

Decided by names and headers alone: nothing is loaded.
"""

import re
from pathlib import Path

from emoloom.errors import UserError
from emoloom.sources.folder import weight_files
from emoloom.sources.json_files import read_json
from emoloom.sources.safetensors_files import tensor_kinds

_BLOCK = "quantization_config"
_PLAIN = frozenset({"F64", "F32", "F16", "BF16"})
_OF_A_QUANTISER = re.compile(
    r"(?:^|[._])(?:scales?|scale_inv|zero_points?|zeros|qzeros|qweight|absmax|SCB|g_idx|packed"
    r"|quant_[a-z0-9_]+|bitsandbytes\w*)(?:$|[._])"
)
_MOST = 3


def folder_notes(folder: Path) -> tuple[str, ...]:
    """One sentence each; none where all that the folder holds is as it should be."""
    notes = []
    if method := leftover_quantisation(folder):
        notes.append(
            f"the quantization_config ({method}) of config.json is left over and not followed: the "
            "weights are plain numbers, and are loaded as such"
        )
    if others := _other_weights(folder):
        shown = ", ".join(others[:_MOST]) + (", ..." if len(others) > _MOST else "")
        used = ", ".join(path.name for path in weight_files(folder)[:1])
        notes.append(f"other weights lie beside {used} and are not read: {shown}")
    return tuple(notes)


def is_quantised(folder: Path) -> bool:
    """Whether config.json speaks of a quantiser."""
    try:
        return isinstance(read_json(folder / "config.json", folder).get(_BLOCK), dict)
    except UserError:
        return False


def leftover_quantisation(folder: Path) -> str:
    """Method that a quantization_config names which says nothing of the weights; else empty.

    A model that was merged and saved in 16 bits keeps the block of the base that it was trained on.
    Its weights are plain numbers, and none of a quantiser's own tensors lies beside them.
    """
    try:
        given = read_json(folder / "config.json", folder).get(_BLOCK)
        if not isinstance(given, dict):
            return ""
        files = [path for path in weight_files(folder) if path.suffix == ".safetensors"]
        kinds = {name: kind for path in files for name, kind in tensor_kinds(path).items()}
    except (UserError, OSError):
        return ""  # said where the folder is checked
    plain = set(kinds.values()) <= _PLAIN
    if not kinds or not plain or any(_OF_A_QUANTISER.search(name) for name in kinds):
        return ""
    return str(given.get("quant_method") or "of no method")[:40]


def _other_weights(folder: Path) -> list[str]:
    """Safetensors, and the index of some, that transformers passes over."""
    used = {path.name for path in weight_files(folder)}
    beside = [*folder.glob("*.safetensors"), *folder.glob("*.safetensors.index.json")]
    return sorted(path.name for path in beside if path.name not in used)
