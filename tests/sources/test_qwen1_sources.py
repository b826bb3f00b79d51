"""Models of the first Qwen, from a folder and from the hub, in the cache."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from hub_maker import COMMIT, get, write_hub_cache
from qwen1_reference import SETTINGS, furthest
from safetensors.torch import load_file
from wheel_maker import left_in

from emoloom.errors import UserError
from emoloom.models.causal_lm import load_causal_lm
from emoloom.sources import size
from emoloom.sources.model_files import get_model, parse_source
from qwen1_maker import CODE, write_qwen1
from tiny_lm import SPACE

REPO = "Qwen/Qwen-1_8B-Chat"


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    return write_qwen1(tmp_path_factory.mktemp("qwen1") / "model", **SETTINGS)


@pytest.fixture
def folder(original, tmp_path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "model"))


def stored(folder: Path) -> dict[str, torch.Tensor]:
    return {
        name: tensor
        for path in sorted(folder.glob("*.safetensors"))
        for name, tensor in load_file(path).items()
    }


def test_a_folder_is_converted_into_the_cache_by_what_it_holds(folder, tmp_path):
    said: list[str] = []
    files = get_model(parse_source(str(folder)), tmp_path / "cache", say=said.append)
    assert files.folder.parent == tmp_path / "cache" / "models"
    assert said == ["Converting model to the layout of Qwen2 (0M weights)"]
    assert files.parameters == sum(tensor.numel() for tensor in stored(folder).values())
    assert (files.source, files.display_name) == (str(folder), "model")
    moved = folder.rename(tmp_path / "elsewhere")
    again = get_model(parse_source(str(moved)), tmp_path / "cache", say=said.append)
    assert again.folder == files.folder
    assert len(said) == 1
    with (moved / "qwen.tiktoken").open("ab") as file:
        file.write(b"\n")
    assert get_model(parse_source(str(moved)), tmp_path / "cache").folder != files.folder


@pytest.fixture
def on_hub(hub_cache, original) -> Path:
    return write_hub_cache(hub_cache, REPO, original, COMMIT)


def test_the_paper_s_base_model_comes_from_the_hub_without_its_code(on_hub, original, tmp_path):
    files, said = get(tmp_path, "qwen-1.8b-chat")
    assert files.display_name == "Qwen-1.8B-Chat @ abcdef0"
    assert not files.trust_remote_code
    names = {path.name for path in files.folder.iterdir()}
    assert not any(name.endswith((".py", ".tiktoken")) for name in names)
    assert any("is under the Tongyi Qianwen Research License (https://" in line for line in said)
    assert said[-1].startswith("Converting Qwen-1.8B-Chat @ abcdef0 to the layout of Qwen2 (")
    record = json.loads((files.folder / "source.json").read_text(encoding="utf-8"))
    assert record["commit"] == COMMIT
    lm = load_causal_lm(files.folder, SPACE, name="converted")
    assert furthest(lm, original) < 1e-4
    again, more = get(tmp_path, f"hf:{REPO}@{COMMIT}")
    assert again.folder == files.folder
    assert more == [f"Qwen-1.8B-Chat is under the {files.terms}"], "nothing was made again"


def test_allowed_code_is_not_needed_and_not_run(on_hub, tmp_path):
    """The code is in the hub's cache; it would stop this process."""
    assert (on_hub / "modeling_qwen.py").read_text(encoding="utf-8") == CODE
    files, _ = get(tmp_path, "qwen-1.8b-chat", trust_remote_code=True)
    assert not list(files.folder.glob("*.py"))
    assert not files.trust_remote_code
    load_causal_lm(files.folder, SPACE, name="converted")


def test_what_cannot_be_converted_leaves_nothing(hub_cache, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(size, "MOST_PARAMETERS", 1000)
    write_hub_cache(hub_cache, REPO, folder, COMMIT)
    with pytest.raises(UserError, match=r"^Qwen-1\.8B-Chat @ abcdef0 is not a small model"):
        get(tmp_path, "qwen-1.8b-chat")
    (folder / "qwen.tiktoken").unlink()
    shutil.rmtree(hub_cache)
    write_hub_cache(hub_cache, REPO, folder, COMMIT)
    with pytest.raises(
        UserError, match=r"^Qwen-1\.8B-Chat @ abcdef0 holds no tokenizer; got: no q"
    ):
        get(tmp_path, "qwen-1.8b-chat")
    assert left_in(tmp_path / "cache") == []
