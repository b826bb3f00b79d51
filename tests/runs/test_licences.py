"""Licences ordered by what they forbid, and every obligation said."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoloom.runs.licences import OBLIGATIONS, obligations_of, strictest_licence

ORDER = (
    "CC0 1.0",
    "CC BY 4.0",
    "CC BY-SA 4.0",
    "CC BY-ND 4.0",
    "CC BY-NC 4.0",
    "CC BY-NC-SA 4.0",
    "CC BY-NC-ND 3.0",
    "Gemma Terms of Use",
    "research use, no redistribution",
)


def entries(*licences: str) -> list[dict[str, str]]:
    return [{"what": f"input {n}", "licence": text} for n, text in enumerate(licences)]


@pytest.mark.parametrize(
    ("licence", "held"),
    [
        ("CC0 1.0", ()),
        ("CC BY 4.0", ("attribution",)),
        ("cc-by-4.0", ("attribution",)),
        ("Apache-2.0", ("attribution",)),
        ("MIT", ("attribution",)),
        ("bsd-3-clause", ("attribution",)),
        ("CC BY-SA 4.0", ("share-alike", "attribution")),
        ("GPL-3.0", ("share-alike", "attribution")),
        ("CC-BY-NC-4.0", ("non-commercial", "attribution")),
        ("CC BY-NC-SA 3.0", ("non-commercial", "share-alike", "attribution")),
        ("CC BY-NC-ND 3.0", ("non-commercial", "no-derivatives", "attribution")),
        ("Gemma Terms of Use", ("own-terms",)),
        ("llama3.2", ("own-terms",)),
        ("other", ("own-terms",)),
        ("not stated (a user's file)", ("no-redistribution",)),
        ("unknown", ("no-redistribution",)),
        ("", ("no-redistribution",)),
        ("research use, no redistribution", ("no-redistribution",)),
        ("CC BY 4.0 (Glasgow Norms), CC0 1.0 (actdata)", ("attribution",)),
        ("CC BY 4.0 (a), CC BY-NC-SA 3.0 (b)", ("non-commercial", "share-alike", "attribution")),
    ],
)
def test_what_each_licence_asks_for(licence, held):
    assert obligations_of(licence) == held


@pytest.mark.parametrize(("loose", "strict"), list(pairwise(ORDER)))
def test_the_order(loose, strict):
    for pair in ((loose, strict), (strict, loose)):
        assert strictest_licence(entries(*pair)).licence == strict


def test_every_obligation_is_said_with_the_inputs_it_is_from():
    found = strictest_licence(
        [
            {"what": "goemotions", "licence": "CC BY 4.0"},
            {"what": "emobank", "licence": "CC BY-SA 4.0"},
            {"what": "daily-dialog", "licence": "CC BY-NC-SA 4.0"},
            {"what": "gemma", "licence": "Gemma Terms of Use", "terms": "https://x"},
        ]
    )
    assert (found.licence, found.of) == ("Gemma Terms of Use", ("gemma",))
    assert found.obligations == {
        "own-terms": ("gemma",),
        "non-commercial": ("daily-dialog",),
        "share-alike": ("emobank", "daily-dialog"),
        "attribution": ("goemotions", "emobank", "daily-dialog"),
    }
    assert list(found.obligations) == [name for name in OBLIGATIONS if name in found.obligations]
    assert found.share_alike == ("CC BY-SA", "CC BY-NC-SA")
    assert found.to_dict()["share_alike_conflict"] == ["CC BY-SA", "CC BY-NC-SA"]


def test_one_share_alike_licence_is_no_conflict_whatever_its_version():
    found = strictest_licence(entries("CC BY-SA 3.0", "cc-by-sa-4.0", "CC BY 4.0"))
    assert found.to_dict()["share_alike_conflict"] == []


def test_alike_inputs_are_all_named_and_none_is_nothing():
    found = strictest_licence(entries("CC BY 4.0", "CC BY-NC 4.0", "CC BY-NC 4.0"))
    assert found.of == ("input 1", "input 2")
    nothing = strictest_licence([])
    assert (nothing.licence, nothing.of, nothing.obligations) == ("", (), {})


@given(st.lists(st.sampled_from(ORDER), min_size=1, max_size=6))
def test_the_strictest_does_not_hang_on_the_order_and_holds_all(licences):
    found = strictest_licence(entries(*licences))
    assert found.licence == max(licences, key=ORDER.index)
    assert strictest_licence(entries(*reversed(licences))).licence == found.licence
    assert set(found.obligations) == {name for text in licences for name in obligations_of(text)}
