"""Mirror pairs: those that ship, and files that are refused."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoloom.corpora.labels import known_spaces, load_space
from emoloom.errors import UserError
from emoloom.records import LabelSpace
from emoloom.supervision.lexicon import load_lexicon
from emoloom.supervision.mirror_pairs import _FOLDER, known_mirror_pairs, load_mirror_pairs
from emoloom.supervision.weak_vad import label_prior

SPACE = load_space("goemotions28")


@pytest.mark.parametrize("name", known_spaces())
def test_what_ships_is_symmetric_and_each_pair_has_two_sides(name):
    pairs = load_mirror_pairs(load_space(name))
    assert pairs.mirror
    for label, other in pairs.mirror.items():
        assert label != other
        assert pairs.mirror[other] == label
        sides = sorted(label_prior([x], load_lexicon()).v for x in (label, other))
        # `content` and `pride` (0.62) are the faintest.
        assert sides[0] < 0.4 and sides[1] > 0.6, (label, other, sides)


def test_the_pairs_that_the_design_names():
    mirror = load_mirror_pairs(SPACE).mirror
    for one, other in (
        ("joy", "sadness"),
        ("love", "anger"),
        ("approval", "disapproval"),
        ("admiration", "disgust"),
        ("optimism", "disappointment"),
    ):
        assert (mirror[one], mirror[other]) == (other, one)
    assert not {"neutral", "surprise", "realization", "confusion", "curiosity"} & mirror.keys()


def test_every_pair_says_where_it_comes_from():
    assert known_mirror_pairs() == known_spaces()
    for name in known_mirror_pairs():
        header, *lines = (_FOLDER / f"{name}.tsv").read_text("utf-8").splitlines()
        assert header.split("\t") == ["label", "mirror", "source", "reason"]
        for line in lines:
            assert all(field.strip() for field in line.split("\t"))
            assert line.count("\t") == 3
    for line in (_FOLDER / "SHA256SUMS").read_text("utf-8").splitlines():
        digest, file = line.split()
        assert hashlib.sha256((_FOLDER / file).read_bytes()).hexdigest() == digest, file


@given(st.lists(st.sampled_from(SPACE.labels), min_size=1, max_size=4, unique=True))
def test_mirrors_of_labels_are_in_order_and_mirror_back(labels):
    pairs = load_mirror_pairs(SPACE)
    ordered = tuple(label for label in SPACE.labels if label in labels)
    mirrored = pairs.of(tuple(labels))
    assert (mirrored is None) == (not set(labels) <= pairs.mirror.keys())
    if mirrored is not None:
        assert list(mirrored) == sorted(mirrored, key=SPACE.labels.index)
        assert pairs.of(mirrored) == ordered


def test_a_users_file_with_or_without_header_one_way_or_both(tmp_path):
    path = tmp_path / "own.tsv"
    path.write_text("label\tmirror\njoy\tgrief\ngrief\tjoy\n\nlove\tfear\tmine\n", "utf-8")
    own = load_mirror_pairs(SPACE, path)
    assert dict(own.mirror) == {"joy": "grief", "grief": "joy", "love": "fear", "fear": "love"}
    path.write_text("joy\tgrief", "utf-8")
    assert dict(load_mirror_pairs(SPACE, path).mirror) == {"joy": "grief", "grief": "joy"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("joy\tsadness\njoy\tgrief\n", "not symmetric; got: line 2: joy - grief, but before joy"),
        ("joy\tsadness\ngrief\tsadness\n", "not symmetric; got: line 2: sadness - grief"),
        ("joy\tjoy\n", "line 1 of .* its own mirror; got: joy; .* do: "),
        ("joy\tglee\n", "not of the space goemotions28; got: 'glee'; allowed: admiration"),
        ("Joy\tsadness\n", "got: 'Joy'"),
        ("joy,sadness\n", "line 1 of .* is no mirror pair; got: 1 columns"),
        ("joy\tsadness\ta\tb\tc\n", "got: 5 columns"),
        ("label\tmirror\n", "holds no mirror pair"),
        ("\n", "holds no mirror pair"),
        ("", "is empty"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path, text, message):
    path = tmp_path / "own.tsv"
    path.write_text(text, "utf-8")
    with pytest.raises(UserError, match=message):
        load_mirror_pairs(SPACE, path)


def test_a_space_without_pairs_asks_for_a_file(tmp_path):
    with pytest.raises(UserError, match=r"no mirror pairs ship for .* mine; allowed: ekman7"):
        load_mirror_pairs(LabelSpace("mine", ("up", "down")))
    with pytest.raises(UserError, match="there is no file"):
        load_mirror_pairs(SPACE, tmp_path / "none.tsv")
