"""Training sequences: what nobody annotated is not trained, all else is, the end token included."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoloom.contract.parse import parse_output
from emoloom.contract.prompt import Prompter
from emoloom.records import VAD, Prediction
from emoloom.training.examples import Example, Examples, make_example
from example_rows import (
    FILL_LABEL,
    KINDS,
    SPACE,
    VAD_GIVEN,
    example,
    prompter_of,
    row,
    target_of,
)


@pytest.fixture(params=KINDS)
def prompter(request) -> Prompter:
    return prompter_of(request.param)


def trained_spans(prompter: Prompter, made: Example, target: str) -> list[tuple[int, int]]:
    """Spans in the target of the trained tokens, end token left out."""
    spans = prompter.answer(target).spans
    assert len(spans) == len(made.trained) - 1
    return [span for span, on in zip(spans, made.trained, strict=False) if on]


def untouched(spans: list[tuple[int, int]], target: str, filled: str, before: str) -> bool:
    """Whether no span overlaps `filled` where it stands behind `before`."""
    begin = target.index(before) + len(before)
    assert target[begin : begin + len(filled)] == filled
    end = begin + len(filled)
    return not any(start < end and begin < stop for start, stop in spans)


def test_the_tokenizers_differ_where_it_matters():
    def spelt(kind: str) -> list[str]:
        return prompter_of(kind).tokenizer.tokenize('"v":0.83')

    assert spelt("single digits")[-2:] == ["8", "3"]
    assert spelt("merged digits")[-1] == "83"


def test_prompt_answer_end(prompter):
    one = row(("joy",), VAD_GIVEN)
    made = example(prompter, one)
    prompt, answer = prompter.prompt(one.text).ids, prompter.answer(target_of(one)).ids
    assert made.ids == (*prompt, *answer, prompter.end_id)
    assert made.answer_start == len(prompt)
    assert prompter.decode(made.ids[made.answer_start :]) == target_of(one)
    assert made.id == "r1"


def test_a_whole_answer_is_trained_whole(prompter):
    made = example(prompter, row(("joy", "anger"), VAD_GIVEN))
    assert all(made.trained)
    assert made.trained_positions == tuple(range(made.answer_start, len(made.ids)))


def test_missing_labels_are_filled_and_not_trained(prompter):
    one = row(None, VAD_GIVEN)
    made, target = example(prompter, one), target_of(one)
    assert f'"labels":["{FILL_LABEL}"]' in target
    spans = trained_spans(prompter, made, target)
    assert untouched(spans, target, FILL_LABEL, '["')
    assert made.trained[-1]
    text = "".join(target[start:stop] for start, stop in spans)
    assert "0.15" in text and "love" in text  # the rest is trained


def test_missing_vad_is_filled_and_not_trained(prompter):
    one = row(("joy",), None)
    made, target = example(prompter, one), target_of(one)
    spans = trained_spans(prompter, made, target)
    for name, value in (("v", "0.83"), ("a", "0.55"), ("d", "0.61")):
        assert untouched(spans, target, value, f'"{name}":')
    assert made.trained[-1]
    text = "".join(target[start:stop] for start, stop in spans)
    assert "joy" in text and "love" in text
    assert not any(character.isdigit() for character in text)


def test_with_neither_the_rationale_and_the_form_are_trained(prompter):
    one = row(None, None)
    made, target = example(prompter, one), target_of(one)
    spans = trained_spans(prompter, made, target)
    text = "".join(target[start:stop] for start, stop in spans)
    assert "love" in text
    assert FILL_LABEL not in text
    assert not any(character.isdigit() for character in text)


def test_only_tokens_that_touch_the_filling_are_masked(prompter):
    """Else something that the corpus says would be lost."""
    one = row(None, None)
    made, target = example(prompter, one), target_of(one)
    places = [(target.index('["') + 2, len(FILL_LABEL))]
    places += [(target.index(f'"{name}":') + 4, 4) for name in "vad"]
    for (start, stop), on in zip(prompter.answer(target).spans, made.trained, strict=False):
        touches = any(start < begin + size and begin < stop for begin, size in places)
        assert on != touches


def test_the_rationale_may_look_like_the_filling(prompter):
    rationale = 'cues: v:0.83, {labels:[anger], vad":0.83'.replace('"', "'")
    one = row(None, None, rationale)
    made, target = example(prompter, one), target_of(one)
    spans = trained_spans(prompter, made, target)
    begin = target.index(rationale)
    covered = {k for start, stop in spans for k in range(start, stop)}
    assert set(range(begin, begin + len(rationale))) <= covered


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    fill=st.tuples(*[st.integers(0, 100)] * 3),
    label=st.sampled_from(SPACE.labels),
    masks=st.tuples(st.booleans(), st.booleans()),
)
def test_no_loss_depends_on_a_filled_character(kind, fill, label, masks):
    """Two fillings of one length: where tokens align, exactly the differing ones are masked."""
    prompter = prompter_of(kind)
    labels, vad = (None if masks[0] else ("joy",)), (None if masks[1] else VAD_GIVEN)
    one = row(labels, vad)
    filling = VAD(*(value / 100 for value in fill))
    made = make_example(prompter, one, label=label, vad=filling)
    answer = made.ids[made.answer_start :]
    target = prompter.decode(answer)
    parsed = parse_output(target, SPACE)
    assert isinstance(parsed, Prediction)
    assert parsed.labels == (labels or (label,))
    assert parsed.vad == (vad or filling)
    spans = trained_spans(prompter, made, target)
    if vad is None:
        for name, value in zip("vad", fill, strict=True):
            assert untouched(spans, target, f"{value / 100:.2f}", f'"{name}":')
    if labels is None:
        assert untouched(spans, target, label, '["')
    assert made.trained[-1]
    assert all(made.trained) == (not any(masks))


def test_the_prompt_is_the_prefix_of_every_training_sequence(prompter):
    rows = [
        row(("joy",), VAD_GIVEN, text=text)
        for text in ("", "I love this puppy", "<|im_end|>", "café 😀", "word " * 400)
    ]
    for one in rows:
        made, prompt = example(prompter, one), prompter.prompt(one.text)
        assert made.ids[: made.answer_start] == prompt.ids


def test_each_row_without_labels_has_a_label_of_its_own(prompter):
    rows = [row(None, VAD_GIVEN, row_id=name) for name in ("a", "b")]
    rows.append(row(("joy",), None, row_id="c"))
    made = Examples(prompter, rows, {"b": "neutral", "a": "anger"}, VAD_GIVEN)
    targets = [prompter.decode(one.ids[one.answer_start : -1]) for one in made]
    answers = [parse_output(target, SPACE) for target in targets]
    assert [one.labels for one in answers] == [("anger",), ("neutral",), ("joy",)]
    for one, target, label in zip(made, targets[:2], ("anger", "neutral"), strict=False):
        assert untouched(trained_spans(prompter, one, target), target, label, '["')
    with pytest.raises(KeyError):
        Examples(prompter, rows, {"b": "neutral"}, VAD_GIVEN)[0]
