"""Canonical decoding: the definition of an answer.

One row, no padding, one full forward for each new token, no cache of any kind; logits in fp32;
argmax over the whole vocabulary, exact ties to the lowest id. Stops at an end token, at the
closing brace of the top-level object, or at `max_new_tokens`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from emoloom.contract.parse import object_closed
from emoloom.contract.prompt import Prompter
from emoloom.models.causal_lm import CausalLM, full_forward
from emoloom.models.logits import ModelError, NonFiniteError, greedy
from emoloom.models.memory import at_least


@dataclass(frozen=True, slots=True)
class Decoded:
    """One answer and what it cost."""

    id: str
    """Id of the row."""
    output: str
    """The raw text, end token left out."""
    ids: tuple[int, ...]
    """Token ids of the output."""
    forwards: int
    """Forwards in which this row took part."""
    prompt_tokens: int
    """Tokens of the prompt, head included."""
    tokens_computed: int
    """Tokens that went through the model for this row; a shared head is split among its rows."""
    near_ties: int
    """Tokens decided again by the canonical forward."""
    truncated: bool
    """True where the text was cut to `max_text_tokens`."""


@dataclass(frozen=True, slots=True)
class Progress:
    """An answer so far."""

    ids: tuple[int, ...]
    """Accepted ids, no end token among them."""
    finished: bool
    """True once a stop was met."""


def extend(prompter: Prompter, progress: Progress, token: int, max_new_tokens: int) -> Progress:
    """Accept one token and test every stop. The only place that knows when an answer ends."""
    if token in prompter.stop_ids:
        return Progress(progress.ids, finished=True)
    ids = (*progress.ids, token)
    full = len(ids) >= max_new_tokens
    closing = "}" in prompter.decode((token,))
    return Progress(ids, finished=full or (closing and object_closed(prompter.decode(ids))))


def next_token(lm: CausalLM, ids: Sequence[int], row_id: str) -> int:
    """The canonical next token after a whole sequence.

    Raises:
        ModelError: it has no largest logit, or memory does not suffice; the row is named.
    """
    try:
        with at_least(lm.name, f"row {row_id} alone"):
            tokens, _ = greedy(full_forward(lm, ids, [len(ids) - 1]))
    except NonFiniteError as error:
        raise ModelError(f"{error} on row {row_id}") from error
    return tokens[0]


def decode_canonical(lm: CausalLM, row_id: str, text: str, max_new_tokens: int) -> Decoded:
    """Decode one row, one full forward a token.

    Raises:
        ModelError: a logit is NaN, or memory does not suffice; the row is named.
    """
    prompt = lm.prompter.prompt(text)
    start = [*lm.prompter.head_ids, *prompt.ids]
    progress, forwards, computed = Progress((), finished=False), 0, 0
    while not progress.finished:
        ids = [*start, *progress.ids]
        progress = extend(lm.prompter, progress, next_token(lm, ids, row_id), max_new_tokens)
        forwards += 1
        computed += len(ids)
    return Decoded(
        id=row_id,
        output=lm.prompter.decode(progress.ids),
        ids=progress.ids,
        forwards=forwards,
        prompt_tokens=len(start),
        tokens_computed=computed,
        near_ties=0,
        truncated=prompt.truncated,
    )
