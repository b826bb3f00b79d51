"""Canonical decoding: the definition of an answer.

One row, no padding, one full forward for each new token, no cache of any kind; logits in fp32;
argmax over the whole vocabulary, exact ties to the lowest id. Stops at an end token, at the
closing brace of the top-level object, or at `max_new_tokens`; a partial answer also as soon as all
that is scored stands there, and is then closed without the rationale.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from emoloom.contract.parse import object_closed, scored_part
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
    """The raw text, end token left out; a partial one closed by `UNASKED`."""
    ids: tuple[int, ...]
    """Token ids that the model wrote."""
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


def extend(
    prompter: Prompter,
    progress: Progress,
    token: int,
    max_new_tokens: int,
    *,
    partial: bool = False,
) -> Progress:
    """Accept one token and test every stop. The only place that knows when an answer ends."""
    if token in prompter.stop_ids:
        return Progress(progress.ids, finished=True)
    ids = (*progress.ids, token)
    if len(ids) >= max_new_tokens or "}" not in prompter.decode((token,)):
        return Progress(ids, finished=len(ids) >= max_new_tokens)
    text = prompter.decode(ids)
    scored = partial and scored_part(text) is not None
    return Progress(ids, finished=scored or object_closed(text))


def output_of(prompter: Prompter, ids: Sequence[int], *, partial: bool) -> str:
    """The output that the ids of a finished answer are kept as."""
    text = prompter.decode(ids)
    return (scored_part(text) or text) if partial else text


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


def decode_canonical(
    lm: CausalLM, row_id: str, text: str, max_new_tokens: int, *, partial: bool = False
) -> Decoded:
    """Decode one row, one full forward a token.

    Args:
        lm: the model.
        row_id: of the row, for errors.
        text: of the row.
        max_new_tokens: longest answer.
        partial: whether it ends as soon as labels and VAD are written.

    Raises:
        ModelError: a logit is NaN, or memory does not suffice; the row is named.
    """
    prompt = lm.prompter.prompt(text)
    start = [*lm.prompter.head_ids, *prompt.ids]
    progress, forwards, computed = Progress((), finished=False), 0, 0
    while not progress.finished:
        ids = [*start, *progress.ids]
        token = next_token(lm, ids, row_id)
        progress = extend(lm.prompter, progress, token, max_new_tokens, partial=partial)
        forwards += 1
        computed += len(ids)
    return Decoded(
        id=row_id,
        output=output_of(lm.prompter, progress.ids, partial=partial),
        ids=progress.ids,
        forwards=forwards,
        prompt_tokens=len(start),
        tokens_computed=computed,
        near_ties=0,
        truncated=prompt.truncated,
    )
