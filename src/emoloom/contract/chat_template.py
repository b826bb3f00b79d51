"""A model's own chat template, rendered to text that is the same on every day.

Some templates write today's date into a system turn (Llama 3.2). Rows decoded on two days would
then have two prompts, and nothing would say so. The clock that a template sees stands still (ours).
"""

from typing import Any

from emoloom.errors import UserError

# 26 July 2024, what Llama's own template falls back to where there is no clock. Written out: names
# of days and months would depend on the locale.
_CLOCK = {
    "%d": "26",
    "%-d": "26",
    "%m": "07",
    "%-m": "7",
    "%y": "24",
    "%Y": "2024",
    "%a": "Fri",
    "%A": "Friday",
    "%b": "Jul",
    "%B": "July",
    "%H": "12",
    "%I": "12",
    "%p": "PM",
    "%M": "00",
    "%S": "00",
}

_FIRST, _SECOND, _THIRD = "\ue000first\ue001", "\ue000second\ue001", "\ue000third\ue001"


def render_chat(tokenizer: Any, messages: list[dict[str, str]], *, generation: bool) -> str:
    """The messages as the tokenizer's template writes them.

    Args:
        tokenizer: of transformers, with a chat template.
        messages: turns with `role` and `content`.
        generation: end with the start of an assistant's turn. Where a template knows models that
            think aloud (Qwen3), the turn starts behind an empty thought: an answer is one line.

    Raises:
        UserError: the template is broken or refuses these turns.
    """
    try:
        return str(
            tokenizer.apply_chat_template(
                messages,
                chat_template=_without_clock(tokenizer.get_chat_template()),
                tokenize=False,
                add_generation_prompt=generation,
                enable_thinking=False,
            )
        )
    except Exception as error:  # a template is a program: it may divide by zero
        raise UserError(
            "the chat template does not render a user's turn",
            got=" ".join(str(error).split())[:300] or repr(error),
            do="mend chat_template in the model's folder",
        ) from error


def injected_turn(tokenizer: Any) -> str:
    """What a template writes before the first user's turn of its own accord: a system turn.

    Found by comparing what stands before the first and before the second user's turn; all that
    stands before the first where a template refuses a second. A beginning-of-sequence token alone
    is no turn.

    Returns:
        The text, verbatim; empty where there is none, or no template.
    """
    if not tokenizer.chat_template:
        return ""
    turns = [
        {"role": "user", "content": _FIRST},
        {"role": "assistant", "content": _SECOND},
        {"role": "user", "content": _THIRD},
    ]
    try:
        rendered = render_chat(tokenizer, turns, generation=False)
    except UserError:
        rendered = render_chat(tokenizer, turns[:1], generation=True)
    before, _, rest = rendered.partition(_FIRST)
    between = rest.rpartition(_SECOND)[2].partition(_THIRD)[0]
    start = next(k for k in range(len(before) + 1) if between.endswith(before[k:]))
    added = before[:start]
    return "" if added == tokenizer.bos_token else added


def _without_clock(template: str) -> str:
    """The template with a `strftime_now` of its own, which hides the one of transformers.

    A macro, because transformers lets no function of ours into a template.
    """
    if "strftime_now" not in template:
        return template
    fixed = "".join(f" | replace('{code}', '{value}')" for code, value in _CLOCK.items())
    return f"{{% macro strftime_now(format) %}}{{{{ format{fixed} }}}}{{% endmacro %}}\n{template}"
