import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from gguf_maker import write_gguf

from emoloom.errors import UserError
from emoloom.sources import model_files as sources
from emoloom.sources.model_files import default_cache, get_model, parse_source
from emoloom.sources.tiny import write_random_llama


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources") / "model"
    write_random_llama(folder, 3)
    return folder


@pytest.fixture(scope="module")
def gguf_file(model, tmp_path_factory):
    return write_gguf(model, tmp_path_factory.mktemp("file") / "tiny.F32.gguf")


def left_in(cache: Path) -> list[str]:
    models = cache / "models"
    return sorted(path.name for path in models.iterdir()) if models.exists() else []


def test_listing_needs_no_torch():
    code = (
        "import sys; from emoloom.sources.model_files import list_models; assert list_models();"
        "print([m for m in ('torch', 'transformers', 'numpy', 'gguf') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("EMOLOOM_CACHE", "")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert default_cache() == tmp_path / ".cache" / "emoloom"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert default_cache() == tmp_path / ".cache" / "emoloom"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_cache() == tmp_path / "xdg" / "emoloom"
    monkeypatch.setenv("EMOLOOM_CACHE", "~/own")
    assert default_cache() == tmp_path / "own"


def test_random_tiny_is_the_same_for_the_same_seed_and_loads(tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    first = get_model(parse_source("random:tiny@7"), tmp_path / "a")
    again = get_model(parse_source("random:tiny@7"), tmp_path / "b")
    other = get_model(parse_source("random:tiny@8"), tmp_path / "a")
    assert replace(again, folder=first.folder) == first
    assert other.weights_sha256 != first.weights_sha256
    assert other.tokenizer_sha256 == first.tokenizer_sha256
    assert len(left_in(tmp_path / "a")) == 2

    model, report = AutoModelForCausalLM.from_pretrained(first.folder, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert model.config.num_hidden_layers == 2
    assert model.config.num_key_value_heads < model.config.num_attention_heads
    tokenizer = AutoTokenizer.from_pretrained(first.folder)
    assert 500 <= len(tokenizer) == model.config.vocab_size <= 1000
    text = '{"labels":["joy"],"vad":{"v":0.83}} naïve 😀\n'
    assert tokenizer.decode(tokenizer(text).input_ids) == text
    assert tokenizer.convert_ids_to_tokens(tokenizer("0.83").input_ids) == ["0", ".", "8", "3"]
    turn = [{"role": "user", "content": "hi"}]
    asked = tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
    assert asked == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer.eos_token == "<|im_end|>"
    assert {path.suffix for path in first.folder.iterdir()} <= {".json", ".jinja", ".safetensors"}


def test_making_a_random_model_leaves_the_global_seeds_alone(tmp_path):
    import numpy as np
    import torch

    before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    get_model(parse_source("random:tiny@1"), tmp_path)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == np.random.get_state()[1].tolist()


def test_hashes_can_be_recomputed_by_hand(tmp_path):
    files = get_model(parse_source("random:tiny"), tmp_path)

    def over(*names: str) -> str:
        lines = [
            f"{hashlib.sha256((files.folder / name).read_bytes()).hexdigest()}  {name}\n"
            for name in names
        ]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    assert files.weights_sha256 == over("model.safetensors")
    assert files.tokenizer_sha256 == over(
        "chat_template.jinja", "tokenizer.json", "tokenizer_config.json"
    )
    assert files.config_sha256 == over("config.json", "generation_config.json")


def test_the_record_says_what_was_made(tmp_path):
    files = get_model(parse_source("random:tiny@5"), tmp_path)
    record = json.loads((files.folder / "source.json").read_text(encoding="utf-8"))
    identity = record["identity"]
    assert json.loads(identity) == {
        "kind": "RandomLlama",
        "seed": 5,
        "converter": 1,
        "draws": "emoloom-draws-1",
    }
    assert files.folder.name == hashlib.sha256(identity.encode()).hexdigest()
    assert record["source"] == "random:tiny@5"
    assert record["packages"]["transformers"]
    assert set(record["files"]) == {path.name for path in files.folder.iterdir()} - {"source.json"}


def no_record(folder: Path) -> None:
    (folder / "source.json").unlink()


def other_weights(folder: Path) -> None:
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def broken_record(folder: Path) -> None:
    (folder / "source.json").write_text("[1", encoding="utf-8")


def foreign_record(folder: Path) -> None:
    record = json.loads((folder / "source.json").read_text(encoding="utf-8"))
    (folder / "source.json").write_text(json.dumps(record | {"identity": "x"}), encoding="utf-8")


def only_a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("x", encoding="utf-8")


@pytest.mark.parametrize(
    "damage",
    [no_record, other_weights, no_weights, broken_record, foreign_record, only_a_file],
)
def test_a_cached_folder_that_is_not_whole_is_made_again(tmp_path, damage):
    source = parse_source("random:tiny")
    first = get_model(source, tmp_path)
    damage(first.folder)
    said: list[str] = []
    assert get_model(source, tmp_path, say=said.append) == first
    assert [line for line in said if "made again" in line]
    assert left_in(tmp_path) == [first.folder.name]


def test_a_whole_cached_folder_is_used_as_it_is(tmp_path):
    source = parse_source("random:tiny")
    first = get_model(source, tmp_path)
    stamp = (first.folder / "model.safetensors").stat().st_mtime_ns
    said: list[str] = []
    assert get_model(source, tmp_path, say=said.append) == first
    assert (first.folder / "model.safetensors").stat().st_mtime_ns == stamp
    assert said == []


def test_the_first_of_two_wins_and_the_second_leaves_nothing(tmp_path, monkeypatch):
    source = parse_source("random:tiny")
    make = sources.make_model

    def make_while_another_finishes(*args):
        monkeypatch.setattr(sources, "make_model", make)
        other = get_model(source, tmp_path)
        (other.folder / "mark").write_text("first", encoding="utf-8")
        return make(*args)

    monkeypatch.setattr(sources, "make_model", make_while_another_finishes)
    files = get_model(source, tmp_path)
    assert (files.folder / "mark").read_text(encoding="utf-8") == "first"
    assert left_in(tmp_path) == [files.folder.name]


def test_many_at_once_agree(tmp_path):
    source = parse_source("random:tiny")
    start, results = threading.Barrier(4), []

    def work() -> None:
        start.wait()
        results.append(get_model(source, tmp_path))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert len(set(results)) == 1
    assert left_in(tmp_path) == [results[0].folder.name]


def test_what_a_killed_run_left_goes_after_a_day(tmp_path):
    models = tmp_path / "models"
    old, young = models / ".partial-1-aa", models / ".partial-2-bb"
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "x").write_text("x", encoding="utf-8")
    os.utime(old, (time.time() - 90_000,) * 2)
    get_model(parse_source("random:tiny"), tmp_path)
    assert not old.exists()
    assert young.exists()


def test_a_cache_that_cannot_be_written_is_a_user_error(tmp_path):
    (tmp_path / "models").write_text("a file in the way", encoding="utf-8")
    with pytest.raises(UserError, match=r"cache cannot be used.*EMOLOOM_CACHE"):
        get_model(parse_source("random:tiny"), tmp_path)


def test_a_gguf_file_is_converted_away_from_what_lies_beside_it(gguf_file, model, tmp_path):
    beside = tmp_path / "downloads"
    beside.mkdir()
    shutil.copy(gguf_file, beside / "My.gguf")
    # transformers would read these if it were pointed at the user's folder
    (beside / "tokenizer_config.json").write_text('{"chat_template": "evil"}', encoding="utf-8")
    (beside / "adapter_config.json").write_text("{}", encoding="utf-8")
    files = get_model(parse_source(str(beside / "My.gguf")), tmp_path / "cache")
    template = (files.folder / "chat_template.jinja").read_text(encoding="utf-8")
    assert template == (model / "chat_template.jinja").read_text(encoding="utf-8")

    (beside / "My.gguf").rename(tmp_path / "Same.gguf")
    same = get_model(parse_source(str(tmp_path / "Same.gguf")), tmp_path / "cache")
    assert same.folder == files.folder
    assert same.display_name == "Same, F32"


def test_a_cut_gguf_file_leaves_nothing(gguf_file, tmp_path):
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(gguf_file.read_bytes()[:-5000])
    with pytest.raises(UserError, match="cut short or damaged"):
        get_model(parse_source(str(cut)), tmp_path / "cache")
    assert left_in(tmp_path / "cache") == []


@pytest.mark.real
def test_smollm2_from_its_wheel():
    from transformers import AutoModelForCausalLM, AutoTokenizer

    files = get_model(parse_source("smollm2-135m"), say=print)
    assert files.display_name == "SmolLM2-135M-Instruct, dequantised Q4_1"
    assert files.licence == "Apache-2.0"
    assert files.weight_file_sha256 == parse_source("smollm2-135m").origin.sha256

    tokenizer = AutoTokenizer.from_pretrained(files.folder)
    assert (tokenizer.bos_token, tokenizer.eos_token) == ("<|im_start|>", "<|im_end|>")
    # llama.cpp's ids for SmolLM2 as another project's tests list them; llama.cpp was not run.
    ids = [13764, 216, 33, 34, 35, 36, 37, 38, 39, 40, 41, 32, 284, 216, 36, 34, 30]
    assert tokenizer("Sum 1234567890 and 42.").input_ids == ids
    for text in ('"labels":["joy"]', '{"v":0.83,"a":0.55}', "a  12\n\n7"):
        assert tokenizer.decode(tokenizer(text).input_ids) == text

    model, report = AutoModelForCausalLM.from_pretrained(files.folder, output_loading_info=True)
    assert not report["missing_keys"]
    assert model.num_parameters() == parse_source("smollm2-135m").parameters
    turn = [{"role": "user", "content": "What is the capital of France?"}]
    asked = tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_tensors="pt")
    said = model.generate(**asked, max_new_tokens=10, do_sample=False)[0]
    assert "Paris" in tokenizer.decode(said[asked["input_ids"].shape[1] :])
