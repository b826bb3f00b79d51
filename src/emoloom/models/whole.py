"""Whether weights, config and tokenizer that were loaded together belong together."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from emoloom.contract.prompt import Prompter
from emoloom.errors import UserError

_LAYER = re.compile(r"\.\d+\.")


def loading_fault(model: Any, loading: Mapping[str, Any]) -> str:
    """What is wrong with how the files fill the model; empty where nothing is.

    transformers fills tensors that are missing, or of another shape, with random numbers, and
    drops whole layers that config.json does not count.

    Args:
        model: what `from_pretrained` built.
        loading: its `output_loading_info`.
    """
    missing = sorted(loading["missing_keys"])
    if missing:
        told = _renamed(missing, sorted(loading["unexpected_keys"]))
        return f"{len(missing)} tensors are missing, e.g. {missing[0]}{told}"
    shapes = sorted(
        f"{name} is {tuple(got)}, where config.json makes it {tuple(wanted)}"
        for name, got, wanted in loading["mismatched_keys"]
    )
    if shapes:
        return f"{len(shapes)} tensors have another shape, e.g. {shapes[0]}"
    for name, weight in model.named_parameters():
        if not all(bool(end.isfinite()) for end in _ends(weight)):
            return f"{name} holds numbers that are NaN or infinite"
    known = {_LAYER.sub(".", name, count=1) for name in model.state_dict()}
    dropped = sorted(
        name
        for name in loading["unexpected_keys"]
        if _LAYER.search(name) and _LAYER.sub(".", name, count=1) in known
    )
    if dropped:
        return f"config.json counts fewer layers than the weights have, e.g. not {dropped[0]}"
    return ""


def _renamed(missing: Sequence[str], unexpected: Sequence[str]) -> str:
    """What stands before the names that the weights have for what is missing."""
    for name in missing:
        for other in unexpected:
            if other.endswith(f".{name}"):
                prefix = other.removesuffix(name)
                return f" (the weights name it {other}: take {prefix} off their names)"
    return ""


def _ends(weight: Any) -> Sequence[Any]:
    """Least and largest number, NaN where any is; `isfinite` of all would copy the tensor."""
    return weight.aminmax() if weight.numel() else ()


def stop_ids(model: Any) -> list[int]:
    """The end tokens that the model's generation config names.

    Raises:
        UserError: they are no token ids.
    """
    stated = getattr(model.generation_config, "eos_token_id", None)
    ids = stated if isinstance(stated, list) else [] if stated is None else [stated]
    if any(type(index) is not int or index < 0 for index in ids):
        raise UserError(
            "generation_config.json names end tokens that are no token ids",
            got=f"eos_token_id {stated!r}",
            allowed="a number from 0, or a list of them",
            do="mend eos_token_id there",
        )
    return ids


def check_tokens(prompter: Prompter, embeddings: int, name: str) -> None:
    """See that no id that a prompt or an answer can hold lies beyond the model's embeddings.

    Control tokens beyond them are allowed where no prompt uses them: Gemma-3's text models have one
    for images.

    Args:
        prompter: of the model's tokenizer.
        embeddings: rows of the model's input embedding.
        name: what the model is, for messages.

    Raises:
        UserError: such an id exists.
    """
    tokenizer = prompter.tokenizer
    added = tokenizer.added_tokens_decoder.items()
    # No text gives these: see `prompt._encode_untrusted`.
    control = {index for index, token in added if len(token.content) > 1}
    words = {index: word for word, index in tokenizer.get_vocab().items() if index not in control}
    fixed = (*prompter.head_ids, *prompter.tail_ids, prompter.end_id, tokenizer.unk_token_id or 0)
    largest = max(*words, *fixed)
    if largest >= embeddings:
        shown = words.get(largest) or tokenizer.convert_ids_to_tokens(largest)
        raise UserError(
            f"the tokenizer and the weights of {name} do not fit together",
            got=f"token {shown!r} with id {largest}",
            allowed=f"ids below {embeddings}, the rows of the embedding",
            do="take both from one place",
        )
