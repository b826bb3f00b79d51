"""The config of a screen: frozen settings, each with its unit and meaning.

All faults of a file are reported at once, each with its path (`data.select.0.rows`).
"""

import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from emoloom.errors import ConfigError, UserError
from emoloom.settings_file import plain_values, read_mapping

Part = Literal["heads", "vad_preserving", "appraisal", "flip", "mixture"]
"""What a recipe may have beside plain fine-tuning."""

RECIPES: Mapping[str, frozenset[Part]] = MappingProxyType(
    {
        "sft": frozenset(),
        "sft+heads": frozenset({"heads"}),
        "sft+vad": frozenset({"vad_preserving"}),
        "sft+appraisal": frozenset({"appraisal"}),
        "sft+flip": frozenset({"flip"}),
        "sft+mixture": frozenset({"mixture"}),
        "full-recipe": frozenset(get_args(Part)),
    }
)
"""Recipes that train, and the parts of each."""

ZERO_SHOT = "zero-shot"
"""The recipe that trains nothing."""

Recipe = Literal[
    "sft",
    "sft+heads",
    "sft+vad",
    "sft+appraisal",
    "sft+flip",
    "sft+mixture",
    "full-recipe",
    "zero-shot",
]

Checks = Mapping[str, Callable[[Any], object]]
"""What a value is held against beyond its form, by kind: `labels`, `lexicon`, `model`, `train`,
`select`, `polarity`. A check raises `UserError`."""

MEND = "mend each line and run `emoloom check`"

_OURS = "ours"

_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())


_Value = TypeVar("_Value")


def _held_against(kind: str) -> AfterValidator:
    """Runs the check of this kind, if there is one, beside all other checks of the config."""

    def check(value: _Value, info: ValidationInfo) -> _Value:
        try:
            (info.context or {}).get(kind, bool)(value)
        except UserError as error:
            raise PydanticCustomError(_OURS, "{why}", {"why": str(error)}) from None
        return value

    return AfterValidator(check)


def _distinct(recipes: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(recipes)) < len(recipes):
        raise PydanticCustomError(_OURS, "a recipe stands twice")
    return recipes


class RowsConfig(_Settings):
    """Rows of one corpus in a row set."""

    corpus: str = Field(description="Name of a corpus (`emoloom data list`).")
    rows: int | None = Field(
        None, ge=1, description="Rows drawn in natural proportions; all of them when left out."
    )
    path: Path | None = Field(
        None, description="Folder or file of the corpus's official files; not for shipped samples."
    )


class DataConfig(_Settings):
    """Row sets, shared by all candidates."""

    train: tuple[Annotated[RowsConfig, _held_against("train")], ...] = Field(
        min_length=1, description="Drawn from train splits."
    )
    select: tuple[Annotated[RowsConfig, _held_against("select")], ...] = Field(
        min_length=1, description="Drawn from dev splits; ranks the candidates."
    )


class ModelConfig(_Settings):
    """One base model."""

    source: Annotated[str, _held_against("model")] = Field(
        description="A built-in name, `hf:org/name@revision`, `pypi:...`, a folder or a .gguf file."
    )
    name: str | None = Field(
        None, pattern=_NAME, description="Name in the tables; made from the source if left out."
    )
    allow_large: bool = Field(False, description="Allow more than 2 billion parameters.")
    trust_remote_code: bool = Field(
        False, description="Fetch and run this model's own Python code: it can do anything."
    )


class WeightsConfig(_Settings):
    """Weights of the loss terms beside `lm`, where a recipe has them; 0 leaves a term out."""

    labels: float = Field(0.1, ge=0, le=100, description="BCE of the labels' head.")
    vad: float = Field(0.1, ge=0, le=100, description="Euclidean distance of the VAD head.")
    vad_preserving: float = Field(
        0.5, ge=0, le=100, description="Distance of the VAD that the generated text implies."
    )
    appraisal: float = Field(
        0.1, ge=0, le=100, description="BCE of the appraisal atoms that the labels imply."
    )


class AppraisalConfig(_Settings):
    """What the appraisal verifier is made of, where a recipe has it."""

    verifier: Path | None = Field(
        None, description="A saved one (`emoloom appraise --save`); fitted when left out."
    )
    crowd_envent: Path | None = Field(None, description="Where you have crowd-enVENT.")
    isear: Path | None = Field(None, description="Where you have ISEAR.")
    theory: Path | None = Field(
        None, description="A theory table of your own, for what nobody rated."
    )


class MixtureConfig(_Settings):
    """A/B mixture with an entropy-aware temperature, where a recipe has it."""

    pool_a: tuple[str, ...] = Field(
        (), description="Corpora of pool A; the first of `data.train` when left out."
    )
    tau0: float = Field(5.0, ge=1, le=100, description="Temperature while the model is unsure.")
    entropy_low: float = Field(
        0.3, ge=0, lt=1, description="Share of the largest entropy at which the draw is natural."
    )
    entropy_high: float = Field(
        0.8, gt=0, le=1, description="Share of the largest entropy at which it is the flattest."
    )
    most_draws: int = Field(4, ge=1, le=100, description="Draws of one row in an epoch, at most.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.entropy_low >= self.entropy_high:
            raise PydanticCustomError(_OURS, "entropy_low must be below entropy_high")
        return self


class TrainingConfig(_Settings):
    """How every recipe trains: LoRA on answer tokens."""

    epochs: int = Field(1, ge=1, le=100, description="Passes over the train rows.")
    batch_rows: int = Field(8, ge=1, le=4096, description="Rows in one optimiser step.")
    pack_tokens: int = Field(
        1200, ge=64, le=65536, description="Tokens in one packed forward; changes speed, not loss."
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
    mirror_pairs: Path | None = Field(
        None, description="Mirror pairs of labels of your own, for Valence Flip."
    )
    appraisal: AppraisalConfig = AppraisalConfig()
    weights: WeightsConfig = WeightsConfig()
    mixture: MixtureConfig = MixtureConfig()


class ZeroShotConfig(_Settings):
    """The recipe `zero-shot`: shown, not ranked."""

    rows: int = Field(
        8, ge=1, description="Rows of `select` that are decoded, taken from its corpora in turn."
    )


class DecodingConfig(_Settings):
    """KV-off greedy decoding."""

    decoder: Literal["verified", "canonical"] = Field(
        "verified", description="Same answers; `canonical` is the slow definition."
    )
    max_new_tokens: int = Field(96, ge=8, le=1024, description="Longest answer in tokens.")
    pack_rows: int = Field(32, ge=1, le=1024, description="Rows in one packed forward.")
    pack_tokens: int = Field(3200, ge=64, le=65536, description="Tokens in one packed forward.")
    dtype: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="Precision of the model's body; with many near-ties float32 is used.",
    )
    audit_share: float = Field(
        0.01, ge=0, le=1, description="Share of a candidate's rows decoded again canonically."
    )
    audit_rows: int = Field(8, ge=0, description="At least so many rows are decoded again.")


class RankingConfig(_Settings):
    """How candidates are ranked."""

    labels_weight: float = Field(0.5, ge=0, le=1, description="Weight of strict macro-F1.")
    vad_weight: float = Field(0.5, ge=0, le=1, description="Weight of strict skill on human VAD.")
    min_positives: int = Field(
        20, ge=1, description="Labels with fewer positives in `select` do not rank."
    )
    bootstrap: int = Field(2000, ge=100, le=100_000, description="Paired bootstrap draws.")

    @model_validator(mode="after")
    def _some_weight(self) -> Self:
        if self.labels_weight + self.vad_weight == 0:
            raise PydanticCustomError(_OURS, "both weights are 0; at least one must be above 0")
        return self


class PolarityConfig(_Settings):
    """Pairs of a text and its flip that every trained candidate and floor answers; never ranks."""

    pairs: Annotated[int, _held_against("polarity")] = Field(
        50, ge=0, description="Pairs asked, two rows each, half of each polarity; 0 for none."
    )


class BudgetConfig(_Settings):
    """What the screen may spend. Exceeding it stops the screen with a valid report."""

    wall_seconds: float | None = Field(
        None, ge=0, description="Wall time of one call of `emoloom screen`, in seconds."
    )


class Config(_Settings):
    """A whole screen."""

    name: str = Field(pattern=_NAME, description="Name of the run.")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Of every draw in the run.")
    threads: int = Field(
        2, ge=1, le=1024, description="CPU threads of the model; part of the run's identity."
    )
    labels: Annotated[str, _held_against("labels")] = Field(
        "goemotions28", description="Label space: a name or a file."
    )
    lexicon: Annotated[Path | None, _held_against("lexicon")] = Field(
        None, description="A VAD lexicon of your own; the shipped one when left out."
    )
    data: DataConfig
    models: tuple[ModelConfig, ...] = Field(min_length=1, description="Base models to compare.")
    recipes: Annotated[tuple[Recipe, ...], AfterValidator(_distinct)] = Field(
        ("sft", "zero-shot"), min_length=1, description="What is done with each model."
    )
    training: TrainingConfig = TrainingConfig()
    zero_shot: ZeroShotConfig = ZeroShotConfig()
    decoding: DecodingConfig = DecodingConfig()
    ranking: RankingConfig = RankingConfig()
    polarity: PolarityConfig = PolarityConfig()
    budget: BudgetConfig = BudgetConfig()

    def in_force(self) -> dict[str, Any]:
        """Every setting, defaults included, as JSON values."""
        return self.model_dump(mode="json")


def load_config(path: Path, checks: Checks | None = None) -> Config:
    """Read and check a YAML config.

    Args:
        path: the file.
        checks: what the names and files in it are held against; None looks at nothing outside.

    Raises:
        UserError: the file cannot be read.
        ConfigError: every fault in it, each with its path.
    """
    given = read_mapping(path, "the config", do="see configs/demo.yaml for an example")
    return parse_config(given, source=str(path), checks=checks)


def parse_config(given: dict[Any, Any], *, source: str, checks: Checks | None = None) -> Config:
    """Check a mapping; a model may be given as its source string alone.

    Raises:
        ConfigError: every fault, each with its path.
    """
    plain, unfit = plain_values(given)
    faults = [f"{path}: {fault}" for path, fault in unfit.items()]
    text = json.dumps(_with_models(plain))
    try:
        config = Config.model_validate_json(text, context=checks or {})
    except ValidationError as error:
        items = [dict(item) for item in error.errors()]
        faults += [
            _fault(item)
            for item in items
            if _path(item) not in unfit and not _follows_from_another(item, items)
        ]
    if faults:
        # Values and paths may hold line breaks; each fault is one line all the same.
        raise ConfigError(source, [fault.replace("\n", "\\n") for fault in faults], do=MEND)
    return config


def _with_models(given: dict[Any, Any]) -> dict[Any, Any]:
    models = given.get("models")
    if not isinstance(models, list):
        return given
    whole = [{"source": item} if isinstance(item, str) else item for item in models]
    return {**given, "models": whole}


def _follows_from_another(error: dict[str, Any], errors: Sequence[dict[str, Any]]) -> bool:
    """A list is also called too short where one of its items is at fault; say that once."""
    depth = len(error["loc"])
    return error["type"] == "too_short" and any(
        other["loc"][:depth] == error["loc"] and len(other["loc"]) > depth for other in errors
    )


def _fault(error: dict[str, Any]) -> str:
    """One line: path, what was got, what is allowed."""
    path = _path(error)
    if error["type"] == _OURS:
        return f"{path}: {error['msg']}"
    if error["type"] == "extra_forbidden":
        return f"{path}: unknown key{_suggestion(error['loc'])}"
    if error["type"] == "missing":
        return f"{path}: missing"
    got = repr(error["input"])
    shown = got if len(got) <= 60 else got[:57] + "..."
    return f"{path}: got {shown}; {error['msg'][:1].lower()}{error['msg'][1:]}"


def _path(error: dict[str, Any]) -> str:
    return ".".join(str(part) for part in error["loc"]) or "the config"


def _suggestion(location: Sequence[Any]) -> str:
    """The nearest allowed key, and all of them."""
    settings: Any = Config
    for part in location[:-1]:
        if isinstance(part, str):
            annotation = settings.model_fields[part].annotation
            settings = getattr(annotation, "__args__", (annotation,))[0]
    allowed = list(settings.model_fields)
    near = difflib.get_close_matches(str(location[-1]), allowed, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{hint} (allowed: {', '.join(allowed)})"
