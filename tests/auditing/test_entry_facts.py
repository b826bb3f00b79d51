import pytest

from emoloom.auditing.entry_facts import BaseModel, entry_facts, read_entries
from emoloom.errors import UserError
from emoloom.ranking.entries import ScoredCandidate

BASES = {
    "one.sft": BaseModel("one", "w1"),
    "one.sft+heads": BaseModel("one", "w1"),
    "one": BaseModel("odd", "w2"),
}


def scored(name, kind, recipe):
    return ScoredCandidate(name, kind, "-", recipe, "scored", "", (), ())


ENTRIES = [
    scored("one.sft", "candidate", "sft"),
    scored("one.sft+heads", "candidate", "sft+heads"),
    scored("one.sft+heads.head", "floor", "head alone"),
    scored("tf-idf", "floor", "floor"),
]


def test_heads_answer_for_their_candidate_and_floors_for_no_model():
    facts = {one["name"]: one for one in entry_facts(ENTRIES, BASES)}
    assert {name: (one["made_by"], one["base"]) for name, one in facts.items()} == {
        "one.sft": ("one.sft", "one"),
        "one.sft+heads": ("one.sft+heads", "one"),
        "one.sft+heads.head": ("one.sft+heads", "one"),
        "tf-idf": ("tf-idf", None),
    }
    assert facts["tf-idf"]["weights_sha256"] is None
    assert read_entries(list(facts.values())) == list(facts.values())


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "shown"},
        {"recipe": "zero-shot"},
        {"recipe": "floor"},
        {"status": "best"},
        {"name": "../one"},
        {"name": ".."},
        {"name": "a/b"},
        {"name": ""},
        {"made_by": "../../etc"},
        {"made_by": None},
        {"base": 3},
        {"reason": 1},
    ],
)
def test_an_entry_that_contradicts_itself_or_leaves_the_folder_is_refused(change):
    (fact, *_) = entry_facts(ENTRIES, BASES)
    with pytest.raises(UserError, match="the manifest's"):
        read_entries([fact | change])


@pytest.mark.parametrize("value", [None, 3, "x", [3], [[]], [{}], {}])
def test_what_is_no_list_of_entries_is_refused(value):
    with pytest.raises(UserError):
        read_entries(value)
