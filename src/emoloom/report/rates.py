"""Learning rates that were tried for each candidate, and which was taken."""

from collections.abc import Sequence
from dataclasses import dataclass

from emoloom.report.formats import finite
from emoloom.report.inputs import Record, RunInputs


@dataclass(frozen=True, slots=True)
class Trial:
    """One short training."""

    rate: float | None
    """Its learning rate."""
    loss: float | None
    """On the rows held out: that of labels plus that of digits; None where training broke."""
    labels: float | None
    """Cross-entropy of the labels' tokens, in nats; None where it is not known."""
    digits: float | None
    """The same of the digits."""
    said: str
    """What became of it."""


def rates_view(
    inputs: RunInputs, names: Sequence[str]
) -> tuple[tuple[str, tuple[Trial, ...]], ...]:
    """(candidate, its trials) of each that had any."""
    found = ((name, inputs.candidates[name].rates) for name in names if name in inputs.candidates)
    return tuple((name, _trials(records)) for name, records in found if records)


def _trials(records: Sequence[Record]) -> tuple[Trial, ...]:
    pairs = [(finite(one.get("loss")), finite(one.get("learning_rate"))) for one in records]
    whole = [(loss, rate) for loss, rate in pairs if loss is not None and rate is not None]
    # As the screen chooses: the lowest loss, of equal ones the lowest rate.
    best = min(whole, default=None)

    def said(pair: tuple[float | None, float | None], record: Record) -> str:
        if pair == best:
            return "taken"
        return "" if pair[0] is not None else str(record.get("reason") or "no loss")

    return tuple(
        Trial(
            pair[1],
            pair[0],
            finite(record.get("labels")),
            finite(record.get("digits")),
            said(pair, record),
        )
        for pair, record in zip(pairs, records, strict=True)
    )
