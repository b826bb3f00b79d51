"""Dataset rows as JSON Lines: defaults, checks, and the way back from `Row.to_dict`."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from emoloom.contract.schema import row_schema
from emoloom.corpora.labels import load_space
from emoloom.corpora.readers import ReadResult, read_rows
from emoloom.corpora.rows import row_line, row_of_line
from emoloom.records import (
    VAD,
    Answer,
    PartialVAD,
    RatedVAD,
    Row,
    VadSource,
    VadSources,
    join_sources,
    make_vad,
)
from emoloom.runs.directory import dumps

SPACE = load_space("ekman7")
VALIDATOR = Draft202012Validator(row_schema(SPACE))


def read(tmp_path: Path, *lines: str, need_answer: bool = True) -> ReadResult:
    path = tmp_path / "gold.jsonl"
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return read_rows(path, SPACE, need_answer=need_answer)


def test_only_id_and_answer_are_needed(tmp_path):
    (row,) = read(tmp_path, '{"id":"a","answer":{"labels":["joy","anger"]}}').rows
    assert row == Row("a", "", Answer(("anger", "joy"), None, ""), "gold", "test", None, "id:a")


def test_a_vad_without_a_source_is_human(tmp_path):
    (row,) = read(tmp_path, '{"id":"a","answer":{"vad":{"v":0,"a":1,"d":0.5}}}').rows
    assert row.answer.vad == VAD(0.0, 1.0, 0.5)
    assert isinstance(row.answer.vad.v, float)
    assert row.vad_source == "human"


def test_without_need_of_an_answer_there_may_be_none(tmp_path):
    line = '{"id":"a","text":"hi"}'
    assert "no answer" in read(tmp_path, line).rejected[0].reason
    assert read(tmp_path, line, need_answer=False).rows[0].answer == Answer(None, None, "")


def with_answer(**changes: object) -> str:
    return json.dumps({"id": "x", "answer": {"labels": ["joy"], **changes}})


def with_sources(v: object, a: object, **more: object) -> str:
    """A row of valence and arousal, with who gave each."""
    answer = {"vad": {"v": 0.5, "a": 0.25, "d": None}}
    return json.dumps({"id": "x", "answer": answer, "vad_source": {"v": v, "a": a, **more}})


def test_ratings_may_lack_dimensions_and_differ_in_who_gave_them(tmp_path):
    alone = with_answer(vad={"v": None, "a": 1, "d": None})
    mixed = with_sources("human", "weak", d=None).replace('"x"', '"y"')
    same = with_sources("weak", "weak").replace('"x"', '"z"')
    first, second, third = read(tmp_path, alone, mixed, same).rows
    assert (first.answer.vad, first.vad_source) == (PartialVAD(None, 1.0, None), "human")
    assert second.vad_source == VadSources("human", "weak", None)
    assert second.human_vad == PartialVAD(0.5, None, None)
    assert third.vad_source == "weak", "one source for all is said once"
    assert third.human_vad is None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "an empty line"),
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("9" * 5000, "no JSON"),
        ("[]", "a JSON object"),
        ('{"id":"x","id":"y","answer":{"labels":["joy"]}}', "the key 'id' twice"),
        ('{"answer":{"labels":["joy"]}}', "no key 'id'"),
        ('{"id":3,"answer":{"labels":["joy"]}}', "id = 3"),
        ('{"id":"","answer":{"labels":["joy"]}}', "id = ''"),
        ('{"id":"ok","answer":{"labels":["joy"]}}', "the id 'ok' again"),
        ('{"id":"x"}', "no answer"),
        ('{"id":"x","answer":{}}', "neither labels nor vad"),
        ('{"id":"x","answer":{"labels":["joy"]},"txt":"hi"}', "the key 'txt'"),
        ('{"id":"x","answer":{"labels":["joy"]},"split":"valid"}', "split 'valid'"),
        ('{"id":"x","answer":{"labels":["joy"]},"text":null}', "text = None"),
        ('{"id":"x","answer":{"labels":["joy"]},"text":"\\u0000"}', "a NUL"),
        ('{"id":"x","answer":{"labels":["joy"]},"text":"\\ud800"}', "half a character"),
        ('{"id":"x","answer":{"labels":["joy"]},"vad_source":"human"}', "without a vad"),
        (with_answer(labels=[]), "at least one name"),
        (with_answer(labels="joy"), "at least one name"),
        (with_answer(labels=["glee"]), "the label 'glee'; allowed: the names of ekman7"),
        (with_answer(labels=["joy", "joy"]), "each label once"),
        (with_answer(labels=[["joy"]]), "the label ['joy']"),
        (with_answer(vad={"v": 0, "a": 0}), "a vad without 'd'"),
        (with_answer(vad=dict.fromkeys("vad")), "a vad without any rating"),
        (with_sources("human", "weak", d="human"), "vad_source.d = 'human' without vad.d"),
        (with_sources("human", None), "vad_source.a = None; allowed: human, weak"),
        (with_sources("human", "us"), "vad_source.a = 'us'"),
        (with_sources("human", "weak", x=None), "the key 'x' in vad_source"),
        (with_sources("human", ["weak"]), "vad_source.a = ['weak']"),
        (with_answer(vad={"v": 0, "a": 0, "d": True}), "vad.d = True"),
        (with_answer(vad={"v": 0, "a": 0, "d": "0"}), "vad.d = '0'"),
        (with_answer(vad={"v": 1.01, "a": 0, "d": 0}), "vad.v = 1.01; allowed: 0 to 1"),
        (with_answer(vad={"v": float("nan"), "a": 0, "d": 0}), "vad.v = nan; allowed: 0 to 1"),
        (with_answer(vad={"v": 10**400, "a": 0, "d": 0}), "allowed: 0 to 1"),
        (with_answer(vad={"v": 0, "a": 0, "d": 0, "x": 0}), "the key 'x' in vad"),
        (with_answer(vad=[0, 0, 0]), "vad = [0, 0, 0]"),
        (with_answer(rationale="a\nb"), "no newline"),
        (with_answer(rationale="a\n"), "no newline"),
        (with_answer(rationale='"'), "no double quote"),
        (with_answer(rationale="w " * 13), "a rationale of 13 words; allowed: at most 12"),
        (with_answer(reason="x"), "the key 'reason' in the answer"),
    ],
)
def test_each_bad_line_is_rejected_with_its_reason(tmp_path, line, reason):
    good = '{"id":"%s","answer":{"labels":["joy"]}}'
    result = read(tmp_path, good % "ok", line, good % "ok2")
    (bad,) = result.rejected
    assert reason in bad.reason
    assert (bad.line, bad.source) == (2, "gold.jsonl")
    assert "\n" not in bad.reason
    assert [row.id for row in result.rows] == ["ok", "ok2"]
    assert result.lines_in == 3


names = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=8)
unit = st.floats(0, 1)


def draw_sources(draw: st.DrawFn, vad: RatedVAD) -> VadSource | VadSources | None:
    """Who gave each dimension that is there."""
    who = st.sampled_from(["human", "weak"])
    return join_sources(*(None if x is None else draw(who) for x in vad.as_tuple()))


@st.composite
def rows(draw: st.DrawFn) -> Row:
    labels = draw(st.none() | st.sets(st.sampled_from(SPACE.labels), min_size=1))
    vad = make_vad(*(draw(st.none() | unit) for _ in "vad"))
    return Row(
        id=draw(names),
        text=draw(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))),
        answer=Answer(
            None if labels is None else tuple(x for x in SPACE.labels if x in labels), vad, ""
        ),
        source=draw(names),
        split=draw(st.sampled_from(["train", "dev", "test"])),
        vad_source=vad and draw_sources(draw, vad),
        group=draw(names),
    )


@settings(deadline=None)
@given(st.lists(rows(), min_size=1, max_size=4, unique_by=lambda row: row.id))
def test_what_is_written_is_read_again(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    lines = (json.dumps(row.to_dict(), ensure_ascii=False) + "\n" for row in written)
    path.write_bytes("".join(lines).encode())
    result = read_rows(path, SPACE, need_answer=False)
    assert result.rejected == ()
    assert list(result.rows) == written
    assert b"".join(map(row_line, written)).decode() == "".join(map(plain_line, written))
    assert [row_of_line(row_line(row)) for row in written] == written
    for row in written:
        VALIDATOR.validate(row.to_dict())


def plain_line(row: Row) -> str:
    return dumps(row.to_dict()) + "\n"


def test_the_schema_wants_a_rating_and_a_source_of_it():
    row = Row("a", "", Answer(None, PartialVAD(0.5, None, None), ""), "s", "dev", "human", "g")
    sound = row.to_dict()
    assert VALIDATOR.is_valid(sound)
    assert not VALIDATOR.is_valid(sound | {"vad_source": None})
    assert not VALIDATOR.is_valid(sound | {"vad_source": {"v": "us", "a": None, "d": None}})
    none = sound["answer"] | {"vad": dict.fromkeys("vad")}
    assert not VALIDATOR.is_valid(sound | {"answer": none})
