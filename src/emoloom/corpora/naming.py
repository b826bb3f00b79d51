"""How the rows of a user's file are called: ids and groups are its own, and no other file's."""

from dataclasses import dataclass, replace

from emoloom.corpora.lines import MAX_NAME_CHARS, BadLineError, is_text_group, shown
from emoloom.records import Row


@dataclass(frozen=True, slots=True)
class Naming:
    """What stands before the ids and groups of one source."""

    source: str
    """Its name in the run."""
    shared_groups: bool = False
    """Its groups are those of other files too, where they are called alike."""

    def id(self, key: str) -> str:
        """`<source>/<id>`.

        Raises:
            BadLineError: it is too long to be written.
        """
        return self._short(f"{self.source}/{key}", "id")

    def group(self, name: str) -> str:
        """`<source>/<group>`, or the group alone where groups are shared.

        Raises:
            BadLineError: it is too long to be written.
        """
        return self._short(name if self.shared_groups else f"{self.source}/{name}", "group")

    def row(self, row: Row) -> Row:
        """A row of our own form under this name; what it says of its source stays.

        Raises:
            BadLineError: as `id`.
        """
        group = row.group
        if group == f"id:{row.id}":  # a row without a text and without a group: it is alone
            group = self._short(f"{self.source}/{group}", "group")
        elif group and not is_text_group(group):
            group = self.group(group)
        return replace(row, id=self.id(row.id), group=group)

    def _short(self, text: str, what: str) -> str:
        if len(text) > MAX_NAME_CHARS:
            raise BadLineError(f"the {what} {shown(text)}", "not long")
        return text
