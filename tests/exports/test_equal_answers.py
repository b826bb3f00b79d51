"""An export answers alike by `emoloom predict` and by plain transformers, and as its run did."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoloom.contract.parse import object_closed, parse_output
from emoloom.contract.schema import write_answer
from emoloom.corpora.labels import load_space
from emoloom.exports import usage
from emoloom.records import Prediction
from emoloom.sources.model_files import get_model, parse_source
from emoloom.sources.quiet import quiet_transformers
from exported_run import TEXTS, ExportedRun, card_code
from tiny_screen import call, lines_of

pytestmark = pytest.mark.usefixtures("own_cache")


def code_of_card(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    """What the card's code defines, run where the card says."""
    monkeypatch.chdir(folder)
    names: dict = {"__name__": "card"}
    exec(compile(card_code(folder), "card", "exec"), names)
    return names


def predicted(folder: Path, texts: list[dict]) -> list[dict]:
    data = b"".join(json.dumps(text).encode() + b"\n" for text in texts)
    called = call("predict", folder, "--format", "jsonl", stdin=data)
    assert called.code == 0, called.err
    return [json.loads(line) for line in called.out.splitlines()]


def as_predicted(output: str, row_id: object, cut: bool) -> str:
    """What `emoloom predict` must print for this raw output."""
    flag = ',"cut":true' if cut else ""
    parsed = parse_output(output, load_space("goemotions28"))
    if isinstance(parsed, Prediction):
        return f'{{"id":{json.dumps(row_id)},{write_answer(parsed)[1:-1]}{flag}}}'
    record = {"id": row_id, "error": parsed.reason, "output": output}
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return f"{text[:-1]}{flag}}}"


@pytest.mark.parametrize("form", ["merged", "adapter"])
def test_the_code_of_the_card_gives_the_bytes_of_predict(form, exported: ExportedRun, monkeypatch):
    folder = getattr(exported, form).folder
    code = code_of_card(folder, monkeypatch)
    base = get_model(parse_source("random:tiny@1")).folder if form == "adapter" else None
    with quiet_transformers():  # peft uses a name that transformers is giving up
        model, tokenizer, prompt = code["load"](Path(), base)
    rows = lines_of(exported.run / "data" / "select.jsonl")
    rows += lines_of(exported.run / "data" / "train.jsonl")  # some of which it answers in form
    texts = [{"id": row["id"], "text": row["text"]} for row in rows]
    # The command does not ask the model of a text in which nothing can be seen.
    texts += [{"id": number, "text": text} for number, text in enumerate(TEXTS) if text.strip()]
    data = b"".join(json.dumps(text).encode() + b"\n" for text in texts)
    called = call("predict", folder, stdin=data)
    assert called.code == 0
    lines = called.out.splitlines()
    assert len(lines) == len(texts)
    parsed = 0
    for given_text, line in zip(texts, lines, strict=True):
        output = code["answer"](model, tokenizer, prompt, given_text["text"])
        cut = json.loads(line).get("cut", False)
        assert line == as_predicted(output, given_text["id"], cut)
        parsed += "labels" in json.loads(line)
    assert 0 < parsed < len(texts)  # both kinds, else equal answers would say little
    assert "cut" in json.loads(lines[-1])
    assert sum("cut" in json.loads(line) for line in lines) < len(lines)


def test_the_code_of_the_card_is_the_code_that_the_check_ran(exported: ExportedRun):
    ran = Path(usage.__file__).read_text(encoding="utf-8")
    for one in (exported.merged, exported.adapter):
        assert card_code(one.folder).strip() == ran.strip()


@pytest.mark.parametrize("form", ["merged", "adapter"])
def test_an_export_answers_as_its_run_did(form, exported: ExportedRun):
    folder = getattr(exported, form).folder
    rows = lines_of(exported.run / "data" / "select.jsonl")
    wanted = {
        line["id"]: line["output"]
        for line in lines_of(exported.run / "candidates/one.sft/rows/select.jsonl")
    }
    found = predicted(folder, [{"id": row["id"], "text": row["text"]} for row in rows])
    for line in found:
        cut = line.get("cut", False)
        assert line == json.loads(as_predicted(wanted[line["id"]], line["id"], cut))


def test_a_base_models_repetition_penalty_does_not_reach_the_answers(exported, tmp_path):
    base = get_model(parse_source("random:tiny@1")).folder
    strict = tmp_path / "base"
    shutil.copytree(base, strict)
    config = {"repetition_penalty": 9.0, "eos_token_id": 0, "max_new_tokens": 3}
    (strict / "generation_config.json").write_text(json.dumps(config), encoding="utf-8")
    folder = exported.adapter.folder
    with quiet_transformers():  # peft uses a name that transformers is giving up
        answers = [usage.answer(*usage.load(folder, one), TEXTS[0]) for one in (base, strict)]
    assert answers[0] == answers[1]
    for one in (exported.merged, exported.adapter):
        path = one.folder / "generation_config.json"
        kept = set(json.loads(path.read_text(encoding="utf-8")))
        own = {"do_sample", "bos_token_id", "eos_token_id", "pad_token_id"}
        assert kept <= own | {"_from_model_config", "transformers_version"}


def test_both_forms_and_both_decoders_say_the_same(exported: ExportedRun):
    data = "".join(f"{' '.join(text.split())}\n" for text in TEXTS).encode()
    merged, adapter = exported.merged.folder, exported.adapter.folder
    whole = call("predict", merged, stdin=data)
    assert whole.code == 0
    assert call("predict", adapter, stdin=data).out == whole.out
    assert call("predict", merged, "--decoder", "canonical", stdin=data).out == whole.out


def test_the_check_is_written_down(exported: ExportedRun):
    for one in (exported.merged, exported.adapter):
        card = (one.folder / "README.md").read_text(encoding="utf-8")
        manifest = json.loads((one.folder / "manifest.json").read_text(encoding="utf-8"))
        for name in ("with_run", "with_transformers"):
            agreement = getattr(one.checked, name)
            assert agreement.rows == agreement.equal + agreement.near_ties == 4
            assert f"| {agreement.says()} |" in card
            assert manifest["predicate"]["checked"][name] == agreement.to_dict()


@given(st.text(alphabet='{}[]"\\ab:,', max_size=40))
def test_the_card_knows_where_an_object_closes_as_the_decoder_does(text):
    assert usage.object_closed(text) == object_closed(text)
