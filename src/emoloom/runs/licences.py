"""Licences of a run's inputs: what each forbids or asks for, and the strictest of them (ours).

This reads names, not legal texts. It says what to look at before anything is passed on.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

OBLIGATIONS: Mapping[str, str] = {
    "no-redistribution": "must not be passed on",
    "own-terms": "has terms of its own that must be read",
    "non-commercial": "no commercial use",
    "no-derivatives": "no adapted version may be passed on",
    "share-alike": "what is made from it is passed on under the same licence",
    "attribution": "its authors must be named",
}
"""What a licence may forbid or ask for, the strictest first."""

_FREE = re.compile(r"\b(cc0|public domain|unlicense|wtfpl)\b")
_NOTICE = re.compile(r"\b(apache|mit|bsd|isc|mpl|zlib)\b")
_CC = re.compile(r"\bcc[ -]by((?:[ -](?:nc|nd|sa))*)\b[ -]?([0-9.]*)")
_COPYLEFT = re.compile(r"\b[al]?gpl")
_CLOSED = re.compile(r"no redistribution|research[ -](?:use|only)|not stated|unknown|proprietary")
_PARTS = {"nc": "non-commercial", "nd": "no-derivatives", "sa": "share-alike"}


@dataclass(frozen=True, slots=True)
class Strictest:
    """What holds for everything made from all inputs together."""

    licence: str
    """Licence of the strictest input, as it is named there; empty without inputs."""
    of: tuple[str, ...]
    """The inputs that have it."""
    obligations: Mapping[str, tuple[str, ...]]
    """Every obligation (`OBLIGATIONS`) that holds, the strictest first -> the inputs it is from."""
    share_alike: tuple[str, ...]
    """Share-alike licences. Of several, none allows what the others ask: their rows must not be
    passed on in one work."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of it."""
        return {
            "licence": self.licence,
            "of": list(self.of),
            "obligations": {name: list(whats) for name, whats in self.obligations.items()},
            "share_alike_conflict": list(self.share_alike) if len(self.share_alike) > 1 else [],
        }


def obligations_of(licence: str) -> tuple[str, ...]:
    """What a licence, or a list of them in one line, forbids or asks for; the strictest first.

    A licence without a name that is known here has terms of its own. One that is not stated
    gives no right to pass anything on.
    """
    text = licence.casefold()
    found: set[str] = set()
    for parts, _ in _CC.findall(text):
        found.add("attribution")
        found.update(_PARTS[part] for part in re.split(r"[ -]", parts) if part)
    if _CLOSED.search(text) or not text.strip():
        found.add("no-redistribution")
    if _NOTICE.search(text):
        found.add("attribution")
    if _COPYLEFT.search(text):
        found.update(("share-alike", "attribution"))
    if not found and not _FREE.search(text):
        found.add("own-terms")
    return tuple(name for name in OBLIGATIONS if name in found)


def strictest_licence(licences: Iterable[Mapping[str, str]]) -> Strictest:
    """The strictest licence of all inputs, and every obligation that holds.

    Licences are ordered by what they forbid: no redistribution (research only, not stated), terms
    of its own, NC-ND, NC-SA, NC, ND, SA, BY (and Apache, MIT and the like, which ask for a
    notice), CC0. Of inputs alike in that, the first gives the name.

    Args:
        licences: `what` the input is and its `licence`, as in run.json.
    """
    inputs = [(entry["what"], entry["licence"]) for entry in licences]
    ranked = sorted(inputs, key=lambda entry: _strictness(entry[1]), reverse=True)
    licence = ranked[0][1] if ranked else ""
    held: dict[str, tuple[str, ...]] = {}
    for name in OBLIGATIONS:
        whats = tuple(what for what, text in inputs if name in obligations_of(text))
        if whats:
            held[name] = whats
    same = tuple(what for what, text in inputs if text == licence)
    return Strictest(licence, same, held, _share_alike(text for _, text in inputs))


def _strictness(licence: str) -> tuple[bool, ...]:
    held = obligations_of(licence)
    return tuple(name in held for name in OBLIGATIONS)


def _share_alike(licences: Iterable[str]) -> tuple[str, ...]:
    """Distinct share-alike licences; versions of one are taken as one."""
    names: dict[str, None] = {}
    for licence in licences:
        for parts, _ in _CC.findall(licence.casefold()):
            if "sa" in parts:
                names["CC BY" + parts.replace(" ", "-").upper()] = None
    return tuple(names)
