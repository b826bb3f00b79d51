"""A causal language model and the one way in which this project runs it: cache off, fp32 logits.

Shape legend: T tokens of one sequence, K asked positions.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from emoloom.contract.prompt import Prompter, make_prompter
from emoloom.errors import UserError
from emoloom.models.logits import Logits, ModelError, Split, find_split
from emoloom.models.packed_attention import packed_inputs, try_shared_prefix_attention
from emoloom.models.packing import Pack, make_pack
from emoloom.models.whole import check_tokens, loading_fault, stop_ids
from emoloom.records import LabelSpace
from emoloom.sources.folder_notes import is_quantised, leftover_quantisation
from emoloom.sources.quiet import quiet_transformers


@dataclass(frozen=True, slots=True)
class CausalLM:
    """A loaded model with its prompter."""

    model: Any
    """A `PreTrainedModel` in evaluation mode."""
    prompter: Prompter
    """Text to ids for this model's tokenizer."""
    name: str
    """What the model is, for messages."""
    split: Split | None = None
    """Body and output layer, where they can be run apart (`logits.find_split`)."""
    spend: Callable[[int], object] = lambda _: None
    """Told of the positions that each forward computes."""

    @property
    def device(self) -> torch.device:
        """Where the model's weights are."""
        return torch.device(self.model.device)

    def takes(self, name: str) -> bool:
        """Whether the model's forward knows an input of this name."""
        return name in inspect.signature(self.model.forward).parameters


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
        raise _not_loaded(folder, name, f"{part}: {one_line or repr(error)}") from error
    if fault:
        raise _not_loaded(folder, name, fault)
    model.eval()
    model.requires_grad_(False)
    if torch.cuda.is_available():
        model.to("cuda")
    stops = stop_ids(model)
    prompter = make_prompter(tokenizer, space, max_text_tokens=max_text_tokens, stop_ids=stops)
    check_tokens(prompter, model.get_input_embeddings().weight.shape[0], name)
    return ready(model, prompter, name)


def ready(model: Any, prompter: Prompter, name: str) -> CausalLM:
    """A model with what it bears of our ways to run it faster and in less memory."""
    try_shared_prefix_attention(model)
    return CausalLM(model, prompter, name, find_split(model))


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
    from transformers import AutoConfig, AutoModelForCausalLM

    options: dict[str, Any] = {
        "dtype": torch.float32,
        "use_safetensors": True,
        "local_files_only": True,
        "trust_remote_code": trust_remote_code,
        "output_loading_info": True,
        "ignore_mismatched_sizes": True,  # `loading_fault` names them
    }
    if leftover_quantisation(folder):
        own_code = {"trust_remote_code": trust_remote_code}
        config = AutoConfig.from_pretrained(folder, local_files_only=True, **own_code)
        del config.quantization_config
        options["config"] = config
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


def _not_loaded(folder: Path, name: str, got: str) -> UserError:
    mend = "check the folder, or fetch it again with `emoloom models get`"
    if is_quantised(folder):
        mend = "choose a copy of the model that is not quantised"
    return UserError(
        f"{name} does not load as a causal language model",
        got=got,
        allowed="a folder with config.json, safetensors weights and a tokenizer",
        do=mend,
    )


@torch.no_grad()
def full_forward(lm: CausalLM, ids: Sequence[int], positions: Sequence[int]) -> Logits:
    """Logits of one unpadded sequence, no cache: the forward that defines an answer.

    Args:
        lm: the model.
        ids: T token ids.
        positions: K positions in [0, T); logits at position p predict token p + 1.
    """
    return run(lm, positions, input_ids=torch.tensor([list(ids)], device=lm.device))


def run(lm: CausalLM, positions: Sequence[int], *, hidden: bool = False, **inputs: Any) -> Logits:
    """One forward of the model, no cache; gradients flow where the caller has them enabled.

    Args:
        lm: the model.
        positions: K positions of the one sequence, in any order.
        hidden: whether the hidden states are kept beside the logits.
        inputs: what the model is called with: input_ids [1, T] and, for packs, more.
    """
    keep_K = torch.tensor(list(positions), device=lm.device)
    lm.spend(inputs["input_ids"].numel())
    if lm.split is None:
        wanted = {"output_hidden_states": True} if hidden else {}
        output = lm.model(**inputs, use_cache=False, logits_to_keep=keep_K, **wanted)
        kept = output.hidden_states[-1][0, keep_K] if hidden else None
        return Logits(output.logits[0], None, lm.name, kept)
    output = lm.split.body(**inputs, use_cache=False)
    states = output.last_hidden_state[0, keep_K]
    return Logits(states, lm.split.layer, lm.name, states if hidden else None)


def layer_states(lm: CausalLM, **inputs: Any) -> tuple[torch.Tensor, ...]:
    """Hidden states [1, T, D] behind each layer, of one forward without a cache, first layer first.

    Args:
        lm: the model.
        inputs: as `run`.

    Raises:
        ModelError: the model does not hand them out.
    """
    lm.spend(inputs["input_ids"].numel())
    body = lm.model if lm.split is None else lm.split.body
    few = {"logits_to_keep": torch.tensor([0], device=lm.device)} if lm.split is None else {}
    output = body(**inputs, use_cache=False, output_hidden_states=True, **few)
    states = getattr(output, "hidden_states", None)
    if not states or len(states) < 2:
        raise ModelError(f"{lm.name} does not hand out the states of its layers")
    return tuple(states[1:])  # the first is the embedding


def pack_rows(lm: CausalLM, rows: Sequence[Sequence[int]]) -> Pack:
    """Rows (ids after the head) behind this model's shared head."""
    dtype = getattr(lm.model, "dtype", torch.float32)
    return make_pack(lm.prompter.head_ids, rows, device=lm.device, dtype=dtype)


def packed_forward(
    lm: CausalLM, pack: Pack, positions: Sequence[int], *, hidden: bool = False
) -> Logits:
    """Logits of a pack at K of its positions, no cache; gradients flow where enabled."""
    return run(lm, positions, hidden=hidden, **packed_inputs(lm.model, pack))
