"""Small pieces of Markdown for the generated pages."""

import html
import json
from collections.abc import Iterable, Sequence
from typing import Any


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a bar in a cell would end it, so it is escaped."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell(text) for text in line)} |" for line in lines)


def cell(text: str) -> str:
    """One line, with bars escaped."""
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str) -> str:
    """Inline code; nothing for an empty text. A bar must not end a table's cell."""
    if "|" in text:
        return f"<code>{html.escape(text).replace('|', '&#124;')}</code>"
    return f"`{text}`" if text else ""


def fenced(text: str, kind: str) -> str:
    """A block of code."""
    return f"```{kind}\n{text.rstrip()}\n```"


def as_json(value: Any) -> str:
    """JSON for people: what fits on a line stays on one."""
    whole = json.dumps(value, ensure_ascii=False)
    return whole if len(whole) <= 100 else json.dumps(value, ensure_ascii=False, indent=2)


def join(*parts: str) -> str:
    """Blocks with an empty line between them; empty ones are left out."""
    return "\n\n".join(part for part in parts if part)
