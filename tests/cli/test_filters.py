import codecs
import json
from pathlib import Path

import jsonschema
import pytest

from emoloom.corpora.labels import load_space
from emoloom.corpora.registry import list_corpora
from emoloom.errors import UserError
from emoloom.supervision.lexicon import load_lexicon
from emoloom.supervision.weak_vad import weak_vad
from tiny_screen import assert_user_error, call

pytestmark = pytest.mark.usefixtures("own_cache")


def answer(labels: str, v: float, a: float, d: float) -> str:
    names = json.dumps(labels.split())
    vad = json.dumps({"v": v, "a": a, "d": d})
    return f'{{"labels":{names},"vad":{vad},"rationale":"cues: none"}}'


# parse


def test_parse_says_ok_with_the_answer_or_why_not():
    good = 'Sure! {"labels":["joy","anger"],"vad":{"v":0.834,"a":1,"d":0},"rationale":"cues: é"}'
    called = call("parse", "--labels", "goemotions28", stdin=f"{good}\nno\n{{\n".encode())
    assert (called.code, called.err) == (0, "")
    first, *rest = map(json.loads, called.out.splitlines())
    wanted = {"labels": ["anger", "joy"], "vad": {"v": 0.83, "a": 1.0, "d": 0.0}}
    assert first == {"ok": True, "answer": {**wanted, "rationale": "cues: é"}}
    assert list(first["answer"]) == ["labels", "vad", "rationale"]
    assert rest == [{"ok": False, "reason": "no_json"}, {"ok": False, "reason": "truncated"}]
    assert called.out.splitlines()[1] == '{"ok":false,"reason":"no_json"}'


def test_a_label_space_can_be_chosen_by_name_or_file(tmp_path):
    line = answer("joy", 0.5, 0.5, 0.5).encode() + b"\n"
    assert json.loads(call("parse", "--labels", "ekman7", stdin=line).out)["ok"] is True
    space = tmp_path / "mine.json"
    space.write_text('{"name": "mine", "labels": ["glad"]}', encoding="utf-8")
    called = call("parse", "--labels", space, stdin=line)
    assert json.loads(called.out) == {"ok": False, "reason": "unknown_label"}
    unknown = call("parse", "--labels", "ekman8", stdin=line)
    assert_user_error(unknown, "unknown label space", "got: 'ekman8'", "ekman7")


@pytest.mark.parametrize("command", ["parse", "weak-vad", "appraise", "flip"])
@pytest.mark.parametrize(
    ("stdin", "lines"),
    [
        (b"", 0),
        (b"\n", 1),
        (b"\n\n\n", 3),
        (b"one\n\ntwo", 3),
        (b"one\r\n\r\ntwo\r\n", 3),
        ("a\u2028b\x0cc\x85d\x1ee\n".encode(), 1),
        (b"nul \x00 inside\n", 1),
    ],
)
def test_lines_in_are_lines_out(command, stdin, lines):
    called = call(command, stdin=stdin)
    assert called.code == 0
    assert called.out.count("\n") == lines
    assert [json.loads(line) for line in called.out.split("\n")[:-1]] == [
        json.loads(line) for line in called.out.splitlines()
    ]


@pytest.mark.parametrize("command", ["parse", "weak-vad", "flip"])
def test_a_line_that_is_not_utf_8_is_named(command):
    called = call(command, stdin=b"fine\nb\xffd\n")
    assert called.code == 2
    assert called.out.count("\n") == 1
    assert (
        called.err == "error: line 2 of stdin is not UTF-8 text; got: byte 0xff; do: give UTF-8\n"
    )


def test_half_a_character_in_an_answer_stops_nothing():
    line = b'{"labels":["joy"],"vad":{"v":0.5,"a":0.5,"d":0.5},"rationale":"\\ud800"}\n'
    called = call("parse", stdin=line * 2)
    assert called.code == 0
    assert [json.loads(one)["ok"] for one in called.out.splitlines()] == [False, False]


# weak-vad


def test_weak_vad_is_the_formula_unmapped():
    texts = ["I love this puppy", "not happy at all", "", "xyzzy plugh"]
    called = call("weak-vad", stdin="\n".join(texts).encode())
    assert (called.code, called.err) == (0, "")
    lexicon = load_lexicon()
    for text, line in zip(texts, called.out.splitlines(), strict=True):
        found = json.loads(line)
        assert list(found) == ["v", "a", "d", "hits"]
        weak = weak_vad(text, lexicon)
        assert (found["v"], found["a"], found["d"]) == weak.vad.as_tuple()
        assert found["hits"] == weak.hits
    assert [json.loads(line)["hits"] for line in called.out.splitlines()][2:] == [0, 0]


def test_weak_vad_takes_a_lexicon(tmp_path):
    path = tmp_path / "own.tsv"
    path.write_text("word\tvalence\tarousal\tdominance\nplugh\t0.9\t0.8\t0.7\n", encoding="utf-8")
    called = call("weak-vad", "--lexicon", path, stdin=b"xyzzy plugh\n")
    assert called.code == 0
    assert json.loads(called.out)["hits"] == 1


# flip


def test_flip_says_the_flip_with_its_vad_or_why_not():
    texts = ["I love this puppy", "Good luck!", "xyzzy", "", "love " * 65, "This isn't a good idea"]
    called = call("flip", stdin="\n".join(texts).encode())
    assert (called.code, called.err) == (0, "")
    first, *rest, last = map(json.loads, called.out.splitlines())
    assert list(first) == ["text", "v", "a", "d"]
    assert first["text"] == "I hate this puppy"
    weak = weak_vad(first["text"], load_lexicon())
    assert (first["v"], first["a"], first["d"]) == weak.vad.as_tuple()
    assert [line["dropped"] for line in rest] == [
        *("idiom", "no_polar_word", "no_polar_word", "too_long"),
    ]
    assert called.out.splitlines()[1] == '{"dropped":"idiom"}'
    assert last["text"] == "This is a good idea"


@pytest.mark.parametrize("command", ["flip", "weak-vad", "parse"])
def test_a_byte_order_mark_is_no_part_of_the_first_line(command):
    lines = b"I love this wonderful day.\nI hate this awful day.\n"
    plain = call(command, stdin=lines)
    assert call(command, stdin=codecs.BOM_UTF8 + lines) == plain
    assert plain.out


def test_flip_takes_a_lexicon_which_is_the_gate(tmp_path):
    path = tmp_path / "own.tsv"
    lines = ["word\tvalence\tarousal\tdominance", "love\t0.9\t0.5\t0.5", "hate\t0.8\t0.5\t0.5"]
    path.write_text("\n".join(lines), encoding="utf-8")
    called = call("flip", "--lexicon", path, stdin=b"I love it\n")
    assert called.out == '{"dropped":"gate"}\n'
    assert_user_error(call("flip", "--lexicon", tmp_path / "none", stdin=b"a\n"), "no file")


def test_what_a_hostile_text_holds_stays_inside_its_json():
    text = 'I love "</script>\x1b[31m\\ \u2028 \u202e" {"text":1} \0'
    called = call("flip", stdin=text.encode())
    (line,) = called.out.rstrip("\n").split("\n")
    assert json.loads(line)["text"] == text.replace("love", "hate")
    assert "\x1b" not in line


# schema, report, lists


def test_schema_is_json_schema_and_knows_an_answer(tmp_path):
    called = call("schema")
    schema = json.loads(called.out)
    jsonschema.Draft202012Validator.check_schema(schema)
    good = json.loads(answer("joy", 0.5, 0.5, 0.5))
    jsonschema.validate(good, schema)
    for bad in ({**good, "labels": ["rage"]}, {**good, "more": 1}, {**good, "labels": []}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, schema)
    other = json.loads(call("schema", "--labels", "ekman7").out)
    assert other["properties"]["labels"]["items"]["enum"] == list(load_space("ekman7").labels)


def test_schema_of_rows_knows_the_rows_of_a_run(finished_run):
    schema = json.loads(call("schema", "--row").out)
    jsonschema.Draft202012Validator.check_schema(schema)
    for name in ("train", "select"):
        text = (finished_run.folder / f"data/{name}.jsonl").read_text(encoding="utf-8")
        for line in text.splitlines():
            jsonschema.validate(json.loads(line), schema)


def test_report_writes_the_page_again(a_run):
    page = a_run.folder / "report.html"
    before = page.read_bytes()
    page.unlink()
    called = call("report", a_run.folder)
    assert (called.code, called.out, called.err) == (0, f"{page}\n", "")
    assert page.read_bytes() == before


def test_report_of_no_folder(tmp_path):
    called = call("report", tmp_path / "none")
    assert_user_error(called, "no run folder", "got: ", "emoloom screen")


def test_lists_name_everything_that_a_config_may_name():
    called = call("data", "list")
    assert [line.split("\t")[0] for line in called.out.splitlines()] == list(list_corpora())
    assert {len(line.split("\t")) for line in called.out.splitlines()} == {4}
    assert "CC BY 4.0" in called.out
    called = call("models", "list")
    lines = [line.split("\t") for line in called.out.splitlines()]
    assert {len(line) for line in lines} == {4}
    models = {line[0]: line[1:] for line in lines}
    assert models["smollm2-135m"][:2] == ["SmolLM2-135M-Instruct, dequantised Q4_1", "Apache-2.0"]
    assert "not run here" in models["qwen3-0.6b"][2]
    assert "not run here" not in models["smollm2-135m"][2]


def test_the_last_line_of_models_get_is_the_folder_unwrapped(monkeypatch, own_cache):
    monkeypatch.setenv("COLUMNS", "40")
    called = call("models", "get", "random:tiny@1")
    assert called.code == 0
    folder = Path(called.out.splitlines()[-1])
    assert folder.is_absolute()
    assert folder.parent == own_cache / "models"
    assert (folder / "config.json").is_file()
    assert (folder / "model.safetensors").is_file()
    again = call("models", "get", "random:tiny@1")
    assert again.out == called.out == f"{folder}\n"


def test_what_a_command_advises_it_can_do(monkeypatch, own_cache, tmp_path):
    monkeypatch.setattr("emoloom.sources.size.MOST_PARAMETERS", 1000)
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"id": "a", "text": "I am glad"}\n', encoding="utf-8")
    decode = ("decode", "--model", "random:tiny@1", "--input", rows, "--output", tmp_path / "out")
    for command in (
        ("models", "get", "random:tiny@1"),
        (*decode, "--max-new-tokens", 2, "--decoder", "canonical"),
    ):
        refused = call(*command)
        assert refused.code == 2
        assert "--allow-large" in refused.err.splitlines()[-1]
        assert call(*command, "--allow-large").code == 0
    assert call("models", "get", "--help").out.count("--trust-remote-code") == 1


@pytest.mark.parametrize("allowed", [True, False])
def test_allowed_code_reaches_what_loads_the_model(monkeypatch, tmp_path, allowed):
    seen = []

    def stop(source, **given):
        seen.append(source.trust_remote_code)
        raise UserError("stopped")

    monkeypatch.setattr("emoloom.sources.model_files.get_model", stop)
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"id": "a", "text": "I am glad"}\n', encoding="utf-8")
    option = ("--trust-remote-code",) if allowed else ()
    call("models", "get", "random:tiny", *option)
    call("models", "check", "random:tiny", *option)
    decode = ("decode", "--model", "random:tiny", "--input", rows, "--output", tmp_path / "out")
    call(*decode, *option)
    assert seen == [allowed] * 3
