"""Tokens of TF-IDF: words of any length, emoji, emoticons, `!` and `?` (ours).

What tells an emotion most plainly is often no word: 😂, `:(`, `<3`, `!!`. scikit-learn's own
tokens are words of two characters or more, and part `don't`, `don` and `t`, at its apostrophe.
"""

import unicodedata
from functools import cache
from typing import Any

from emoloom.corpora.lines import straight_apostrophes

_WORD = r"[^\W_]+(?:'[^\W_]+)*"

# Unicode's emoji sequences (UTS #51, 1.4.9): flags, keycaps, and pictographs with their skin tones
# and tags, joined or not.
_PICTOGRAPH = r"\p{Extended_Pictographic}(?:\p{EMod}|\uFE0F|[\U000E0020-\U000E007F]+)*"
_EMOJI = rf"\p{{RI}}\p{{RI}}|[0-9#*]\uFE0F?\u20E3|{_PICTOGRAPH}(?:\u200D{_PICTOGRAPH})*"

# What faces people type, after NLTK's `casual.py`, with those of Reddit. A mouth that is a letter
# or a slash ends there, so that `http://` and `:Day` hold none.
_EMOTICONS = (
    r"[<>]?[:;=]['^o-]?[)(\]\[}{*|\\@]+",  # :) ;-( :'( =] :*
    r"(?<!\w)[<>]?[:;=]['^o-]?[/dpos3xc]+(?![\w/])",  # :D ;P :-/ :3
    r"(?<!\w)[)(\]\[d]['^o-]?[:;=](?![\w)(])",  # (: D:
    r"(?<!\w)xd+(?!\w)",  # xD
    r"<(?:/?3)+(?!\d)",  # <3 </3
    r"(?<!\w)[t;q]_+[t;q](?!\w)",  # T_T ;_;
    r"(?<!\w)[o0u>][._][o0u<](?!\w)",  # o_O u_u >.<
    r"(?<![\w^<>=~-])[>~^-](?:_+|\.)[<~^-](?![\w^<>=~-])",  # ^_^ -_- >_<
    r"(?<!\^)\^\^(?!\^)",  # ^^
    r"\\o/|¯\\?_*\(ツ\)_*/¯",
)

_STRETCHED = r"([)(\]\[}{*d3])\1+$"
"""A mouth drawn out: `:)))` is `:)`, and `xDDD` is `xd`."""


def tf_idf_tokens(text: str) -> list[str]:
    """Tokens of a text, case-folded, in order.

    Words are runs of letters and digits with their inner apostrophes, made straight: `I` and
    `don't` are one each. One token each are an emoji with all that is joined to it (a family, a
    skin tone, a flag, a keycap), an emoticon, and every `!` and `?`. All else parts tokens.

    Args:
        text: Any text.
    """
    every, stretched = _patterns()
    plain = straight_apostrophes(unicodedata.normalize("NFC", text)).casefold()
    found = []
    for match in every.finditer(plain):
        token: str = match.group()
        if match.lastgroup == "face":
            token = stretched.sub(r"\1", token)
        elif match.lastgroup == "emoji":
            # Whether it asks to be shown in colour: ❤ may be typed with it or without.
            token = token.replace("\ufe0f", "")
        found.append(token)
    return found


@cache
def _patterns() -> tuple[Any, Any]:
    # Late: `regex`, which knows Unicode's emoji, is needed for TF-IDF alone.
    import regex

    every = f"(?P<emoji>{_EMOJI})|(?P<face>{'|'.join(_EMOTICONS)})|{_WORD}|[!?]"
    return regex.compile(every), regex.compile(_STRETCHED)
