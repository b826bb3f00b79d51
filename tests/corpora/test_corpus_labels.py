"""Label spaces: the three that ship, and what a user's file may not hold."""

import json
from pathlib import Path

import pytest

from emoloom.corpora.labels import known_spaces, load_space
from emoloom.errors import UserError

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"


def test_the_shipped_spaces_load_with_their_sizes():
    sizes = {name: len(load_space(name).labels) for name in known_spaces()}
    assert sizes == {"ekman7": 7, "empathetic32": 32, "goemotions28": 28}
    assert load_space("ekman7").labels[-1] == "neutral"
    assert load_space("ekman7").name == "ekman7"


def test_goemotions28_has_the_order_of_the_official_emotions_file():
    official = SHARED / "goemotions/emotions.txt"
    if not official.exists():
        pytest.skip("../shared/data is absent: cannot compare with emotions.txt")
    assert list(load_space("goemotions28").labels) == official.read_text("utf-8").split()


def test_ekman7_holds_the_official_groups():
    official = SHARED / "goemotions/ekman_mapping.json"
    if not official.exists():
        pytest.skip("../shared/data is absent: cannot compare with ekman_mapping.json")
    groups = json.loads(official.read_text("utf-8"))
    assert set(load_space("ekman7").labels) == {*groups, "neutral"}


def test_empathetic32_holds_the_official_situations():
    official = SHARED / "empathetic_dialogues/test.csv"
    if not official.exists():
        pytest.skip("../shared/data is absent: cannot compare with EmpatheticDialogues")
    lines = official.read_text("utf-8").split("\n")[1:]
    assert set(load_space("empathetic32").labels) == {x.split(",")[2] for x in lines if x}


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UserError, match="goemotions28") as error:
        load_space("goemotion")
    assert error.value.got == "'goemotion'"
    assert "ekman7, empathetic32, goemotions28" in error.value.allowed


def write(tmp_path: Path, record: object) -> str:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    return str(path)


def test_a_users_space_loads_from_its_path(tmp_path):
    space = load_space(write(tmp_path, {"name": "mine", "labels": ["up", "down under"]}))
    assert (space.name, space.labels) == ("mine", ("up", "down under"))


@pytest.mark.parametrize(
    "label",
    ["", " joy", "a,b", 'a"b', "it's", "a{", "a}", "[a", "a\nb", "a\u2028b", "a\\b", "\ud800", 3],
)
def test_a_label_the_contract_cannot_carry_is_refused(tmp_path, label):
    with pytest.raises(UserError, match="bad label") as error:
        load_space(write(tmp_path, {"name": "mine", "labels": ["ok", label]}))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("labels", [["joy", "joy"], ["joy", "Joy"]])
def test_labels_must_be_distinct(tmp_path, labels):
    with pytest.raises(UserError, match="distinct"):
        load_space(write(tmp_path, {"name": "mine", "labels": labels}))


@pytest.mark.parametrize(
    "record",
    [
        [],
        {"name": "mine"},
        {"name": "mine", "labels": []},
        {"name": "mine", "labels": "joy"},
        {"name": "", "labels": ["joy"]},
        {"name": "mine", "labels": ["joy"], "label": 1},
    ],
)
def test_a_file_that_is_no_label_space_is_refused(tmp_path, record):
    with pytest.raises(UserError):
        load_space(write(tmp_path, record))


def test_files_that_cannot_be_read_are_user_errors(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        load_space(str(tmp_path / "none.json"))
    with pytest.raises(UserError, match="folder"):
        load_space(str(tmp_path))
    (tmp_path / "broken.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(UserError, match="no JSON"):
        load_space(str(tmp_path / "broken.json"))
