"""What decoding one row set needs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from emoloom.decoding.verified import DecodeSettings
from emoloom.models.certificate import Certificate
from emoloom.records import Prediction, Row
from emoloom.screening.answer_cache import AnswerCache


@dataclass(frozen=True, slots=True)
class DecodeJob:
    """What decoding one row set needs."""

    rows: tuple[Row, ...]
    """Rows to be answered."""
    certificate: Certificate
    """Of the base model."""
    canonical: bool
    """True for one forward a token, by definition; False for the verified decoder."""
    settings: DecodeSettings
    """Sizes."""
    hints: Mapping[str, Prediction]
    """First drafts by row id."""
    taught: tuple[Prediction, ...]
    """Answers that the model was trained to write, for the drafts."""
    inputs: str
    """Fingerprint of all that affects an answer: rows kept from before must have the same."""
    turn: str = ""
    """Names the pass where the rows are decoded again with a wider margin."""
    audit_share: float = 0.0
    """Share of the packed rows that are decoded again canonically and compared."""
    audit_rows: int = 0
    """At least so many of them."""
    measured: bool = False
    """True where the margin is measured again: the certificate is of another model, the base in
    fp32, or of smaller packs."""
    cache: AnswerCache | None = None
    """Answers of earlier runs; None to decode every row."""


Event = Callable[..., None]
"""Told an event's name and, by keyword, its details."""
