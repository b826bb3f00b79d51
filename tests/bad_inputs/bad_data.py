"""Data files at fault: read, turned away record by record, or refused with one clear line.

`python tests/bad_inputs/bad_data.py OUT_DIR` writes them; `make_cases.py` does, where it lists
this module.
"""

import gzip
import io
import json
import os
import sys
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

CASES: tuple[DataCase, ...] = (
    # Columns and quotes
    row("too-few-columns", "3,only three,joy", "3 columns"),
    row("too-many-columns", "3,too many,joy,1,2,3,train,x", "8 columns"),
    row("empty-line", "", "an empty line"),
    row("quote-inside-a-field", '3,"so" glad,joy,1,2,3,train', "no CSV record"),
    read(
        "quote-never-closed",
        HEAD + GOOD + '3,"so glad,joy,1,2,3,train\n4,x,joy,1,2,3,train\n',
        (3, 1),
        "lines 4 to 5 that are no CSV record",
    ),
    read(
        "tsv-stray-quotes",
        'text\tlabel\n"so glad\tjoy\nso "sad"\tsadness\n',
        (2, 0),
        file="mine.tsv",
    ),
    refused("header-twice-a-name", "text,text\na,joy\n", "has no line of column names"),
    refused("header-without-a-name", "text,\na,joy\n", "has no line of column names"),
    refused("header-only", HEAD, "holds no record"),
    refused("no-known-columns", "x,y\n1,2\n", "no column of texts is found", "do: name"),
    refused("no-labels", "text,y\nso glad,2\n", "no column of labels"),
    # Bytes
    read("byte-order-mark", "\ufeff" + HEAD + GOOD, (2, 0), "text: text"),
    read("crlf", (HEAD + GOOD).replace("\n", "\r\n"), (2, 0), "by split: train 1, dev 1"),
    refused("cr-alone", (HEAD + GOOD).replace("\n", "\r"), "has no line of column names"),
    refused("utf-16", (HEAD + GOOD).encode("utf-16"), "is not UTF-8 but UTF-16", "do: save it"),
    refused("utf-16-without-a-mark", (HEAD + GOOD).encode("utf-16-le"), "no column of "),
    refused("latin-1", HEAD.encode() + b"1,caf\xe9,joy,1,2,3,dev\n", "byte 0xe9 on line 2"),
    refused("zeros", b"\0" * 1000, "no column of texts"),
    row("nul-in-a-text", "3,so\0glad,joy,1,2,3,train", "a NUL"),
    refused("empty", b"", "is empty", "allowed: at least one line"),
    refused("only-a-byte-order-mark", b"\xef\xbb\xbf", "is empty"),
    # Sizes
    row("ten-megabytes-of-csv", f"3,{MEGABYTES},joy,1,2,3,train", "field larger than field limit"),
    json_row(
        "ten-megabytes-of-json",
        json.dumps({"text": MEGABYTES, "label": "joy"}),
        "a record of 10485",
        "at most 1048576",
    ),
    json_row("long-text", json.dumps({"text": "y" * 200_000, "label": "joy"}), "a text of 200000"),
    # Ids, texts, labels, splits
    row("id-twice", "1,so glad,joy,1,2,3,train", "the id 'mine/1' again"),
    row("id-empty", ",so glad,joy,1,2,3,train", "id = ''"),
    row("id-with-an-escape", "\x1b[2J,so glad,joy,1,2,3,train", "id = '\\x1b[2J'"),
    row("text-empty", "3, ,joy,1,2,3,train", "an empty text"),
    read("only-emoji", HEAD + "1,😀😀,joy,1,2,3,dev\n2,:-((,anger,1,2,3,dev\n", (2, 0)),
    read(
        "right-to-left",
        HEAD + "1,\u202eאני שמח\u202c,joy,1,2,3,dev\n2,أنا سعيد,joy,1,2,3,dev\n",
        (2, 0),
    ),
    row("right-to-left-label", "3,so glad,\u202eyoj,1,2,3,train", "the label '\\u202eyoj'"),
    row("unknown-label", "3,so glad,glee,1,2,3,train", "the label 'glee'; allowed: the names of"),
    row("label-twice", '3,so glad,"joy,joy",1,2,3,train', "each label once"),
    refused(
        "all-labels-unknown",
        "text,label\nso glad,glee\n",
        "none of its 1 record can be read",
        "the label 'glee'",
        options=" --labels ekman7",
    ),
    row("unknown-split", "3,so glad,joy,1,2,3,holdout", "the split 'holdout'"),
    read("formula-cells", HEAD + "1,\"=cmd|' /C calc'!A0\",joy,1,2,3,dev\n", (1, 0)),
    read("html", HEAD + "1,<script>alert(1)</script>,joy,1,2,3,dev\n", (1, 0)),
    row("html-in-a-label", "3,so glad,<b>joy</b>,1,2,3,train", "the label '<b>joy</b>'"),
    # VAD
    read(
        "vad-out-of-scale",
        HEAD + RATED + "200,so glad,joy,9,2,4,train\n",
        (201, 1),
        "v = '9'; allowed: 1 to 5",
        "- 5.0",
    ),
    row("vad-nan", "3,so glad,joy,nan,2,3,train", "v = 'nan'; allowed: a number"),
    row("vad-infinite", "3,so glad,joy,1,-inf,3,train", "a = '-inf'; allowed: a number"),
    row("vad-no-number", "3,so glad,joy,high,2,3,train", "v = 'high'; allowed: a number"),
    row("vad-in-part", "3,so glad,joy,1,,3,train", "a = ''; allowed: a number"),
    row("neither-label-nor-vad", "3,so glad,,,,,train", "neither a label nor VAD"),
    # JSON
    json_row("json-cut-short", '{"text": "so glad", "label"', "no JSON"),
    json_row("json-list", "[1, 2]", "allowed: a JSON object"),
    json_row("json-too-deep", "[" * 100_000, "no JSON"),
    json_row("json-key-twice", '{"text": "a", "text": "b", "label": "joy"}', "twice"),
    json_row("json-half-a-character", '{"text": "a\\ud800", "label": "joy"}', "half a character"),
    json_row("json-text-a-number", '{"text": 5, "label": "joy"}', "text = 5; allowed: text"),
    json_row("json-label-a-number", '{"text": "a", "label": 5}', "labels = 5"),
    json_row("json-long-number", '{"text": "a", "label": ' + "9" * 5000 + "}", "no JSON"),
    # Archives and what is no file
    made("gzip-bomb", bomb, "mine.jsonl", ARCHIVE, "gzip", "do: unpack it"),
    refused("zip-that-climbs", zipped("../../evil.csv"), ARCHIVE, "zip", "do: unpack it"),
    made("link-loop", loop, "a.csv", "there is no file"),
    made(
        "link-to-nothing",
        lambda here: (here / "a.csv").symlink_to(here / "b.csv"),
        "a.csv",
        "there is no file",
    ),
    made("folder", lambda here: (here / "mine.csv").mkdir(), "mine.csv", "is a folder"),
    made("pipe", lambda here: os.mkfifo(here / "mine.csv"), "mine.csv", "there is no file"),
    DataCase(
        "data-closed",
        lambda here, sound: (
            write("mine.csv", HEAD + GOOD)(here, sound),
            (here / "mine.csv").chmod(0),
        ),
        CHECK + "mine.csv",
        ("cannot be read", "Permission denied", "do: check the path"),
        weak=True,
    ),
    # Parquet
    made("parquet-cut-short", lambda here: parquet(here, -20), "mine.parquet", UNSOUND),
    made("parquet-mark-alone", lambda here: parquet(here, 4), "mine.parquet", UNSOUND),
    made("parquet-no-text", lambda here: parquet(here, None, "x"), "mine.parquet", "no column of"),
    # Official files
    folder(
        "goemotions-index-too-high",
        {"emotions.txt": emotions(), "dev.tsv": "so glad\t17\ta\nso sad\t28\tb\n"},
        (2, 1),
        "label index '28'; allowed: 0 to 27",
    ),
    folder(
        "goemotions-another-order",
        {"emotions.txt": "joy\nanger\n", "dev.tsv": "so glad\t0\ta\n"},
        None,
        "is not the official list",
    ),
    folder(
        "emobank-out-of-scale",
        {"emobank.csv": "id,split,V,A,D,text\na,dev,3,3,3,so\nb,dev,0,3,3,so\n"},
        (2, 1),
        "V = '0'; allowed: 1 to 5",
    ),
    folder(
        "empathetic-too-few-columns",
        {"valid.csv": ED + "a,1,proud,I won,1,hi,,\nb,1,sad,He left\n"},
        (2, 1),
        "4 columns",
        "1 utterances in 1 conversations",
    ),
    folder(
        "empathetic-unknown-emotion",
        {"valid.csv": ED + "a,1,proud,I won,1,hi,,\nb,1,glee,He left,1,hi,,\n"},
        (2, 1),
        "the emotion 'glee'",
    ),
    folder(
        "daily-emotions-missing",
        {
            "test/dialogues_test.txt": "Hi __eou__ Ho __eou__\nHm __eou__\n",
            "test/dialogues_emotion_test.txt": "0\n4\n",
        },
        (2, 1),
        "2 turns, 1 emotions",
    ),
    DataCase(
        "data-daily-without-emotions",
        write("dialogues_test.txt", "Hi __eou__ Ho __eou__\n"),
        CHECK + "dialogues_test.txt",
        ("their emotions are not beside it",),
    ),
)


def main() -> int:
    if len(sys.argv) != 2 or Path(sys.argv[1]).exists():
        sys.stderr.write("usage: python tests/bad_inputs/bad_data.py OUT_DIR (a new folder)\n")
        return 2
    out = Path(sys.argv[1]).absolute()
    for case in CASES:
        here = out / case.name
        here.mkdir(parents=True)
        case.make(here, Sound(out))
    sys.stdout.write(f"{len(CASES)} data files in {out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
