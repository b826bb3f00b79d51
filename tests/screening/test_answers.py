import json
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from emoloom.config import Config, parse_config
from emoloom.corpora.labels import load_space
from emoloom.decoding.canonical import Decoded
from emoloom.decoding.verified import DecodeSettings
from emoloom.models.causal_lm import ModelError
from emoloom.models.preflight import Certificate, Check
from emoloom.models.sources import ModelFiles
from emoloom.records import VAD, Answer, ParseFailure, Prediction, Row
from emoloom.runs.directory import (
    RunDirectory,
    append_json_line,
    read_complete_lines,
    write_json_atomic,
    write_jsonl_atomic,
    write_text_atomic,
)
from emoloom.screening import answers, candidates
from emoloom.screening.answers import (
    CandidateRun,
    candidate_work,
    floor_work,
    read_answers,
    spread,
)
from emoloom.screening.candidates import DecodeJob, decode, fit_settings, list_candidates
from emoloom.screening.plan import make_plan
from emoloom.screening.row_sets import SharedRows
from emoloom.supervision.lexicon import load_lexicon
from emoloom.supervision.weak_vad import AffineMap
from tiny_screen import SETTINGS

SPACE = load_space("goemotions28")
GOOD = '{"labels":["joy"],"vad":{"v":0.80,"a":0.50,"d":0.60},"rationale":"cues: none"}'
CERTIFICATE = Certificate("packed", "exact", 300, 0.01, 512, (Check("causality", True, 0.0, 1.0),))


def row(number: int, source: str = "a") -> Row:
    answer = Answer(("joy",), VAD(0.5, 0.4, 0.3), "")
    return Row(f"{source}/{number}", f"text {number}", answer, source, "dev", "human", f"g{number}")


def config_with(**changes: object) -> Config:
    return parse_config({**SETTINGS, **changes}, source="test")


def files_of(**changes: str) -> ModelFiles:
    facts = {
        "folder": Path("nowhere"),
        "display_name": "a model",
        "licence": "MIT",
        "source": "random:tiny@1",
        "weights_sha256": "w",
        "tokenizer_sha256": "t",
        "config_sha256": "c",
        "weight_file_sha256": None,
    }
    return ModelFiles(**{**facts, **changes})


@pytest.fixture(scope="module")
def lexicon():
    return load_lexicon()


@pytest.fixture
def rows() -> SharedRows:
    return SharedRows(
        train=tuple(row(n) for n in range(6)),
        select=tuple(row(n) for n in range(10, 14)),
        scale=AffineMap.identity(),
        warnings=(),
        hashes={"train": "ht", "select": "hs"},
    )


@pytest.fixture
def job(tmp_path, rows, lexicon) -> CandidateRun:
    config = config_with()
    sft = list_candidates(config)[0]
    return CandidateRun(sft, files_of(), config, RunDirectory(tmp_path), SPACE, lexicon, rows)


# Which rows


def test_spread_takes_the_corpora_in_turn_and_keeps_the_order():
    rows = [row(n, "a") for n in range(4)] + [row(n, "b") for n in range(3)]
    assert [r.id for r in spread(rows, 4)] == ["a/0", "a/1", "b/0", "b/1"]
    assert [r.id for r in spread(rows, 5)] == ["a/0", "a/1", "a/2", "b/0", "b/1"]
    assert [r.id for r in spread(rows, 1)] == ["a/0"]
    assert spread(rows, 7) == spread(rows, 100) == tuple(rows)
    assert [r.id for r in spread(rows[::-1], 2)] == ["b/2", "a/3"]
    assert spread([], 3) == ()


# Floors


def test_a_floor_answers_every_row_in_order(tmp_path, rows, lexicon):
    run = RunDirectory(tmp_path)
    work = floor_work(run, "constant", rows, SPACE, lexicon, 1)
    assert (work.units, work.budgeted, work.candidate) == (4, False, "constant")
    advanced: list[int] = []
    outcome = work.make(advanced.append)
    assert sum(advanced) == 4
    assert outcome.counts == {"rows": 4, "answers": 4}
    parsed, ids = read_answers(run, "constant", SPACE)
    assert ids == tuple(r.id for r in rows.select)
    assert all(isinstance(answer, Prediction) for answer in parsed)


def test_a_floors_inputs_are_its_name_rows_lexicon_and_seed(tmp_path, rows, lexicon):
    def inputs(name="constant", rows=rows, lexicon=lexicon, seed=1, root=tmp_path):
        return floor_work(RunDirectory(root), name, rows, SPACE, lexicon, seed).stage.inputs

    first = inputs()
    assert inputs(root=tmp_path / "elsewhere") == first
    others = [
        inputs(name="tf-idf"),
        inputs(rows=replace(rows, hashes={"train": "x", "select": "hs"})),
        inputs(rows=replace(rows, hashes={"train": "ht", "select": "x"})),
        inputs(lexicon=replace(lexicon, sha256="x")),
        inputs(seed=2),
    ]
    assert len({first, *others}) == 6


def test_answers_that_do_not_parse_are_failures_in_their_place(tmp_path):
    run = RunDirectory(tmp_path)
    outputs = [GOOD, "no", '{"labels":']
    lines = [{"id": f"r{n}", "output": output} for n, output in enumerate(outputs)]
    write_jsonl_atomic(run.rows("a", "select"), lines)
    parsed, ids = read_answers(run, "a", SPACE)
    assert ids == ("r0", "r1", "r2")
    assert isinstance(parsed[0], Prediction)
    assert parsed[1:] == (ParseFailure("no_json"), ParseFailure("truncated"))


# What a candidate's stages depend on


def write_certificate(job: CandidateRun, certificate: Certificate = CERTIFICATE) -> None:
    folder = job.run.candidate(job.candidate.name)
    write_json_atomic(folder / "preflight.json", certificate.to_dict())
    (folder / "checkpoint").mkdir(exist_ok=True)
    (folder / "checkpoint" / "adapter_model.safetensors").write_bytes(b"adapter")


def stages_of(job: CandidateRun) -> dict[str, str]:
    write_certificate(job)
    return {work.stage.name: work.stage.inputs for work in candidate_work(job)}


def changed(job: CandidateRun, **changes: object) -> set[str]:
    """Stages whose inputs are others once the job is changed."""
    before, after = stages_of(job), stages_of(replace(job, **changes))
    assert list(before) == ["preflight", "train", "select"]
    return {name for name in before if before[name] != after[name]}


ALL = {"preflight", "train", "select"}


@pytest.mark.parametrize(
    ("settings", "stages"),
    [
        ({"seed": 9}, {"train"}),
        ({"threads": 7}, ALL),
        ({"training": {**SETTINGS["training"], "max_text_tokens": 99}}, ALL),
        ({"training": {**SETTINGS["training"], "learning_rate": 1e-4}}, {"train"}),
        ({"training": {**SETTINGS["training"], "epochs": 2}}, {"train"}),
        ({"training": {**SETTINGS["training"], "batch_rows": 3}}, {"train"}),
        ({"training": {**SETTINGS["training"], "lora_rank": 2}}, {"train"}),
        ({"training": {**SETTINGS["training"], "warmup_share": 0.5}}, {"train"}),
        ({"training": {**SETTINGS["training"], "decay_share": 0.5}}, {"train"}),
        ({"training": {**SETTINGS["training"], "pack_tokens": 999}}, set()),
        ({"decoding": {"max_new_tokens": 13}}, {"preflight", "select"}),
        ({"decoding": {"max_new_tokens": 12, "decoder": "canonical"}}, {"select"}),
        ({"decoding": {"max_new_tokens": 12, "pack_rows": 2, "pack_tokens": 99}}, set()),
        ({"zero_shot": {"rows": 1}}, set()),
        ({"ranking": {"bootstrap": 999}}, set()),
        ({"budget": {"wall_seconds": 5}}, set()),
        ({"name": "other"}, set()),
    ],
    ids=str,
)
def test_a_setting_redoes_what_it_can_change_and_no_more(job, settings, stages):
    assert changed(job, config=config_with(**settings)) == stages


@pytest.mark.parametrize("key", ["weights_sha256", "tokenizer_sha256", "config_sha256"])
def test_other_model_files_redo_everything(job, key):
    assert changed(job, model=files_of(**{key: "other"})) == ALL


@pytest.mark.parametrize("key", ["folder", "display_name", "licence", "source"])
def test_where_a_model_lies_and_its_name_redo_nothing(job, key):
    value = Path("elsewhere") if key == "folder" else "other"
    assert changed(job, model=files_of(**{key: value})) == set()


def test_other_rows_redo_what_sees_them(job, rows):
    train = replace(rows, hashes={"train": "x", "select": "hs"})
    select = replace(rows, hashes={"train": "ht", "select": "x"})
    assert changed(job, rows=train) == {"preflight", "train"}
    assert changed(job, rows=select) == {"select"}


def test_another_label_space_redoes_everything(job):
    assert changed(job, space=replace(SPACE, labels=SPACE.labels[::-1])) == ALL


def test_another_adapter_or_certificate_redoes_the_answers(job):
    before = stages_of(job)
    folder = job.run.candidate(job.candidate.name)
    (folder / "checkpoint" / "adapter_model.safetensors").write_bytes(b"other")
    after = {work.stage.name: work.stage.inputs for work in candidate_work(job)}
    assert {name for name in ALL if before[name] != after[name]} == {"select"}
    write_certificate(job, replace(CERTIFICATE, tie_margin=0.5))
    after = {work.stage.name: work.stage.inputs for work in candidate_work(job)}
    assert {name for name in ALL if before[name] != after[name]} == {"select"}


def test_every_training_setting_is_in_the_fingerprint():
    """A new field of the trainer must not be forgotten between config and fingerprint."""
    settings = asdict(fit_settings(config_with()))
    training = config_with().training.model_dump()
    given = {name: training[name] for name in settings if name in training}
    assert {name: settings[name] for name in given} == given
    assert set(training) - set(settings) == {"max_text_tokens"}
    assert {f.name for f in fields(DecodeSettings)} == {
        "max_new_tokens",
        "pack_rows",
        "pack_tokens",
    }


def test_zero_shot_is_not_trained_and_decodes_its_rows(job, rows):
    config = config_with(zero_shot={"rows": 3})
    zero = replace(job, candidate=list_candidates(config)[1], config=config)
    write_certificate(zero)
    works = list(candidate_work(zero))
    assert [work.stage.name for work in works] == ["preflight", "select"]
    assert works[1].units == 3
    fewer = replace(zero, config=config_with(zero_shot={"rows": 2}))
    assert list(candidate_work(fewer))[1].stage.inputs != works[1].stage.inputs


def test_the_plan_counts_what_the_work_counts(job, rows):
    config = config_with(zero_shot={"rows": 3}, training={"batch_rows": 4, "epochs": 3})
    chosen = list_candidates(config)
    plan = make_plan(config, chosen, rows)
    counted = []
    for candidate in chosen:
        one = replace(job, candidate=candidate, config=config)
        write_certificate(one)
        counted += [(w.stage.name, w.candidate, w.units) for w in candidate_work(one)]
    assert counted == [(s["stage"], s["candidate"], s["units"]) for s in plan["stages"]]
    assert ("train", "one.sft", 6) in counted
    assert (plan["train_rows"], plan["select_rows"]) == (6, 4)


def test_a_refused_model_goes_no_further(job):
    write_certificate(job, Certificate("refused", "NaN logits", 0, 0.0, 0, ()))
    works = candidate_work(job)
    assert next(works).stage.name == "preflight"
    with pytest.raises(ModelError, match="a model is refused: NaN logits"):
        next(works)


def test_a_certificate_is_measured_once_for_all_recipes(job, monkeypatch):
    measured = []

    def preflight(lm, train, config, out):
        measured.append(lm)
        write_json_atomic(out, CERTIFICATE.to_dict())

    monkeypatch.setattr(answers, "preflight", preflight)
    monkeypatch.setattr(answers, "load", lambda *_: "model")
    (job.run.root / "candidates").mkdir()
    (job.run.root / "candidates" / "a file").touch()
    for candidate in list_candidates(job.config):
        advanced: list[int] = []
        work = next(candidate_work(replace(job, candidate=candidate)))
        outcome = work.make(advanced.append)
        work.stage.finish(outcome.outputs)
        assert advanced == [1]
    assert measured == ["model"]
    other = replace(job, model=files_of(weights_sha256="other"))
    next(candidate_work(other)).make(lambda _: None)
    assert len(measured) == 2


# Decoding in steps


def fake_decoder(calls: list, forwards: int = 2):
    def decode_rows(lm, rows, certificate, settings, hints) -> Iterator[Decoded]:
        calls.append([row_id for row_id, _ in rows])
        for row_id, text in rows:
            yield Decoded(row_id, f"out {text}", (1,), forwards, 9, 30, 1, truncated=False)

    return decode_rows


def decode_job(rows, inputs: str = "0123456789abcdef0") -> DecodeJob:
    return DecodeJob(rows, CERTIFICATE, False, DecodeSettings(), {}, inputs)


def test_answers_stand_in_the_order_of_the_rows_whatever_finishes_first(
    tmp_path, rows, monkeypatch
):
    def backwards(lm, given, *_):
        yield from fake_decoder([])(lm, given[::-1], None, None, None)

    monkeypatch.setattr(candidates, "decode_rows", backwards)
    out = tmp_path / "rows" / "select.jsonl"
    costs = decode(SimpleNamespace(), decode_job(rows.select), out, lambda _: None)
    lines = read_complete_lines(out)
    assert lines == [{"id": r.id, "output": f"out {r.text}"} for r in rows.select]
    assert costs == {
        "rows": 4,
        "forwards": 8,
        "tokens_computed": 120,
        "near_ties": 4,
        "truncated": 0,
    }
    assert [path.name for path in out.parent.iterdir()] == ["select.jsonl"]


@pytest.mark.parametrize("cut", [b"", b'{"id": "a/13", "outp'])
def test_finished_rows_are_not_decoded_again(tmp_path, rows, monkeypatch, cut):
    calls: list[list[str]] = []
    monkeypatch.setattr(candidates, "decode_rows", fake_decoder(calls))
    out = tmp_path / "rows" / "select.jsonl"
    stop = iter([None, None, KeyboardInterrupt()])

    def stop_at_two(count):
        if (error := next(stop)) is not None:
            raise error

    with pytest.raises(KeyboardInterrupt):
        decode(SimpleNamespace(), decode_job(rows.select), out, stop_at_two)
    assert not out.exists()
    (partial,) = out.parent.iterdir()
    with partial.open("ab") as stream:
        stream.write(cut)
    advanced: list[int] = []
    costs = decode(SimpleNamespace(), decode_job(rows.select), out, advanced.append)
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
        b'{"id":"a/10"}\n',
        b'{"id":["a"],"output":"","forwards":1,"tokens_computed":1,"near_ties":0,"truncated":0}\n',
    ],
)
def test_a_damaged_partial_file_is_decoded_again(tmp_path, rows, monkeypatch, harm):
    calls: list[list[str]] = []
    monkeypatch.setattr(candidates, "decode_rows", fake_decoder(calls))
    out = tmp_path / "select.jsonl"
    partial = tmp_path / "select.0123456789abcdef.partial"
    line = {"forwards": 1, "tokens_computed": 1, "near_ties": 0, "truncated": 0}
    append_json_line(partial, {"id": "a/10", "output": "x", **line})
    with partial.open("ab") as stream:
        stream.write(harm)
    decode(SimpleNamespace(), decode_job(rows.select), out, lambda _: None)
    assert calls == [[r.id for r in rows.select]]
    assert read_complete_lines(out)[0]["output"] == "out text 10"


def test_answers_of_other_inputs_and_rows_are_left_out(tmp_path, rows, monkeypatch):
    calls: list[list[str]] = []
    monkeypatch.setattr(candidates, "decode_rows", fake_decoder(calls))
    out = tmp_path / "select.jsonl"
    line = {"output": "old", "forwards": 1, "tokens_computed": 1, "near_ties": 0, "truncated": 0}
    write_jsonl_atomic(tmp_path / "select.ffffffffffffffff.partial", [{"id": "a/10", **line}])
    write_jsonl_atomic(
        tmp_path / "select.0123456789abcdef.partial",
        [{"id": "a/11", **line}, {"id": "gone", **line}],
    )
    write_text_atomic(tmp_path / "test.eeeeeeeeeeeeeeee.partial", "of another row set")
    decode(SimpleNamespace(), decode_job(rows.select), out, lambda _: None)
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
        for answer in fake_decoder([])(lm, given, None, None, None):
            (partial,) = tmp_path.glob("*.partial")
            seen.append(len(partial.read_text(encoding="utf-8").splitlines()))
            yield answer

    monkeypatch.setattr(candidates, "decode_rows", watching)
    decode(SimpleNamespace(), decode_job(rows.select), out, lambda _: None)
    assert seen == [0, 1, 2, 3]


def test_the_decoder_is_closed_when_the_work_stops(tmp_path, rows, monkeypatch):
    closed = []

    def closing(lm, given, *_):
        try:
            yield from fake_decoder([])(lm, given, None, None, None)
        finally:
            closed.append(True)

    def stop(count):
        if count:
            raise KeyboardInterrupt

    monkeypatch.setattr(candidates, "decode_rows", closing)
    with pytest.raises(KeyboardInterrupt):
        decode(SimpleNamespace(), decode_job(rows.select), tmp_path / "s.jsonl", stop)
    assert closed == [True]


def test_names_of_candidates_are_model_and_recipe():
    config = config_with(models=["random-tiny", {"source": "random:tiny@2", "name": "B"}])
    names = [candidate.name for candidate in list_candidates(config)]
    assert names == ["random-tiny.sft", "random-tiny.zero-shot", "B.sft", "B.zero-shot"]
    kinds = [candidate.kind for candidate in list_candidates(config)]
    assert kinds == ["candidate", "shown"] * 2


def test_a_certificate_reads_back(tmp_path):
    write_json_atomic(tmp_path / "preflight.json", CERTIFICATE.to_dict())
    assert candidates.read_certificate(tmp_path / "preflight.json") == CERTIFICATE
    assert json.loads((tmp_path / "preflight.json").read_text(encoding="utf-8"))["checks"]
