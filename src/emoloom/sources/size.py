"""How many parameters a model has, read from the headers of its weights."""

import math
from pathlib import Path

from emoloom.errors import UserError
from emoloom.sources.folder import weight_files

MOST_PARAMETERS = 2_000_000_000
"""A screen is for small models; larger ones must be allowed one by one (ours)."""


def count_parameters(folder: Path) -> int:
    """Elements of all tensors in a folder's safetensors files, as stored.

    A shared embedding counts once where it is stored once. Causal masks, which old checkpoints
    store beside the weights as (1, 1, n, n), are left out.

    Raises:
        UserError: the folder holds no safetensors weights.
    """
    from safetensors import safe_open

    total = 0
    for path in weight_files(folder):
        if path.suffix != ".safetensors":
            continue
        with safe_open(path, framework="np") as tensors:
            shapes = [tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()]  # noqa: SIM118
        total += sum(math.prod(shape) for shape in shapes if not _is_mask(shape))
    return total


def check_size(name: str, parameters: int, *, allow_large: bool) -> None:
    """Refuse a model that is larger than a screen is for.

    Raises:
        UserError: more than `MOST_PARAMETERS`, and not allowed.
    """
    if parameters > MOST_PARAMETERS and not allow_large:
        raise UserError(
            f"{name} is not a small model",
            got=f"{parameters:,} parameters",
            allowed=f"at most {MOST_PARAMETERS:,}",
            do="choose a smaller model, or allow this one: `allow_large: true` in a config, "
            "--allow-large on the command line of `models` and `decode`",
        )


def _is_mask(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4 and shape[:2] == (1, 1) and shape[2] == shape[3]
