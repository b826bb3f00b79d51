"""What every section of a config is, and the section on a data file of the user's own."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

OURS = "ours"
"""Type of the faults that are worded here and not by pydantic."""


class Settings(BaseModel):
    """Frozen; an unknown key is a fault, and so is a value of another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())


class MappingConfig(Settings):
    """What the columns of a file of your own mean (`emoloom data check FILE` guesses it)."""

    format: Literal["jsonl", "csv", "tsv", "parquet"] | None = Field(
        None, description="Of the file; told from its name and first bytes when left out."
    )
    quotes: bool | None = Field(
        None,
        description="Whether fields may stand in double quotes; when left out, in CSV they may, "
        "and in TSV they do where the file shows it.",
    )
    text: str = Field(min_length=1, description="Column of the text.")
    id: str | None = Field(None, description="Column of the id; the record's number if left out.")
    labels: str | None = Field(
        None, description="Column of the labels: text, or a list, also one printed as text."
    )
    label_separator: str = Field(
        ",", min_length=1, description="Between the labels of one row, where they are text."
    )
    valence: str | None = Field(
        None, description="Column of human valence: how pleasant (stars are one)."
    )
    arousal: str | None = Field(None, description="Column of human arousal.")
    dominance: str | None = Field(None, description="Column of human dominance.")
    vad_scale: tuple[float, float] = Field(
        (0.0, 1.0),
        description="Lowest and highest rating; the same for each dimension that the file has.",
    )
    split: str | None = Field(
        None, description="Column of the split: train, dev (valid, validation) or test."
    )
    split_shares: tuple[int, int, int] | None = Field(
        None,
        description="Without such a column: percent of the groups in train, dev and test, drawn "
        "by hash. With neither, a row set takes the whole file.",
    )
    group: str | None = Field(
        None, description="Column of the group (a conversation, a writer); else equal texts."
    )

    @property
    def rated(self) -> tuple[str, ...]:
        """Dimensions that have a column: some of valence, arousal, dominance."""
        columns = {"valence": self.valence, "arousal": self.arousal, "dominance": self.dominance}
        return tuple(name for name, column in columns.items() if column)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.labels and not self.rated:
            raise PydanticCustomError(
                OURS, "name a column of labels, or of valence, arousal or dominance, or several"
            )
        if self.vad_scale[0] >= self.vad_scale[1]:
            raise PydanticCustomError(OURS, "vad_scale must be [lowest, highest]")
        if self.split_shares and (min(self.split_shares) < 0 or sum(self.split_shares) != 100):
            raise PydanticCustomError(OURS, "split_shares must be three numbers that make 100")
        if self.split and self.split_shares:
            raise PydanticCustomError(OURS, "give split or split_shares, not both")
        return self
