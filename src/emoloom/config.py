"""The config of a screen: frozen settings, each with its unit and meaning.

All faults of a file are reported at once, each with its path (`data.select.0.rows`).
"""

import difflib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from emoloom.errors import ConfigError, UserError

Recipe = Literal["sft", "zero-shot"]

_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())


def _as_path(value: Any) -> Any:
    return Path(value) if isinstance(value, str) else value


class RowsConfig(_Settings):
    """Rows of one corpus in a row set."""

    corpus: str = Field(description="Name of a corpus (`emoloom data list`).")
    rows: int | None = Field(
        None, ge=1, description="Rows drawn in natural proportions; all of them when left out."
    )
    path: Annotated[Path | None, BeforeValidator(_as_path)] = Field(
        None, description="Folder or file of the corpus's official files; not for shipped samples."
    )


class DataConfig(_Settings):
    """Row sets, shared by all candidates."""

    train: tuple[RowsConfig, ...] = Field(min_length=1, description="Drawn from train splits.")
    select: tuple[RowsConfig, ...] = Field(
        min_length=1, description="Drawn from dev splits; ranks the candidates."
    )


class ModelConfig(_Settings):
    """One base model."""

    source: str = Field(description="A built-in name, `pypi:...`, a folder or a .gguf file.")
    name: str | None = Field(
        None, pattern=_NAME, description="Name in the tables; made from the source if left out."
    )


class TrainingConfig(_Settings):
    """The recipe `sft`: LoRA on answer tokens."""

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
    pack_rows: int = Field(16, ge=1, le=1024, description="Rows in one packed forward.")
    pack_tokens: int = Field(1600, ge=64, le=65536, description="Tokens in one packed forward.")


class RankingConfig(_Settings):
    """How candidates are ranked."""

    labels_weight: float = Field(0.5, ge=0, le=1, description="Weight of strict macro-F1.")
    vad_weight: float = Field(0.5, ge=0, le=1, description="Weight of strict skill on human VAD.")
    min_positives: int = Field(
        20, ge=1, description="Labels with fewer positives in `select` do not rank."
    )
    bootstrap: int = Field(2000, ge=100, le=100_000, description="Paired bootstrap draws.")


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
    labels: str = Field("goemotions28", description="Label space: a name or a file.")
    lexicon: Annotated[Path | None, BeforeValidator(_as_path)] = Field(
        None, description="A VAD lexicon of your own; the shipped one when left out."
    )
    data: DataConfig
    models: tuple[ModelConfig, ...] = Field(min_length=1, description="Base models to compare.")
    recipes: tuple[Recipe, ...] = Field(
        ("sft", "zero-shot"), min_length=1, description="What is done with each model."
    )
    training: TrainingConfig = TrainingConfig()
    zero_shot: ZeroShotConfig = ZeroShotConfig()
    decoding: DecodingConfig = DecodingConfig()
    ranking: RankingConfig = RankingConfig()
    budget: BudgetConfig = BudgetConfig()

    def in_force(self) -> dict[str, Any]:
        """Every setting, defaults included, as JSON values."""
        return self.model_dump(mode="json")


class _ConfigLoader(yaml.SafeLoader):
    """YAML without repeated keys (the second would silently win), and with `1e-3` as a number."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key!r} stands twice", problem_mark=key_node.start_mark
                )
            seen.add(key if isinstance(key, str) else repr(key))
        return super().construct_mapping(node, deep)


_ConfigLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def load_config(path: Path) -> Config:
    """Read and check a YAML config.

    Raises:
        UserError: the file cannot be read.
        ConfigError: every fault in it, each with its path.
    """
    do = "see configs/demo.yaml for an example"
    text = read_text(path, "the config")
    try:
        given = yaml.load(text, _ConfigLoader)  # noqa: S506 (a SafeLoader)
    except yaml.YAMLError as error:
        raise UserError(
            f"the config {path} is not valid YAML", got=" ".join(str(error).split()), do=do
        ) from error
    if given is None:
        raise UserError(f"the config {path} is empty", do=do)
    if not isinstance(given, dict):
        raise UserError(f"the config {path} is not a mapping", got=type(given).__name__, do=do)
    return parse_config(given, source=str(path))


def read_text(path: Path, what: str) -> str:
    """A whole UTF-8 text file, a byte order mark allowed.

    Raises:
        UserError: missing, a folder, unreadable, or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"{what} {path} does not exist", do="check the path") from error
    except IsADirectoryError as error:
        raise UserError(f"{what} {path} is a folder", allowed="a file") from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"{what} {path} is not UTF-8 text",
            got=f"byte 0x{error.object[error.start]:02x} at offset {error.start}",
            do="save it as UTF-8",
        ) from error
    except OSError as error:
        raise UserError(f"{what} {path} cannot be read", got=error.strerror or "") from error


def parse_config(given: dict[Any, Any], *, source: str) -> Config:
    """Check a mapping; a model may be given as its source string alone.

    Raises:
        ConfigError: every fault, each with its path.
    """
    try:
        config = Config.model_validate_json(_to_json(_with_models(given), source))
    except ValidationError as error:
        items = [dict(item) for item in error.errors()]
        faults = [_fault(item) for item in items if not _follows_from_another(item, items)]
        raise ConfigError(source, faults, do="mend each line and run `emoloom check`") from None
    faults = _cross_faults(config)
    if faults:
        raise ConfigError(source, faults, do="mend each line and run `emoloom check`")
    return config


def _to_json(given: dict[Any, Any], source: str) -> str:
    try:
        return json.dumps(given, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            source,
            [f"a value is none of text, number, list, mapping: {error}"],
            do="quote dates and write keys as text",
        ) from None


def _with_models(given: dict[Any, Any]) -> dict[Any, Any]:
    models = given.get("models")
    if not isinstance(models, list):
        return given
    whole = [{"source": item} if isinstance(item, str) else item for item in models]
    return {**given, "models": whole}


def _cross_faults(config: Config) -> list[str]:
    faults = []
    if config.ranking.labels_weight + config.ranking.vad_weight == 0:
        faults.append("ranking: both weights are 0; at least one must be above 0")
    if len(set(config.recipes)) < len(config.recipes):
        faults.append("recipes: a recipe stands twice")
    return faults


def _follows_from_another(error: dict[str, Any], errors: Sequence[dict[str, Any]]) -> bool:
    """A list is also called too short where one of its items is at fault; say that once."""
    depth = len(error["loc"])
    return error["type"] == "too_short" and any(
        other["loc"][:depth] == error["loc"] and len(other["loc"]) > depth for other in errors
    )


def _fault(error: dict[str, Any]) -> str:
    """One line: path, what was got, what is allowed."""
    path = ".".join(str(part) for part in error["loc"]) or "the config"
    if error["type"] == "extra_forbidden":
        return f"{path}: unknown key{_suggestion(error['loc'])}"
    if error["type"] == "missing":
        return f"{path}: missing"
    got = repr(error["input"])
    shown = got if len(got) <= 60 else got[:57] + "..."
    return f"{path}: got {shown}; {error['msg'][:1].lower()}{error['msg'][1:]}"


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
