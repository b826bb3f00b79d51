"""What the registry says of a corpus."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emoloom.corpora.reading import Item

Reader = Callable[[Path, str], tuple[Iterator[Item], tuple[Path, ...]]]
"""(folder or file, split) -> (its records, perhaps with other splits', the files they are in)."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """One corpus, in one layout."""

    name: str
    """Registry name; the `source` of its rows."""
    title: str
    """For people."""
    licence: str
    """SPDX-like short name of the licence."""
    licence_url: str
    """Its text."""
    citation: str
    """Authors, year, title, venue."""
    url: str
    """Where the official files are."""
    label_space: str | None
    """Name of its label space, or None where it has no labels."""
    has_vad: bool
    """Whether its rows carry human VAD."""
    needs: str
    """What the path must be; empty where the corpus is embedded and needs none."""
    reader: Reader = field(repr=False)
    """How one split is read."""
    sha256: Mapping[str, str] = field(repr=False, default_factory=dict)
    """File name -> hash of the known file. A sample's are in its SHA256SUMS, which ships."""
    known_as: str = "the official file"
    """What the files of these hashes are."""
    hub: str = ""
    """Its repository on the Hugging Face hub, `org/name`; empty where there is none."""
    in_conversations: bool = False
    """Whether its rows come from conversations, which are their groups."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of its entry."""
        return {
            "name": self.name,
            "title": self.title,
            "licence": self.licence,
            "licence_url": self.licence_url,
            "citation": self.citation,
            "source": self.url,
            "hub": self.hub or None,
            "label_space": self.label_space,
            "has_vad": self.has_vad,
            "needs": self.needs or None,
            "sha256": dict(self.sha256),
            "sha256_of": self.known_as if self.sha256 else None,
        }

    @property
    def shipped(self) -> bool:
        """Whether it is embedded; else the user gives the path of the official files."""
        return not self.needs
