"""Answers of this model by plain transformers."""

import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, GenerationConfig, PreTrainedTokenizerFast


def load(folder: Path, base: Path | None = None) -> tuple[Any, Any, dict[str, Any]]:
    """Model, tokenizer, prompt; `base` is the base model's folder, where `folder` is an adapter."""
    model = AutoModelForCausalLM.from_pretrained(base or folder, dtype=torch.float32)
    if base is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, folder).merge_and_unload()
    # A base model's own may hold a repetition penalty.
    model.generation_config = GenerationConfig.from_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    prompt = json.loads((folder / "emoloom.json").read_text(encoding="utf-8"))["prompt"]
    return model.eval(), tokenizer, prompt


def answer(model: Any, tokenizer: Any, prompt: dict[str, Any], text: str) -> str:
    """The model's answer to one text: a line of JSON."""
    line = prompt["joint"] + " ".join(text.split())
    text_ids = tokenizer(line, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    kept = text_ids[: prompt["max_text_tokens"]]
    ids = torch.tensor([prompt["head_ids"] + kept + prompt["tail_ids"]], device=model.device)
    stops, start = prompt["stop_ids"], ids.shape[1]

    def written(sequence: Any) -> str:
        new_ids = [index for index in sequence[start:].tolist() if index not in stops]
        return str(
            tokenizer.decode(new_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        )

    def closed(sequences: Any, _scores: Any, **_: Any) -> Any:
        return torch.tensor([object_closed(written(sequences[0]))], device=sequences.device)

    # use_cache=True is faster; where two tokens are nearly tied, it may choose the other one.
    made = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        use_cache=False,
        max_new_tokens=prompt["max_new_tokens"],
        eos_token_id=stops,
        stopping_criteria=[closed],
    )
    return written(made[0])


def object_closed(text: str) -> bool:
    """Whether a JSON object has opened and closed in the text: there an answer ends."""
    depth, quoted, escaped = 0, False, False
    for char in text[text.find("{") :] if "{" in text else "":
        if escaped or (quoted and char == "\\"):
            escaped = not escaped
        elif char == '"':
            quoted = not quoted
        elif not quoted and char in "{}":
            depth += 1 if char == "{" else -1
            if depth == 0:
                return True
    return False
