"""Where a model can come from. Records alone: nothing is parsed or fetched here."""

from dataclasses import dataclass
from pathlib import Path

ZIPPED = ".zip"
"""How the name of a zipped model folder ends."""


@dataclass(frozen=True, slots=True)
class WheelMember:
    """One file inside a wheel of a Python package index.

    A GGUF file, or a part of one, or a zip with the files of a model folder.
    """

    package: str
    """Name on the index, normalised as in PEP 503."""
    version: str
    """Exact version; no ranges."""
    member: str
    """Path inside the wheel, with `/`."""
    sha256: str | None
    """Expected hash of the member, 64 hex digits; None where it is not known (it is recorded)."""

    @property
    def file(self) -> str:
        """The file's path, for messages."""
        return self.member

    @property
    def zipped(self) -> bool:
        """Whether it is a zip with a model folder."""
        return self.member.endswith(ZIPPED)


@dataclass(frozen=True, slots=True)
class WheelParts:
    """One GGUF file, cut into parts that lie in several wheels."""

    parts: tuple[WheelMember, ...]
    """At least two, in the order in which they are joined."""
    sha256: str | None
    """Expected hash of the joined file, 64 hex digits; None where it is not known."""

    @property
    def file(self) -> str:
        """The joined file's path, for messages."""
        stem, suffix, _ = self.parts[0].member.rpartition(".gguf")
        return stem + suffix


@dataclass(frozen=True, slots=True)
class GgufFile:
    """A GGUF file of the user's."""

    path: Path
    """The file."""


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """A folder in Hugging Face layout: used in place, but converted if it is of the first Qwen."""

    path: Path
    """Holds config.json, safetensors and a tokenizer."""


@dataclass(frozen=True, slots=True)
class HubRepo:
    """A model repository on the Hugging Face hub."""

    repo: str
    """`org/name`."""
    revision: str | None
    """A branch, a tag or a commit; None for `main`."""


@dataclass(frozen=True, slots=True)
class RandomLlama:
    """A random two-layer Llama, made on the spot."""

    seed: int
    """Seed of the weights, 0 to 2**32 - 1."""


Origin = WheelMember | WheelParts | GgufFile | LocalFolder | HubRepo | RandomLlama


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where a model comes from, and what may be done with it: parsed, not fetched."""

    name: str
    """Short name, safe as a folder name."""
    source: str
    """The source string that stands for this model."""
    display_name: str
    """What the model is, as every table shows it."""
    licence: str | None
    """SPDX name, or the licence's own; None where the source string does not tell."""
    origin: Origin
    """The parsed place."""
    parameters: int | None = None
    """Number of weights, where known before fetching."""
    checked: bool = True
    """False for a known model that this project has not run on its real weights."""
    terms: str | None = None
    """Name and address of terms that go beyond an open licence; said whenever the model is used."""
    allow_large: bool = False
    """The user allows more than `size.MOST_PARAMETERS` parameters."""
    trust_remote_code: bool = False
    """The user allows the model's own Python code to be fetched and run."""
    encoder: bool = False
    """It makes a vector of a text, and stands under `floors`; it is no language model to screen."""

    @property
    def note(self) -> str:
        """What a list of models has to add: what was not tried, and what is no candidate."""
        if self.encoder:
            return "an encoder, for `floors`"
        return "" if self.checked else "not run here on real weights"
