"""What data files at fault are made of: one function for each form of case."""

import gzip
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bad_case import Case, Sound

HEAD = "id,text,label,v,a,d,split\n"
GOOD = "1,so glad,joy,3,2,4,train\n2,so sad,sadness,1,5,3,dev\n"
CHECK = "data check {here}/"
REPLACED = "�"


@dataclass(frozen=True)
class DataCase(Case):
    """One data file; where it is read, its counts are known."""

    records: int = 0
    """Records that should be rows."""
    rejected: int = 0
    """Of them, those that are none."""


def write(file: str, content: str | bytes) -> Callable[[Path, Sound], None]:
    def make(here: Path, sound: Sound) -> None:
        path = here / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))

    return make


def read(  # a file that is read, in part
    name: str,
    content: str | bytes,
    counts: tuple[int, int],
    *parts: str,
    file: str = "mine.csv",
) -> DataCase:
    records, rejected = counts
    said = f"{records} records = {records - rejected} rows + {rejected} rejected"
    return DataCase(
        f"data-{name}",
        write(file, content),
        CHECK + file,
        (said, *parts),
        code=0,
        records=records,
        rejected=rejected,
    )


def row(name: str, line: str, *parts: str) -> DataCase:
    """One bad line among two good ones."""
    return read(name, HEAD + GOOD + line + "\n", (3, 1), "line 4", *parts)


def json_row(name: str, line: str, *parts: str) -> DataCase:
    good = '{"text": "so glad", "label": "joy"}\n'
    return read(name, good + line + "\n" + good, (3, 1), "line 2", *parts, file="mine.jsonl")


def refused(
    name: str,
    content: str | bytes,
    *parts: str,
    file: str = "mine.csv",
    options: str = "",
) -> DataCase:
    return DataCase(f"data-{name}", write(file, content), CHECK + file + options, parts)


def made(name: str, make: Callable[[Path], object], target: str, *parts: str) -> DataCase:
    return DataCase(f"data-{name}", lambda here, _: make(here), CHECK + target, parts)


def folder(
    name: str, files: dict[str, str], counts: tuple[int, int] | None, *parts: str
) -> DataCase:
    """An official folder."""

    def make(here: Path, sound: Sound) -> None:
        for file, text in files.items():
            write(f"folder/{file}", text)(here, sound)

    if counts is None:
        return DataCase(f"data-{name}", make, CHECK + "folder", parts)
    records, rejected = counts
    said = f"{records} records = {records - rejected} rows + {rejected} rejected"
    return DataCase(
        f"data-{name}",
        make,
        CHECK + "folder",
        (said, *parts),
        code=0,
        records=records,
        rejected=rejected,
    )


def loop(here: Path) -> None:
    (here / "a.csv").symlink_to(here / "b.csv")
    (here / "b.csv").symlink_to(here / "a.csv")


def bomb(here: Path) -> None:
    (here / "mine.jsonl").write_bytes(gzip.compress(b"\0" * (64 << 20)))


def zipped(member: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(member, HEAD + GOOD)
    return stream.getvalue()


def parquet(here: Path, cut: int | None = None, column: str = "text") -> None:
    import pyarrow as pa
    from pyarrow import parquet as pq

    pq.write_table(pa.table({column: ["so glad"], "label": ["joy"]}), here / "mine.parquet")
    whole = (here / "mine.parquet").read_bytes()
    (here / "mine.parquet").write_bytes(whole[:cut])


def emotions() -> str:
    from emoloom.corpora.labels import load_space

    return "\n".join(load_space("goemotions28").labels) + "\n"


RATED = "".join(f"{n},so glad {n},joy,{1 + n % 5},2,4,train\n" for n in range(200))
ED = "conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags\n"
MEGABYTES = "x" * (10 << 20)
UNSOUND = "is no sound Parquet file"
ARCHIVE = "is an archive"
