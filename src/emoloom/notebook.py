"""Small HTML tables for notebooks. Every text in them is data, and escaped."""

import html
from collections.abc import Iterable, Sequence


def escaped(text: object) -> str:
    """The text as HTML; control and bidirectional characters become replacement characters."""
    plain = str(text)
    return html.escape("".join(c if c.isprintable() or c in "\n\t" else _STRANGE for c in plain))


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """An HTML table; None is shown as a dash."""
    head = "".join(f"<th>{escaped(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    above = f"<caption>{escaped(caption)}</caption>" if caption else ""
    return f"<table>{above}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


_STRANGE = "\N{REPLACEMENT CHARACTER}"


def _cell(value: object) -> str:
    if value is None:
        return "<td>–</td>"
    return f"<td>{escaped(f'{value:.3f}' if isinstance(value, float) else value)}</td>"
