"""Corpora in their official layout, made in a test, with lines that cannot be read."""

from pathlib import Path

from emoloom.corpora.labels import load_space

LABELS = load_space("goemotions28").labels

WORDS = ("love", "hate", "happy", "terrible", "calm", "angry", "great", "afraid", "kind", "sad")

BROKEN = (
    ("a row of two columns\t3", "2 columns"),
    ("an index too high\t99\tbad1", "99"),
    ("an index that is no number\tjoy\tbad2", "joy"),
    ("\t3\tbad3", "an empty text"),
    ("", "an empty line"),
    ("the id of another row\t3\ttrain0", "again"),
)
"""(line of train.tsv, what its rejection must say)."""


def goemotions_folder(folder: Path, rows: int = 20) -> Path:
    """`rows` sound lines in each of train.tsv and dev.tsv; `BROKEN` stands in train.tsv."""
    folder.mkdir(parents=True)
    (folder / "emotions.txt").write_text("\n".join(LABELS) + "\n", encoding="utf-8")
    for split in ("train", "dev"):
        lines = [
            f"{split} {number} is {WORDS[number % 10]}\t{number % 28},27\t{split}{number}"
            if number % 28 != 27
            else f"{split} {number}\t27\t{split}{number}"
            for number in range(rows)
        ]
        broken = [line for line, _ in BROKEN] if split == "train" else []
        text = "\n".join([*lines[:3], *broken, *lines[3:]]) + "\n"
        (folder / f"{split}.tsv").write_text(text, encoding="utf-8")
    return folder


def emobank_file(folder: Path, rows: int = 20, words: tuple[str, ...] = WORDS) -> Path:
    """`rows` sound records of train and of dev, and one of each split with a rating of 9."""
    folder.mkdir(parents=True)
    lines = ["id,split,V,A,D,text"]
    for split in ("train", "dev"):
        lines += [
            f"{split}-{n},{split},{1 + n % 5},{1 + n % 3},{1 + n % 4},"
            f'"{split} so {words[n % len(words)]}, {n}"'
            for n in range(rows)
        ]
        lines.append(f"{split}-bad,{split},9,3,3,out of scale")
    (folder / "emobank.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "emobank.csv"
