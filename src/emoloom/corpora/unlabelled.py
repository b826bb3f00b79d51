"""A file whose labels cannot be read, and of which rows annotated with none alone are left."""

from dataclasses import dataclass, field

from emoloom.corpora.own_rows import ReadAs
from emoloom.errors import UserError
from emoloom.records import Rejected, Row


@dataclass(slots=True)
class NamedLabels:
    """Whether any record that names a label became a row; mutable, for one reading of a file."""

    read_as: ReadAs
    """Of the same reading."""
    rows: int = 0
    """Rows."""
    rated: int = 0
    """Of them, rows with VAD."""
    refused: int = 0
    """Records that name a label and were turned away."""
    first: str = field(default="", init=False)
    """The first of these, and why."""

    def count(self, record: Row | Rejected) -> None:
        """Take in a record."""
        if isinstance(record, Row):
            self.rows += 1
            self.rated += record.answer.vad is not None
        elif record.labels:
            self.refused += 1
            self.first = self.first or f"line {record.line}: {record.reason}"

    def check(self, name: str) -> None:
        """See that more is left of a file than rows annotated with no label.

        Args:
            name: Of the file.

        Raises:
            UserError: it names labels, none of them can be read, and no row has VAD.
        """
        if not self.refused or not self.rows or self.rated or self.rows > self.read_as.neutral:
            return
        raise UserError(
            f"{name}: none of its {self.refused:,} records that name a label can be read, and the "
            f"other {self.rows:,} are annotated with no label",
            got=self.first,
            do="mend the labels, or give a label space that has them",
        )
