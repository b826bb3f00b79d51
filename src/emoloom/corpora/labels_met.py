"""Whether a column of labels names any that can be used, over all of a file."""

from dataclasses import dataclass
from pathlib import Path

from emoloom.corpora.lines import shown
from emoloom.errors import UserError
from emoloom.records import LabelSpace


@dataclass(slots=True)
class LabelsMet:
    """Cells of a column of labels, by what became of them. Empty cells are not counted."""

    named: int = 0
    """Cells with a label."""
    ids: int = 0
    """Of them, lists of numbers that are no labels."""
    placed: int = 0
    """Cells whose labels can all be used."""
    empty: int = 0
    """Empty lists: annotated with no label."""
    example: object = None
    """The first cell with a label."""

    def name(self, value: object) -> None:
        """A cell is not empty."""
        self.named += 1
        self.example = value if self.named == 1 else self.example

    def check(self, path: Path, space: LabelSpace | None) -> None:
        """See that it is not the empty lists alone that make rows.

        They are `neutral`, or rejected: without this a file of ids would be a set of `neutral`
        alone in one label space, and no set in another.

        Args:
            path: Of the file, all of which is read.
            space: That its labels are held against.

        Raises:
            UserError: no cell with a label can be used, and there are empty lists beside.
        """
        if self.placed or not self.named or not self.empty:
            return
        many = "1 labelled record" if self.named == 1 else f"{self.named:,} labelled records"
        others = "1 other is" if self.empty == 1 else f"{self.empty:,} others are"
        got, allowed = f"labels = {shown(self.example)}", "names of labels"
        do = "write the names of the labels for the numbers"
        if self.ids < self.named:
            allowed = "names of labels" if space is None else f"the names of {space.name}"
            do = "give a label space that has these, or a `label_space` and `label_map` of your own"
        raise UserError(
            f"{path}: none of its {many} can be read, and the {others} annotated with no label",
            got=f"{got}, a list of numbers" if self.ids == self.named else got,
            allowed=allowed,
            do=do,
        )
