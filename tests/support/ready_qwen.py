"""What the Qwens from 1.5 on share, in small."""

from typing import Any

from ready_family import SIZES, Ready
from ready_templates import QWEN3, chatml
from ready_tokenizers import Rules, qwen

QWEN = SIZES | {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "hidden_act": "silu",
    "attention_dropout": 0.0,
    "max_position_embeddings": 32768,
    "max_window_layers": 21,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1000000.0,
    "sliding_window": 32768,
    "use_sliding_window": False,
}
QWEN_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
QWEN_NAMES = {
    "tokenizer_class": "Qwen2Tokenizer",
    "bos_token": None,
    "eos_token": "<|im_end|>",
    "pad_token": "<|endoftext|>",
    "unk_token": None,
}


def qwen2(system: str, *, plain: tuple[str, ...] = (), **config: Any) -> Ready:
    """A Qwen from 1.5 on; without a system turn of its own it is a Qwen3."""
    return Ready(
        config=QWEN | config,
        maker=qwen,
        rules=Rules(QWEN_SPECIAL, plain),
        tokenizer_config=QWEN_NAMES,
        end="<|im_end|>",
        stops=("<|im_end|>", "<|endoftext|>"),
        template=chatml(system) if system else QWEN3,
        system_turn=f"<|im_start|>system\n{system}" if system else "",
    )
