"""A frozen encoder of texts: one vector a text, the mean of its tokens' last states, of length 1.

As sentence encoders are commonly used (Reimers and Gurevych 2019, Sentence-BERT, section 3, MEAN);
every encoder is pooled so, whatever pooling it was trained with.

Shape legend: N texts, B texts of a batch, T tokens of its longest, D size of a state.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from emoloom.errors import UserError
from emoloom.models.logits import ModelError
from emoloom.models.memory import at_least
from emoloom.models.whole import loading_fault
from emoloom.sources.quiet import quiet_transformers

MOST_TOKENS = 256
"""Tokens of a text that are read, the tokenizer's own two or so included; the rest is cut."""

BATCH = 32
"""Texts of one forward, at most (ours); texts of like length share one."""

Advance = Callable[[int], object]
"""Told how many texts are finished; may raise to stop."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """A loaded encoder with its tokenizer."""

    model: Any
    """A `PreTrainedModel` without a head, in evaluation mode, fp32."""
    tokenizer: Any
    """Its fast tokenizer."""
    name: str
    """What it is, for messages."""
    most_tokens: int
    """Longer texts are cut: `MOST_TOKENS`, or what the model can read if that is less."""
    spend: Callable[[int], object] = lambda _: None
    """Told of the positions that each forward computes, padding included."""

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return torch.device(self.model.device)


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """Texts as vectors."""

    vectors_ND: npt.NDArray[np.float32]
    """One row a text, each of Euclidean length 1."""
    cut: int
    """Texts that were longer than the encoder reads."""


def load_encoder(
    folder: Path, *, name: str, spend: Callable[[int], object] = lambda _: None
) -> Encoder:
    """Load a safetensors folder in fp32 (CPU, or the first GPU). Runs no code of the folder.

    Args:
        folder: config.json, safetensors and tokenizer.
        name: what the encoder is, for messages.
        spend: see `Encoder`.

    Raises:
        UserError: the folder holds no encoder that transformers can load safely and whole.
    """
    from transformers import AutoModel, AutoTokenizer

    own: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(folder, **own)
            model, loading = AutoModel.from_pretrained(
                folder,
                dtype=torch.float32,
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # `loading_fault` names them
                **own,
            )
    except Exception as error:  # a broken folder fails in many ways, each with its own type
        one_line = " ".join(str(error).split())[:300]
        raise _not_loaded(name, one_line or repr(error)) from error
    # A pooler reads the first token for a task of its own; nothing here asks it.
    needed = [key for key in loading["missing_keys"] if not key.startswith("pooler.")]
    if fault := loading_fault(model, {**loading, "missing_keys": needed}):
        raise _not_loaded(name, fault)
    if not tokenizer.is_fast:
        raise _not_loaded(name, "its tokenizer has no tokenizer.json")
    embeddings = model.get_input_embeddings().weight.shape[0]
    if max(tokenizer.get_vocab().values(), default=0) >= embeddings:
        raise _not_loaded(name, f"its tokenizer has ids beyond the {embeddings} of its weights")
    model.eval().requires_grad_(False)
    if torch.cuda.is_available():
        model.to("cuda")
    return Encoder(model, tokenizer, name, _longest(model, tokenizer), spend)


def _longest(model: Any, tokenizer: Any) -> int:
    """What both can read, up to `MOST_TOKENS`; RoBERTa's first positions belong to padding."""
    positions = getattr(model.config, "max_position_embeddings", None) or MOST_TOKENS + 2
    return int(min(MOST_TOKENS, tokenizer.model_max_length, max(3, positions - 2)))


def _not_loaded(name: str, got: str) -> UserError:
    return UserError(
        f"{name} does not load as an encoder of texts",
        got=got,
        allowed="a folder with config.json, safetensors weights and a fast tokenizer",
        do="check the folder, or fetch it again with `emoloom models get`",
    )


@torch.no_grad()
def embed(encoder: Encoder, texts: Sequence[str], advance: Advance = lambda _: None) -> Embedded:
    """The vector of each text.

    Args:
        encoder: of `load_encoder`.
        texts: N texts; what they hold is text, never one of the tokenizer's own tokens.
        advance: told after each batch.

    Raises:
        ModelError: a vector holds NaN, is of length 0, or memory does not suffice.
    """
    ids, cut = encode(encoder, texts)
    vectors_ND = np.zeros((len(texts), encoder.model.config.hidden_size), dtype=np.float32)
    order = sorted(range(len(ids)), key=lambda index: -len(ids[index]))
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        with at_least(encoder.name, f"{len(batch)} texts of {len(ids[batch[0]])} tokens"):
            vectors_ND[batch] = _vectors(encoder, [ids[index] for index in batch])
        advance(len(batch))
    return Embedded(vectors_ND, cut)


def encode(encoder: Encoder, texts: Sequence[str]) -> tuple[list[list[int]], int]:
    """Token ids of each text as the encoder reads it, and how many were cut."""
    if not texts:
        return [], 0
    with quiet_transformers():
        encoded = encoder.tokenizer(
            [text.encode("utf-8", "replace").decode("utf-8") for text in texts],
            truncation=True,  # else a length and a padding that tokenizer.json states would hold
            max_length=encoder.most_tokens,
            padding=False,
            return_overflowing_tokens=True,
            split_special_tokens=True,
        )
    ids: list[list[int]] = [[] for _ in texts]
    pieces = [0] * len(texts)
    parts = zip(encoded["overflow_to_sample_mapping"], encoded["input_ids"], strict=True)
    for index, part in parts:
        if pieces[index] == 0:
            ids[index] = list(part) or [encoder.tokenizer.pad_token_id or 0]
        pieces[index] += 1
    return ids, sum(count > 1 for count in pieces)


def _vectors(encoder: Encoder, ids: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
    """vectors_BD of one batch."""
    longest, device = max(map(len, ids)), encoder.device
    pad = encoder.tokenizer.pad_token_id or 0
    ids_BT = torch.tensor([[*one, *[pad] * (longest - len(one))] for one in ids], device=device)
    lengths_B1 = torch.tensor([[len(one)] for one in ids], device=device)
    mask_BT = (torch.arange(longest, device=device) < lengths_B1).long()
    encoder.spend(ids_BT.numel())
    states_BTD = encoder.model(input_ids=ids_BT, attention_mask=mask_BT).last_hidden_state
    # The mean's divisor goes with the length.
    summed_BD = (states_BTD * mask_BT[:, :, None]).sum(dim=1)
    length_B1 = torch.linalg.vector_norm(summed_BD, dim=1, keepdim=True)
    if not bool((length_B1.isfinite() & (length_B1 > 0)).all()):
        raise ModelError(f"{encoder.name} gives a text a vector that is NaN, infinite or 0")
    vectors: npt.NDArray[np.float32] = (summed_BD / length_B1).cpu().numpy()
    return vectors
