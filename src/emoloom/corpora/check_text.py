"""The report of `emoloom data check` in words. Names of the file are data: see `printable`."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from emoloom.corpora.check import OTHERS, FileCheck, mapping_yaml
from emoloom.corpora.corpus import Corpus
from emoloom.corpora.guess import space_of_most
from emoloom.corpora.lost_labels import lost_lines
from emoloom.corpora.other_texts import CHOOSE, in_words

_MOST_REASONS = 20


def describe(path: Path, found: FileCheck) -> Iterator[str]:
    """Line by line: what it is, hashes, licence, guess, counts, rejected records by reason."""
    yield f"{path}: {found.kind}"
    for file in found.files:
        yield f"sha256 {file.sha256}  {file.name}: {_hash_in_words(file.known, found.corpus)}"
    if found.corpus is None:
        yield "licence: not stated; say it in the config (`licence:`), exports carry it"
    else:
        yield f"licence: {found.corpus.licence}, {found.corpus.licence_url}"
        yield f"cite: {found.corpus.citation}; {found.corpus.url}"
    if found.mapping is not None:
        yield (
            "guessed mapping; check it and paste it into data.train or data.select, its path "
            "relative to the config's folder:"
        )
        yield from (f"    {line}" for line in mapping_yaml(path, found.mapping).splitlines())
        if found.mapping.quotes:
            yield "its fields stand in double quotes, as CSV writes them, and are read so"
        if left_out := in_words(found.mapping.text, found.other_texts):
            yield f"{left_out}; {CHOOSE}"
    yield from _counts(found)
    yield from found.read_as.words()
    yield from _rejected(found)
    yield from _lost(path, found)


def _lost(path: Path, found: FileCheck) -> Iterator[str]:
    """Labels that the space has not, or the nearest one where none was found to fit."""
    if found.space is not None:
        if found.lost:
            yield from lost_lines(path, found.space, found.labels, found.lost)
        return
    labels = {label: count for label, count in found.labels.items() if label != OTHERS}
    space = space_of_most(labels)
    if space is None:
        return
    known = {name.casefold() for name in space.labels}
    kept = {label: count for label, count in labels.items() if label.casefold() in known}
    if lost := {label: count for label, count in labels.items() if label not in kept}:
        yield from lost_lines(path, space, kept, lost)
    else:
        command = f"emoloom data check --labels {space.name} {shlex.quote(str(path))}"
        yield f"all labels are of {space.name}: `{command}`"


def _hash_in_words(known: bool | None, corpus: Corpus | None) -> str:
    if known is None or corpus is None:
        return "no hash is known to compare with"
    return (
        f"this is {corpus.known_as}" if known else f"NOT {corpus.known_as}; it is used all the same"
    )


def _counts(found: FileCheck) -> Iterator[str]:
    if found.continued or (found.corpus and found.corpus.in_conversations):
        utterances = found.rows + found.continued
        yield f"{utterances:,} utterances in {found.groups:,} conversations"
    yield f"{found.records:,} records = {found.rows:,} rows + {found.rejected:,} rejected"
    if found.mapping is None or found.mapping.split or found.mapping.split_shares:
        yield "by split: " + ", ".join(f"{name} {count:,}" for name, count in found.splits.items())
    else:
        yield "by split: none stated; a row set that names the file takes all of it"
    if found.rated:
        yield f"with VAD: {found.rated:,}{_by_dimension(found)}"
    if found.labels:
        space = found.space.name if found.space else "no space that ships fits; taken as they are"
        space += ", which does not fit: see below" if found.space and found.lost else ""
        yield f"by label ({space}):"
        width = max(map(len, found.labels))
        yield from (f"    {name:<{width}}  {count:>9,}" for name, count in found.labels.items())


def _by_dimension(found: FileCheck) -> str:
    """` (valence 9, arousal 7)`; nothing where every one of these rows has all three."""
    if set(found.rated_in.values()) == {found.rated}:
        return ""
    counts = [f"{name} {count:,}" for name, count in found.rated_in.items() if count]
    return f" ({', '.join(counts)})"


def _rejected(found: FileCheck) -> Iterator[str]:
    if not found.reasons:
        return
    yield "rejected, by reason:"
    for reason in found.reasons[:_MOST_REASONS]:
        yield f"    {reason.count:>9,}  {reason.text} (first: line {reason.line}, {reason.example})"
    rest = found.reasons[_MOST_REASONS:]
    if rest:
        yield f"    {sum(reason.count for reason in rest):>9,}  for {len(rest)} further reasons"
