"""Cards of what went in: corpora, lexicon and models, each with its licence, source and hashes.

What a corpus is comes from the registry; rows from data/counts.json; hashes from manifest.json.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from emoloom.corpora.registry import get_corpus, list_corpora
from emoloom.report.formats import finite, flatten
from emoloom.report.inputs import Record, listed, mapping

KINDS = ("corpus", "lexicon", "model", "other")
"""Kinds of cards, in the order of the page."""


@dataclass(frozen=True, slots=True)
class Card:
    """One input of the run."""

    name: str
    """Its name in the run."""
    kind: str
    """Of `KINDS`."""
    title: str
    """For people; may be empty."""
    licence: str
    """Short name of its licence; empty where it is not known."""
    terms: str
    """What the licence asks for beyond its name; may be empty."""
    facts: tuple[tuple[str, str], ...]
    """(what, value), without those that are not known."""
    hashes: tuple[tuple[str, str], ...]
    """(file or part, sha256)."""


def cards_view(run: Record, counts: Record, manifest: Record) -> tuple[Card, ...]:
    """Every input that run.json, data/counts.json or manifest.json names."""
    made_from = mapping(manifest.get("predicate"))
    licences = {str(raw["what"]): raw for raw in listed(run.get("licences")) if "what" in raw}
    rows, hashes = _rows_by_corpus(counts), mapping(made_from.get("data"))
    config = mapping(run.get("config"))
    parts = [part for value in mapping(config.get("data")).values() for part in listed(value)]
    named = [str(part["corpus"]) for part in parts if "corpus" in part]
    corpora = dict.fromkeys([*named, *rows, *hashes])
    cards = [_corpus(name, licences, rows, hashes) for name in corpora]
    cards += _lexicon(mapping(made_from.get("lexicon")), licences)
    cards += _models(mapping(made_from.get("models")))
    shown = {card.name for card in cards} | {card.title for card in cards}
    cards += [
        Card(name, "other", "", _text(raw.get("licence")), _text(raw.get("terms")), (), ())
        for name, raw in licences.items()
        if name not in shown
    ]
    return tuple(cards)


def _rows_by_corpus(counts: Record) -> dict[str, list[tuple[str, str]]]:
    """Corpus -> (row set, rows) of the sets it has rows in."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row_set, by_corpus in mapping(counts.get("sets")).items():
        for corpus, count in mapping(by_corpus).items():
            number = finite(count)
            if corpus != "all" and number is not None:
                found.setdefault(corpus, []).append((f"Rows in {row_set}", f"{int(number):,}"))
    return found


def _corpus(
    name: str,
    licences: Mapping[str, Record],
    rows: Mapping[str, list[tuple[str, str]]],
    hashes: Record,
) -> Card:
    said = licences.get(name, {})
    title, licence, facts = "", _text(said.get("licence")), list(rows.get(name, ()))
    if name in list_corpora():
        known = get_corpus(name)
        title, licence = known.title, licence or known.licence
        facts += [
            ("Labels", known.label_space or "none"),
            ("VAD", "rated by people" if known.has_vad else "not rated by people"),
            ("Citation", known.citation),
            ("Source", known.url),
            ("Licence text", known.licence_url),
        ]
    return Card(
        name=name,
        kind="corpus",
        title=title,
        licence=licence,
        terms=_text(said.get("terms")),
        facts=tuple(facts),
        hashes=_hashes(hashes, name),
    )


def _lexicon(found: Record, licences: Mapping[str, Record]) -> list[Card]:
    name = _text(found.get("name"))
    if not name:
        return []
    licence = _text(found.get("licence")) or _text(licences.get(name, {}).get("licence"))
    sha256 = _text(found.get("sha256"))
    return [Card(name, "lexicon", "", licence, "", (), (("lexicon", sha256),) if sha256 else ())]


def _models(found: Record) -> list[Card]:
    cards = []
    for name, raw in found.items():
        model = mapping(raw)
        source = _text(model.get("source"))
        cards.append(
            Card(
                name=name,
                kind="model",
                title=_text(model.get("is")),
                licence=_text(model.get("licence")),
                terms=_text(model.get("terms")),
                facts=(("Source", source),) if source else (),
                hashes=tuple(
                    (key.removesuffix("_sha256").replace("_", " "), _text(value))
                    for key, value in model.items()
                    if key.endswith("_sha256") and value
                ),
            )
        )
    return cards


def _hashes(hashes: Record, name: str) -> tuple[tuple[str, str], ...]:
    return tuple((file, text) for file, text in flatten(mapping(hashes.get(name))) if file)


def _text(value: object) -> str:
    """A text, or nothing for what is none."""
    return value if isinstance(value, str) else ""
