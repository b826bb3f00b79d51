"""A random two-layer Llama with its tokenizer, made on the spot: for tests and `configs/tiny.yaml`.

The sizes, the text and the weights' scale are ours. No pickle, no download, no global seed.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emoloom.draws import generator

_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_VOCABULARY = 640

_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

# Written for this project. Only frequent pieces become tokens, so common words come back often.
_TEXT = """\
Label the emotions of the text and rate its valence, arousal and dominance from 0.00 to 1.00.
Labels: admiration, amusement, anger, annoyance, approval, caring, confusion, curiosity, desire,
disappointment, disapproval, disgust, embarrassment, excitement, fear, gratitude, grief, joy, love,
nervousness, optimism, pride, realization, relief, remorse, sadness, surprise, neutral.
Answer with one line of JSON: \
{"labels":["..."],"vad":{"v":0.00,"a":0.00,"d":0.00},"rationale":"cues: ..."}
Text: I love this puppy, it makes me so happy that I want to share the joy with all of you.
{"labels":["joy"],"vad":{"v":0.83,"a":0.55,"d":0.61},"rationale":"cues: love, puppy"}
Text: I am afraid that they will not come back and that is the worst thing that could happen to me.
{"labels":["fear"],"vad":{"v":0.21,"a":0.67,"d":0.34},"rationale":"cues: afraid, worst"}
Text: Thank you so much for the help, this is the best news that I have had in years.
{"labels":["gratitude","joy"],"vad":{"v":0.88,"a":0.52,"d":0.64},"rationale":"cues: thank, best"}
Text: What a terrible day. He lied to me again, and I am so angry that I could scream at him.
{"labels":["anger"],"vad":{"v":0.15,"a":0.78,"d":0.42},"rationale":"cues: terrible, angry, lied"}
Text: I miss my mother. The house is empty and I cry when I think of her, she was the best of us.
{"labels":["sadness","grief"],"vad":{"v":0.17,"a":0.41,"d":0.30},"rationale":"cues: miss, cry"}
Text: The meeting is on Tuesday at ten, and the report should be ready by then.
{"labels":["neutral"],"vad":{"v":0.53,"a":0.36,"d":0.52},"rationale":"cues: none"}
Text: I wonder how they did that, it was not what I thought it would be. Does anyone know why?
{"labels":["curiosity"],"vad":{"v":0.60,"a":0.57,"d":0.49},"rationale":"cues: wonder"}
Text: I am sorry for what I did to you, it was wrong and I should have told the truth then.
{"labels":["remorse"],"vad":{"v":0.24,"a":0.45,"d":0.33},"rationale":"cues: sorry, wrong, truth"}
Text: We won the game and the whole town is out in the street, this is the best night of the year!
{"labels":["excitement","pride"],"vad":{"v":0.91,"a":0.81,"d":0.70},"rationale":"cues: won, best"}
Text: That food was disgusting, I could not eat it and I would not give it to my dog.
{"labels":["disgust"],"vad":{"v":0.12,"a":0.56,"d":0.44},"rationale":"cues: disgusting"}
Text: My friends and my family came over for the day, and we had a great time together outside.
{"labels":["joy","love"],"vad":{"v":0.86,"a":0.58,"d":0.60},"rationale":"cues: friends, great"}
Text: I feel so alone and tired now that my friend has gone away, nothing feels good any more.
{"labels":["sadness"],"vad":{"v":0.19,"a":0.33,"d":0.29},"rationale":"cues: alone, tired"}
Text: You did a really good job there, I think that you should feel proud of your work today.
{"labels":["admiration","approval"],"vad":{"v":0.79,"a":0.50,"d":0.62},"rationale":"cues: good"}
Text: Please stop doing that, it is really annoying and nobody here thinks that it is funny at all.
{"labels":["annoyance"],"vad":{"v":0.28,"a":0.60,"d":0.48},"rationale":"cues: annoying, stop"}
Text: I do not agree with you about this, people should never be treated like that by anyone.
{"labels":["disapproval"],"vad":{"v":0.32,"a":0.54,"d":0.50},"rationale":"cues: never"}
Text: Maybe tomorrow will be a better day, I hope that things get better for them from here on.
{"labels":["optimism","caring"],"vad":{"v":0.74,"a":0.47,"d":0.57},"rationale":"cues: hope, better"}
Text: I was hoping for more, the film was really not as good as people had been telling me before.
{"labels":["disappointment"],"vad":{"v":0.27,"a":0.42,"d":0.40},"rationale":"cues: hoping"}
Text: Oh, I just realized that the people in the other film were the same people as in this one.
{"labels":["realization"],"vad":{"v":0.56,"a":0.50,"d":0.51},"rationale":"cues: realized"}
"""


def write_random_llama(folder: Path, seed: int) -> None:
    """Write a whole model folder: config, safetensors, tokenizer with chat template.

    Two layers, hidden size 64, 4 heads over 2 key-value heads, byte-level BPE of about 640 tokens.
    Weights are N(0, 1/fan-in), embeddings N(0, 1), so attention is far from flat and a fault in
    masks or positions shows in the logits.

    Args:
        folder: the folder to write; it must not exist.
        seed: seed of the weights. The same seed gives the same bytes under the same packages.
    """
    from safetensors.numpy import save_file
    from transformers import GenerationConfig, LlamaConfig

    folder.mkdir()
    tokenizer = _make_tokenizer()
    config = LlamaConfig(
        architectures=["LlamaForCausalLM"],
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=4096,
        tie_word_embeddings=False,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        dtype="float32",
    )
    config.save_pretrained(folder)
    GenerationConfig.from_model_config(config).save_pretrained(folder)
    save_file(_weights(config, seed), folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer.save_pretrained(folder)


def _make_tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY,
        min_frequency=2,
        special_tokens=list(_SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(_TEXT.splitlines(keepends=True), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        unk_token=_SPECIAL[0],
        pad_token=_SPECIAL[0],
        bos_token=_SPECIAL[1],
        eos_token=_SPECIAL[2],
        chat_template=_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def _weights(config: Any, seed: int) -> dict[str, npt.NDArray[np.float32]]:
    """Tensors by transformers' Llama names; linear weights are [out, in]."""
    rng = generator(seed, "tiny-weights")
    hidden, middle = config.hidden_size, config.intermediate_size
    queries = config.num_attention_heads * config.head_dim
    values = config.num_key_value_heads * config.head_dim
    shapes = {
        "self_attn.q_proj": (queries, hidden),
        "self_attn.k_proj": (values, hidden),
        "self_attn.v_proj": (values, hidden),
        "self_attn.o_proj": (hidden, queries),
        "mlp.gate_proj": (middle, hidden),
        "mlp.up_proj": (middle, hidden),
        "mlp.down_proj": (hidden, middle),
    }
    weights = {"model.embed_tokens.weight": _normal(rng, (config.vocab_size, hidden), 1.0)}
    for layer in range(config.num_hidden_layers):
        prefix = f"model.layers.{layer}"
        for norm in ("input_layernorm", "post_attention_layernorm"):
            weights[f"{prefix}.{norm}.weight"] = np.ones(hidden, dtype=np.float32)
        for name, shape in shapes.items():
            weights[f"{prefix}.{name}.weight"] = _normal(rng, shape, shape[1] ** -0.5)
    weights["model.norm.weight"] = np.ones(hidden, dtype=np.float32)
    weights["lm_head.weight"] = _normal(rng, (config.vocab_size, hidden), hidden**-0.5)
    return weights


def _normal(
    rng: np.random.Generator, shape: tuple[int, int], scale: float
) -> npt.NDArray[np.float32]:
    return (rng.standard_normal(shape) * scale).astype(np.float32)
