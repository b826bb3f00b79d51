"""The files that transformers loads: weights or adapter, tokenizer, configs. No pickle."""

import json
import shutil
from pathlib import Path
from typing import Any

from emoloom.errors import UserError
from emoloom.models.causal_lm import CausalLM
from emoloom.models.packed_attention import SHARED_PREFIX
from emoloom.prediction.adapter_folder import ADAPTER, check_adapter
from emoloom.sizes import SPARE_BYTES
from emoloom.sources.origins import HubRepo, ModelSource
from emoloom.sources.quiet import quiet_transformers


def check_space(folder: Path, lm: CausalLM) -> None:
    """See that whole weights fit.

    Raises:
        UserError: they do not.
    """
    needed = sum(weight.nbytes for weight in lm.model.parameters()) + SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"the disk of {folder} has too little space for the weights",
            got=f"{free / 2**20:.0f} MiB free",
            allowed=f"at least {needed / 2**20:.0f} MiB",
            do="free some, or choose another --out",
        )


def write_merged(lm: CausalLM, folder: Path) -> None:
    """Whole weights in fp32, as the run decoded with them, bit for bit.

    Rounding them to fewer bits would give other answers than those that were scored.
    """
    model = lm.model
    if getattr(model.config, "_attn_implementation", None) == SHARED_PREFIX:
        model.set_attn_implementation("sdpa")  # ours is known to no other program
    with quiet_transformers():
        model.generation_config = _generation_config(lm)
        model.save_pretrained(folder)
        lm.prompter.tokenizer.save_pretrained(folder)


def write_adapter(checkpoint: Path, source: ModelSource, lm: CausalLM, folder: Path) -> None:
    """The run's adapter, byte for byte; its config names the base where the hub has it."""
    check_adapter(checkpoint)
    shutil.copyfile(checkpoint / ADAPTER, folder / ADAPTER)
    config = json.loads((checkpoint / "adapter_config.json").read_text(encoding="utf-8"))
    if isinstance(source.origin, HubRepo):
        config["base_model_name_or_path"] = source.origin.repo
        config["revision"] = source.origin.revision
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (folder / "adapter_config.json").write_text(text, encoding="utf-8")
    with quiet_transformers():
        _generation_config(lm).save_pretrained(folder)
        lm.prompter.tokenizer.save_pretrained(folder)


def _generation_config(lm: CausalLM) -> Any:
    """Greedy, and nothing else: a base model's penalties or temperature would change answers."""
    from transformers import GenerationConfig

    prompter, tokenizer = lm.prompter, lm.prompter.tokenizer
    padding = tokenizer.pad_token_id
    return GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=sorted(prompter.stop_ids),
        pad_token_id=prompter.end_id if padding is None else padding,
        do_sample=False,
    )
