"""Write a small Gemma-3 folder, and the GGUF file that llama.cpp's converter would make of it."""

from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.numpy import load_file
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

BYTES = [f"<0x{value:02X}>" for value in range(256)]
RUNS = ["\n\n", "\n\n\n", "\t\t", "  ", "   "]
MERGED = ["la", "lab", "labe", "label", "labels", "jo", "joy", "▁j", "▁jo", "▁joy", '":', '["']
LETTERS = [chr(code) for code in range(33, 127)]
TOKENS = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *RUNS, *BYTES, *MERGED, "▁", *LETTERS]

_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def write_gemma(folder: Path) -> Path:
    """Seven layers, so that one of them attends to everything; random weights and norms."""
    config = Gemma3TextConfig(
        vocab_size=len(TOKENS),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=7,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        sliding_window=24,
        max_position_embeddings=512,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Gemma3ForCausalLM(config)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    return folder


def gguf_name(name: str) -> str:
    whole = {"model.embed_tokens": "token_embd", "model.norm": "output_norm"}
    stem = name.removesuffix(".weight")
    if stem in whole:
        return f"{whole[stem]}.weight"
    _, _, layer, rest = stem.split(".", 3)
    return f"blk.{layer}.{_NAMES[rest]}.weight"


def write_gemma_gguf(model: Path, path: Path) -> Path:
    """llama.cpp adds 1 to every norm, and writes the vocabulary as sentencepiece does."""
    writer = gguf.GGUFWriter(path, "gemma3")
    writer.add_license("gemma")
    writer.add_context_length(512)
    writer.add_embedding_length(32)
    writer.add_block_count(7)
    writer.add_feed_forward_length(48)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_key_length(16)
    writer.add_value_length(16)
    writer.add_sliding_window(24)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(TOKENS)
    writer.add_token_scores([-float(index) for index in range(len(TOKENS))])
    kinds = dict.fromkeys(TOKENS[:5], 3) | dict.fromkeys(RUNS, 4) | dict.fromkeys(BYTES, 6)
    writer.add_token_types([kinds.get(token, 1) for token in TOKENS])
    writer.add_pad_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_bos_token_id(2)
    writer.add_unk_token_id(3)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    for name, weight in load_file(model / "model.safetensors").items():
        written = weight + np.float32(1) if "norm" in name else weight
        writer.add_tensor(gguf_name(name), written)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
