from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from emoloom.decoding.canonical import Decoded
from emoloom.decoding.verified import DecodeSettings
from emoloom.models.certificate import Certificate, Check
from emoloom.records import VAD, Answer, Row
from emoloom.row_sets.shared import SharedRows
from emoloom.runs.directory import (
    append_json_line,
    read_complete_lines,
    write_jsonl_atomic,
    write_text_atomic,
)
from emoloom.screening import answer_pass
from emoloom.screening.decode_job import DecodeJob
from emoloom.screening.decoding_steps import decode
from emoloom.supervision.affine import AffineMap

CERTIFICATE = Certificate("packed", "exact", 300, 0.01, 512, (Check("causality", True, 0.0, 1.0),))

NO_MODEL = SimpleNamespace(prompter=SimpleNamespace(head_ids=()))


def row(number: int, source: str = "a") -> Row:
    answer = Answer(("joy",), VAD(0.5, 0.4, 0.3), "")
    return Row(f"{source}/{number}", f"text {number}", answer, source, "dev", "human", f"g{number}")


@pytest.fixture
def rows() -> SharedRows:
    return SharedRows(
        train=tuple(row(n) for n in range(6)),
        select=tuple(row(n) for n in range(10, 14)),
        scale=AffineMap.identity(),
        warnings=(),
        hashes={"train": "ht", "select": "hs"},
    )


def fake_decoder(calls: list, forwards: int = 2):
    def decode_rows(lm, rows, certificate, settings, drafter, on_shrink) -> Iterator[Decoded]:
        calls.append([row_id for row_id, _ in rows])
        for row_id, text in rows:
            yield Decoded(row_id, f"out {text}", (1,), forwards, 9, 30, 1, truncated=False)

    return decode_rows


def decode_job(rows, inputs: str = "0123456789abcdef0") -> DecodeJob:
    return DecodeJob(rows, CERTIFICATE, False, DecodeSettings(), {}, (), inputs)


def test_a_pack_that_shrinks_is_an_event(tmp_path, rows, monkeypatch):
    def short_of_memory(lm, given, certificate, settings, drafter, on_shrink):
        on_shrink(800)
        yield from fake_decoder([])(lm, given, certificate, settings, drafter, on_shrink)

    monkeypatch.setattr(answer_pass, "decode_rows", short_of_memory)
    told = []
    decode(
        NO_MODEL,
        decode_job(rows.select),
        tmp_path / "rows/select.jsonl",
        lambda _: None,
        lambda name, **details: told.append((name, details)),
    )
    assert told == [("pack_shrunk", {"pack_tokens": 800})]


def test_answers_stand_in_the_order_of_the_rows_whatever_finishes_first(
    tmp_path, rows, monkeypatch
):
    def backwards(lm, given, *_):
        yield from fake_decoder([])(lm, given[::-1], None, None, None, None)

    monkeypatch.setattr(answer_pass, "decode_rows", backwards)
    out = tmp_path / "rows" / "select.jsonl"
    costs = decode(NO_MODEL, decode_job(rows.select), out, lambda _: None)
    lines = read_complete_lines(out)
    assert lines == [{"id": r.id, "output": f"out {r.text}"} for r in rows.select]
    assert costs == {
        "rows": 4,
        "cached_rows": 0,
        "forwards": 8,
        "tokens_computed": 120,
        "near_ties": 4,
        "truncated": 0,
        "decided": 4,
        "tie_margin": 0.01,
        "certified_margin": 0.01,
        "tuned_margin": 0.0,
        "margin_forwards": 0,
        "audited_rows": 0,
        "audited_tokens": 0,
        "audit_mismatches": 0,
        "widenings": 0,
    }
    assert [path.name for path in out.parent.iterdir()] == ["select.jsonl"]


@pytest.mark.parametrize("cut", [b"", b'{"id": "a/13", "outp'])
def test_finished_rows_are_not_decoded_again(tmp_path, rows, monkeypatch, cut):
    calls: list[list[str]] = []
    monkeypatch.setattr(answer_pass, "decode_rows", fake_decoder(calls))
    out = tmp_path / "rows" / "select.jsonl"
    stop = iter([None, None, KeyboardInterrupt()])

    def stop_at_two(count):
        if (error := next(stop)) is not None:
            raise error

    with pytest.raises(KeyboardInterrupt):
        decode(NO_MODEL, decode_job(rows.select), out, stop_at_two)
    assert not out.exists()
    (partial,) = out.parent.iterdir()
    with partial.open("ab") as stream:
        stream.write(cut)
    advanced: list[int] = []
    costs = decode(NO_MODEL, decode_job(rows.select), out, advanced.append)
    assert calls == [[r.id for r in rows.select], ["a/12", "a/13"]]
    assert advanced == [2, 1, 1]
    assert [line["id"] for line in read_complete_lines(out)] == [r.id for r in rows.select]
    assert costs["forwards"] == 8


@pytest.mark.parametrize(
    "harm",
    [
        b"\x00\x00\n",
        b"[1]\n",
        b"{}\n",
        b"[" * 100_000 + b"\n",
        b'{"id":"a/10"}\n',
        b'{"id":["a"],"output":"","forwards":1,"tokens_computed":1,"near_ties":0,"truncated":0,"decided":1}\n',
    ],
)
def test_a_damaged_partial_file_is_decoded_again(tmp_path, rows, monkeypatch, harm):
    calls: list[list[str]] = []
    monkeypatch.setattr(answer_pass, "decode_rows", fake_decoder(calls))
    out = tmp_path / "select.jsonl"
    partial = tmp_path / "select.0123456789abcdef.partial"
    line = {"forwards": 1, "tokens_computed": 1, "near_ties": 0, "truncated": 0, "decided": 1}
    append_json_line(partial, {"id": "a/10", "output": "x", **line})
    with partial.open("ab") as stream:
        stream.write(harm)
    decode(NO_MODEL, decode_job(rows.select), out, lambda _: None)
    assert calls == [[r.id for r in rows.select]]
    assert read_complete_lines(out)[0]["output"] == "out text 10"


def test_answers_of_other_inputs_and_rows_are_left_out(tmp_path, rows, monkeypatch):
    calls: list[list[str]] = []
    monkeypatch.setattr(answer_pass, "decode_rows", fake_decoder(calls))
    out = tmp_path / "select.jsonl"
    line = {
        "output": "old",
        "forwards": 1,
        "tokens_computed": 1,
        "near_ties": 0,
        "truncated": 0,
        "decided": 1,
    }
    write_jsonl_atomic(tmp_path / "select.ffffffffffffffff.partial", [{"id": "a/10", **line}])
    write_jsonl_atomic(
        tmp_path / "select.0123456789abcdef.partial",
        [{"id": "a/11", **line}, {"id": "gone", **line}],
    )
    write_text_atomic(tmp_path / "test.eeeeeeeeeeeeeeee.partial", "of another row set")
    decode(NO_MODEL, decode_job(rows.select), out, lambda _: None)
    assert calls == [["a/10", "a/12", "a/13"]]
    assert [one["output"] for one in read_complete_lines(out)] == [
        "out text 10",
        "old",
        "out text 12",
        "out text 13",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "select.jsonl",
        "test.eeeeeeeeeeeeeeee.partial",
    ]


def test_each_answer_is_on_the_disk_before_the_next_is_asked_for(tmp_path, rows, monkeypatch):
    seen = []
    out = tmp_path / "select.jsonl"

    def watching(lm, given, *_):
        for answer in fake_decoder([])(lm, given, None, None, None, None):
            (partial,) = tmp_path.glob("*.partial")
            seen.append(len(partial.read_text(encoding="utf-8").splitlines()))
            yield answer

    monkeypatch.setattr(answer_pass, "decode_rows", watching)
    decode(NO_MODEL, decode_job(rows.select), out, lambda _: None)
    assert seen == [0, 1, 2, 3]


def test_the_decoder_is_closed_when_the_work_stops(tmp_path, rows, monkeypatch):
    closed = []

    def closing(lm, given, *_):
        try:
            yield from fake_decoder([])(lm, given, None, None, None, None)
        finally:
            closed.append(True)

    def stop(count):
        if count:
            raise KeyboardInterrupt

    monkeypatch.setattr(answer_pass, "decode_rows", closing)
    with pytest.raises(KeyboardInterrupt):
        decode(NO_MODEL, decode_job(rows.select), tmp_path / "s.jsonl", stop)
    assert closed == [True]
