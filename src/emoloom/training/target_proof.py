"""The proof that training sequences say what their rows say, before a step is taken."""

from collections.abc import Sequence
from dataclasses import dataclass

from emoloom.contract.parse import parse_output
from emoloom.contract.prompt import Prompter
from emoloom.errors import UserError
from emoloom.records import VAD, ParseFailure, Prediction, Row
from emoloom.training.cut_rows import End, cut
from emoloom.training.examples import Example


@dataclass(frozen=True, slots=True)
class TargetProof:
    """What was checked on every example before training."""

    examples: int
    """Sequences."""
    trained_tokens: int
    """Tokens whose loss counts."""
    masked_tokens: int
    """Answer tokens left out because nobody annotated them, or because the row is cut."""
    truncated: int
    """Texts cut to `max_text_tokens`."""
    cut: int
    """Sequences that end before their answers do."""


def _agrees(parsed: Prediction | ParseFailure, row: Row, drawn: VAD | None) -> bool:
    """Whether an answer says of labels and VAD what the row says, where it says something.

    Of VAD: what was drawn near it for the example to write, where something was.
    """
    labels, vad = row.answer.labels, row.answer.vad if drawn is None else drawn
    return (
        isinstance(parsed, Prediction)
        and (labels is None or set(labels) == set(parsed.labels))
        and (vad is None or all(map(_same, vad.as_tuple(), parsed.vad.as_tuple())))
    )


def _same(given: float | None, written: float) -> bool:
    return given is None or round(given, 2) == written


def prove_targets(
    prompter: Prompter,
    rows: Sequence[Row],
    examples: Sequence[Example],
    ends: Sequence[End | None] | None = None,
) -> TargetProof:
    """Check every example before a step is taken.

    The prompt is its prefix and the mask fits what follows; its end token is trained, and a token
    beside it; its answer decodes to a line that parses and says what the row says.

    Args:
        prompter: of the model to be trained.
        rows: what the corpora say.
        examples: with their whole answers.
        ends: where each will be cut for the training; nowhere when left out.

    Raises:
        UserError: names the first row that fails and what failed.
    """
    truncated = trained = total = 0
    ends = [None] * len(rows) if ends is None else ends
    for row, example, end in zip(rows, examples, ends, strict=True):
        prompt = prompter.prompt(row.text)
        truncated += prompt.truncated
        trained += sum(cut(example, end).trained)
        total += len(example.trained)
        text = prompter.decode(example.ids[example.answer_start : -1])
        parsed = parse_output(text, prompter.space)
        faults = {
            "its prompt is not a prefix": example.ids[: example.answer_start] != prompt.ids,
            "its mask does not fit its answer": len(example.ids)
            != example.answer_start + len(example.trained),
            "its end token is not trained": example.ids[-1] != prompter.end_id
            or not example.trained[-1],
            "no token of its answer is trained": not any(example.trained[:-1]),
            f"its answer does not parse after tokenising: {text!r}": isinstance(
                parsed, ParseFailure
            ),
            f"its answer says something else after tokenising: {text!r}": not _agrees(
                parsed, row, example.drawn
            ),
        }
        for fault, found in faults.items():
            if found:
                raise UserError(
                    f"row {row.id} cannot be trained on",
                    got=fault,
                    do="use a tokenizer that keeps JSON text as it is, or drop the row",
                )
    early = sum(end is not None for end in ends)
    return TargetProof(len(examples), trained, total - trained, truncated, early)
