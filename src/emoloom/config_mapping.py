"""What every section of a config is, and the section on a data file of the user's own."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, model_validator
from pydantic_core import PydanticCustomError

OURS = "ours"
"""Type of the faults that are worded here and not by pydantic."""


class Settings(BaseModel):
    """Frozen; an unknown key is a fault, and so is a value of another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())

    _written: Mapping[str, str] = PrivateAttr(default_factory=dict)

    def remember(self, name: str, text: str) -> None:
        """Keep how the config writes a path that is opened elsewhere."""
        self._written = {**self._written, name: text}

    def written(self, name: str) -> str:
        """A setting as the config writes it: no path of this machine's."""
        return self._written.get(name, str(getattr(self, name)))

    def moved(self, name: str) -> bool:
        """Whether a path is opened elsewhere than the config writes."""
        return name in self._written

    def as_written(self) -> dict[str, Any]:
        """Every setting, defaults included, as JSON values, paths as the config writes them."""
        found = self.model_dump(mode="json")
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Settings):
                found[name] = value.as_written()
            elif isinstance(value, tuple) and any(isinstance(one, Settings) for one in value):
                found[name] = [one.as_written() for one in value]
        return found | dict(self._written)

    def found_paths(self, at: tuple[str, ...] = ()) -> dict[tuple[str, ...], str]:
        """Where each path was found that the config writes otherwise, by its keys and indices."""
        found = {(*at, name): str(getattr(self, name)) for name in self._written}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Settings):
                found |= value.found_paths((*at, name))
            for index, one in enumerate(value if isinstance(value, tuple) else ()):
                if isinstance(one, Settings):
                    found |= one.found_paths((*at, name, str(index)))
        return found


def _three_shares(given: object) -> object:
    """Two shares are those of train and dev."""
    if isinstance(given, list | tuple):
        return (*given, 0) if len(given) == 2 else tuple(given)
    return given


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
    split_shares: Annotated[tuple[int, int, int] | None, BeforeValidator(_three_shares)] = Field(
        None,
        description="Without such a column: percent of the groups in train, dev and test, drawn "
        "by hash; `[80, 20]` is `[80, 20, 0]`. With neither, a row set takes the whole file.",
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
            message = "split_shares must be two or three numbers from 0 on that make 100"
            raise PydanticCustomError(OURS, message)
        if self.split and self.split_shares:
            raise PydanticCustomError(OURS, "give split or split_shares, not both")
        return self
