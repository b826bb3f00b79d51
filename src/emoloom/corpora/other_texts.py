"""Columns that look like texts as the guessed one does: said, since they are left out."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from emoloom.config_mapping import MappingConfig
from emoloom.corpora.guess import mean_length, sample_records
from emoloom.corpora.lines import shown
from emoloom.corpora.own_rows import COLUMN_ROLES
from emoloom.corpora.tables import columns_of, format_of

LEAST_LENGTH = 0.25
"""A column of texts is on average at least so long, as a share of the one that is read (ours)."""

_MOST_SHOWN = 6


def other_texts(path: Path, mapping: MappingConfig) -> tuple[str, ...]:
    """Columns that look like texts and have no part in a mapping that was guessed.

    Args:
        path: The file.
        mapping: The guess.

    Raises:
        UserError: the file cannot be read.
    """
    kind = mapping.format or format_of(path)
    used = {getattr(mapping, role) for role in COLUMN_ROLES}
    columns = columns_of(path, kind, mapping.quotes)
    sample = sample_records(path, kind, mapping.quotes)
    return texts_beside(mapping.text, [name for name in columns if name not in used], sample)


def texts_beside(
    text: str, others: Iterable[str], sample: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    """Of some columns, those that look like texts as the column of texts does.

    Over a third of their fields are several words, and on average they are not much shorter
    (`LEAST_LENGTH`).

    Args:
        text: The column of texts.
        others: The columns.
        sample: The first records.
    """
    least = LEAST_LENGTH * mean_length(sample, text)
    return tuple(
        name for name in others if _are_words(sample, name) and mean_length(sample, name) >= least
    )


def in_words(text: str, others: Sequence[str]) -> str:
    """What is left out; empty where nothing is."""
    if not others:
        return ""
    more = f" and {len(others) - _MOST_SHOWN} more" if len(others) > _MOST_SHOWN else ""
    named = ", ".join(map(shown, others[:_MOST_SHOWN])) + more
    return f"texts are read from {shown(text)} alone; left out, though like texts: {named}"


CHOOSE = "name another as `text` in the `mapping`, or join them into one column first"
"""How to read another column, or several."""


def _are_words(sample: Sequence[Mapping[str, Any]], column: str) -> bool:
    fields = [str(value) for record in sample if (value := record.get(column)) is not None]
    return 3 * sum(map(_is_words, fields)) > len(fields)  # in chats many are one word


def _is_words(field: str) -> bool:
    """Whether it has two words: no number, date, name of a class or address."""
    return sum(any(map(str.isalpha, word)) for word in field.split()) > 1
