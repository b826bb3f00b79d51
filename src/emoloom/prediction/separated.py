"""Records of CSV and TSV as their lines arrive, by the rules of Python's `csv`, as corpora's."""

import csv
from collections.abc import Iterator

from emoloom.prediction.inputs import MOST_BYTES, decoded


class _NothingYetError(Exception):
    """No more lines are there yet; those of the record under way are kept."""


class _Feed:
    """The lines of one record at a time; those taken are given again after a wait."""

    def __init__(self, lines: Iterator[bytes | None]) -> None:
        self.kept: list[str] = []
        self.fault = ""
        self._lines, self._at, self._size = lines, 0, 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._at == len(self.kept):
            raw = next(self._lines)
            if raw is None:
                raise _NothingYetError
            self._size += len(raw)
            if self._size > MOST_BYTES:
                raise csv.Error(f"a record of over {MOST_BYTES} bytes")
            text, fault = decoded(raw)
            # A bad byte spoils the record; its quotes are counted all the same.
            self.fault = self.fault or fault
            self.kept.append(f"{text}\n")
        self._at += 1
        return self.kept[self._at - 1]

    def again(self) -> None:
        """Give the record's lines once more."""
        self._at = 0

    def forget(self) -> None:
        """Begin the next record."""
        self.kept, self.fault, self._at, self._size = [], "", 0, 0


def separated_records(
    lines: Iterator[bytes | None], *, delimiter: str, quotes: bool
) -> Iterator[list[str] | str | None]:
    """The fields of each record, or what is wrong with it; None where nothing more is there yet.

    Args:
        lines: From `inputs.ready_lines`.
        delimiter: Between fields.
        quotes: Whether a field may stand in double quotes, and then hold line ends.
    """
    feed = _Feed(lines)
    while True:
        try:
            fields = next(
                csv.reader(
                    feed,
                    strict=True,
                    delimiter=delimiter,
                    quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE,
                )
            )
        except StopIteration:
            return
        except _NothingYetError:
            feed.again()
            yield None
            continue
        except csv.Error as error:
            over = f", over {len(feed.kept)} lines" if len(feed.kept) > 1 else ""
            yield f"no CSV record{over}: {error}"
        else:
            yield feed.fault or fields
        feed.forget()
