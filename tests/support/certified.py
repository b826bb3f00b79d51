"""What the certificate's tests share: small models of many architectures, and their certificate."""

import torch

from architectures import tiny_model
from emoloom.models.causal_lm import CausalLM, ready
from emoloom.models.certificate import Certificate, Check
from emoloom.models.preflight import certify

TEXTS = ("I love this puppy so much.", "What a terrible day.", "The meeting is on Tuesday at ten.")
ANSWER = '{"labels":["joy"],"vad":{"v":0.83,"a":0.55,"d":0.61},"rationale":"cues: love, puppy"}'
MAX_NEW_TOKENS = 40


def candidate(prompter, config, **changes) -> CausalLM:
    config.vocab_size = len(prompter.tokenizer)
    for name, value in changes.items():
        setattr(config, name, value)
    return ready(tiny_model(config), prompter, config.model_type)


def longest_row(prompter) -> int:
    """Head, longest text, tail and longest answer, in tokens."""
    text = prompter.max_text_tokens + len(prompter.tail_ids)
    return len(prompter.head_ids) + text + MAX_NEW_TOKENS


def packing_check(found: Certificate) -> Check:
    (check,) = [check for check in found.checks if check.name.startswith("packed")]
    return check


def certificate(lm: CausalLM) -> Certificate:
    return certify(lm, TEXTS, [ANSWER], MAX_NEW_TOKENS)


class FullAttention:
    """A Llama whose every token sees the whole sequence."""

    def __init__(self, model):
        self.model, self.config, self.device = model, model.config, model.device

    def __call__(self, **inputs):
        size = inputs["input_ids"].shape[1]
        inputs.setdefault("attention_mask", torch.zeros(1, 1, size, size))
        return self.model(**inputs)


class BrokenCache(FullAttention):
    """A Llama that says something else as soon as it reads a cache."""

    def __call__(self, **inputs):
        output = self.model(**inputs)
        if inputs.get("past_key_values") is not None:
            output.logits = output.logits.flip(-1)
        return output

    def forward(self, input_ids, attention_mask=None, position_ids=None): ...
