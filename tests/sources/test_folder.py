import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from emoloom.errors import UserError
from emoloom.sources import model_files as sources
from emoloom.sources.model_files import get_model, parse_source
from emoloom.sources.tiny import write_random_llama


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources") / "model"
    write_random_llama(folder, 3)
    return folder


def other_weights(folder: Path) -> None:
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)


@pytest.fixture
def folder(model, tmp_path):
    return Path(shutil.copytree(model, tmp_path / "folder"))


def get_folder(folder: Path) -> sources.ModelFiles:
    return get_model(parse_source(str(folder)), folder.parent / "cache")


def edit(path: Path, **changes: object) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | changes), encoding="utf-8")


def test_a_folder_is_used_in_place(folder):
    files = get_folder(folder)
    assert files.folder == folder.resolve()
    assert files.licence == "unknown"
    assert files.weight_file_sha256 is None
    assert not (folder.parent / "cache").exists()


def test_each_hash_follows_its_own_files(folder):
    def changed(name: str) -> list[str]:
        before = get_folder(folder)
        path = folder / name
        path.write_bytes(
            path.read_bytes() + b" "
        ) if path.suffix != ".safetensors" else other_weights(folder)
        after = get_folder(folder)
        keys = ("weights_sha256", "tokenizer_sha256", "config_sha256")
        return [key for key in keys if getattr(before, key) != getattr(after, key)]

    assert changed("model.safetensors") == ["weights_sha256"]
    assert changed("chat_template.jinja") == ["tokenizer_sha256"]
    assert changed("tokenizer.json") == ["tokenizer_sha256"]
    assert changed("config.json") == ["config_sha256"]


@pytest.mark.parametrize("pickle", ["pytorch_model.bin", "model.pt", "model.ckpt", "a.pth"])
def test_pickles_are_refused(folder, pickle):
    (folder / "model.safetensors").rename(folder / pickle)
    with pytest.raises(
        UserError, match=f"a pickle can run code.*got: {pickle}; allowed: safetensors"
    ):
        get_folder(folder)


def test_a_pickle_beside_whole_safetensors_is_not_read(folder):
    before = get_folder(folder)
    (folder / "pytorch_model.bin").write_bytes(b"x")
    assert get_folder(folder) == before


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("config.json", "is not a model folder; got: no config.json"),
        ("model.safetensors", "holds no weights"),
        ("tokenizer.json", "holds no tokenizer"),
    ],
)
def test_missing_files(folder, name, match):
    (folder / name).unlink()
    with pytest.raises(UserError, match=match):
        get_folder(folder)


@pytest.mark.parametrize("content", ["", "[]", "{", "\ud800".encode("utf-16", "surrogatepass")])
def test_an_unreadable_config(folder, content):
    raw = content if isinstance(content, bytes) else content.encode()
    (folder / "config.json").write_bytes(raw)
    with pytest.raises(
        UserError, match=r"config\.json of .* cannot be read.*allowed: a JSON object"
    ):
        get_folder(folder)


def test_code_of_a_models_own_is_refused(folder):
    edit(folder / "config.json", model_type="mine", auto_map={"AutoConfig": "mine.Config"})
    (folder / "mine.py").write_text("raise SystemExit('run')", encoding="utf-8")
    with pytest.raises(
        UserError, match=r"code of its own, which is not run unless .*got: .*'mine'"
    ):
        get_folder(folder)


def own_code(folder: Path, **auto_map: object) -> Path:
    edit(folder / "config.json", model_type="mine", auto_map={"AutoConfig": "mine.Config"})
    edit(folder / "tokenizer_config.json", auto_map=auto_map)
    (folder / "mine.py").write_text("raise SystemExit('run')", encoding="utf-8")
    return folder


def test_code_of_a_models_own_is_hashed_where_it_is_allowed(folder):
    source = parse_source(str(own_code(folder)), trust_remote_code=True)
    files = get_model(source)
    assert files.trust_remote_code
    (folder / "mine.py").write_text("raise SystemExit('other')", encoding="utf-8")
    other = get_model(source)
    assert other.config_sha256 != files.config_sha256
    assert other.weights_sha256 == files.weights_sha256


@pytest.mark.parametrize(
    "named", ["elsewhere.Tokenizer", "org/name--mine.Tokenizer", "../mine.Tokenizer", "mine-2.T", 3]
)
def test_code_that_does_not_lie_in_the_folder_is_refused(folder, named):
    own_code(folder, AutoTokenizer=[named, None])
    with pytest.raises(UserError, match=r"does not lie in it; got: .*; allowed: auto_map with"):
        get_model(parse_source(str(folder), trust_remote_code=True))


def test_allowed_code_does_not_excuse_other_faults(folder):
    own_code(folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UserError, match="a pickle can run code"):
        get_model(parse_source(str(folder), trust_remote_code=True))


def test_a_known_type_with_auto_map_is_loaded_by_transformers_own_code(folder):
    edit(folder / "config.json", auto_map={"AutoModelForCausalLM": "mine.Model"})
    assert get_folder(folder)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"model_type": "mine"}, "does not know this model type; got: model_type 'mine'"),
        ({"model_type": None}, "does not know this model type"),
        ({"model_type": ["llama"]}, "does not know this model type"),
        ({"model_type": "t5"}, "not a causal language model; got: model_type 't5'"),
        ({"transformers_weights": "adapter_model.bin"}, "points to other files"),
        ({"configuration_files": ["config.4.0.0.json"]}, "points to other files"),
    ],
)
def test_configs_that_are_refused(folder, changes, match):
    edit(folder / "config.json", **changes)
    with pytest.raises(UserError, match=match):
        get_folder(folder)


def test_an_adapter_is_not_a_model(folder):
    (folder / "adapter_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match="is an adapter, not a whole model"):
        get_folder(folder)


@pytest.mark.parametrize(
    "content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"\x80\x02}q"]
)
def test_weights_that_are_not_safetensors(folder, content):
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=f"not a whole safetensors file; got: {len(content)} bytes"):
        get_folder(folder)


def shard(folder: Path, **weight_map: str) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    index = json.dumps({"weight_map": {f"{key}.weight": name for key, name in weight_map.items()}})
    (folder / "model.safetensors.index.json").write_text(index, encoding="utf-8")


def test_shards_are_hashed_with_their_index(folder):
    shard(folder, a="model-00001-of-00001.safetensors")
    first = get_folder(folder).weights_sha256
    edit(folder / "model.safetensors.index.json", metadata={"x": 1})
    assert get_folder(folder).weights_sha256 != first


@pytest.mark.parametrize(
    "name", ["../x.safetensors", "missing.safetensors", "pytorch_model.bin", ""]
)
def test_an_index_that_points_elsewhere(folder, name):
    shard(folder, a="model-00001-of-00001.safetensors", b=name)
    (folder / "pytorch_model.bin").write_bytes(b"x")
    (folder.parent / "x.safetensors").write_bytes(b"x")
    with pytest.raises(UserError, match="does not fit its folder"):
        get_folder(folder)


@pytest.mark.parametrize(("given", "got"), [([], "list"), ("int4", "str"), (4, "int")])
def test_a_quantisation_that_is_no_object_is_named(folder, given, got):
    edit(folder / "config.json", quantization_config=given)
    with pytest.raises(UserError, match=rf"^quantization_config of config\.json .*got: {got};"):
        get_folder(folder)


def test_a_block_of_a_quantiser_that_is_left_over_is_said_and_recorded(folder):
    edit(folder / "config.json", quantization_config={"quant_method": "bitsandbytes"})
    said: list[str] = []
    files = get_model(parse_source(str(folder)), folder.parent / "cache", say=said.append)
    (note,) = files.notes
    assert said == [f"{files.display_name}: {note}"]
    assert note.startswith("the quantization_config (bitsandbytes) of config.json is left over")


@pytest.mark.parametrize("name", ["model.norm.weight_scale", "model.norm.weight.absmax", "a.SCB"])
def test_with_a_quantisers_tensors_it_is_not_left_over(folder, name):
    tensors = load_file(folder / "model.safetensors")
    tensors[name] = np.ones(1, dtype=np.float32)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    edit(folder / "config.json", quantization_config={"quant_method": "bitsandbytes"})
    assert get_folder(folder).notes == ()


def test_other_weights_that_lie_beside_are_named(folder):
    assert get_folder(folder).notes == ()
    plain = get_folder(folder)
    shard = folder / "model-00001-of-00001.safetensors"
    shutil.copy(folder / "model.safetensors", shard)
    index = {"weight_map": {"lm_head.weight": shard.name}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    found = get_folder(folder)
    assert found.notes == (
        "other weights lie beside model.safetensors and are not read: "
        "model-00001-of-00001.safetensors, model.safetensors.index.json",
    )
    assert found.weights_sha256 == plain.weights_sha256


def test_a_config_without_the_right_to_read_it_says_so(folder, monkeypatch):
    read = Path.read_text

    def denied(path: Path, *args: object, **given: object) -> str:
        if path.name == "config.json":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path, *args, **given)

    monkeypatch.setattr(Path, "read_text", denied)
    said = r"config\.json .* cannot be read; got: Permission denied; do: set its permissions"
    with pytest.raises(UserError, match=said):
        get_folder(folder)
