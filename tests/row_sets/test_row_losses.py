"""What is lost of a source is counted, warned of, and noted on the verdict."""

import json
import shutil
from pathlib import Path

import pytest

from asked_rows import SPACE, build_row_sets, part
from emoloom.config_mapping import MappingConfig
from emoloom.config_sections import DataConfig, RowsConfig
from emoloom.row_sets.losses import loss_notes, loss_warnings
from emoloom.row_sets.told import count_lines
from forging import edit, seal
from made_maps import write_map
from tiny_screen import SETTINGS, Watch, call, run_screen, write_config

SELECT = part("goemotions-sample", 5)


def labelled(path: Path, **counts: int) -> RowsConfig:
    """A file with so many records of each label; `__` stands between two labels of one record."""
    names = [label.replace("__", ";") for label, count in counts.items() for _ in range(count)]
    lines = [f"thing {n} of {n * n},{name}" for n, name in enumerate(names)]
    path.write_text("text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    mapping = MappingConfig(text="text", labels="label", label_separator=";")
    return RowsConfig(file=path, mapping=mapping)


def counts_of(lexicon, *train: RowsConfig, **data) -> dict:
    return build_row_sets(
        DataConfig(train=train, select=(SELECT,), **data), SPACE, lexicon, 1
    ).counts


def test_a_label_of_which_no_record_is_left_is_named(tmp_path, lexicon):
    counts = counts_of(lexicon, labelled(tmp_path / "mine.csv", joy=60, happy=30, HAPPY=3))
    assert counts["losses"] == [
        {
            "source": "mine",
            "sets": ["train"],
            "records": 93,
            "rejected": 33,
            "labels_lost": {"happy": 33},
        }
    ]
    assert counts["warnings"][:2] == [
        "mine: a label is lost whole, no row has it: happy 33 (nearest in goemotions28: joy) (of "
        "93 records); give a label space that has it, or a `label_space` and `label_map` of your "
        "own",
        "mine: 33 of 93 records are rejected (35%)",
    ]
    assert loss_notes(counts["losses"]) == (
        "mine: a label is lost whole, no row has it: happy 33 (of 93 records)",
        "mine: 33 of 93 records are rejected (35%)",
    )


def test_a_label_that_goes_with_a_lost_one_is_lost_too(tmp_path, lexicon):
    mine = labelled(tmp_path / "mine.csv", joy=5, love__happy=2, joy__happy=1)
    (found,) = counts_of(lexicon, mine)["losses"]
    assert found["labels_lost"] == {"happy": 3, "love": 2}, "joy has rows"


def test_a_label_of_which_a_record_is_left_is_not_lost(tmp_path, lexicon):
    mine = labelled(tmp_path / "mine.csv", joy=59, love=1)
    with mine.file.open("a", encoding="utf-8") as stream:
        stream.write(" ,love\n" * 3)
    counts = counts_of(lexicon, mine)
    assert (counts["rejected"], counts["losses"]) == (3, [])


@pytest.mark.parametrize(("bad", "warned"), [(5, False), (6, True)])
def test_a_share_above_5_percent_is_warned_of(tmp_path, lexicon, bad, warned):
    mine = labelled(tmp_path / "mine.csv", joy=100 - bad)
    with mine.file.open("a", encoding="utf-8") as stream:
        stream.write(" ,joy\n" * bad)
    counts = counts_of(lexicon, mine)
    said = f"mine: {bad} of 100 records are rejected ({bad}%)"
    assert (said in counts["warnings"], bool(counts["losses"])) == (warned, warned)


def test_what_a_map_drops_is_lost(tmp_path, lexicon):
    space = tmp_path / "two.json"
    space.write_text(json.dumps({"name": "two", "labels": ["up", "down"]}), encoding="utf-8")
    targets = {"up": {"to": ["joy"]}, "down": {"to": [], "why": "a test"}}
    way = write_map(tmp_path / "map.json", "two", "goemotions28", targets)
    mine = labelled(tmp_path / "mine.csv", up=9, down=4)
    mapped = mine.model_copy(update={"label_space": str(space), "label_map": way})
    (found,) = counts_of(lexicon, mapped)["losses"]
    assert (found["rejected"], found["labels_lost"]) == (0, {"down": 4})


def test_what_is_lost_of_cross_is_no_matter_of_the_verdict(tmp_path, lexicon):
    cross = labelled(tmp_path / "theirs.csv", joy=9, happy=9)
    cross.file.write_text(cross.file.read_text("utf-8").replace("thing", "matter"), "utf-8")
    mine = labelled(tmp_path / "mine.csv", anger=9)
    counts = counts_of(lexicon, mine, cross=(cross,))
    assert [one["sets"] for one in counts["losses"]] == [["cross"]]
    assert any("theirs: a label is lost whole" in text for text in counts["warnings"])
    assert loss_notes(counts["losses"]) == ()


def test_of_many_labels_the_commonest_are_named():
    lost = {f"word{n}": 90 - n for n in range(9)}
    one = {"source": "s", "sets": ["select"], "records": 5000, "rejected": 200, "labels_lost": lost}
    (text,) = loss_warnings([one], SPACE)
    assert text.startswith("s: 9 labels are lost whole, no row has them: word0 90, word1 89, ")
    assert "word5 85 and 3 more (of 5,000 records)" in text


@pytest.mark.parametrize("other", [[{}], [5], 5, [{"sets": None}]])
def test_counts_of_another_shape_are_refused(other):
    with pytest.raises((KeyError, TypeError, ValueError)):
        loss_notes(other)


# What commands say


def test_every_removal_is_said_with_its_reason_and_its_set(tmp_path, lexicon):
    near = " ".join(f"word{n}" for n in range(10))
    train, dev = tmp_path / "train.csv", tmp_path / "dev.csv"
    train.write_text(f"text,label\none here,joy\n{near} x,joy\nthree,joy\nfour,joy\n", "utf-8")
    dev.write_text(f"text,label\nONE here!,joy\n{near} y,joy\n", encoding="utf-8")
    mapping = MappingConfig(text="text", labels="label")
    data = DataConfig(
        train=(RowsConfig(file=train, mapping=mapping),),
        select=(RowsConfig(file=dev, mapping=mapping),),
    )
    counts = build_row_sets(data, SPACE, lexicon, 1).counts
    assert counts["removed_from_train_as_twins_in"] == {"select": {"same_text": 1, "near_text": 1}}
    assert list(count_lines(counts)) == [
        "rows: train 2 rows, select 2 rows; 0 of 6 records rejected",
        "removed from train: 2 of 4 rows (a text of select: 1; nearly a text of select: 1)",
    ]


@pytest.fixture(scope="module")
def lossy(tmp_path_factory):
    """A screen of a file that loses a label, and its config."""
    here = tmp_path_factory.mktemp("lossy")
    mine = labelled(here / "mine.csv", joy=10, happy=5)
    given = {"file": "mine.csv", "mapping": mine.mapping.model_dump(exclude_none=True)}
    train = [{**given, "mapping": {"text": "text", "labels": "label"}}, *SETTINGS["data"]["train"]]
    data = {**SETTINGS["data"], "train": train}
    config = write_config(here / "c.yaml", data=data, recipes=["sft"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOLOOM_CACHE", str(here / "cache"))
        watch = Watch()
        screened = run_screen(config, here / "run", watch)
    return here, screened, watch.said


LOST = "mine: a label is lost whole, no row has it: happy 5 (of 15 records)"
WARNED = (
    "warning: mine: a label is lost whole, no row has it: happy 5 (nearest in goemotions28: joy)"
)


def test_check_and_data_build_say_what_is_lost(lossy, tmp_path):
    here, _, _ = lossy
    checked = call("check", here / "c.yaml")
    built = call("data", "build", here / "c.yaml", "--out", tmp_path / "built")
    for called in (checked, built):
        assert (called.code, called.err) == (0, "")
        lines = called.out.splitlines()
        assert any(line.startswith(WARNED) for line in lines)
        assert "warning: mine: 5 of 15 records are rejected (33%)" in lines
        assert sum(line.startswith("removed from train: ") for line in lines) == 1
    same = [line for line in checked.out.splitlines()[1:] if line not in built.out.splitlines()]
    assert same == [], "both draw the same rows"


def test_a_screen_says_it_and_notes_it_on_the_verdict(lossy):
    here, screened, said = lossy
    assert any(line.startswith(WARNED) for line in said)
    assert any(line.startswith("removed from train: ") for line in said)
    assert screened.notes == (LOST, "mine: 5 of 15 records are rejected (33%)")
    assert f"Note: {LOST}." in screened.table
    board = json.loads((here / "run/leaderboard.json").read_text(encoding="utf-8"))
    assert board["verdict"]["notes"] == list(screened.notes)


def test_the_head_of_the_report_says_it(lossy):
    here, _, _ = lossy
    page = (here / "run/report.html").read_text(encoding="utf-8")
    head = page[page.index("<header") : page.index("</header>")]
    assert f"<strong>Not all of the data was used.</strong> <bdi>{LOST}</bdi>" in head


def test_the_note_is_in_the_api_and_is_worked_out_again(lossy):
    from emoloom import load_run
    from emoloom.verification import verify_run

    here, screened, _ = lossy
    assert load_run(here / "run").verdict.notes == screened.notes
    verdict = verify_run(here / "run")
    assert verdict.holds, verdict.findings


def test_a_note_that_a_forger_drops_is_missed(lossy, tmp_path):
    from emoloom.verification import verify_run

    here, _, _ = lossy
    folder = Path(shutil.copytree(here / "run", tmp_path / "run"))
    edit(folder / "leaderboard.json", lambda board: board["verdict"].pop("notes"))
    seal(folder)
    found = [one for one in verify_run(folder).findings if one.fails]
    assert any(one.file == "leaderboard.json" and "notes" in one.what for one in found), found
