"""Each ready model of the catalogue, in small: its published settings and its own rules.

Tokenizers: `ready_tokenizers`. Templates: `ready_templates`. Writing: `ready_family`.
"""

from typing import Any

from qwen1_maker import CONFIG as QWEN1
from qwen1_maker import publish as publish_qwen1
from ready_family import SIZES, Ready
from ready_qwen import QWEN_SPECIAL, qwen2
from ready_templates import (
    LLAMA3_2,
    LLAMA3_2_SYSTEM,
    OLMO2,
    QWEN1_5_SYSTEM,
    QWEN2_5_SYSTEM,
    SMOLLM2_SYSTEM,
    ZEPHYR,
    chatml,
)
from ready_tokenizers import Rules, gemma, llama2, neox, qwen, smollm2, three_digits

_MERGED: dict[str, Any] = {"number": ("0", ".", "53"), "year": ("202", "4")}

_LLAMA = SIZES | {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "attention_bias": False,
    "hidden_act": "silu",
    "mlp_bias": False,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-5,
    "rope_scaling": None,
}


def _smollm2(heads: int, groups: int, theta: float) -> Ready:
    own = {"max_position_embeddings": 8192, "rope_theta": theta, "tie_word_embeddings": True}
    heads_of = {"num_attention_heads": heads, "num_key_value_heads": groups}
    return Ready(
        config=_LLAMA | own | heads_of | {"rope_interleaved": False, "is_llama_config": True},
        maker=smollm2,
        rules=Rules((*QWEN_SPECIAL, "<repo_name>", "<file_sep>", "<jupyter_start>")),
        tokenizer_config={
            "tokenizer_class": "GPT2Tokenizer",
            "add_prefix_space": False,
            "bos_token": "<|im_start|>",
            "eos_token": "<|im_end|>",
            "pad_token": "<|im_end|>",
            "unk_token": "<|endoftext|>",
        },
        end="<|im_end|>",
        stops=("<|im_end|>",),
        template=chatml(SMOLLM2_SYSTEM),
        system_turn=f"<|im_start|>system\n{SMOLLM2_SYSTEM}",
        bos_count=3,  # its `bos_token` opens each turn: system, user, assistant
    )


def _olmo2(template: str | None) -> Ready:
    own = {"max_position_embeddings": 4096, "rms_norm_eps": 1e-6, "rope_theta": 500000}
    return Ready(
        config=SIZES
        | own
        | {
            "architectures": ["Olmo2ForCausalLM"],
            "model_type": "olmo2",
            "attention_bias": False,
            "attention_dropout": 0.0,
            "hidden_act": "silu",
            "num_key_value_heads": 4,
            "rope_scaling": None,
            "tie_word_embeddings": False,
        },
        maker=three_digits,
        rules=Rules(("<|endoftext|>", "<|endofprompt|>", "<|pad|>", "|||EMAIL_ADDRESS|||")),
        tokenizer_config={
            "tokenizer_class": "GPT2Tokenizer",
            "add_prefix_space": False,
            "bos_token": "<|endoftext|>",
            "eos_token": "<|endoftext|>",
            "pad_token": "<|pad|>",
            "unk_token": "<|endoftext|>",
        },
        end="<|endoftext|>",
        stops=("<|endoftext|>",),
        template=template,
        bos_count=1 if template else 0,
        **_MERGED,
    )


READY: dict[str, Ready] = {
    "qwen-1.8b-chat": Ready(
        config=QWEN1,
        maker=qwen,
        rules=Rules(QWEN_SPECIAL, ("<|extra_0|>", "<|extra_1|>", "<|extra_204|>")),
        tokenizer_config={},
        end="<|im_end|>",
        stops=("<|im_end|>", "<|endoftext|>", "<|im_start|>"),
        template=chatml(QWEN1_5_SYSTEM),
        system_turn=f"<|im_start|>system\n{QWEN1_5_SYSTEM}",
        publish=publish_qwen1,
        runs_as="Qwen2ForCausalLM",
    ),
    "qwen1.5-1.8b-chat": qwen2(QWEN1_5_SYSTEM, num_key_value_heads=4, tie_word_embeddings=False),
    "qwen2.5-0.5b-instruct": qwen2(
        QWEN2_5_SYSTEM,
        plain=("<tool_call>", "</tool_call>"),
        num_key_value_heads=1,
        tie_word_embeddings=True,
    ),
    "qwen2.5-1.5b-instruct": qwen2(
        QWEN2_5_SYSTEM,
        plain=("<tool_call>", "</tool_call>"),
        num_attention_heads=6,
        num_key_value_heads=2,
        tie_word_embeddings=True,
    ),
    "qwen3-0.6b": qwen2(
        "",
        plain=("<tool_call>", "</tool_call>", "<think>", "</think>"),
        architectures=["Qwen3ForCausalLM"],
        model_type="qwen3",
        attention_bias=False,
        head_dim=24,
        max_position_embeddings=40960,
        num_key_value_heads=2,
        rope_scaling=None,
        sliding_window=None,
        tie_word_embeddings=True,
    ),
    "llama-3.2-1b-instruct": Ready(
        config=_LLAMA
        | {
            "head_dim": 12,
            "max_position_embeddings": 131072,
            "num_key_value_heads": 1,
            "rope_scaling": {
                "factor": 32.0,
                "high_freq_factor": 4.0,
                "low_freq_factor": 1.0,
                "original_max_position_embeddings": 8192,
                "rope_type": "llama3",
            },
            "rope_theta": 500000.0,
            "tie_word_embeddings": True,
        },
        maker=three_digits,
        rules=Rules(
            (
                "<|begin_of_text|>",
                "<|end_of_text|>",
                "<|start_header_id|>",
                "<|end_header_id|>",
                "<|eom_id|>",
                "<|eot_id|>",
                "<|python_tag|>",
            ),
            bos="<|begin_of_text|>",
        ),
        tokenizer_config={
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": "<|begin_of_text|>",
            "clean_up_tokenization_spaces": True,
            "eos_token": "<|eot_id|>",
        },
        end="<|eot_id|>",
        stops=("<|end_of_text|>", "<|eom_id|>", "<|eot_id|>"),
        template=LLAMA3_2,
        system_turn=LLAMA3_2_SYSTEM,
        bos_count=1,
        **_MERGED,
    ),
    "smollm2-135m": _smollm2(6, 2, 100000),
    "smollm2-360m-instruct": _smollm2(3, 1, 100000),
    "smollm2-1.7b-instruct": _smollm2(4, 4, 130000),
    "tinyllama-1.1b-chat-v1.0": Ready(
        config=_LLAMA
        | {
            "max_position_embeddings": 2048,
            "num_key_value_heads": 1,
            "rope_theta": 10000.0,
            "tie_word_embeddings": False,
        },
        maker=llama2,
        rules=Rules(("<unk>", "<s>", "</s>"), bos="<s>"),
        tokenizer_config={
            "tokenizer_class": "LlamaTokenizer",
            "add_bos_token": True,
            "add_eos_token": False,
            "bos_token": "<s>",
            "eos_token": "</s>",
            "legacy": False,
            "pad_token": "</s>",
            "padding_side": "right",
            "unk_token": "<unk>",
        },
        end="</s>",
        stops=("</s>",),
        template=ZEPHYR,
        bos_count=1,
    ),
    "pythia-410m": Ready(
        config=SIZES
        | {
            "architectures": ["GPTNeoXForCausalLM"],
            "model_type": "gpt_neox",
            "hidden_act": "gelu",
            "layer_norm_eps": 1e-5,
            "max_position_embeddings": 2048,
            "num_attention_heads": 3,
            "rotary_emb_base": 10000,
            "rotary_pct": 0.25,
            "tie_word_embeddings": False,
            "use_parallel_residual": True,
        },
        maker=neox,
        rules=Rules(("<|endoftext|>", "<|padding|>"), plain=("    ", "   ", "  ")),
        tokenizer_config={
            "tokenizer_class": "GPTNeoXTokenizer",
            "add_prefix_space": False,
            "bos_token": "<|endoftext|>",
            "eos_token": "<|endoftext|>",
            "unk_token": "<|endoftext|>",
        },
        end="<|endoftext|>",
        number=("0", ".", "53"),
        year=("2024",),
    ),
    "olmo-2-0425-1b": _olmo2(None),
    "olmo-2-0425-1b-instruct": _olmo2(OLMO2),
    "gemma-3-270m": Ready(
        config=SIZES
        | {
            "architectures": ["Gemma3ForCausalLM"],
            "model_type": "gemma3_text",
            "_sliding_window_pattern": 6,
            "attention_bias": False,
            "attn_logit_softcapping": None,
            "final_logit_softcapping": None,
            "head_dim": 16,
            "hidden_activation": "gelu_pytorch_tanh",
            "layer_types": ["sliding_attention", "sliding_attention", "full_attention"],
            "max_position_embeddings": 32768,
            "num_hidden_layers": 3,
            "num_key_value_heads": 1,
            "query_pre_attn_scalar": 16,
            "rms_norm_eps": 1e-6,
            "rope_local_base_freq": 10000.0,
            "rope_scaling": None,
            "rope_theta": 1000000.0,
            "sliding_window": 300,
            "use_bidirectional_attention": False,
        },
        maker=gemma,
        rules=Rules(
            ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>"),
            plain=("\n\n", "<table>", "[@BOS@]"),
            bos="<bos>",
        ),
        tokenizer_config={
            "tokenizer_class": "GemmaTokenizer",
            "add_bos_token": True,
            "add_eos_token": False,
            "bos_token": "<bos>",
            "eos_token": "<eos>",
            "pad_token": "<pad>",
            "unk_token": "<unk>",
            "clean_up_tokenization_spaces": False,
        },
        end="<eos>",
        stops=("<eos>", "<end_of_turn>"),
        bos_count=1,
    ),
}
"""By name in the catalogue; `olmo-2-0425-1b-instruct` is not there: it shows OLMo-2's template."""
