"""Chat templates: no clock, no request to think, and what they add of their own."""

from datetime import datetime

import pytest
from transformers.utils import chat_template_utils

from emoloom.contract.chat_template import injected_turn, render_chat
from emoloom.contract.prompt import make_prompter
from emoloom.errors import UserError
from emoloom.records import LabelSpace
from ready_templates import (
    LLAMA3_2,
    OLMO2,
    QWEN1_5_SYSTEM,
    QWEN2_5_SYSTEM,
    QWEN3,
    SMOLLM2_SYSTEM,
    ZEPHYR,
    chatml,
)
from small_tokenizers import CHATML, CHATML_WITH_BOS, byte_level, fast

SPACE = LabelSpace("three", ("joy", "anger", "neutral"))
TURN = [{"role": "user", "content": "hi"}]
DAYS = (datetime(2024, 7, 26, 12), datetime(2025, 1, 2, 3, 4, 5), datetime(2031, 12, 31, 23))


@pytest.fixture
def set_clock(monkeypatch):
    """Sets the clock that transformers lets templates see."""

    def change(moment):
        class Clock(datetime):
            @classmethod
            def now(cls, tz=None):
                return moment

        monkeypatch.setattr(chat_template_utils, "datetime", Clock)

    return change


def render(template: str) -> str:
    return render_chat(fast(byte_level(), template=template), TURN, generation=True)


def by_transformers(template: str) -> str:
    """As transformers renders it, with its own clock."""
    return fast(byte_level(), template=template).apply_chat_template(
        TURN, tokenize=False, add_generation_prompt=True
    )


def test_a_prompt_with_a_date_is_the_same_on_every_day(set_clock):
    """Llama 3.2 writes today's date into its system turn."""
    prompters = []
    for day in DAYS:
        set_clock(day)
        prompters.append(make_prompter(fast(byte_level(), template=LLAMA3_2), SPACE))
    assert len({by_transformers(LLAMA3_2)} | {render(LLAMA3_2)}) == 2
    assert {prompter.head_ids for prompter in prompters} == {prompters[0].head_ids}
    assert "\nToday Date: 26 Jul 2024\n\n" in prompters[0].head


FORMATS = ("%d %b %Y", "%B %d, %Y", "%Y-%m-%d", "%A %-d.%-m.%y, %a", "%H:%M:%S", "%I %p", "no code")


@pytest.mark.parametrize("form", FORMATS)
def test_the_date_is_written_as_strftime_writes_it(set_clock, form):
    """Golden: Python's own strftime at noon of 26 July 2024, in the C locale."""
    set_clock(DAYS[0])
    template = f"{{% set day = strftime_now('{form}') %}}{{{{ messages[0]['content'] ~ day }}}} ->"
    assert by_transformers(template) == render(template) == f"hi{DAYS[0].strftime(form)} ->"


STARTS = ("", "\n", "\n\n", "  ", "a\n", "  {% set x = 1 %}", "{%- set x = 1 %}\n", "{{- 'a' }}")


@pytest.mark.parametrize("start", STARTS)
def test_a_template_is_otherwise_left_alone(set_clock, start):
    """White space at its start too, which Jinja's trimming rules depend on."""
    set_clock(DAYS[0])
    template = (
        start + "{% if strftime_now is defined %}\n"
        "{% for message in messages %}{{ strftime_now(format='%Y') }} {{ message['content'] }}"
        "{% endfor %}\n{% endif %} ->"
    )
    assert render(template) == by_transformers(template)


@pytest.mark.parametrize("template", [CHATML, ZEPHYR, OLMO2, chatml("Be kind.")])
def test_a_template_without_clock_is_rendered_as_transformers_does(template):
    assert render(template) == by_transformers(template)


def test_a_model_that_can_think_aloud_answers_at_once():
    assert by_transformers(QWEN3).endswith("<|im_start|>assistant\n")
    assert render(QWEN3).endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")


INJECTED = {
    "ChatML": (CHATML, ""),
    "ChatML behind a BOS": (CHATML_WITH_BOS, ""),
    "Qwen1.5": (chatml(QWEN1_5_SYSTEM), f"<|im_start|>system\n{QWEN1_5_SYSTEM}"),
    "Qwen2.5": (chatml(QWEN2_5_SYSTEM), f"<|im_start|>system\n{QWEN2_5_SYSTEM}"),
    "SmolLM2": (chatml(SMOLLM2_SYSTEM), f"<|im_start|>system\n{SMOLLM2_SYSTEM}"),
    "Qwen3": (QWEN3, ""),
    "Zephyr": (ZEPHYR, ""),
    "OLMo-2": (OLMO2, ""),
    "no template": (None, ""),
    "a first line without a role": (
        "A chat.{% for m in messages %} {{ m.role|upper }}: {{ m.content }}{% endfor %} ASSISTANT:",
        "A chat.",
    ),
    "one turn at most": (
        "{% if messages|length > 2 %}{{ raise_exception('too long') }}{% endif %}"
        "Be kind. {{ messages[0].content }} ->",
        "Be kind. ",
    ),
}


@pytest.mark.parametrize("case", INJECTED)
def test_the_turn_that_a_template_injects(case):
    template, expected = INJECTED[case]
    tokenizer = fast(byte_level(), template=template)
    assert injected_turn(tokenizer) == expected
    prompter = make_prompter(tokenizer, SPACE)
    assert prompter.system_turn == expected
    assert prompter.head.startswith(expected)


@pytest.mark.parametrize("template", ["{{ 'x' + 1 }}", "{{ nothing.at.all }}", {"tool": CHATML}])
def test_a_template_that_fails_is_a_user_error(template):
    with pytest.raises(UserError, match="does not render"):
        make_prompter(fast(byte_level(), template=template), SPACE)
