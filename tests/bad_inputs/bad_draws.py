"""Configs whose rows cannot be drawn, or not as asked: found by `check`, refused by `build`."""

from pathlib import Path

from bad_case import Case, Make, Sound

from tiny_screen import write_config

CHECK = "check {here}/c.yaml"
MEND = "mend each line and run `emoloom check`"
COLUMNS = {"text": "text", "labels": "label"}
SAMPLE = {"corpus": "emobank-sample", "rows": 4}


def texts(first: int, count: int) -> str:
    """A table of distinct texts of the label joy."""
    lines = (f"thing {n} of {n * n},joy" for n in range(first, first + count))
    return "text,label\n" + "".join(f"{line}\n" for line in lines)


def drawn(files: dict[str, str], /, **changes: object) -> Make:
    """Files of the user's own, and a config with them."""

    def make(here: Path, sound: Sound) -> None:
        for name, content in files.items():
            path = here / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        write_config(here / "c.yaml", **changes)

    return make


def data(
    train: list[dict[str, object]], select: list[dict[str, object]], **more: object
) -> dict[str, object]:
    return {"train": train, "select": select, **more}


def own(file: str, mapping: dict[str, object] | None = None, **part: object) -> dict[str, object]:
    return {"file": file, "mapping": COLUMNS | (mapping or {}), **part}


def case(name: str, make: Make, *parts: str) -> Case:
    return Case(f"draw-{name}", make, CHECK, ("c.yaml has 1 fault:\n  ", *parts, MEND))


def fine(name: str, make: Make, *parts: str) -> Case:
    """Sound input that once was refused, or drawn wrong."""
    return Case(f"draw-{name}", make, CHECK, ("c.yaml is fine", *parts), code=0)


MINE = {"mine.csv": texts(0, 9)}
GROUPS = "text,label,group\n{0} said one,joy,1\n{0} wrote two,joy,2\n{0} sang three,joy,3\n"
"""Three rows of three groups; the texts are of what is filled in."""
OF_ONE: dict[str, object] = {"group": "group"}
OF_ONE = {"group": "talk"}
GROUPS = "text,label,talk\n" + "".join(f"{{0}}{n * n} said,joy,{n}\n" for n in range(3))
TWO = {"train/data.csv": texts(0, 9), "dev/data.csv": texts(100, 5)}

CASES = (
    case(
        "file-of-two-sets",
        drawn(MINE, data=data([own("mine.csv")], [own("mine.csv")])),
        "data.select.0: mine.csv is in data.train.0 too, and nothing says which of its rows",
        "do: add `split_shares: [80, 20, 0]` to the `mapping` of both, or give another file",
    ),
    case(
        "file-of-two-sets-guessed",
        drawn(MINE, data=data([{"file": "mine.csv"}], [{"file": "./mine.csv"}])),
        "data.select.0: ./mine.csv is in data.train.0 too",
        "to the `mapping` of both, which `emoloom data check` guesses",
    ),
    case(
        "file-of-two-sets-split-in-one",
        drawn(
            MINE,
            data=data([own("mine.csv", {"split_shares": [80, 20]})], [own("mine.csv")]),
        ),
        "data.select.0: mine.csv is in data.train.0 too, and nothing says which",
    ),
    case(
        "file-of-two-sets-split-twice",
        drawn(
            MINE,
            data=data(
                [own("mine.csv", {"split_shares": [50, 50]})],
                [own("mine.csv", {"split_shares": [70, 30]})],
            ),
        ),
        "data.select.0: mine.csv is in data.train.0 too, and is split in another way there",
    ),
    case(
        "file-twice-in-a-set",
        drawn(MINE, data=data([own("mine.csv"), own("mine.csv")], [SAMPLE])),
        "data.train.1: mine.csv is in data.train.0 too; do: name each file once in a row set",
    ),
    case(
        "corpus-twice-in-a-set",
        drawn({}, data=data([SAMPLE, {**SAMPLE, "rows": 790}], [{"corpus": "goemotions-sample"}])),
        "a row stands twice in the screen; got: emobank/",
        "do: name each corpus once",
    ),
    case(
        "train-all-in-select",
        drawn(
            {"mine.csv": texts(0, 9), "copy.csv": texts(0, 9)},
            data=data([own("mine.csv")], [own("copy.csv")]),
        ),
        "no train row is left; got: 9 rows, all removed (a text of select: 9); ",
        "do: give train rows of other texts",
    ),
    case(
        "train-too-few-where-twins-left",
        drawn(
            {"mine.csv": texts(0, 9), "other.csv": texts(5, 9)},
            data=data([own("mine.csv", rows=9)], [own("other.csv")]),
        ),
        "data.train.0: mine: cannot draw that many rows; got: 9; allowed: at most 5",
        "allowed: at most 5, the rows there are; removed from train: a text of select: 4; do: ",
    ),
    case(
        "train-all-groups-in-select",
        drawn(
            {"mine.csv": GROUPS.format("t"), "other.csv": GROUPS.format("d")},
            data=data([own("mine.csv", OF_ONE)], [own("other.csv", OF_ONE)], shared_groups=True),
        ),
        "no train row is left; got: 3 rows, all removed (a group of select: 3); do: give train ",
        "rows of other groups, or leave `shared_groups` out if equal groups of two files are not ",
    ),
    case(
        "train-too-few-where-groups-left",
        drawn(
            {
                "mine.csv": GROUPS.format("t") + "quite alone,joy,7\n",
                "other.csv": GROUPS.format("d"),
            },
            data=data(
                [own("mine.csv", OF_ONE, rows=3)], [own("other.csv", OF_ONE)], shared_groups=True
            ),
        ),
        "data.train.0: mine: cannot draw that many rows; got: 3; allowed: at most 1, the rows ",
        "there are; removed from train: a group of select: 3; do: ",
    ),
    case(
        "select-all-groups-in-test",
        drawn(
            {
                "mine.csv": texts(0, 9),
                "other.csv": GROUPS.format("d"),
                "last.csv": GROUPS.format("l"),
            },
            data=data(
                [own("mine.csv")],
                [own("other.csv", OF_ONE)],
                test=[own("last.csv", OF_ONE)],
                shared_groups=True,
            ),
        ),
        "no select row of other is left; got: 3 rows, all removed (a group of test: 3); do: give ",
        "`select` and `test` rows of other groups, or leave `shared_groups` out if ",
    ),
    case(
        "split-not-there",
        drawn(
            {"mine.csv": "text,label,set\na b,joy,train\nc d,joy,test\ne f,anger,train\n"},
            data=data([own("mine.csv", {"split": "set"})], [own("mine.csv", {"split": "set"})]),
        ),
        "data.select.0: mine has no row in its dev split; got: train 2, test 1; allowed: a file ",
        "with dev rows; do: give another file, or `split_shares` in place of `split: set`",
    ),
    case(
        "two-files-one-name",
        drawn(
            TWO,
            data=data([own("train/data.csv", name="a")], [own("dev/data.csv", name="a")]),
        ),
        "data.select.0: a is the name of data.train.0 too; do: give each file a `name` of its own",
    ),
    case(
        "one-file-two-names",
        drawn(
            MINE,
            data=data(
                [own("mine.csv", {"split_shares": [50, 50]}, name="a")],
                [own("mine.csv", {"split_shares": [50, 50]}, name="b")],
            ),
        ),
        "data.select.0.name: mine.csv is named a in data.train.0; do: give one file one name",
    ),
    case(
        "name-of-a-corpus",
        drawn(MINE, data=data([own("mine.csv", name="goemotions")], [SAMPLE])),
        "data.train.0.name: goemotions is a corpus; do: give the file another `name`",
    ),
    case(
        "name-of-no-use",
        drawn({"a\tb.csv": texts(0, 9)}, data=data([own("a\tb.csv")], [SAMPLE])),
        "data.train.0: rows cannot be named 'a\\tb'; do: give the file a `name`",
    ),
    case(
        "nothing-ranks",
        drawn({}, ranking={"labels_weight": 1, "vad_weight": 0}, data=data([SAMPLE], [SAMPLE])),
        "Nothing is left to rank by; got: select has no gold labels",
    ),
    case(
        "file-nowhere",
        drawn({}, data=data([own("train/data.csv")], [SAMPLE])),
        "data.train.0.file: there is no file or folder train/data.csv in ",
        ", the config's folder; do: check the path",
    ),
    case(
        "appraisal-file-nowhere",
        drawn({}, recipes=["sft+appraisal"], training={"appraisal": {"verifier": "no.zip"}}),
        "training.appraisal.verifier: there is no file or folder no.zip in ",
    ),
    case(
        "verifier-that-is-none",
        drawn(
            {"v.zip": "no zip"},
            recipes=["sft+appraisal"],
            training={"appraisal": {"verifier": "v.zip"}},
        ),
        "v.zip is no appraisal verifier",
    ),
    fine(
        "equal-file-names",
        drawn(TWO, data=data([own("train/data.csv")], [own("dev/data.csv")])),
        "rows: train 9 rows, select 5 rows; 0 of 14 records rejected\nremoved from train: none\n",
    ),
    fine(
        "two-shares",
        drawn(
            {"mine.csv": texts(0, 90)},
            data=data(
                [own("mine.csv", {"split_shares": [80, 20]})],
                [own("mine.csv", {"split_shares": [80, 20]})],
            ),
        ),
        "; 0 of 90 records rejected",
    ),
    fine(
        "label-lost-whole",
        drawn(
            {"mine.csv": texts(0, 60) + "".join(f"so {n},happy\n" for n in range(40))},
            data=data([own("mine.csv")], [{"corpus": "goemotions-sample", "rows": 4}]),
        ),
        "warning: mine: a label is lost whole, no row has it: happy 40 (nearest in goemotions28: ",
        "warning: mine: 40 of 100 records are rejected (40%)",
    ),
)
