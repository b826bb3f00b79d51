"""The instruction, and prompts and answers as token ids.

A prompt is `head + text + tail`. The head (template start and instruction) is the same for every
row: it is the shared prefix that packing computes once. The three parts, and the answer, are
tokenised apart and their ids joined, so that the head is a prefix of every prompt and the prompt
a prefix of every training sequence by construction.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from emoloom.contract.chat_template import injected_turn, render_chat
from emoloom.contract.schema import CONTRACT_VERSION
from emoloom.errors import UserError
from emoloom.records import LabelSpace

INSTRUCTION = """\
Label the emotions of the text and rate its valence, arousal and dominance from 0.00 to 1.00.
Labels: {labels}.
Answer with one line of JSON: \
{{"labels":["..."],"vad":{{"v":0.00,"a":0.00,"d":0.00}},"rationale":"cues: ..."}}
Text: {text}"""
"""The user turn, the same for every model (DESIGN, the contract)."""

BASE_MODEL_CUE = "\nAnswer: "
"""What follows the instruction where a model has no chat template."""

_SENTINEL = "\ue000text\ue001"
_ANSWER_SENTINEL = "\ue000answer\ue001"


def render_instruction(text: str, space: LabelSpace) -> str:
    """The user turn for one text; each run of white space becomes one space, so it stays a line."""
    return INSTRUCTION.format(labels=", ".join(space.labels), text=" ".join(text.split()))


def instruction_sha256(space: LabelSpace) -> str:
    """Identity of the instruction in force (its text holds the labels and the answer's form)."""
    identity = f"{CONTRACT_VERSION}\n{render_instruction('', space)}"
    return hashlib.sha256(identity.encode("utf-8")).hexdigest()


@dataclass(frozen=True, slots=True)
class EncodedPrompt:
    """Token ids of one row's prompt after the shared head."""

    ids: tuple[int, ...]
    """Ids of the text and of the template's tail."""
    truncated: bool
    """True where the text was longer than `max_text_tokens` and was cut at its end."""


@dataclass(frozen=True, slots=True)
class EncodedAnswer:
    """Token ids of an answer and where each came from."""

    ids: tuple[int, ...]
    """Ids of the answer's text; the end token is not among them."""
    spans: tuple[tuple[int, int], ...]
    """Character span [start, stop) of each id in the answer's text."""


@dataclass(frozen=True, slots=True)
class Prompter:
    """Turns texts into ids for one tokenizer and one label space. Made by `make_prompter`."""

    tokenizer: Any
    """A fast tokenizer of transformers."""
    space: LabelSpace
    """Labels in force."""
    head: str
    """Rendered text before the row's text: template start and instruction."""
    tail: str
    """Rendered text after it: end of turn and start of the answer."""
    head_ids: tuple[int, ...]
    """The shared prefix; at most one beginning-of-sequence token."""
    tail_ids: tuple[int, ...]
    """Ids of `tail`."""
    joint: str
    """What is put before each text when it is encoded: a space, or nothing (see `_joint`)."""
    end_id: int
    """The token that closes an answer in training."""
    stop_ids: frozenset[int]
    """Tokens at which decoding stops."""
    max_text_tokens: int
    """Texts are cut at this many tokens."""
    system_turn: str
    """What the template puts before the user's turn of its own accord; empty where nothing."""

    def prompt(self, text: str) -> EncodedPrompt:
        """Ids after the head for one text. Control tokens in the text are plain characters."""
        line = " ".join(_encodable(text).split())
        ids = _encode_untrusted(self.tokenizer, self.joint + line)
        kept = ids[: self.max_text_tokens]
        return EncodedPrompt((*kept, *self.tail_ids), truncated=len(ids) > len(kept))

    def answer(self, answer: str) -> EncodedAnswer:
        """Ids of an answer's text, tokenised apart from the prompt."""
        encoded = self.tokenizer(
            _encodable(answer),
            add_special_tokens=False,
            split_special_tokens=True,
            return_offsets_mapping=True,
        )
        spans = tuple((int(start), int(stop)) for start, stop in encoded["offset_mapping"])
        return EncodedAnswer(tuple(encoded["input_ids"]), spans)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of answer ids; special tokens are left out."""
        return str(
            self.tokenizer.decode(
                list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        )


def make_prompter(
    tokenizer: Any,
    space: LabelSpace,
    *,
    max_text_tokens: int = 256,
    stop_ids: Iterable[int] = (),
) -> Prompter:
    """Fix head, tail, joint and end token for a tokenizer.

    Args:
        tokenizer: a fast tokenizer of transformers, with or without a chat template.
        space: labels in force.
        max_text_tokens: longest text in tokens.
        stop_ids: further end tokens, e.g. those of the model's generation config.

    Raises:
        UserError: the tokenizer is slow or has no end token, or its template fails, drops the
            user's turn, or puts nothing between that turn and the answer.
    """
    _check_fast(tokenizer)
    before, after = _render_prompt(tokenizer, space)
    before, joint = _joint(tokenizer, before)
    end_id = _end_id(tokenizer)
    eos = tokenizer.eos_token_id
    return Prompter(
        tokenizer=tokenizer,
        space=space,
        head=before,
        tail=after,
        head_ids=_with_one_bos(tokenizer, _encode(tokenizer, before)),
        tail_ids=_tail_ids(tokenizer, after),
        joint=joint,
        end_id=end_id,
        stop_ids=frozenset({end_id, *stop_ids} | (set() if eos is None else {eos})),
        max_text_tokens=max_text_tokens,
        system_turn=injected_turn(tokenizer),
    )


def _check_fast(tokenizer: Any) -> None:
    if not getattr(tokenizer, "is_fast", False):
        raise UserError(
            "the tokenizer is not a fast one",
            got=type(tokenizer).__name__,
            allowed="tokenizers with a tokenizer.json",
            do="convert it with transformers and save it again",
        )


def _tail_ids(tokenizer: Any, after: str) -> tuple[int, ...]:
    tail_ids = _encode_tail(tokenizer, after)
    if not tail_ids:
        raise UserError(
            "the chat template puts nothing between the user's turn and the answer",
            do="use a template with a generation prompt",
        )
    return tail_ids


def _render_prompt(tokenizer: Any, space: LabelSpace) -> tuple[str, str]:
    turn = render_instruction(_SENTINEL, space)
    if not tokenizer.chat_template:
        rendered = turn + BASE_MODEL_CUE
    else:
        rendered = render_chat(tokenizer, [{"role": "user", "content": turn}], generation=True)
    before, found, after = rendered.partition(_SENTINEL)
    if not found or _SENTINEL in after:
        raise UserError(
            "the chat template does not show the user's turn exactly once",
            got=f"{rendered.count(_SENTINEL)} times",
            do="use a model whose template renders a plain user turn",
        )
    return before, after


def _joint(tokenizer: Any, before: str) -> tuple[str, str]:
    """Where to cut between `Text:` and the text.

    Most tokenizers keep a space with the word that follows it: there the head ends at `Text:` and
    each text is encoded with its space. Some add that space themselves to whatever they encode:
    there the text is encoded bare. Told apart by decoding a probe.
    """
    head = before.removesuffix(" ")
    for joint in (" ", ""):
        ids = [*_encode(tokenizer, head), *_encode_untrusted(tokenizer, joint + "word")]
        decoded = tokenizer.decode(ids, clean_up_tokenization_spaces=False)
        if decoded.endswith("Text: word"):
            return head, joint
    return before, ""


def _encodable(text: str) -> str:
    """The text with a question mark for each lone surrogate (half a character)."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _encode(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _encode_tail(tokenizer: Any, tail: str) -> tuple[int, ...]:
    """Ids of the tail as they stand behind a word: apart, some tokenizers put a space before it."""
    word = _encode(tokenizer, "x")
    both = _encode(tokenizer, "x" + tail)
    if both[: len(word)] == word:
        return tuple(both[len(word) :])
    return tuple(_encode(tokenizer, tail))


def _encode_untrusted(tokenizer: Any, text: str) -> list[int]:
    """Ids of text that nobody vouches for: no control token can come of it.

    `split_special_tokens` covers tokens marked special; other added tokens are broken after their
    first character (one of a single character is a letter and stays). Any left after that, by a
    tokenizer's normalising, is left out.
    """
    ids = list(tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])
    added = {index: token.content for index, token in tokenizer.added_tokens_decoder.items()}
    control = {index for index, content in added.items() if len(content) > 1}
    control.update(tokenizer.all_special_ids)
    if tokenizer.unk_token not in (tokenizer.bos_token, tokenizer.eos_token):
        control.discard(tokenizer.unk_token_id)  # it stands for a letter of the text
    present = {added[index] for index in ids if index in control and index in added}
    pieces = [text]
    for content in sorted(present):
        pieces = [part for piece in pieces for part in _break(piece, content)]
    if len(pieces) == 1:
        return [index for index in ids if index not in control]
    return [index for piece in pieces for index in _encode_untrusted(tokenizer, piece)]


def _break(piece: str, content: str) -> list[str]:
    parts = piece.split(content)
    broken = [parts[0]]
    for part in parts[1:]:
        broken[-1] += content[:1]
        broken.append(content[1:] + part)
    return [text for text in broken if text]


def _with_one_bos(tokenizer: Any, ids: list[int]) -> tuple[int, ...]:
    """Exactly one beginning-of-sequence token where the tokenizer uses one, none elsewhere."""
    bos = tokenizer.bos_token_id
    with_specials = list(tokenizer("x")["input_ids"])
    adds_bos = bos is not None and bool(with_specials) and with_specials[0] == bos
    if not adds_bos:
        return tuple(ids)
    start = 0
    while start < len(ids) and ids[start] == bos:
        start += 1
    return (bos, *ids[start:])


def _end_id(tokenizer: Any) -> int:
    """The token that closes an assistant's turn: from the template, else the end of sequence."""
    if tokenizer.chat_template:
        turns = [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": _ANSWER_SENTINEL},
        ]
        rendered = render_chat(tokenizer, turns, generation=False)
        after = _encode(tokenizer, rendered.partition(_ANSWER_SENTINEL)[2])
        # Some tokenizers mark the end of a turn as special only in their list of added tokens.
        added = tokenizer.added_tokens_decoder.items()
        specials = {*tokenizer.all_special_ids, *(i for i, token in added if token.special)}
        for index in after:
            if index in specials:
                return int(index)
    if tokenizer.eos_token_id is None:
        raise UserError(
            "the tokenizer has no end token",
            got="no eos_token and no special token after an assistant's turn",
            do="set eos_token in tokenizer_config.json",
        )
    return int(tokenizer.eos_token_id)
