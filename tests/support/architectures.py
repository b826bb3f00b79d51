"""Tiny models at random weights, one for each architecture the packing tests cover."""

from collections.abc import Callable
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    FalconConfig,
    Gemma3TextConfig,
    GPT2Config,
    GraniteMoeConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    MixtralConfig,
    PretrainedConfig,
    Qwen2Config,
    RwkvConfig,
)

VOCABULARY = 300
_SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}

CONFIGS: dict[str, Callable[[], PretrainedConfig]] = {
    "llama": lambda: LlamaConfig(**_SIZES),
    "qwen2": lambda: Qwen2Config(**_SIZES),
    "gpt2": lambda: GPT2Config(
        vocab_size=VOCABULARY,
        n_embd=32,
        n_layer=2,
        n_head=4,
        n_positions=1024,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=1,
        eos_token_id=2,
    ),
    "gemma3": lambda: Gemma3TextConfig(**_SIZES, head_dim=8, sliding_window=512),
}

_SHORT: dict[str, Any] = {"vocab_size": VOCABULARY, "hidden_size": 32}

OTHER_CONFIGS: dict[str, Callable[[], PretrainedConfig]] = {
    "mistral": lambda: MistralConfig(**_SIZES, sliding_window=512),
    "bloom": lambda: BloomConfig(**_SHORT, n_layer=2, n_head=4),
    "falcon-alibi": lambda: FalconConfig(
        **_SHORT, num_hidden_layers=2, num_attention_heads=4, alibi=True
    ),
    "mamba": lambda: MambaConfig(**_SHORT, num_hidden_layers=2, state_size=8),
    "rwkv": lambda: RwkvConfig(**_SHORT, attention_hidden_size=32, num_hidden_layers=2),
}
"""Architectures that packing is not made for, each in its own way."""

_EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}

MIXTURES: dict[str, Callable[[], PretrainedConfig]] = {
    "mixtral": lambda: MixtralConfig(**_SIZES, **_EXPERTS),
    "granitemoe": lambda: GraniteMoeConfig(**_SIZES, **_EXPERTS),
}
"""Mixtures of experts: peft wraps the first one's by itself, and leaves out the second's."""

WITHOUT_SDPA = ("bloom", "mamba", "rwkv")


def tiny_model(config: PretrainedConfig, seed: int = 0) -> Any:
    """A model with weights large enough for its logits to differ clearly."""
    attention = "eager" if config.model_type in WITHOUT_SDPA else "sdpa"
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config, attn_implementation=attention)
        for parameter in model.parameters():
            if parameter.dim() > 1:
                torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()
