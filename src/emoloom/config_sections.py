"""The sections of a config: frozen settings, each with its unit and meaning."""

from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from emoloom.config_mapping import OURS, MappingConfig, Settings
from emoloom.errors import UserError
from emoloom.sizes import PACK_ROWS, PACK_TOKENS, TRAIN_PACK_TOKENS

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


_Value = TypeVar("_Value")


def held_against(kind: str) -> AfterValidator:
    """Runs the check of this kind, if there is one, beside all other checks of the config."""

    def check(value: _Value, info: ValidationInfo) -> _Value:
        try:
            (info.context or {}).get(kind, bool)(value)
        except UserError as error:
            raise PydanticCustomError(OURS, "{why}", {"why": str(error)}) from None
        return value

    return AfterValidator(check)


_Values = TypeVar("_Values", bound=tuple[object, ...])


def distinct(values: _Values, info: ValidationInfo) -> _Values:
    """The recipes or seeds, if none stands twice."""
    if len(set(values)) < len(values):
        what = str(info.field_name).removesuffix("s")
        raise PydanticCustomError(OURS, "a {what} stands twice", {"what": what})
    return values


class RowsConfig(Settings):
    """Rows of one corpus, or of one file of your own, in a row set."""

    corpus: str | None = Field(
        None,
        description="Name of a corpus (`emoloom data list`), or `hf:org/name[@revision]` for the "
        "hub's copy of one.",
    )
    file: Path | None = Field(
        None, description="JSON Lines, CSV, TSV or Parquet of your own, in place of a corpus."
    )
    name: str | None = Field(
        None,
        pattern=NAME,
        description="What the file's rows are called: their `source`, and the beginning of their "
        "ids. Its name without the ending when left out, with as many folders as tell it from the "
        "config's other files.",
    )
    mapping: MappingConfig | None = Field(
        None, description="What the file's columns mean; guessed, and said, when left out."
    )
    licence: str | None = Field(
        None, min_length=1, description="Licence of the file, carried to the exports."
    )
    rows: int | None = Field(
        None, ge=1, description="Rows drawn in natural proportions; all of them when left out."
    )
    path: Path | None = Field(
        None, description="Folder or file of the corpus's official files; not for shipped samples."
    )
    label_space: str | None = Field(
        None,
        description="Label space of the file, a name or a file, where it is another than `labels`.",
    )
    label_map: Path | None = Field(
        None,
        description="A label map of your own, from the rows' labels to `labels` (in `data.cross` "
        "the other way too); those that ship are found without it (`emoloom labels list`).",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.corpus is None) == (self.file is None):
            raise PydanticCustomError(OURS, "give either `corpus` or `file`")
        if self.file is None and (self.mapping or self.licence or self.label_space or self.name):
            message = "`name`, `mapping`, `licence` and `label_space` go with `file`"
            raise PydanticCustomError(OURS, message)
        if self.file is not None and self.path is not None:
            raise PydanticCustomError(OURS, "`path` goes with `corpus`")
        return self


class HeldOutRowsConfig(RowsConfig):
    """Rows of one corpus, or of one file of your own, that are kept for the best set alone."""

    dev_share: int | None = Field(
        None,
        ge=1,
        le=90,
        description="For what has no test split: so many per cent of the groups of its dev split, "
        "by hash, are kept out of `select`, and are drawn from here.",
    )


class DataConfig(Settings):
    """Row sets, shared by all candidates."""

    train: tuple[Annotated[RowsConfig, held_against("train")], ...] = Field(
        min_length=1, description="Drawn from train splits."
    )
    select: tuple[Annotated[RowsConfig, held_against("select")], ...] = Field(
        min_length=1, description="Drawn from dev splits; ranks the candidates."
    )
    cross: tuple[Annotated[RowsConfig, held_against("cross")], ...] = Field(
        (),
        description="Drawn from test splits of corpora that are not in `train`: every trained "
        "candidate and floor answers them; never ranks.",
    )
    test: tuple[Annotated[HeldOutRowsConfig, held_against("test")], ...] = Field(
        (),
        description="Drawn from test splits: the best set answers them once, after all that "
        "ranks, and that score is the one to quote; never ranks.",
    )
    shared_groups: bool = Field(
        False,
        description="A group is the same in every file of yours that names it so; else each "
        "file's groups are its own.",
    )
    near_duplicates: bool = Field(
        True,
        description="Take out of train what nearly stands in another set too, and out of select "
        "what does in `test`; false for equal texts alone, which is faster.",
    )


class ModelConfig(Settings):
    """One base model."""

    source: Annotated[str, held_against("model")] = Field(
        description="A built-in name, `hf:org/name@revision`, `pypi:...`, a folder or a .gguf file."
    )
    name: str | None = Field(
        None, pattern=NAME, description="Name in the tables; made from the source if left out."
    )
    allow_large: bool = Field(False, description="Allow more than 2 billion parameters.")
    trust_remote_code: bool = Field(
        False, description="Fetch and run this model's own Python code: it can do anything."
    )


class FloorConfig(Settings):
    """A floor beside those of every screen: a frozen encoder of texts under linear models."""

    source: Annotated[str, held_against("floor")] = Field(
        description="`minilm-l6`, `hf:org/name@revision`, or a folder: an encoder as BERT is."
    )
    name: str | None = Field(
        None, pattern=NAME, description="Name in the tables; made from the source if left out."
    )


class WeightsConfig(Settings):
    """Weights of the loss terms beside `lm`, where a recipe has them; 0 leaves a term out."""

    labels: float = Field(0.1, ge=0, le=100, description="BCE of the labels' head.")
    vad: float = Field(0.1, ge=0, le=100, description="Euclidean distance of the VAD head.")
    vad_preserving: float = Field(
        0.5, ge=0, le=100, description="Distance of the VAD that the generated text implies."
    )
    appraisal: float = Field(
        0.1, ge=0, le=100, description="BCE of the appraisal atoms that the labels imply."
    )


class FieldsConfig(Settings):
    """Weight of each field's mean cross-entropy in the loss; divided by their sum."""

    labels: float = Field(
        0.45, ge=0, le=100, description="The labels, up to the bracket that closes their list."
    )
    digits: float = Field(0.3, ge=0, le=100, description="The digits of v, a and d.")
    rationale: float = Field(
        0.15, ge=0, le=100, description="The cue words, and the end of the answer."
    )
    skeleton: float = Field(0.1, ge=0, le=100, description="The JSON around them.")

    @model_validator(mode="after")
    def _some_weight(self) -> Self:
        if not self.labels + self.digits + self.rationale + self.skeleton:
            raise PydanticCustomError(OURS, "all weights are 0; at least one must be above 0")
        return self


class SpreadsConfig(Settings):
    """How far around a value other digits are wanted too: s of exp(-(x - t)^2 / 2 s^2)."""

    human: float = Field(0.05, gt=0, le=1, description="Around what people rated.")
    weak: float = Field(
        0.03, gt=0, le=1, description="Around weak VAD, and around what a probe reads off a text."
    )


class CutConfig(Settings):
    """Which rows are trained on up to a field of their answers alone."""

    labels: float = Field(
        0.25,
        ge=0,
        lt=1,
        description="Share that ends behind the labels, of rows with labels and no human VAD.",
    )
    digits: float = Field(
        0.25, ge=0, lt=1, description="Share of the rows that end behind the digits of VAD."
    )

    @model_validator(mode="after")
    def _some_whole(self) -> Self:
        if self.labels + self.digits > 0.9:
            raise PydanticCustomError(
                OURS, "`labels` and `digits` leave under a tenth of the rows whole: give less"
            )
        return self


class AppraisalConfig(Settings):
    """What the appraisal verifier is made of, where a recipe has it."""

    verifier: Path | None = Field(
        None, description="A saved one (`emoloom appraise --save`); fitted when left out."
    )
    crowd_envent: Path | None = Field(None, description="Where you have crowd-enVENT.")
    isear: Path | None = Field(None, description="Where you have ISEAR.")
    theory: Path | None = Field(
        None, description="A theory table of your own, for what nobody rated."
    )


class MixtureConfig(Settings):
    """A/B mixture with a temperature that follows what is learnt, where a recipe has it."""

    pool_a: tuple[str, ...] = Field(
        (), description="Corpora of pool A; the first of `data.train` when left out."
    )
    tau0: float = Field(
        5.0, ge=1, le=100, description="Temperature before anything is learnt; 1: the natural draw."
    )
    excess_low: float = Field(
        -0.5,
        ge=-100,
        le=100,
        description="Held-out loss of first labels less that of base rates, in nats, at which the "
        "draw is natural.",
    )
    excess_high: float = Field(
        0.0, ge=-100, le=100, description="The same at which the draw is the flattest."
    )
    held_out: int = Field(
        32,
        ge=1,
        le=100_000,
        description="Labelled train rows that are not drawn, but measured; a tenth at most.",
    )
    measure_steps: int = Field(
        10, ge=1, le=100_000, description="Steps from one measurement to the next."
    )
    most_draws: int = Field(4, ge=1, le=100, description="Draws of one row in an epoch, at most.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.excess_low >= self.excess_high:
            raise PydanticCustomError(OURS, "excess_low must be below excess_high")
        return self


class TrainingConfig(Settings):
    """How every recipe trains: LoRA on answer tokens."""

    epochs: int = Field(1, ge=1, le=100, description="Passes over the train rows.")
    batch_rows: int = Field(8, ge=1, le=4096, description="Rows in one optimiser step.")
    pack_tokens: int = Field(
        TRAIN_PACK_TOKENS,
        ge=64,
        le=65536,
        description="Tokens in one packed forward; changes speed, not loss.",
    )
    learning_rate: float = Field(1e-3, gt=0, lt=1, description="Peak rate of AdamW.")
    warmup_share: float = Field(0.1, ge=0, le=1, description="Share of steps with a rising rate.")
    decay_share: float = Field(0.2, ge=0, le=1, description="Share of steps with a falling rate.")
    lora_rank: int = Field(16, ge=1, le=512, description="Rank of each adapter matrix.")
    max_text_tokens: int = Field(
        256, ge=8, le=8192, description="Longer texts are cut at the end, counted and flagged."
    )
    dtype: Literal["float32", "bfloat16"] = Field(
        "float32", description="Of the matrix products; weights and losses stay fp32."
    )
    recompute: bool = Field(
        False, description="Work activations out again going back: less memory, more time."
    )
    checkpoint_steps: int = Field(
        25, ge=1, description="Steps between two checkpoints, from which a killed run goes on."
    )
    distil: float = Field(
        0.7,
        ge=0,
        le=1,
        description="Where a recipe distils the frozen probe: weight of the VAD that is read off a "
        "text against the row's own.",
    )
    level: float = Field(
        0.5,
        ge=0,
        le=1,
        description="How far a recipe that balances labels levels their base rates in answers: 0 "
        "not at all, 1 until all are alike.",
    )
    label_margin: float = Field(
        0,
        ge=0,
        le=20,
        description="By how much, in nats, the loss of such a recipe lowers labels against other "
        "tokens, so that answers hold no word that is no label. `level` must be above 0.",
    )
    mirror_pairs: Path | None = Field(
        None, description="Mirror pairs of labels of your own, for Valence Flip."
    )
    appraisal: AppraisalConfig = AppraisalConfig()
    weights: WeightsConfig = WeightsConfig()
    fields: FieldsConfig = FieldsConfig()
    spreads: SpreadsConfig = SpreadsConfig()
    cut: CutConfig = CutConfig()
    mixture: MixtureConfig = MixtureConfig()


class ZeroShotConfig(Settings):
    """The recipe `zero-shot`: shown, not ranked."""

    rows: int = Field(
        8, ge=1, description="Rows of `select` that are decoded, taken from its corpora in turn."
    )


class FrozenProbeConfig(Settings):
    """Linear models on each model's frozen states: shown beside the floors, never ranked."""

    rows: int = Field(
        2000,
        ge=0,
        description="Rows of `train` that they are fitted on, at most, taken from its corpora in "
        "turn; 0: no such row.",
    )


PARTIAL = (
    "partial answers: rows were answered as far as labels and VAD, without a rationale, and "
    "ParseOK is of that part"
)
"""Stands beside the verdict of a run with such answers."""


class DecodingConfig(Settings):
    """KV-off greedy decoding."""

    decoder: Literal["verified", "canonical"] = Field(
        "verified", description="Same answers; `canonical` is the slow definition."
    )
    max_new_tokens: int = Field(96, ge=8, le=1024, description="Longest answer in tokens.")
    partial: bool = Field(
        False,
        description="Rows are answered only as far as they are scored: labels and VAD, no "
        "rationale. ParseOK is then of that part.",
    )
    pack_rows: int = Field(PACK_ROWS, ge=1, le=1024, description="Rows in one packed forward.")
    pack_tokens: int = Field(
        PACK_TOKENS, ge=64, le=65536, description="Tokens in one packed forward."
    )
    dtype: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="Precision of the model's body; with many near-ties float32 is used.",
    )
    audit_share: float = Field(
        0.01, ge=0, le=1, description="Share of a candidate's rows decoded again canonically."
    )
    audit_rows: int = Field(8, ge=0, description="At least so many rows are decoded again.")

    @property
    def notes(self) -> tuple[str, ...]:
        """What whoever reads the scores has to know."""
        return (PARTIAL,) if self.partial else ()


class RankingConfig(Settings):
    """How candidates are ranked."""

    labels_weight: float = Field(0.5, ge=0, le=1, description="Weight of strict macro-F1.")
    vad_weight: float = Field(0.5, ge=0, le=1, description="Weight of strict skill on human VAD.")
    min_positives: int = Field(
        20,
        ge=1,
        description="Labels with fewer positives in `select` do not rank; where under 5 labels or "
        "under half of those in gold have so many, those with 3 stand in.",
    )
    bootstrap: int = Field(2000, ge=100, le=100_000, description="Paired bootstrap draws.")

    @model_validator(mode="after")
    def _some_weight(self) -> Self:
        if self.labels_weight + self.vad_weight == 0:
            raise PydanticCustomError(OURS, "both weights are 0; at least one must be above 0")
        return self


class PolarityConfig(Settings):
    """Pairs of a text and its flip that every trained candidate and floor answers; never ranks."""

    pairs: Annotated[int, held_against("polarity")] = Field(
        50, ge=0, description="Pairs asked, two rows each, half of each polarity; 0 for none."
    )
