"""Mirror pairs: which label becomes which when the polarity of a text is flipped (ours)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from emoloom.corpora.lines import read_lines, shown
from emoloom.errors import UserError
from emoloom.records import LabelSpace

_FOLDER = Path(__file__).resolve().parents[1] / "data" / "mirror_pairs"
_HEADER = ("label", "mirror", "source", "reason")
_ALLOWED = "tab-separated: label, mirror, source, reason (the last two may be left out)"


@dataclass(frozen=True, slots=True)
class MirrorPairs:
    """A symmetric map between labels of one space: mirror(mirror(x)) = x."""

    space: LabelSpace
    """Whose labels these are."""
    mirror: Mapping[str, str]
    """Label -> its mirror, both ways round. A label that is not here has none."""

    def of(self, labels: tuple[str, ...]) -> tuple[str, ...] | None:
        """The mirrors of a row's labels in the order of the space; None if one has no mirror."""
        if not all(label in self.mirror for label in labels):
            return None
        mirrored = {self.mirror[label] for label in labels}
        return tuple(label for label in self.space.labels if label in mirrored)


def known_mirror_pairs() -> tuple[str, ...]:
    """Names of the label spaces whose mirror pairs ship, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.tsv")))


def load_mirror_pairs(space: LabelSpace, path: Path | None = None) -> MirrorPairs:
    """Load the mirror pairs that ship for a label space, or a user's file.

    A line is a pair and holds both ways round; to write it both ways is allowed. The first line
    may be the header `label, mirror, source, reason`.

    Raises:
        UserError: none ship for this space and no file is given; the file cannot be read or holds
            no pair; or a line has a label that is not of the space, a label that is its own
            mirror, or a label with another mirror than before (not symmetric).
    """
    if path is None and space.name not in known_mirror_pairs():
        raise UserError(
            f"no mirror pairs ship for the label space {space.name}",
            allowed=", ".join(known_mirror_pairs()),
            do="give a file of your own",
        )
    path = path or _FOLDER / f"{space.name}.tsv"
    mirror: dict[str, str] = {}
    for number, pair in _pairs(path):
        for label, other in (pair, pair[::-1]):
            _check(path, number, label, other, space)
            if mirror.setdefault(label, other) != other:
                raise UserError(
                    f"the mirror pairs of {path} are not symmetric",
                    got=f"line {number}: {label} - {other}, but before {label} - {mirror[label]}",
                    allowed="at most one mirror for a label",
                    do="remove one of the two lines",
                )
    if not mirror:
        raise UserError(f"{path} holds no mirror pair", allowed=_ALLOWED, do="give a pair a line")
    return MirrorPairs(space, mirror)


def _pairs(path: Path) -> Iterator[tuple[int, tuple[str, str]]]:
    for number, line in read_lines(path):
        fields = [field.strip() for field in line.split("\t")]
        if not line.strip() or tuple(fields[:2]) == _HEADER[:2]:
            continue
        if not 2 <= len(fields) <= len(_HEADER):
            raise UserError(
                f"line {number} of {path} is no mirror pair",
                got=f"{len(fields)} columns: {shown(line)}",
                allowed=_ALLOWED,
                do="mend the line",
            )
        yield number, (fields[0], fields[1])


def _check(path: Path, number: int, label: str, other: str, space: LabelSpace) -> None:
    if label not in space.labels:
        raise UserError(
            f"line {number} of {path} has a label that is not of the space {space.name}",
            got=shown(label),
            allowed=", ".join(space.labels),
            do="mend the name, or give the label space that these pairs are for",
        )
    if label == other:
        raise UserError(
            f"line {number} of {path} makes a label its own mirror",
            got=label,
            allowed="two different labels",
            do="remove the line: a label without a mirror is not listed",
        )
