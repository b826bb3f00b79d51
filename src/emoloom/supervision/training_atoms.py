"""The verifier's atoms of training rows, never from a fit on the row itself (ours).

A verifier that stands in by the theory table is fitted on the training rows: of these it would say
their own labels again (docs/decisions/0021-measured-targets.md: r of 0.7 to 0.8 with them).
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emoloom.corpora.near_duplicates import near_duplicate_groups
from emoloom.draws import generator
from emoloom.errors import UserError
from emoloom.records import ATOMS, Appraisal, Row
from emoloom.supervision.appraisal import Verifier
from emoloom.supervision.appraisal_fit import THEORY, RatedSet, from_theory
from emoloom.supervision.appraisal_regression import fit_part
from emoloom.supervision.theory import load_theory_table
from emoloom.supervision.verifier_choice import TheoryRows, VerifierRequest

FOLDS = 5
"""Parts of the training rows; of each the atoms are by a fit on the others."""


def training_atoms(
    verifier: Verifier, request: VerifierRequest, train: TheoryRows, rows: Sequence[Row]
) -> tuple[Appraisal, ...]:
    """The atoms of each row: out of fold where the verifier was fitted on training rows.

    Args:
        verifier: As `get_verifier` made it of this request and these rows.
        request: A saved verifier, and atoms with human ratings, are applied as they are.
        train: What the theory table was laid over.
        rows: Training rows, and their flips.
    """
    values_NA = verifier.matrix([row.text for row in rows])
    own = [one.atom for one in verifier.quality if one.source == THEORY]
    if request.verifier is None and own and rows:
        fitted = train.enough()
        rated = from_theory(fitted, load_theory_table(train.space, request.theory), own)
        folds = row_folds([*fitted, *rows])
        columns = [ATOMS.index(atom) for atom in rated.atoms]
        values_NA[:, columns] = _out_of_fold(rated, folds, [row.text for row in rows])
    return tuple(Appraisal(*line) for line in values_NA.tolist())


def row_folds(rows: Sequence[Row]) -> NDArray[np.int64]:
    """Fold of each row, in [0, `FOLDS`): the same for all that are linked, directly or by others.

    Rows are linked by nearly the same text, and by their group: a flip has that of its original.
    """
    near = near_duplicate_groups([row.text for row in rows])
    leader = list(range(len(rows)))

    def root(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    first_of_group: dict[str, int] = {}
    for index, row in enumerate(rows):
        for other in (near[index], first_of_group.setdefault(row.group, index)):
            one, two = sorted((root(index), root(other)))
            leader[two] = one
    roots = [root(index) for index in range(len(rows))]
    sizes = Counter(roots)
    order = generator(0, "atom-folds").permutation(len(sizes))
    fold_of = {one: int(order[place]) % FOLDS for place, one in enumerate(sizes)}
    return np.array([fold_of[one] for one in roots], dtype=np.int64)


def _out_of_fold(
    rated: RatedSet, folds: NDArray[np.int64], texts: Sequence[str]
) -> NDArray[np.float64]:
    """(texts, atoms): what a fit without the text's fold says; `folds` of those fitted, then these.

    Where the other folds do not do for a fit, their mean says nothing of the text.
    """
    seen_fold, fold = folds[: len(rated.texts)], folds[len(rated.texts) :]
    found = np.empty((len(texts), len(rated.atoms)))
    for number in range(FOLDS):
        asked, kept = np.flatnonzero(fold == number), np.flatnonzero(seen_fold != number)
        try:
            part = fit_part(rated.atoms, [rated.texts[k] for k in kept], rated.fitted[kept])
            found[asked] = part.probabilities([texts[k] for k in asked])
        except UserError:
            found[asked] = (rated.fitted[kept] if len(kept) else rated.fitted).mean(axis=0)
    return found
