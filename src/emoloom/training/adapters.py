"""LoRA adapters: put into a model, saved, merged (Hu et al. 2021, arXiv 2106.09685)."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from emoloom.draws import seed_of_library
from emoloom.models.causal_lm import CausalLM
from emoloom.models.logits import ModelError, find_split
from emoloom.sources.quiet import quiet_transformers
from emoloom.training.schedule import FitSettings


def add_adapter(lm: CausalLM, settings: FitSettings) -> Any:
    """Put fresh LoRA matrices into the model (in place) and return the peft wrapper.

    Raises:
        ModelError: peft has no adapter for this architecture.
    """
    from peft import LoraConfig, get_peft_model

    state_space = "mamba" in str(getattr(lm.model.config, "model_type", ""))
    config = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=2 * settings.lora_rank,
        lora_dropout=0.0,
        target_modules="all-linear",
        # peft refuses this one in state-space models, whose kernels read its weight directly.
        exclude_modules=["out_proj"] if state_space else None,
        # Stacked experts are no linear layers: peft wraps them by itself in some families alone.
        target_parameters=stacked_experts(lm.model) or None,
        task_type="CAUSAL_LM",
    )
    try:
        with torch.random.fork_rng(), _quiet():
            # peft draws from torch's own generator, whose state is given back.
            torch.manual_seed(seed_of_library(settings.seed, "adapter"))  # noqa: TID251
            return get_peft_model(lm.model, config)
    except ValueError as error:  # an architecture that peft refuses
        raise ModelError(f"{lm.name} takes no LoRA adapter: {error}") from error


def stacked_experts(model: Any) -> list[str]:
    """Endings of the names of a mixture's expert weights, sorted; empty without experts.

    A stack is a parameter of shape (experts, rows, columns) in a layer that is no convolution.
    """
    return sorted(
        {
            ".".join(f"{layer}.{name}".split(".")[-2:])
            for layer, module in model.named_modules()
            if not isinstance(module, torch.nn.modules.conv._ConvNd)
            for name, parameter in module.named_parameters(recurse=False)
            if parameter.dim() == 3
        }
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warning of peft that a rank which it gives some families' experts is unused."""
    with quiet_transformers(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"The following (rank|alpha)_pattern", RuntimeWarning)
        yield


def save_adapter(wrapper: Any, folder: Path, base: str) -> None:
    """Write the adapter as safetensors.

    Args:
        wrapper: the peft wrapper.
        folder: an existing, empty folder.
        base: source string of the base model, written instead of a path of this machine.
    """
    for config in wrapper.peft_config.values():
        config.base_model_name_or_path = base
        # peft holds a set, whose order differs from process to process.
        config.target_modules = sorted(config.target_modules)
        config.exclude_modules = sorted(config.exclude_modules or ()) or None
        config.target_parameters = sorted(config.target_parameters or ()) or None
    wrapper.save_pretrained(folder, safe_serialization=True, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)


def load_adapter(lm: CausalLM, folder: Path) -> CausalLM:
    """The model with a saved adapter merged into its weights (the given model is used up)."""
    from peft import PeftModel

    with _quiet():
        merged = PeftModel.from_pretrained(lm.model, folder).merge_and_unload()
    merged.eval()
    merged.requires_grad_(False)
    return replace(lm, model=merged, split=find_split(merged))
