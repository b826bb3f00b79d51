"""Rows with and without annotation, and the tokenizers that cut their answers differently."""

from functools import cache

from emoloom.contract.prompt import Prompter, make_prompter
from emoloom.contract.schema import write_answer
from emoloom.records import VAD, Answer, LabelSpace, Prediction, Row
from emoloom.training.examples import Example, make_example
from small_tokenizers import CHATML, byte_level, dummy_prefix, fast, metaspace

SPACE = LabelSpace("four", ("joy", "joyful pride", "anger", "neutral"))
FILL_LABEL, FILL_VAD = "anger", VAD(0.83, 0.55, 0.61)
VAD_GIVEN = VAD(0.15, 0.83, 1.0)


@cache
def prompter_of(kind: str) -> Prompter:
    """A prompter of a small tokenizer, made once a kind."""
    backends = {
        "single digits": byte_level,
        "merged digits": lambda: byte_level(merged_digits=True),
        "metaspace": metaspace,
        "dummy prefix": dummy_prefix,
    }
    template = CHATML if "digits" in kind else None
    tokenizer = fast(backends[kind](), template=template, unk_token="<unk>")
    return make_prompter(tokenizer, SPACE)


KINDS = ("single digits", "merged digits", "metaspace", "dummy prefix")


def row(labels, vad, rationale="cues: love, puppy", text="I love this puppy", row_id="r1") -> Row:
    """A row of a made-up corpus; None for what nobody annotated."""
    answer = Answer(labels, vad, rationale)
    return Row(row_id, text, answer, "made-up", "train", "human" if vad else None, "g")


def example(prompter: Prompter, one: Row) -> Example:
    """Its training sequence."""
    return make_example(prompter, one, label=FILL_LABEL, vad=FILL_VAD)


def target_of(one: Row) -> str:
    """The line that the answer's tokens spell."""
    given_ = one.answer
    return write_answer(
        Prediction(given_.labels or (FILL_LABEL,), given_.vad or FILL_VAD, given_.rationale)
    )
