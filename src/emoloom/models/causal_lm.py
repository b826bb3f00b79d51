"""A causal language model and the one way in which this project runs it: cache off, fp32 logits.

Shape legend: T tokens of one sequence, K asked positions, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from emoloom.contract.prompt import Prompter, make_prompter
from emoloom.errors import UserError
from emoloom.models.whole import check_tokens, loading_fault, stop_ids
from emoloom.records import LabelSpace
from emoloom.sources.quiet import quiet_transformers


class ModelError(Exception):
    """The model itself failed (NaN logits): its candidate stops, the screen goes on."""


@dataclass(frozen=True, slots=True)
class CausalLM:
    """A loaded model with its prompter."""

    model: Any
    """A `PreTrainedModel` in evaluation mode."""
    prompter: Prompter
    """Text to ids for this model's tokenizer."""
    name: str
    """What the model is, for messages."""

    @property
    def device(self) -> torch.device:
        """Where the model's weights are."""
        return torch.device(self.model.device)


def load_causal_lm(
    folder: Path,
    space: LabelSpace,
    *,
    name: str,
    max_text_tokens: int = 256,
    trust_remote_code: bool = False,
) -> CausalLM:
    """Load a safetensors folder in fp32 (CPU, or the first GPU).

    Args:
        folder: config.json, safetensors and tokenizer.
        space: labels in force.
        name: what the model is, for messages.
        max_text_tokens: longer texts are cut at the end.
        trust_remote_code: run Python code that the folder brings; only where the user said so.

    Raises:
        UserError: the folder holds no causal language model that transformers can load safely and
            whole, or its tokenizer or chat template cannot be used.
    """
    part = "its tokenizer"
    try:
        with quiet_transformers():
            tokenizer = _read_tokenizer(folder, trust_remote_code)
            part = "its config or weights"
            model, fault = _read_model(folder, trust_remote_code)
    except Exception as error:  # a broken folder fails in many ways, each with its own type
        one_line = " ".join(str(error).split())[:300]
        raise _not_loaded(name, f"{part}: {one_line or repr(error)}") from error
    if fault:
        raise _not_loaded(name, fault)
    model.eval()
    model.requires_grad_(False)
    if torch.cuda.is_available():
        model.to("cuda")
    stops = stop_ids(model)
    prompter = make_prompter(tokenizer, space, max_text_tokens=max_text_tokens, stop_ids=stops)
    check_tokens(prompter, model.get_input_embeddings().weight.shape[0], name)
    return CausalLM(model, prompter, name)


def _read_tokenizer(folder: Path, trust_remote_code: bool) -> Any:
    """The tokenizer that tokenizer.json says, where there is one.

    Some classes of transformers 5 take only its vocabulary and build the rest by rules of their
    own: GPT2Tokenizer drops SmolLM2's split of digits, LlamaTokenizer changes where TinyLlama's
    spaces go. Their defaults for the names of special tokens are kept.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    named = AutoTokenizer.from_pretrained(
        folder, local_files_only=True, trust_remote_code=trust_remote_code
    )
    rebuilt = type(named) is not PreTrainedTokenizerFast
    if trust_remote_code or not rebuilt or not (folder / "tokenizer.json").is_file():
        return named
    names = named.special_tokens_map
    return PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True, **names)


def _read_model(folder: Path, trust_remote_code: bool) -> tuple[Any, str]:
    """The model, and what its files lack; transformers itself would say too little of it."""
    from transformers import AutoModelForCausalLM

    options: dict[str, Any] = {
        "dtype": torch.float32,
        "use_safetensors": True,
        "local_files_only": True,
        "trust_remote_code": trust_remote_code,
        "output_loading_info": True,
        "ignore_mismatched_sizes": True,  # `loading_fault` names them
    }
    try:
        model, loading = AutoModelForCausalLM.from_pretrained(
            folder, attn_implementation="sdpa", **options
        )
    except ValueError as error:
        if "does not support an attention implementation" not in str(error):
            raise
        model, loading = AutoModelForCausalLM.from_pretrained(
            folder, attn_implementation="eager", **options
        )
    return model, loading_fault(model, loading)


def _not_loaded(name: str, got: str) -> UserError:
    return UserError(
        f"{name} does not load as a causal language model",
        got=got,
        allowed="a folder with config.json, safetensors weights and a tokenizer",
        do="check the folder, or fetch it again with `emoloom models get`",
    )


@torch.no_grad()
def full_forward(lm: CausalLM, ids: Sequence[int], positions: Sequence[int]) -> torch.Tensor:
    """Logits of one unpadded sequence, no cache: the forward that defines an answer.

    Args:
        lm: the model.
        ids: T token ids.
        positions: K positions in [0, T); logits at position p predict token p + 1.

    Returns:
        logits_KV in fp32, on the CPU.

    Raises:
        ModelError: a logit is NaN, or a position's largest one is infinite.
    """
    ids_1T = torch.tensor([list(ids)], device=lm.device)
    keep_K = torch.tensor(list(positions), device=lm.device)
    output = lm.model(input_ids=ids_1T, use_cache=False, logits_to_keep=keep_K)
    return checked_logits(output.logits[0], lm.name)


def checked_logits(logits_KV: torch.Tensor, name: str) -> torch.Tensor:
    """fp32 logits on the CPU; raises `ModelError` where they have no largest one.

    A token may be forbidden by a logit of minus infinity.
    """
    logits_KV = logits_KV.float().cpu()
    largest_K = logits_KV.amax(dim=-1)  # NaN where any of its row is
    if not bool(torch.isfinite(largest_K).all()):
        kind = "NaN" if bool(torch.isnan(largest_K).any()) else "infinite"
        raise ModelError(f"{name} gave {kind} logits")
    return logits_KV


def greedy(logits_KV: torch.Tensor) -> tuple[list[int], list[float]]:
    """Argmax over the whole vocabulary and the margin to the runner-up.

    Exact ties go to the lowest id (`torch.argmax` does not promise which).

    Returns:
        K token ids and K gaps between the largest and the second largest logit (0 on a tie).
    """
    top_K2, index_K2 = logits_KV.topk(2, dim=-1)
    tokens = index_K2[:, 0].tolist()
    gaps = (top_K2[:, 0] - top_K2[:, 1]).tolist()
    for row, gap in enumerate(gaps):
        if not gap > 0.0:  # also where both are infinite
            ties = (logits_KV[row] == top_K2[row, 0]).nonzero()
            tokens[row] = int(ties[0])
    return tokens, gaps
