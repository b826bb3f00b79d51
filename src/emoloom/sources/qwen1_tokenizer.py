"""The tokenizer of the first Qwen, made from its `qwen.tiktoken` without its Python code.

What it must do was read in Alibaba's own `tokenization_qwen.py` (as QwenLM/Qwen-Agent ships it):
lines of base64 token and rank, NFC, `PAT_STR`, and after the 151,643 ordinary tokens the special
ones in this order. The same there and in `tokenization_note.md` of QwenLM/Qwen: no token is put
before or after a text.
"""

import base64
import binascii
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emoloom.errors import UserError

VOCABULARY = "qwen.tiktoken"
"""Data, not code: one ordinary token a line."""

END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPECIAL = (END_OF_TEXT, TURN_START, TURN_END, *(f"<|extra_{number}|>" for number in range(205)))
"""Special tokens; their ids follow the ordinary ones."""

# `PAT_STR`. Qwen2's tokenizer took it over: it is `PRETOKENIZE_REGEX` there.
_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# What `model.chat()` builds of one question: `make_context` in qwen_generation_utils.py, with the
# default `system` of modeling_qwen.py.
_TEMPLATE = (
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

_MOST_BYTES = 64 << 20  # the published file has 2.6 MB
_MOST_SHOWN = 60


def read_ranks(folder: Path, shown: str) -> dict[bytes, int]:
    """The ordinary tokens of `qwen.tiktoken` and their ranks, which are their ids.

    Raises:
        UserError: the file is missing or too large, a line is not base64 and a number, or the ranks
            are not 0, 1, 2, ...; a token stands twice, or a single byte has none.
    """
    path = folder / VOCABULARY
    if not path.is_file():
        raise UserError(
            f"{shown} holds no tokenizer",
            got=f"no {VOCABULARY}",
            allowed=f"{VOCABULARY} beside config.json, as the first Qwen has it",
            do="fetch that file from the model's page",
        )
    if path.stat().st_size > _MOST_BYTES:
        raise _unreadable(shown, f"{path.stat().st_size} bytes", f"at most {_MOST_BYTES} bytes")
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if line:  # as the original, which passes over empty lines alone
            token, rank = _read_line(line, number, shown)
            if token in ranks:
                raise _unreadable(shown, f"line {number}: a token for the second time", "once")
            ranks[token] = rank
    if sorted(ranks.values()) != list(range(len(ranks))):
        raise _unreadable(shown, f"{len(ranks)} tokens with gaps in their ranks", "0, 1, 2, ...")
    if any(bytes([value]) not in ranks for value in range(256)):
        raise _unreadable(shown, "a byte without a token", "each of the 256 bytes is a token")
    return ranks


def make_tokenizer(ranks: dict[bytes, int], *, chat: bool) -> Any:
    """A fast tokenizer with the ids of the original.

    Args:
        ranks: from `read_ranks`.
        chat: the model was trained on turns: with a chat template, and a turn's end as end token.
    """
    from tokenizers import normalizers
    from transformers import PreTrainedTokenizerFast
    from transformers.convert_slow_tokenizer import TikTokenConverter

    converter: Any = TikTokenConverter(pattern=_SPLIT, extra_special_tokens=list(SPECIAL))
    own: Callable[[object], dict[bytes, int]] = lambda _: ranks  # noqa: E731
    converter.load_tiktoken_bpe = own  # its own needs the package tiktoken, and checks nothing
    backend = converter.converted()
    backend.normalizer = normalizers.NFC()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token=TURN_END if chat else END_OF_TEXT,
        pad_token=END_OF_TEXT,
        chat_template=_TEMPLATE if chat else None,
        clean_up_tokenization_spaces=False,
    )


def _read_line(line: bytes, number: int, shown: str) -> tuple[bytes, int]:
    token, _, rank = line.partition(b" ")
    try:
        decoded = base64.b64decode(token, validate=True)
    except binascii.Error:
        decoded = b""
    if not decoded or not rank.isdigit() or len(rank) > 9:
        raise _unreadable(
            shown,
            f"line {number}: {line[:_MOST_SHOWN]!r}",
            "a token in base64, a space, and its rank",
        )
    return decoded, int(rank)


def _unreadable(shown: str, got: str, allowed: str) -> UserError:
    return UserError(
        f"{VOCABULARY} of {shown} cannot be read", got=got, allowed=allowed, do="fetch it again"
    )
