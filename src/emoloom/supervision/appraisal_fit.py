"""Fitting the appraisal verifier and measuring it on held-out texts (ours).

Ratings are kept ordinal: a text rated p of the way up the scale counts as p of a positive and
1 - p of a negative. Where people's ratings are missing, the theory table's value of the row's
labels stands in. The verifier that comes back is the one that was measured: it is not fitted
again on the held-out texts. See docs/decisions/0011-appraisal-verifier.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emoloom.corpora.near_duplicates import near_duplicate_groups
from emoloom.corpora.rated_events import RatingsRead
from emoloom.draws import generator
from emoloom.errors import UserError
from emoloom.records import ATOMS, Row
from emoloom.supervision.appraisal import (
    AtomQuality,
    Verifier,
    VerifierPart,
    auroc,
    pearson,
)
from emoloom.supervision.appraisal_regression import fit_part
from emoloom.supervision.theory import TheoryTable

THEORY = "theory table"
"""Source of atoms without human ratings."""

HELD_OUT = 0.2
"""Share of the near-duplicate groups that is held out."""

MIN_TEXTS = 50
"""Fewest texts on which a verifier is fitted and measured."""


@dataclass(frozen=True, slots=True)
class RatedSet:
    """Texts with targets, to fit some atoms on."""

    source: str
    """`crowd-enVENT`, `ISEAR` or `theory table`."""
    atoms: tuple[str, ...]
    """In the order of `records.ATOMS`; A of them."""
    texts: tuple[str, ...]
    """N texts."""
    fitted: NDArray[np.float64]
    """(N, A) in [0, 1]: what is fitted."""
    measured: NDArray[np.float64]
    """(N, A) in [0, 1]: what is measured against."""
    related: NDArray[np.float64] | None = None
    """(N, K), about 0 to 1: what else is known of the texts, to learn from; see `fit_part`."""
    inputs: tuple[tuple[str, str], ...] = ()
    """(name, sha256) of the files."""


def from_ratings(source: str, read: RatingsRead) -> RatedSet:
    """Human ratings: all raters' mean is fitted, the writer's own is measured against."""
    return RatedSet(
        source=source,
        atoms=read.atoms,
        texts=tuple(row.text for row in read.rows),
        fitted=np.array([row.pooled for row in read.rows]),
        measured=np.array([row.own for row in read.rows]),
        related=np.array([row.related for row in read.rows]),
        inputs=tuple((file.name, file.sha256) for file in read.files),
    )


def from_theory(rows: Sequence[Row], table: TheoryTable, atoms: Sequence[str]) -> RatedSet:
    """Rows with labels, their target the mean profile of the labels. Others are left out.

    Raises:
        UserError: a label of a row is not in the table.
    """
    labelled = [(row.text, row.answer.labels) for row in rows if row.answer.labels]
    strange = {label for _, labels in labelled for label in labels} - set(table.profiles)
    if strange:
        raise UserError(
            "a row has a label that the theory table does not know",
            got=min(strange),
            allowed=f"the labels of {table.space}",
            do="give the table of the rows' label space",
        )
    columns = [ATOMS.index(atom) for atom in atoms]
    targets = np.array([table.target(labels) for _, labels in labelled]).reshape(-1, len(ATOMS))
    texts = tuple(text for text, _ in labelled)
    values = targets[:, columns]
    inputs = ((f"theory table {table.space}", table.sha256),)
    return RatedSet(THEORY, tuple(atoms), texts, values, values, None, inputs)


def fit_verifier(sets: Sequence[RatedSet], seed: int = 0) -> Verifier:
    """Fit every set on its own and measure it on texts held out.

    Args:
        sets: Between them each atom once.
        seed: Of the held-out split, the only thing that is drawn.

    Raises:
        UserError: a set has fewer than `MIN_TEXTS` texts, no word, or targets all 0 or all 1.
    """
    parts: list[VerifierPart] = []
    quality: dict[str, AtomQuality] = {}
    for rated in sets:
        part, found = _fit_part(rated, held_out_of(rated, seed))
        parts.append(part)
        quality.update({one.atom: one for one in found})
    inputs = tuple(one for rated in sets for one in rated.inputs)
    return Verifier(tuple(parts), tuple(quality[atom] for atom in ATOMS), seed, inputs)


def held_out(texts: Sequence[str], share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(N,): True for texts held out. Texts that are nearly the same are on the same side."""
    groups = np.array(near_duplicate_groups(texts))
    distinct = np.unique(groups)
    chosen = rng.permutation(distinct)[: round(share * len(distinct))]
    return np.isin(groups, chosen)


def held_out_of(rated: RatedSet, seed: int) -> NDArray[np.bool_]:
    """(N,): True for the texts that measure the fit, whatever other sets there are."""
    chance = generator(seed, "verifier-held-out", ATOMS.index(rated.atoms[0]))
    return held_out(rated.texts, HELD_OUT, chance)


def _fit_part(rated: RatedSet, out: NDArray[np.bool_]) -> tuple[VerifierPart, list[AtomQuality]]:
    if len(rated.texts) < MIN_TEXTS:
        raise UserError(
            f"too few texts with {' and '.join(rated.atoms)} ({rated.source})",
            got=str(len(rated.texts)),
            allowed=f"at least {MIN_TEXTS}",
            do="give more of them",
        )
    texts = [text for text, is_out in zip(rated.texts, out, strict=True) if not is_out]
    related = None if rated.related is None else rated.related[~out]
    part = fit_part(rated.atoms, texts, rated.fitted[~out], related)
    unseen = [text for text, is_out in zip(rated.texts, out, strict=True) if is_out]
    scores = part.probabilities(unseen)
    gold = rated.measured[out]
    return part, [
        AtomQuality(
            atom=atom,
            source=rated.source,
            auroc=auroc((gold[:, column] > 0.5).tolist(), scores[:, column].tolist()),
            r=pearson(gold[:, column].tolist(), scores[:, column].tolist()),
            fitted_rows=len(texts),
            held_out_rows=len(unseen),
        )
        for column, atom in enumerate(rated.atoms)
    ]
