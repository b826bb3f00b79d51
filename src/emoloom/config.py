"""The config of a screen: frozen settings, each with its unit and meaning.

All faults of a file are reported at once, each with its path (`data.select.0.rows`).
"""

import difflib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from emoloom.config_budget import BudgetConfig, CacheConfig, HalvingConfig, TrialsConfig
from emoloom.config_mapping import OURS, Settings
from emoloom.config_paths import MODELS, Found, Location, Look, beside
from emoloom.config_sections import (
    NAME,
    DataConfig,
    DecodingConfig,
    FloorConfig,
    FrozenProbeConfig,
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
"""What a value is held against beyond its form, by kind: `labels`, `lexicon`, `model`, `floor`,
`train`, `select`, `cross`, `test`, `polarity`. A check raises `UserError`."""

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
    floors: tuple[FloorConfig, ...] = Field(
        (),
        description="Frozen encoders of texts that are a floor, beside the constant, the lexicon "
        "and TF-IDF. Not run, and not missed, when left out.",
    )
    recipes: Annotated[tuple[Recipe, ...], AfterValidator(distinct)] = Field(
        ("sft", "zero-shot"), min_length=1, description="What is done with each model."
    )
    training: TrainingConfig = TrainingConfig()
    trials: TrialsConfig = TrialsConfig()
    halving: HalvingConfig = HalvingConfig()
    zero_shot: ZeroShotConfig = ZeroShotConfig()
    frozen_probe: FrozenProbeConfig = FrozenProbeConfig()
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

    _path_warnings: tuple[str, ...] = PrivateAttr(())

    @property
    def path_warnings(self) -> tuple[str, ...]:
        """What a user should be told of where paths were found."""
        return self._path_warnings

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
        """Every setting, defaults included, as JSON values; paths as the config writes them."""
        return self.as_written()


def load_config(path: Path, checks: Checks | None = None, names: Collection[str] = ()) -> Config:
    """Read and check a YAML config; its paths are relative to its folder.

    Args:
        path: the file.
        checks: what the names and files in it are held against; None looks at nothing outside.
        names: of label spaces and models, which are no paths.

    Raises:
        UserError: the file cannot be read.
        ConfigError: every fault in it, each with its path.
    """
    given = read_mapping(path, "the config", do="see configs/demo.yaml for an example")
    look = beside(path.parent, names)
    return parse_config(given, source=str(path), checks=checks, look=look)


def parse_config(
    given: dict[Any, Any], *, source: str, checks: Checks | None = None, look: Look = Found
) -> Config:
    """Check a mapping; a model or a floor may be given as its source string alone.

    Args:
        given: the mapping.
        source: where it is from, for messages.
        checks: as `load_config`.
        look: finds its paths, which are taken as they stand if left out.

    Raises:
        ConfigError: every fault, each with its path.
    """
    plain, unfit = plain_values(given)
    faults = [f"{path}: {fault}" for path, fault in unfit.items()]
    found = look(_with_models(plain))
    missing = {} if checks is None else found.missing
    faults += [_missing(at, found.settings, where) for at, where in _own(missing).items()]
    try:
        config = Config.model_validate_json(json.dumps(found.settings), context=checks or {})
    except ValidationError as error:
        items = [dict(item) for item in error.errors()]
        faults += [
            _fault(item) + _looked(item, missing)
            for item in items
            if _path(item) not in unfit
            and not _follows_from_another(item, items)
            and not _is_of_a_missing_path(item, missing)
        ]
    if faults:
        # Values and paths may hold line breaks; each fault is one line all the same.
        raise ConfigError(source, [fault.replace("\n", "\\n") for fault in faults], do=MEND)
    _remember(config, found)
    return config


def _remember(config: Config, found: Found) -> None:
    """How the config writes its paths goes with it wherever it goes."""
    config._path_warnings = found.warnings
    for location, text in found.given.items():
        inside: Any = config
        for key in location[:-1]:
            inside = getattr(inside, key) if isinstance(inside, Settings) else inside[int(key)]
        inside.remember(location[-1], text)


def _own(missing: Mapping[Location, str]) -> dict[Location, str]:
    """Paths of which nothing but that they are missing can be said: a model may be a name."""
    return {at: where for at, where in missing.items() if not _is_model(at)}


def _is_model(location: Location) -> bool:
    return any(location[0] == pattern[0] for pattern in MODELS)


def _missing(location: Location, settings: dict[str, Any], where: str) -> str:
    text: Any = settings
    for key in location:
        text = text[int(key)] if isinstance(text, list) else text[key]
    return f"{'.'.join(location)}: there is no file or folder {text} {where}; do: check the path"


def _is_of_a_missing_path(error: dict[str, Any], missing: Mapping[Location, str]) -> bool:
    """The checks of a part, or of a path itself, say again that nothing is there."""
    at = tuple(map(str, error["loc"]))
    of_a_check = error["type"] == OURS and "why" in error.get("ctx", {})
    return of_a_check and any(at in (one, one[:-1]) for one in _own(missing))


def _looked(error: dict[str, Any], missing: Mapping[Location, str]) -> str:
    where = missing.get(tuple(map(str, error["loc"])))
    return "" if where is None else f"; no such path is {where}"


def _with_models(given: dict[Any, Any]) -> dict[Any, Any]:
    whole = dict(given)
    for key in ("models", "floors"):
        if isinstance(items := given.get(key), list):
            whole[key] = [{"source": item} if isinstance(item, str) else item for item in items]
    return whole


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
    what = _IN_YAML.get(error["type"]) or f"{error['msg'][:1].lower()}{error['msg'][1:]}"
    return f"{path}: got {shown}; {what}"


_IN_YAML = {
    "tuple_type": "it should be a list: `[...]`, or lines that begin with `-`",
    "model_type": "it should be a mapping: lines of `key: value`",
}
"""What pydantic says of JSON (`a valid array`, `an object`), said of YAML."""


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
