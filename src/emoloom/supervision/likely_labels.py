"""Labels for rows that have none: what stands in their answers, untrained, before what is (ours).

People's VAD is then learnt behind labels such as the model will write, and not behind one alone.
"""

from collections import Counter
from collections.abc import Sequence

from emoloom.records import LabelSpace, Row
from emoloom.supervision.tf_idf import label_probabilities


def commonest_label(rows: Sequence[Row], space: LabelSpace) -> str:
    """The label most rows have (ties: order of the space); the space's last if none has any."""
    counts = Counter(label for row in rows for label in row.answer.labels or ())
    if not counts:
        return space.labels[-1]
    return max(space.labels, key=lambda label: counts[label])


def likely_labels(rows: Sequence[Row], space: LabelSpace) -> dict[str, str]:
    """The likeliest label of each row that has none, by TF-IDF of those that have.

    A function of these rows alone. Likeliest by the regressions of the floor `tf-idf`, which weigh
    every label alike (ties: order of the space). The commonest label stands where they say nothing:
    no row has labels, or the text shares no word with one that has.

    Args:
        rows: The training rows.
        space: Of their labels.

    Returns:
        Id of each row without labels -> its label.
    """
    known = [(row.text, row.answer.labels) for row in rows if row.answer.labels is not None]
    bare = [row for row in rows if row.answer.labels is None]
    commonest = commonest_label(rows, space)
    found = label_probabilities(known, [row.text for row in bare], space)
    if found is None:
        return {row.id: commonest for row in bare}
    probability_NL, said_N = found
    likeliest_N = probability_NL.argmax(axis=1)
    return {
        row.id: space.labels[best] if said else commonest
        for row, best, said in zip(bare, likeliest_N.tolist(), said_N.tolist(), strict=True)
    }
