"""Label maps: the files that ship, what a user's file may not hold, and how maps compose."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoloom.corpora.label_map_files import find_map, known_maps, read_map
from emoloom.corpora.label_maps import compose, describe, identity_map, to_json
from emoloom.corpora.labels import known_spaces, load_space
from emoloom.errors import UserError
from emoloom.records import LabelSpace
from made_maps import FOUR, ONE, THREE, TWO, maps, write_map

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"
DATA = Path(__file__).resolve().parents[2] / "src/emoloom/data/label_maps"
GO, ED, EKMAN = (load_space(name) for name in ("goemotions28", "empathetic32", "ekman7"))


def test_the_maps_that_ship_load_and_their_hashes_are_listed():
    assert known_maps() == (("empathetic32", "goemotions28"), ("goemotions28", "ekman7"))
    lines = (DATA / "SHA256SUMS").read_text("utf-8").splitlines()
    listed = {name: digest for digest, name in (line.split() for line in lines)}
    assert set(listed) == {path.name for path in DATA.glob("*.json")}
    for source, target in known_maps():
        name = f"{source}-to-{target}.json"
        found = find_map(load_space(source), load_space(target))
        digest = hashlib.sha256((DATA / name).read_bytes()).hexdigest()
        assert found.sha256 == listed[name] == digest
        assert tuple(found.targets) == load_space(source).labels


def test_28_to_7_is_the_official_ekman_map():
    official = SHARED / "goemotions/ekman_mapping.json"
    if not official.exists():
        pytest.skip("../shared/data is absent: cannot compare with ekman_mapping.json")
    groups = json.loads(official.read_text("utf-8"))
    found = find_map(GO, EKMAN)
    assert {name: set(labels) for name, labels in groups.items()} == {
        name: {label for label, targets in found.targets.items() if targets == (name,)}
        for name in groups
    }
    assert found.targets["neutral"] == ("neutral",)
    assert found.lost == found.unreached == ()
    assert len(found.merged["joy"]) == 12


def test_32_to_28_gives_a_reason_for_every_label():
    found = find_map(ED, GO)
    assert set(found.reasons) == set(ED.labels)
    assert found.lost == (
        "faithful", "jealous", "nostalgic", "prepared", "sentimental", "trusting"
    )  # fmt: skip
    assert found.merged["anger"] == ("angry", "furious")
    assert found.of(("terrified", "afraid", "jealous")) == ("fear",)
    assert "neutral" in found.unreached


def test_32_to_7_is_composed_and_loses_what_the_first_step_loses():
    found = find_map(ED, EKMAN)
    assert found.lost == find_map(ED, GO).lost
    assert found.targets["ashamed"] == ("sadness",)
    assert found.targets["furious"] == ("anger",)
    assert set(found.merged) == {"anger", "fear", "joy", "sadness"}
    assert found.sha256 != find_map(ED, GO).sha256


def test_a_space_maps_to_itself_and_nothing_leads_back():
    assert find_map(GO, GO) == identity_map(GO)
    with pytest.raises(UserError, match="no map between") as error:
        find_map(EKMAN, GO)
    assert error.value.got == "ekman7 to goemotions28"
    assert "empathetic32 to goemotions28" in error.value.allowed


def test_a_users_space_with_a_shipped_name_is_not_taken_for_it():
    other = LabelSpace("goemotions28", ("up", "down"))
    with pytest.raises(UserError, match="no map between"):
        find_map(other, EKMAN)


def test_a_map_says_what_it_merges_and_loses():
    told = "\n".join(describe(find_map(ED, GO)))
    assert "26 of 32 labels have a counterpart, 18 of 28 are reached" in told
    assert "merged into fear: afraid, terrified" in told
    assert "lost: jealous (none of the 28 is envy" in told
    assert "never reached: amusement, " in told
    assert "never reached" not in "\n".join(describe(find_map(GO, EKMAN)))


# Any map


@given(maps(ONE, TWO), maps(TWO, THREE), maps(THREE, FOUR))
def test_composing_is_associative_and_doing_one_after_the_other(first, second, third):
    left = compose(compose(first, second), third)
    right = compose(first, compose(second, third))
    assert left.targets == right.targets
    for label in ONE.labels:
        assert left.of((label,)) == third.of(second.of(first.of((label,))))
    assert set(first.lost) <= set(left.lost)
    assert all(left.reasons[label] for label in left.lost), "what is lost has a reason"


@given(maps(ONE, TWO))
def test_the_identity_changes_nothing(found):
    assert compose(identity_map(ONE), found).targets == found.targets
    assert compose(found, identity_map(TWO)).targets == found.targets


@given(maps(ONE, TWO), st.lists(st.sampled_from(ONE.labels), unique=True))
def test_labels_come_once_and_in_the_order_of_the_target(found, labels):
    mapped = found.of(labels)
    assert list(mapped) == [label for label in TWO.labels if label in mapped]
    assert set(mapped) == {target for label in labels for target in found.targets[label]}
    assert found.of(labels[::-1]) == mapped


@given(maps(ONE, TWO))
def test_every_label_is_merged_lost_or_alone(found):
    for target in TWO.labels:
        sources = [label for label in ONE.labels if target in found.targets[label]]
        assert (target in found.merged) == (len(sources) > 1)
        assert (target in found.unreached) == (not sources)
    assert found.lost == tuple(label for label in ONE.labels if not found.targets[label])


@given(found=maps(ONE, TWO))
def test_a_map_written_is_read_back(tmp_path_factory, found):
    path = tmp_path_factory.mktemp("maps") / "map.json"
    path.write_text(to_json(found), encoding="utf-8")
    again = read_map(path, ONE, TWO)
    assert (again.targets, again.reasons) == (found.targets, found.reasons)


# Users' files

MINE = LabelSpace("mine", ("up", "down"))


def test_a_users_map_between_users_spaces(tmp_path):
    entries = {"down": {"to": [], "why": "no low here"}, "up": {"to": ["joy", "anger"]}}
    path = write_map(tmp_path / "m.json", "mine", "ekman7", entries, licence="CC0")
    found = find_map(MINE, EKMAN, path)
    assert found.targets == {"up": ("anger", "joy"), "down": ()}
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"up": {"to": ["joy"]}}, "does not say what becomes of every label of mine; got: nothing"),
        ({"up": {"to": ["joy"]}, "down": {"to": []}}, "bad entry for down"),
        ({"up": {"to": ["joy"]}, "down": {"to": [], "why": " "}}, "bad entry for down"),
        ({"up": {"to": ["glee"]}, "down": {"to": ["joy"]}}, "what it cannot become; got: 'glee'"),
        ({"up": {"to": ["joy", "joy"]}, "down": {"to": ["joy"]}}, "each at most once"),
        ({"up": {"to": "joy"}, "down": {"to": ["joy"]}}, "bad entry for up"),
        ({"up": ["joy"], "down": {"to": ["joy"]}}, "bad entry for up"),
        ({"up": {"to": [["joy"]]}, "down": {"to": ["joy"]}}, "what it cannot become"),
        ({"up": {"to": ["joy"], "why": "a\x1b[2J"}, "down": {"to": ["joy"]}}, "bad entry for up"),
        ({"up": {"to": ["joy"], "how": ""}, "down": {"to": ["joy"]}}, "bad entry for up"),
        (
            {"up": {"to": ["joy"]}, "down": {"to": ["joy"]}, "left": {"to": ["joy"]}},
            "labels that are not of mine; got: 'left'",
        ),
        ([], "has no labels"),
    ],
)
def test_a_map_that_is_not_total_or_not_sound_is_refused(tmp_path, entries, said):
    path = write_map(tmp_path / "m.json", "mine", "ekman7", entries)
    with pytest.raises(UserError) as error:
        read_map(path, MINE, EKMAN)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("[1]", "is no label map; got: list"),
        ("{", "is no JSON file"),
        ('{"from": "mine", "to": "ekman7"}', "is no label map"),
        ('{"from": "mine", "to": "ekman7", "labels": {}, "x": 1}', "is no label map"),
        ('{"from": "yours", "to": "ekman7", "labels": {}}', "maps from another label space"),
        ('{"from": "mine", "to": "mine", "labels": {}}', "maps to another label space"),
        ('{"from": "mine", "from": "mine", "to": "ekman7", "labels": {}}', "a key stands twice"),
        ("[" * 100_000, "is no JSON file"),
    ],
)
def test_another_file_is_refused(tmp_path, text, said):
    path = tmp_path / "m.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=said):
        read_map(path, MINE, EKMAN)


def test_no_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        find_map(MINE, EKMAN, tmp_path / "none.json")


def test_every_shipped_space_is_reached_by_or_reaches_a_map():
    ends = {name for pair in known_maps() for name in pair}
    assert set(known_spaces()) == ends
