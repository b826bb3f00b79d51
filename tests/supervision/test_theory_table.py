"""The theory table: complete, in range, every cell with a source, and the profile made of it."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

from emoloom.corpora import crowd_envent, isear
from emoloom.corpora.labels import known_spaces, load_space
from emoloom.errors import UserError
from emoloom.records import ATOMS, LabelSpace
from emoloom.supervision.theory import known_tables, load_theory_table

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"
SPACE = LabelSpace("mine", ("glad", "cross"))
TABLE = {
    "space": "mine",
    "atoms": list(ATOMS),
    "sources": {"ours": "our reading"},
    "profiles": {
        "cross": [[0.1, "ours"], [0.3, "ours"], [0.7, "ours"], [0, "ours"]],
        "glad": [[1, "ours"], [0.5, "ours"], [0.5, "ours"], [0.9, "ours"]],
    },
}


def write(tmp_path: Path, table: object) -> Path:
    path = tmp_path / "table.json"
    path.write_text(json.dumps(table), encoding="utf-8")
    return path


def test_a_table_ships_for_every_label_space():
    assert known_tables() == known_spaces()


@pytest.mark.parametrize("name", known_tables())
def test_shipped_tables(name):
    space = load_space(name)
    table = load_theory_table(space)
    assert tuple(table.profiles) == tuple(table.cell_sources) == space.labels
    values = {value for profile in table.profiles.values() for value in profile}
    assert values <= {0.1, 0.3, 0.5, 0.7, 0.9}
    used = {source for cells in table.cell_sources.values() for source in cells}
    assert used == set(table.sources)
    # A paper backs a side; the middle is no side.
    for label in space.labels:
        for value, source in zip(table.profiles[label], table.cell_sources[label], strict=True):
            assert source == "ours" or value != 0.5, label


def test_the_same_emotion_has_the_same_profile_in_every_space():
    profiles = {name: load_theory_table(load_space(name)).profiles for name in known_tables()}
    for label, profile in profiles["ekman7"].items():
        assert profiles["goemotions28"][label] == profile
    for word, kin in (
        ("afraid", "fear"),
        ("angry", "anger"),
        ("joyful", "joy"),
        ("sad", "sadness"),
    ):
        assert profiles["empathetic32"][word] == profiles["ekman7"][kin]


def test_directions_that_the_papers_report():
    profile = load_theory_table(load_space("goemotions28")).profiles
    goal, control, certainty, fairness = (
        {label: values[i] for label, values in profile.items()} for i in range(4)
    )
    assert min(goal[x] for x in ("joy", "pride", "love", "gratitude", "relief")) > 0.5
    assert max(goal[x] for x in ("anger", "fear", "sadness", "disgust", "grief")) < 0.5
    assert control["pride"] > 0.5 > max(control["sadness"], control["fear"], control["surprise"])
    assert certainty["anger"] > 0.5 > max(certainty["fear"], certainty["surprise"])
    assert fairness["joy"] > 0.5 > max(fairness["anger"], fairness["disgust"])


def test_profiles_stand_in_the_order_of_the_space(tmp_path):
    table = load_theory_table(SPACE, write(tmp_path, TABLE))
    assert list(table.profiles.values()) == [(1, 0.5, 0.5, 0.9), (0.1, 0.3, 0.7, 0)]
    assert tuple(table.profiles) == SPACE.labels
    assert table.target(["glad", "cross"]) == pytest.approx((0.55, 0.4, 0.6, 0.45), abs=1e-15)
    shipped = load_theory_table(load_space("goemotions28"))
    assert tuple(shipped.profiles) == load_space("goemotions28").labels
    assert shipped.profiles["joy"] == (0.9, 0.7, 0.7, 0.9)


def changed(**changes: object) -> dict:
    return {**copy.deepcopy(TABLE), **changes}


def with_cell(cell: object) -> dict:
    table = copy.deepcopy(TABLE)
    table["profiles"]["glad"][2] = cell
    return table


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ([], "is no theory table"),
        (changed(more=1), "is no theory table"),
        (changed(space="yours"), "of another label space; got: 'yours'; allowed: mine"),
        (changed(atoms=list(ATOMS[:3])), "has other atoms"),
        (changed(atoms=[*ATOMS[1:], ATOMS[0]]), "has other atoms"),
        (changed(sources={}), r"bad profile of glad"),
        (changed(sources={"ours": 1}), "has no sources"),
        (changed(profiles={"glad": TABLE["profiles"]["glad"]}), "no profile of cross"),
        (changed(profiles={**TABLE["profiles"], "odd": []}), "the label 'odd'"),
        (changed(profiles={**TABLE["profiles"], "glad": [[1, "ours"]]}), "bad profile of glad"),
        (changed(profiles={**TABLE["profiles"], "glad": None}), "bad profile of glad"),
        (with_cell([1.01, "ours"]), "bad profile of glad"),
        (with_cell([-0.1, "ours"]), "bad profile of glad"),
        (with_cell([True, "ours"]), "bad profile of glad"),
        (with_cell([float("nan"), "ours"]), "bad profile of glad"),
        (with_cell(["0.5", "ours"]), "bad profile of glad"),
        (with_cell([0.5, "theirs"]), "bad profile of glad"),
        (with_cell(0.5), "bad profile of glad"),
    ],
)
def test_bad_tables(tmp_path, table, said):
    with pytest.raises(UserError, match=said):
        load_theory_table(SPACE, write(tmp_path, table))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"{", "is no JSON file"),
        (b"\xff\xfe", "is no JSON file"),
        (b'{"space": "a", "space": "b"}', "the key space stands twice"),
        (b"[" * 100_000, "is no JSON file"),
    ],
)
def test_bad_table_files(tmp_path, data, said):
    path = tmp_path / "table.json"
    path.write_bytes(data)
    with pytest.raises(UserError, match=said):
        load_theory_table(SPACE, path)


def test_a_space_without_a_table_says_what_to_do():
    with pytest.raises(UserError, match="no theory table ships for the label space mine"):
        load_theory_table(SPACE)


def test_cells_with_a_source_agree_with_the_ratings_of_people():
    """On which side of the mean of all emotions people put the events of an emotion."""
    if not (SHARED / "isear").exists():
        pytest.skip("../shared/data is absent: the table cannot be held against people's ratings")
    table = load_theory_table(load_space("ekman7"))
    found = []
    for read, start, names in (
        (crowd_envent.read_crowd_envent(SHARED / "crowd_envent"), 22, crowd_envent.EMOTIONS),
        (isear.read_isear(SHARED / "isear"), 11, isear.EMOTIONS),
    ):
        own = np.array([row.own for row in read.rows])
        related = np.array([row.related for row in read.rows])
        for label in set(names) & set(table.profiles):
            of_label = related[:, start + names.index(label)] == 1
            for column, atom in enumerate(read.atoms):
                place = ATOMS.index(atom)
                if table.cell_sources[label][place] != "ours":
                    side = own[of_label, column].mean() - own[:, column].mean()
                    found.append((label, atom, side * (table.profiles[label][place] - 0.5)))
    assert len(found) >= 12
    # Anger's certainty alone: "I could foresee it" is not "I am sure of what happened".
    assert {(label, atom) for label, atom, agreement in found if agreement <= 0} <= {
        ("anger", "certainty"),
        ("disgust", "certainty"),
    }
