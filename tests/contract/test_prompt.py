"""Prompts as ids: one head, one BOS, no control token out of a text, nothing lost on the way."""

import pytest

from emoloom.contract.prompt import (
    instruction_sha256,
    make_prompter,
    render_instruction,
)
from emoloom.corpora.labels import load_space
from emoloom.errors import UserError
from emoloom.records import LabelSpace
from small_tokenizers import (
    CHATML,
    CHATML_WITH_BOS,
    CHATML_WITH_SYSTEM,
    byte_level,
    dummy_prefix,
    fast,
    metaspace,
    read,
    unigram,
    whole,
)

SPACE = LabelSpace("three", ("joy", "anger", "neutral"))

# DESIGN, section 2, written out.
INSTRUCTION = (
    "Label the emotions of the text and rate its valence, arousal and dominance from 0.00 to 1.00."
    "\nLabels: joy, anger, neutral.\n"
    "Answer with one line of JSON: "
    '{"labels":["..."],"vad":{"v":0.00,"a":0.00,"d":0.00},"rationale":"cues: ..."}\n'
    "Text: I love {this} puppy"
)

BACKENDS = {
    "byte-level": byte_level,
    "metaspace": metaspace,
    "dummy prefix": dummy_prefix,
    "unigram": unigram,
}
TEMPLATES = {"base": None, "chatml": CHATML, "bos": CHATML_WITH_BOS, "system": CHATML_WITH_SYSTEM}
TEXTS = (
    "I love this puppy",
    "word",
    "",
    "  spaces   around  ",
    "two\nlines\r\nand\u2028more\x0bhere\x85end",
    'quotes " and {braces} %s {text}',
    "naïve café 😀 straße",
    "0.83 1.00 12345",
)


def rendered(tokenizer, text: str) -> str:
    turn = render_instruction(text, SPACE)
    if tokenizer.chat_template is None:
        return turn + "\nAnswer: "
    messages = [{"role": "user", "content": turn}]
    return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def test_the_instruction_is_the_designed_one():
    assert render_instruction("I love {this} puppy", SPACE) == INSTRUCTION


def test_all_labels_of_a_shipped_space_stand_in_the_instruction():
    space = load_space("goemotions28")
    assert f"\nLabels: {', '.join(space.labels)}.\n" in render_instruction("x", space)


def test_the_hash_of_the_instruction_depends_on_the_space_alone():
    assert instruction_sha256(SPACE) == instruction_sha256(LabelSpace("other", SPACE.labels))
    assert instruction_sha256(SPACE) != instruction_sha256(
        LabelSpace("three", ("anger", "joy", "neutral"))
    )
    assert len(instruction_sha256(SPACE)) == 64


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_stays_one_line(text):
    turn = render_instruction(text, SPACE)
    assert len(turn.splitlines()) == 4
    assert turn.split("Text: ")[-1].split() == text.split()


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_prompt_reads_as_the_rendered_template(backend, template):
    tokenizer = fast(BACKENDS[backend](), template=TEMPLATES[template], unk_token="<unk>")
    prompter = make_prompter(tokenizer, SPACE)
    for text in TEXTS:
        if backend == "unigram" and not text.isascii():
            continue  # it has no bytes to spell these letters with
        at_once = tokenizer(rendered(tokenizer, text), add_special_tokens=False)["input_ids"]
        # Spaces behind control tokens are the tokenizer's own: the same in both.
        got, expected = read(prompter, whole(prompter, text)), read(prompter, at_once)
        if not text and prompter.joint == "":
            expected = expected.replace("Text: ", "Text:")
        assert got == expected


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_word_behind_the_head_has_one_space(backend):
    prompter = make_prompter(fast(BACKENDS[backend](), unk_token="<unk>"), SPACE)
    assert "Text: word\nAnswer:" in read(prompter, whole(prompter, "word"))


@pytest.mark.parametrize("backend", ["byte-level", "metaspace", "dummy prefix"])
def test_a_base_model_gets_the_same_lines_and_the_cue(backend):
    prompter = make_prompter(fast(BACKENDS[backend](), unk_token="<unk>"), SPACE)
    expected = INSTRUCTION + "\nAnswer: "
    assert read(prompter, whole(prompter, "I love {this} puppy")) == expected


@pytest.mark.parametrize("template", TEMPLATES)
def test_ids_are_those_of_the_whole_prompt_encoded_at_once(template):
    """Cut before the space of `Text: word`, byte-level BPE finds the same tokens."""
    tokenizer = fast(byte_level(), template=TEMPLATES[template])
    prompter = make_prompter(tokenizer, SPACE)
    for text in ("I love this puppy", "naïve café 😀", "0.83"):
        at_once = tokenizer(rendered(tokenizer, text), add_special_tokens=False)["input_ids"]
        assert whole(prompter, text) == at_once


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_head_is_the_same_for_every_text(template):
    prompter = make_prompter(fast(byte_level(), template=TEMPLATES[template]), SPACE)
    head = read(prompter, prompter.head_ids)
    assert head.endswith("\nText:")
    assert prompter.head.endswith("\nText:")
    assert all(read(prompter, whole(prompter, text)).startswith(head) for text in TEXTS)


def test_a_system_turn_of_the_template_is_kept_verbatim():
    prompter = make_prompter(fast(byte_level(), template=CHATML_WITH_SYSTEM), SPACE)
    head = read(prompter, prompter.head_ids)
    assert head.startswith(
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nLabel the"
    )


BOS_CASES = {
    "the tokenizer adds it": (True, None, 1),
    "the template has it": (False, CHATML_WITH_BOS, 1),
    "both": (True, CHATML_WITH_BOS, 1),
    "the tokenizer adds it, the template lacks it": (True, CHATML, 1),
    "neither": (False, CHATML, 0),
    "a base model without": (False, None, 0),
}


@pytest.mark.parametrize("backend", [byte_level, metaspace, dummy_prefix])
@pytest.mark.parametrize("case", BOS_CASES)
def test_exactly_one_bos(case, backend):
    adds_bos, template, expected = BOS_CASES[case]
    tokenizer = fast(backend(adds_bos=adds_bos), template=template, unk_token="<unk>")
    prompter = make_prompter(tokenizer, SPACE)
    ids = whole(prompter, "word")
    assert ids.count(tokenizer.bos_token_id) == expected
    assert (ids[0] == tokenizer.bos_token_id) == bool(expected)
    assert tokenizer.bos_token_id not in prompter.answer('{"labels":["joy"]}').ids


def test_a_template_with_two_bos_gets_one():
    tokenizer = fast(byte_level(adds_bos=True), template="{{ bos_token }}" + CHATML_WITH_BOS)
    assert whole(make_prompter(tokenizer, SPACE), "word").count(tokenizer.bos_token_id) == 1


def test_a_control_token_that_is_bos_too_keeps_its_turns():
    """SmolLM2 names `<|im_start|>` its BOS; the template has one at the head of each turn."""
    tokenizer = fast(
        byte_level(), template=CHATML, bos_token="<|im_start|>", eos_token="<|im_end|>"
    )
    prompter = make_prompter(tokenizer, SPACE)
    assert whole(prompter, "word").count(tokenizer.bos_token_id) == 2


def test_long_texts_are_cut_at_the_end_and_flagged():
    prompter = make_prompter(fast(byte_level(), template=CHATML), SPACE)
    assert prompter.max_text_tokens == 256
    fits = " ".join(["word"] * 256)
    longer = fits + " puppy"
    assert len(prompter.prompt("word").ids) == 1 + len(prompter.tail_ids)
    assert not prompter.prompt(fits).truncated
    assert prompter.prompt(longer).truncated
    assert prompter.prompt(longer).ids == prompter.prompt(fits).ids
    assert len(prompter.prompt(longer).ids) == 256 + len(prompter.tail_ids)


def test_the_limit_is_in_tokens():
    tokenizer = fast(byte_level(), template=CHATML)
    prompter = make_prompter(tokenizer, SPACE, max_text_tokens=3)
    prompt = prompter.prompt("I love this puppy, it makes me so happy.")
    assert prompt.truncated
    assert len(prompt.ids) == 3 + len(prompter.tail_ids)


END_CASES = {
    "end of turn": (CHATML, "</s>", "<|im_end|>"),
    "base model": (None, "</s>", "</s>"),
    "a template that closes no turn": (
        "{{ messages[0]['content'] }}\nAnswer: "
        "{% if messages|length > 1 %}{{ messages[1]['content'] }}{% endif %}",
        "</s>",
        "</s>",
    ),
    "eos of the template": (CHATML.replace("'<|im_end|>\n'", "eos_token"), "</s>", "</s>"),
    "no eos": (CHATML, None, "<|im_end|>"),
}


@pytest.mark.parametrize("case", END_CASES)
def test_the_end_token(case):
    template, eos, expected = END_CASES[case]
    tokenizer = fast(
        byte_level(), template=template, eos_token=eos, additional_special_tokens=["<|im_end|>"]
    )
    prompter = make_prompter(tokenizer, SPACE, stop_ids=[77])
    end = tokenizer.convert_tokens_to_ids(expected)
    assert prompter.end_id == end
    assert prompter.stop_ids == {end, 77} | ({tokenizer.eos_token_id} if eos else set())


def test_the_end_of_turn_counts_though_transformers_does_not_name_it():
    """As Gemma 3's `<end_of_turn>`: special in tokenizer.json alone."""
    tokenizer = fast(byte_level(), template=CHATML)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert end not in tokenizer.all_special_ids
    assert make_prompter(tokenizer, SPACE).end_id == end


@pytest.mark.parametrize("template", [None, "{{ messages[-1]['content'] }} ->"])
def test_no_end_token_is_a_user_error(template):
    tokenizer = fast(byte_level(), template=template, eos_token=None)
    with pytest.raises(UserError, match="no end token"):
        make_prompter(tokenizer, SPACE)


BAD_TEMPLATES = {
    "drops the user": ("{{ '<|im_start|>assistant' }}", "exactly once"),
    "shows it twice": ("{{ messages[0]['content'] * 2 }} ->", "exactly once"),
    "refuses": ("{{ raise_exception('only system turns') }}", "only system turns"),
    "is broken": ("{% for %}", "does not render"),
    "has no tail": ("{{ messages[0]['content'] }}", "nothing between"),
}


@pytest.mark.parametrize("case", BAD_TEMPLATES)
def test_a_bad_template_is_a_user_error(case):
    template, message = BAD_TEMPLATES[case]
    with pytest.raises(UserError, match=message):
        make_prompter(fast(byte_level(), template=template), SPACE)


def test_a_slow_tokenizer_is_a_user_error():
    class Slow:
        is_fast = False

    with pytest.raises(UserError, match="not a fast one"):
        make_prompter(Slow(), SPACE)


ANSWER = '{"labels":["joy"],"vad":{"v":0.83,"a":0.55,"d":0.61},"rationale":"cues: café, 😀"}'


@pytest.mark.parametrize("backend", ["byte-level", "metaspace", "dummy prefix"])
def test_an_answer_comes_back_and_its_spans_cover_it(backend):
    prompter = make_prompter(fast(BACKENDS[backend](), unk_token="<unk>"), SPACE)
    answer = prompter.answer(ANSWER)
    assert prompter.decode(answer.ids) == ANSWER
    assert len(answer.spans) == len(answer.ids)
    covered = {k for start, stop in answer.spans for k in range(start, stop)}
    assert covered == set(range(len(ANSWER)))


def test_decode_leaves_special_tokens_out():
    prompter = make_prompter(fast(byte_level(), template=CHATML), SPACE)
    assert prompter.decode((*prompter.answer(ANSWER).ids, prompter.end_id)) == ANSWER
    unknown = len(prompter.tokenizer) + 1000  # a model's embedding may be larger than its tokenizer
    assert prompter.decode((*prompter.answer(ANSWER).ids, unknown)) == ANSWER
