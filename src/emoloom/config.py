"""The config of a screen: frozen settings, each with its unit and meaning.

All faults of a file are reported at once, each with its path (`data.select.0.rows`).
"""

import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from emoloom.config_budget import BudgetConfig, CacheConfig, HalvingConfig, TrialsConfig
from emoloom.config_mapping import OURS, Settings
from emoloom.config_sections import (
    NAME,
    DataConfig,
    DecodingConfig,
    ModelConfig,
    PolarityConfig,
    RankingConfig,
    TrainingConfig,
    ZeroShotConfig,
    distinct,
    held_against,
)
from emoloom.errors import ConfigError
from emoloom.recipes import Recipe
from emoloom.settings_file import plain_values, read_mapping

Checks = Mapping[str, Callable[[Any], object]]
"""What a value is held against beyond its form, by kind: `labels`, `lexicon`, `model`, `train`,
`select`, `cross`, `test`, `polarity`. A check raises `UserError`."""

MEND = "mend each line and run `emoloom check`"


_SEEDS_ENOUGH = 3
"""From so many seeds on the candidates' own trainings tell their spread (`metrics.seeds`)."""

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


class Config(Settings):
    """A whole screen."""

    name: str = Field(pattern=NAME, description="Name of the run.")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Of every draw in the run.")
    seeds: Annotated[tuple[Seed, ...], AfterValidator(distinct)] = Field(
        (),
        description="Each candidate is trained once with each; from 3 on the ranking knows the "
        "spread between trainings. Only `seed` when left out.",
    )
    seeds_for_noise: int = Field(
        0,
        ge=0,
        le=20,
        description="The cheapest candidate is trained with so many seeds in all, and the spread "
        "between these trainings counts in every difference; 0: the ranking knows rows alone. From "
        "3 `seeds` on it is not needed.",
    )
    threads: int = Field(
        2, ge=1, le=1024, description="CPU threads of the model; part of the run's identity."
    )
    engine: Literal["local"] = Field(
        "local", description="Where units of work run: in processes of this machine."
    )
    workers: int = Field(
        1,
        ge=0,
        le=256,
        description="Processes that run models, each of so many threads; 0: this process alone, "
        "which a crash ends.",
    )
    labels: Annotated[str, held_against("labels")] = Field(
        "goemotions28", description="Label space: a name or a file."
    )
    lexicon: Annotated[Path | None, held_against("lexicon")] = Field(
        None, description="A VAD lexicon of your own; the shipped one when left out."
    )
    data: DataConfig
    models: tuple[ModelConfig, ...] = Field(min_length=1, description="Base models to compare.")
    recipes: Annotated[tuple[Recipe, ...], AfterValidator(distinct)] = Field(
        ("sft", "zero-shot"), min_length=1, description="What is done with each model."
    )
    training: TrainingConfig = TrainingConfig()
    trials: TrialsConfig = TrialsConfig()
    halving: HalvingConfig = HalvingConfig()
    zero_shot: ZeroShotConfig = ZeroShotConfig()
    decoding: DecodingConfig = DecodingConfig()
    ranking: RankingConfig = RankingConfig()
    polarity: PolarityConfig = PolarityConfig()
    budget: BudgetConfig = BudgetConfig()
    cache: CacheConfig = CacheConfig()

    @model_validator(mode="after")
    def _rungs_or_seeds(self) -> Self:
        if self.halving.rungs > 1 and len(self.seeds) > 1:
            message = (
                f"halving.rungs is {self.halving.rungs} and seeds names {len(self.seeds)}: a rung "
                "decides over single trainings; give one seed, or halving.rungs: 1"
            )
            raise PydanticCustomError(OURS, message)
        return self

    @model_validator(mode="after")
    def _some_noise(self) -> Self:
        trained, given = max(1, len(self.seeds)), self.seeds_for_noise
        if given and (given < 2 or not trained < given or trained >= _SEEDS_ENOUGH):
            message = (
                f"seeds_for_noise is {given}, and each candidate is trained {trained} times: "
                f"give 0, or with fewer than {_SEEDS_ENOUGH} seeds a number above theirs, such as 3"
            )
            raise PydanticCustomError(OURS, message)
        return self

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
    if error["type"] == OURS:
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
