"""An adapter folder that may come from anyone: plain LoRA in safetensors, or nothing."""

import json
from pathlib import Path

from emoloom.errors import UserError

ADAPTER = "adapter_model.safetensors"
_ADAPTER_CONFIG = "adapter_config.json"


def check_adapter(folder: Path) -> None:
    """See that a folder's adapter is plain LoRA in safetensors, which loads no code.

    Raises:
        UserError: it is not.
    """
    try:
        config = json.loads((folder / _ADAPTER_CONFIG).read_text(encoding="utf-8"))
        kind = config["peft_type"] if (folder / ADAPTER).is_file() else f"no {ADAPTER}"
        # peft imports the module that these name.
        odd = [key for key in ("megatron_config", "auto_mapping") if config.get(key) is not None]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        kind, odd = repr(error), []
    if kind != "LORA" or odd:
        raise UserError(
            f"{folder} holds no adapter that can be used",
            got=", ".join(odd) or str(kind)[:200],
            allowed=f"{_ADAPTER_CONFIG} of plain LoRA and {ADAPTER}",
            do="export it again with `emoloom export`",
        )
