"""The corpora emoloom knows: licence, source, hashes and how each is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from emoloom.corpora.labels import load_space
from emoloom.corpora.lines import read_lines, shown
from emoloom.corpora.readers import (
    SPLITS,
    FileRead,
    ReadResult,
    read_emobank,
    read_goemotions,
    read_rows,
)
from emoloom.errors import UserError
from emoloom.records import LabelSpace
from emoloom.runs.directory import sha256_file

_SAMPLES = Path(__file__).resolve().parents[1] / "data" / "samples"

Reader = Callable[[Path, str], tuple[ReadResult, tuple[Path, ...]]]
"""(folder or file, split) -> (what was read, the files it came from)."""


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
    shipped: bool
    """True: embedded, needs no path. False: the user gives the path of the official files."""
    needs: str
    """What the path must be; empty where `shipped`."""
    reader: Reader = field(repr=False)
    """How one split is read."""
    sha256: Mapping[str, str] = field(repr=False)
    """File name -> hash of the official file. A sample's are in its SHA256SUMS, which ships."""


def list_corpora() -> tuple[str, ...]:
    """Names of the corpora, the embedded samples first."""
    return tuple(CORPORA)


def get_corpus(name: str) -> Corpus:
    """The corpus of that name.

    Raises:
        UserError: unknown name; lists the known ones.
    """
    if name not in CORPORA:
        raise UserError("unknown corpus", got=shown(name), allowed=", ".join(CORPORA))
    return CORPORA[name]


def read_corpus(name: str, split: str, path: Path | None = None) -> ReadResult:
    """Read one split of a corpus, with the hash of every file that was read.

    A file whose hash is not the official one is read all the same: its `known` is False.

    Args:
        name: A name of `list_corpora`.
        split: `train`, `dev` or `test`.
        path: None for an embedded sample, else the official folder or file.

    Raises:
        UserError: unknown name or split, a path too many or too few, or a file that is missing,
            empty, or not UTF-8.
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
    result, files = corpus.reader(path or _SAMPLES, split)
    known = _sample_hashes(corpus) if corpus.shipped else corpus.sha256
    return replace(result, files=tuple(_file_read(file, known) for file in files))


def _file_read(path: Path, known: Mapping[str, str]) -> FileRead:
    digest = sha256_file(path)
    return FileRead(path.name, digest, digest == known[path.name] if path.name in known else None)


def _sample_hashes(corpus: Corpus) -> Mapping[str, str]:
    """File name -> hash, of one sample's lines `<hash>  <folder>/<file>` in SHA256SUMS."""
    lines = (line.split(maxsplit=1) for _, line in read_lines(_SAMPLES / "SHA256SUMS"))
    folder = corpus.name.removesuffix("-sample")
    return {Path(file).name: digest for digest, file in lines if Path(file).parent == Path(folder)}


def _read_official_goemotions(path: Path, split: str) -> tuple[ReadResult, tuple[Path, ...]]:
    if not path.is_dir():
        raise UserError(f"{path} is no folder", allowed=_GOEMOTIONS_NEEDS)
    space = load_space("goemotions28")
    names, rows = path / "emotions.txt", path / f"{split}.tsv"
    _check_emotions(names, space)
    return read_goemotions(rows, split, space=space), (names, rows)


def _check_emotions(path: Path, space: LabelSpace) -> None:
    """The files' label indices count in emotions.txt: another order is another meaning."""
    listed = tuple(line.strip() for _, line in read_lines(path) if line.strip())
    if listed != space.labels:
        differing = next(
            (pair for pair in zip(listed, space.labels, strict=False) if pair[0] != pair[1]),
            (f"{len(listed)} names", f"{len(space.labels)} names"),
        )
        raise UserError(
            f"{path} is not the official list",
            got=shown(differing[0]),
            allowed=differing[1],
            do="give the official files; rows of another label space go in as JSON Lines",
        )


def _read_official_emobank(path: Path, split: str) -> tuple[ReadResult, tuple[Path, ...]]:
    file = path / "emobank.csv" if path.is_dir() else path
    return read_emobank(file, split), (file,)


def _sample_reader(folder: str) -> Reader:
    def read(samples: Path, split: str) -> tuple[ReadResult, tuple[Path, ...]]:
        file = samples / folder / f"{split}.jsonl"
        return read_rows(file, load_space("goemotions28")), (file,)

    return read


def _goemotions(name: str, title: str, needs: str, reader: Reader) -> Corpus:
    return Corpus(
        name=name,
        title=title,
        licence="CC BY 4.0",
        licence_url="https://creativecommons.org/licenses/by/4.0/legalcode",
        citation="Demszky et al. 2020, GoEmotions: A Dataset of Fine-Grained Emotions, ACL 2020",
        url="https://github.com/google-research/google-research/tree/master/goemotions",
        label_space="goemotions28",
        has_vad=False,
        shipped=not needs,
        needs=needs,
        reader=reader,
        sha256=_GOEMOTIONS_SHA256 if needs else MappingProxyType({}),
    )


def _emobank(name: str, title: str, needs: str, reader: Reader) -> Corpus:
    return Corpus(
        name=name,
        title=title,
        licence="CC BY-SA 4.0",
        licence_url="https://creativecommons.org/licenses/by-sa/4.0/legalcode",
        citation="Buechel and Hahn 2017, EmoBank: Studying the Impact of Annotation Perspective "
        "and Representation Format on Dimensional Emotion Analysis, EACL 2017",
        url="https://github.com/JULIELab/EmoBank",
        label_space=None,
        has_vad=True,
        shipped=not needs,
        needs=needs,
        reader=reader,
        sha256=_EMOBANK_SHA256 if needs else MappingProxyType({}),
    )


_GOEMOTIONS_NEEDS = "a folder with train.tsv, dev.tsv, test.tsv and emotions.txt"
_EMOBANK_NEEDS = "emobank.csv, or the folder that holds it"
_GOEMOTIONS_SHA256 = MappingProxyType(
    {
        "train.tsv": "1c254a142be5c00e80d819b9ae1bbd36d94b2eeb8f4b1271846508d57e57d9c5",
        "dev.tsv": "575489c079c9de1097062a01738f998590d6b7ead66dd1c9fd1d2ba01fd8bc62",
        "test.tsv": "0587b2dd8b27b97352adbfc3fb083d46005c8946657fdc2b1ca8b1cc7f1f8be4",
        "emotions.txt": "45c3ef86782d2a4d7fedcd6d8c111aa0d0e94720689bd164fac94fefb4495a89",
    }
)
_EMOBANK_SHA256 = MappingProxyType(
    {"emobank.csv": "1ade4a4a453e880c0f39d0536d2b355e8a716e0cf88236c64cdb4d438cf9605b"}
)

CORPORA: Mapping[str, Corpus] = MappingProxyType(
    {
        corpus.name: corpus
        for corpus in (
            _goemotions(
                "goemotions-sample", "GoEmotions, embedded sample", "", _sample_reader("goemotions")
            ),
            _emobank("emobank-sample", "EmoBank, embedded sample", "", _sample_reader("emobank")),
            _goemotions("goemotions", "GoEmotions", _GOEMOTIONS_NEEDS, _read_official_goemotions),
            _emobank("emobank", "EmoBank", _EMOBANK_NEEDS, _read_official_emobank),
        )
    }
)
"""Registry name -> corpus."""
