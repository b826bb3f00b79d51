"""Which licence an export is under: the strictest of all that went into it (ours; no legal advice).

Worked out from the run's inputs, without the base models that are not in the export. Where the hub
has no name for it, or an input has terms beyond its licence, the card says `other` and points to
the list.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from emoloom.runs.licences import strictest_licence

LICENCES_FILE = "LICENCES.md"

HUB_NAMES: Mapping[str, str] = {
    "apache-2.0": "apache-2.0",
    "mit": "mit",
    "cc0-1.0": "cc0-1.0",
    "cc-by-4.0": "cc-by-4.0",
    "cc-by-sa-4.0": "cc-by-sa-4.0",
    "cc-by-nc-4.0": "cc-by-nc-4.0",
    "cc-by-nc-sa-4.0": "cc-by-nc-sa-4.0",
    "llama3.2": "llama3.2",
    "gemma": "gemma",
}
"""Licences by the hub's identifiers, as `hub_name` spells them."""


@dataclass(frozen=True, slots=True)
class InputLicence:
    """One input of a run."""

    what: str
    """The input."""
    licence: str
    """Its licence."""
    terms: str
    """Terms beyond it; may be empty."""


@dataclass(frozen=True, slots=True)
class Licences:
    """What the export must carry."""

    strictest: str
    """The strictest licence of the inputs; empty where none is known."""
    inputs: tuple[InputLicence, ...]
    """Every input of the run that went into this model."""
    obligations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What holds for all of them together -> the inputs that ask for it."""

    def front_matter(self) -> dict[str, str]:
        """The licence keys of a card's metadata."""
        known = hub_name(self.strictest)
        if known is not None and not any(one.terms for one in self.inputs):
            return {"license": known}
        return {
            "license": "other",
            "license_name": "strictest-of-all-inputs",
            "license_link": LICENCES_FILE,
        }


def read_licences(record: Mapping[str, Any], others: Sequence[str]) -> Licences:
    """From run.json.

    Args:
        record: run.json.
        others: display names of the run's other base models, which are not in this export.
    """
    given = record.get("licences")
    inputs = tuple(
        InputLicence(
            what=str(one["what"]),
            licence=str(one.get("licence", "unknown")),
            terms=str(one.get("terms", "")),
        )
        for one in (given if isinstance(given, list) else [])
        if isinstance(one, dict) and "what" in one and one["what"] not in others
    )
    found = strictest_licence({"what": one.what, "licence": one.licence} for one in inputs)
    return Licences(found.licence, inputs, found.obligations)


def hub_name(licence: str) -> str | None:
    """The hub's identifier of a licence; None where it has none that we know."""
    return HUB_NAMES.get("-".join(licence.lower().split()))


def licences_text(licences: Licences) -> str:
    """LICENCES.md: every input with its licence and terms, each on one line."""
    lines = ["# Licences of all that went into this export", ""]
    if licences.strictest:
        lines += [f"Strictest: {_plain(licences.strictest)}", ""]
    for asked, whats in licences.obligations.items():
        lines.append(f"- asked for: {asked} (by {_plain(', '.join(whats))})")
    lines += [""] if licences.obligations else []
    for one in licences.inputs:
        terms = f"; further terms: {_plain(one.terms)}" if one.terms else ""
        lines.append(f"- {_plain(one.what)}: {_plain(one.licence)}{terms}")
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """On one line, no HTML."""
    return " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
