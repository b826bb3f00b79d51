"""The verifier that a user asks for: a saved one, or one fitted on what the user has."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emoloom.corpora.crowd_envent import read_crowd_envent
from emoloom.corpora.isear import read_isear
from emoloom.corpora.labels import load_space
from emoloom.corpora.registry import read_corpus
from emoloom.errors import UserError
from emoloom.records import ATOMS, LabelSpace, Row
from emoloom.supervision.appraisal import Verifier
from emoloom.supervision.appraisal_fit import (
    MIN_TEXTS,
    THEORY,
    fit_verifier,
    from_ratings,
    from_theory,
)
from emoloom.supervision.theory import load_theory_table
from emoloom.supervision.verifier_file import load_verifier, save_verifier

_SAMPLE_SPACE = "goemotions28"


@dataclass(frozen=True, slots=True)
class VerifierRequest:
    """What a user gives of a verifier; nothing at all is allowed."""

    verifier: Path | None
    """A saved verifier, or None: one is fitted."""
    crowd_envent: Path | None
    """Where the user has crowd-enVENT."""
    isear: Path | None
    """Where the user has ISEAR."""
    theory: Path | None
    """A theory table of the user's own, for the atoms without human ratings."""
    save: Path | None
    """Where a fitted verifier goes."""


@dataclass(frozen=True, slots=True)
class TheoryRows:
    """Rows that the theory table is laid over."""

    space: LabelSpace
    """Of their labels."""
    rows: tuple[Row, ...]
    """Training rows; those without labels are of no use."""

    def enough(self) -> tuple[Row, ...]:
        """These rows, or the embedded sample where they are too few and it has their labels."""
        labelled = tuple(row for row in self.rows if row.answer.labels)
        if len(labelled) >= MIN_TEXTS or self.space.name != _SAMPLE_SPACE:
            return labelled
        return read_corpus("goemotions-sample", "train").rows


def get_verifier(
    request: VerifierRequest, say: Callable[[str], object], train: TheoryRows | None = None
) -> Verifier:
    """Load the verifier, or fit (and save) one and say how good it is on held-out texts.

    Atoms without human ratings are fitted on the theory table over training rows with labels; over
    the embedded GoEmotions sample where none are given, or too few in its label space.

    Raises:
        UserError: a file cannot be used, or options contradict each other.
    """
    fitting = (request.crowd_envent, request.isear, request.theory, request.save)
    if request.verifier is not None:
        if any(option is not None for option in fitting):
            raise UserError(
                "--verifier goes with no other option",
                do="leave it out to fit a verifier, or leave out the others to use a saved one",
            )
        return load_verifier(request.verifier)
    if request.save is not None:
        _check_target(request.save)
    verifier = _fit_verifier(request, say, train)
    for line in quality_lines(verifier):
        say(line)
    if request.save is not None:
        save_verifier(verifier, request.save)
    return verifier


def _fit_verifier(
    request: VerifierRequest, say: Callable[[str], object], train: TheoryRows | None
) -> Verifier:
    sets = []
    for name, path, read in (
        ("crowd-enVENT", request.crowd_envent, read_crowd_envent),
        ("ISEAR", request.isear, read_isear),
    ):
        if path is not None:
            found = read(path)
            if found.rejected:
                first = found.rejected[0]
                counts = f"{len(found.rejected)} of {found.records_in} records"
                say(f"{name}: {counts} left out, first on line {first.line}: {first.reason}")
            sets.append(from_ratings(name, found))
    rated = {atom for one in sets for atom in one.atoms}
    rest = [atom for atom in ATOMS if atom not in rated]
    if rest:
        given = train or TheoryRows(load_space(_SAMPLE_SPACE), ())
        table = load_theory_table(given.space, request.theory)
        sets.append(from_theory(given.enough(), table, rest))
    elif request.theory is not None:
        raise UserError("--theory is of no use: every atom has human ratings", do="leave it out")
    return fit_verifier(sets)


def _check_target(path: Path) -> None:
    """Refuse before the fit what could not be written after it."""
    above = next(parent for parent in path.absolute().parents if parent.exists())
    if path.is_dir() or not above.is_dir():
        raise UserError(
            f"cannot write {path}",
            got="a folder" if path.is_dir() else f"{above} is a file",
            allowed="a file in a folder",
            do="choose another --save",
        )


def quality_lines(verifier: Verifier) -> list[str]:
    """The held-out quality for people, one line an atom."""
    return [
        f"{one.atom}: fitted on {one.source} ({one.fitted_rows} texts); on {one.held_out_rows} "
        f"held out: AUROC {_shown(one.auroc)}, r {_shown(one.r)}"
        + (" with the table, which is no person" if one.source == THEORY else "")
        for one in verifier.quality
    ]


def _shown(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
