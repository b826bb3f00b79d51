"""The proof before training: it counts every token, and it finds each fault it names."""

from dataclasses import replace

import pytest
from tokenizers import normalizers

from emoloom.contract.prompt import Prompter, make_prompter
from emoloom.errors import UserError
from emoloom.records import VAD
from emoloom.training.examples import Example
from emoloom.training.target_proof import TargetProof, prove_targets
from example_rows import KINDS, SPACE, VAD_GIVEN, example, prompter_of, row
from small_tokenizers import CHATML, byte_level, fast


@pytest.mark.parametrize("kind", KINDS)
def test_the_proof_counts(kind):
    prompter = prompter_of(kind)
    rows = [
        row(("joy",), VAD_GIVEN),
        row(None, VAD_GIVEN, text="word " * 400),
        row(("joy",), None),
    ]
    made = [example(prompter, one) for one in rows]
    proof = prove_targets(prompter, rows, made)
    masked = sum(not on for one in made for on in one.trained)
    assert masked > 0
    assert proof == TargetProof(
        examples=3,
        trained_tokens=sum(len(one.trained_positions) for one in made),
        masked_tokens=masked,
        truncated=1,
        cut=0,
    )


def damaged(made: Example, prompter: Prompter) -> dict[str, tuple[Example, str]]:
    answer = made.ids[made.answer_start :]
    cut = (*made.ids[: made.answer_start], *answer[3:])
    return {
        "another prompt": (replace(made, ids=(7, *made.ids[1:])), "prompt is not a prefix"),
        "an answer that starts too late": (
            replace(made, answer_start=made.answer_start + 1, trained=made.trained[1:]),
            "prompt is not a prefix",
        ),
        "no end token": (
            replace(made, ids=made.ids[:-1], trained=made.trained[:-1]),
            "end token is not trained",
        ),
        "an untrained end token": (
            replace(made, trained=(*made.trained[:-1], False)),
            "end token is not trained",
        ),
        "nothing trained": (
            replace(made, trained=(*(False for _ in made.trained[:-1]), True)),
            "no token of its answer is trained",
        ),
        "a mask of another length": (
            replace(made, trained=made.trained[1:]),
            "its mask does not fit",
        ),
        "an answer that does not parse": (
            replace(made, ids=cut, trained=made.trained[3:]),
            "does not parse",
        ),
    }


@pytest.mark.parametrize(
    "fault",
    [
        "another prompt",
        "an answer that starts too late",
        "no end token",
        "an untrained end token",
        "nothing trained",
        "a mask of another length",
        "an answer that does not parse",
    ],
)
def test_each_fault_is_found_and_the_row_named(fault):
    prompter = prompter_of("single digits")
    good, bad = row(("joy",), VAD_GIVEN), row(("joy",), VAD_GIVEN, row_id="the-bad-one")
    made = example(prompter, bad)
    broken, message = damaged(made, prompter)[fault]
    prove_targets(prompter, [good, bad], [example(prompter, good), made])
    with pytest.raises(UserError, match=message) as caught:
        prove_targets(prompter, [good, bad], [example(prompter, good), broken])
    assert "the-bad-one" in str(caught.value)


BAD_ROWS = {
    "an unknown label": row(("bliss",), VAD_GIVEN),
    "too long a rationale": row(("joy",), VAD_GIVEN, "a b c d e f g h i j k l m"),
    "a quote": row(("joy",), VAD_GIVEN, 'cues: "love"'),
    "a line break": row(("joy",), VAD_GIVEN, "cues:\nlove"),
    "no labels": row((), VAD_GIVEN),
    "valence above one": row(("joy",), VAD(1.5, 0.5, 0.5)),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_a_row_that_breaks_the_contract_is_not_trained_on(case):
    prompter = prompter_of("single digits")
    one = BAD_ROWS[case]
    with pytest.raises(UserError, match="does not parse"):
        prove_targets(prompter, [one], [example(prompter, one)])


def test_a_tokenizer_that_loses_text_is_found():
    """A normalizer may keep the JSON whole and spell another answer."""
    backend = byte_level()
    backend.normalizer = normalizers.Replace("3", "")
    prompter = make_prompter(fast(backend, template=CHATML), SPACE)
    one = row(("joy",), VAD_GIVEN)
    with pytest.raises(UserError, match="says something else"):
        prove_targets(prompter, [one], [example(prompter, one)])


def test_rows_and_examples_must_be_as_many():
    prompter = prompter_of("single digits")
    with pytest.raises(ValueError, match="argument"):
        prove_targets(prompter, [row(("joy",), VAD_GIVEN)], [])
