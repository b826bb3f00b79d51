"""Corpora by name: looked up, opened as a stream of records, or read whole."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from emoloom.corpora.catalog import CORPORA
from emoloom.corpora.corpus import Corpus
from emoloom.corpora.lines import read_lines, shown
from emoloom.corpora.official import SAMPLES
from emoloom.corpora.reading import SPLITS, FileRead, Item, ReadResult, collect
from emoloom.errors import UserError, nearest
from emoloom.runs.directory import sha256_file

__all__ = [
    "CORPORA",
    "Corpus",
    "Opened",
    "corpus_on_hub",
    "get_corpus",
    "list_corpora",
    "open_corpus",
    "read_corpus",
]


@dataclass(frozen=True, slots=True)
class Opened:
    """One split of a corpus, about to be read."""

    items: Iterator[Item]
    """Its records; those of other splits, where they stand in the same file, too."""
    paths: tuple[Path, ...]
    """The files they are in."""
    known: Mapping[str, str]
    """File name -> hash, where the registry lists one."""

    def files(self) -> tuple[FileRead, ...]:
        """The files with their hashes, which are worked out now."""
        return tuple(_file_read(path, self.known) for path in self.paths)


def list_corpora() -> tuple[str, ...]:
    """Names of the corpora, the embedded samples first."""
    return tuple(CORPORA)


def get_corpus(name: str) -> Corpus:
    """The corpus of that name.

    Raises:
        UserError: unknown name; lists the known ones.
    """
    if name not in CORPORA:
        near = nearest(name, CORPORA)
        raise UserError(
            "unknown corpus",
            got=shown(name),
            allowed=", ".join(CORPORA),
            do=f"did you mean {near}?" if near else "",
        )
    return CORPORA[name]


def corpus_on_hub(repo: str) -> Corpus:
    """The corpus whose copy a repository of the hub is.

    Raises:
        UserError: it is none that emoloom can read.
    """
    known = {corpus.hub: corpus for corpus in CORPORA.values() if corpus.hub}
    if repo not in known:
        raise UserError(
            "unknown data set of the hub",
            got=shown(repo),
            allowed=", ".join(known),
            do="fetch its files yourself and name them with `file`",
        )
    return known[repo]


def open_corpus(name: str, split: str, path: Path | None = None) -> Opened:
    """Open one split of a corpus; errors of its text come while it is read.

    Args:
        name: A name of `list_corpora`.
        split: `train`, `dev` or `test`.
        path: None for an embedded sample, else the official folder or file, or a folder with the
            hub's Parquet files.

    Raises:
        UserError: unknown name or split, a path too many or too few, or no such files.
    """
    corpus = get_corpus(name)
    if split not in SPLITS:
        raise UserError("unknown split", got=shown(split), allowed=", ".join(SPLITS))
    if corpus.shipped and path is not None:
        raise UserError(
            f"{name} is embedded and takes no path",
            got=str(path),
            do=f"drop the path, or name {name.removesuffix('-sample')}",
        )
    if not corpus.shipped and path is None:
        raise UserError(f"{name} needs a path", allowed=corpus.needs, do=f"see {corpus.url}")
    items, files = corpus.reader(path or SAMPLES, split)
    return Opened(items, files, _sample_hashes(corpus) if corpus.shipped else corpus.sha256)


def read_corpus(name: str, split: str, path: Path | None = None) -> ReadResult:
    """Read one split of a corpus into memory, with the hash of every file that was read.

    A file whose hash is not the known one is read all the same: its `known` is False.

    Args:
        name: As in `open_corpus`.
        split: As in `open_corpus`.
        path: As in `open_corpus`.

    Raises:
        UserError: as `open_corpus`, or a file is empty or not UTF-8.
    """
    opened = open_corpus(name, split, path)
    return replace(collect(opened.items, split), files=opened.files())


def _file_read(path: Path, known: Mapping[str, str]) -> FileRead:
    digest = sha256_file(path)
    return FileRead(path.name, digest, digest == known[path.name] if path.name in known else None)


def _sample_hashes(corpus: Corpus) -> Mapping[str, str]:
    """File name -> hash, of one sample's lines `<hash>  <folder>/<file>` in SHA256SUMS."""
    lines = (line.split(maxsplit=1) for _, line in read_lines(SAMPLES / "SHA256SUMS"))
    folder = corpus.name.removesuffix("-sample")
    return {Path(file).name: digest for digest, file in lines if Path(file).parent == Path(folder)}
