"""No hub can be reached here: a local folder laid out as the hub's cache stands in for it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hub_maker import COMMIT, REPO, blob_name, get, write_hub_cache
from huggingface_hub.utils import filter_repo_objects
from wheel_maker import left_in

from emoloom.errors import UserError
from emoloom.sources import hub
from emoloom.sources.model_files import get_model, parse_source
from emoloom.sources.origins import HubRepo

LATER = "0123456789" * 4


def test_the_stand_in_names_blobs_as_git_and_the_hub_do(tmp_path):
    (tmp_path / "x.md").write_bytes(b"")
    (tmp_path / "x.bin").write_bytes(b"")
    # `git hash-object` and `sha256sum` of an empty file
    assert blob_name(tmp_path / "x.md") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert blob_name(tmp_path / "x.bin").startswith("e3b0c44298fc1c149afbf4c8996fb924")


@pytest.mark.parametrize("variable", ["HF_HOME", "HF_HUB_CACHE"])
def test_offline_a_revision_in_the_hubs_own_cache_is_used(hub_model, tmp_path, variable):
    """With the real library, and the environment as a user sets it."""
    write_hub_cache(tmp_path / "home" / "hub", REPO, hub_model, COMMIT)
    where = tmp_path / "home" / ("" if variable == "HF_HOME" else "hub")
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    settings = {variable: str(where), "HF_HUB_OFFLINE": "1", "EMOLOOM_CACHE": str(tmp_path / "own")}
    code = "from emoloom.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "models", "get", f"hf:{REPO}"],
        env=kept | settings | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.strip())
    assert folder.parent == tmp_path / "own" / "models"
    assert "Tiny_Llama @ abcdef0 (unknown)" in done.stderr
    weights = (hub_model / "model.safetensors").read_bytes()
    assert (folder / "model.safetensors").read_bytes() == weights


@pytest.mark.parametrize("revision", ["", "@main", "@v1", "@refs/pr/1", f"@{COMMIT}"])
def test_every_revision_becomes_its_commit(cached, tmp_path, revision):
    files, said = get(tmp_path, f"hf:{REPO}{revision}")
    assert files.display_name == "Tiny_Llama @ abcdef0"
    assert files.source == f"hf:{REPO}@{COMMIT}"
    record = json.loads((files.folder / "source.json").read_text(encoding="utf-8"))
    assert record["commit"] == COMMIT
    assert record["source"] == files.source
    assert json.loads(record["identity"])["revision"] == COMMIT
    expected = [f"Fetching {REPO} @ abcdef0 from the Hugging Face hub"]
    if revision != f"@{COMMIT}":
        asked = revision[1:] or "main"
        expected.insert(0, f"The hub does not answer: {REPO} @ {asked} is abcdef0 in its cache")
    assert said == expected


def test_only_safe_files_come_into_our_cache(cached, hub_model, tmp_path):
    files, _ = get(tmp_path)
    names = {path.relative_to(files.folder).as_posix() for path in files.folder.rglob("*.*")}
    assert names == {
        "additional_chat_templates/tool.jinja",
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "source.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert not any(path.is_symlink() for path in files.folder.rglob("*"))
    hashes = get_model(parse_source(str(hub_model)))
    assert files.weights_sha256 == hashes.weights_sha256
    assert files.tokenizer_sha256 == hashes.tokenizer_sha256
    assert files.config_sha256 == hashes.config_sha256


def test_the_folder_loads(cached, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    files, _ = get(tmp_path)
    _, report = AutoModelForCausalLM.from_pretrained(files.folder, output_loading_info=True)
    assert not report["missing_keys"]
    assert AutoTokenizer.from_pretrained(files.folder).eos_token == "<|im_end|>"


def test_a_commit_that_is_in_our_cache_needs_no_hub(cached, hub_cache, tmp_path, monkeypatch):
    pinned = f"hf:{REPO}@{COMMIT}"
    files, _ = get(tmp_path, pinned)
    shutil.rmtree(hub_cache)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    again, said = get(tmp_path, pinned)
    assert (again, said) == (files, [])


def test_when_a_branch_moves_both_commits_stay(cached, hub_cache, hub_model, tmp_path):
    first, _ = get(tmp_path)
    changed = Path(shutil.copytree(hub_model, tmp_path / "changed"))
    (changed / "chat_template.jinja").write_text("other", encoding="utf-8")
    write_hub_cache(hub_cache, REPO, changed, LATER)
    second, _ = get(tmp_path)
    assert second.display_name == "Tiny_Llama @ 0123456"
    assert second.tokenizer_sha256 != first.tokenizer_sha256
    assert second.weights_sha256 == first.weights_sha256
    assert left_in(tmp_path / "cache") == sorted([first.folder.name, second.folder.name])


def test_files_are_linked_and_copied_where_they_cannot_be(cached, tmp_path, monkeypatch):
    linked, _ = get(tmp_path)
    blob = (cached / "model.safetensors").resolve()
    assert (linked.folder / "model.safetensors").stat().st_ino == blob.stat().st_ino

    def no_link(*args):
        raise OSError("other disk")

    monkeypatch.setattr(hub.os, "link", no_link)
    copied = get_model(parse_source(f"hf:{REPO}"), tmp_path / "other")
    assert copied.weights_sha256 == linked.weights_sha256
    assert (copied.folder / "model.safetensors").stat().st_ino != blob.stat().st_ino


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_damaged_file_of_the_hubs_cache_is_refused(cached, tmp_path, name):
    blob = (cached / name).resolve()
    content = bytearray(blob.read_bytes())
    content[-3] ^= 1
    blob.write_bytes(content)
    with pytest.raises(
        UserError, match=f"{name} is damaged in the hub's cache; got: .*; allowed: "
    ):
        get(tmp_path)
    assert left_in(tmp_path / "cache") == []
    blob.unlink()
    with pytest.raises(UserError, match=r"got: no such file; .*do: delete .*blobs.* and fetch"):
        get(tmp_path)


def test_a_cache_without_links_is_read_too(hub_cache, hub_model, tmp_path):
    """As on a disk that has no symbolic links: the files themselves stand in the snapshot."""
    snapshot = hub_cache / "models--My-Org--Tiny_Llama" / "snapshots" / COMMIT
    shutil.copytree(hub_model, snapshot)
    files, _ = get(tmp_path, f"hf:{REPO}@{COMMIT}")
    assert files.weights_sha256 == get_model(parse_source(str(hub_model))).weights_sha256


def test_a_repository_of_pickles_is_refused(hub_cache, hub_model, tmp_path):
    pickles = Path(shutil.copytree(hub_model, tmp_path / "pickles"))
    (pickles / "model.safetensors").unlink()
    write_hub_cache(hub_cache, REPO, pickles, COMMIT)
    with pytest.raises(
        UserError, match=r"has no safetensors weights at this commit; .*pickles are"
    ):
        get(tmp_path)


def test_what_is_fetched_is_checked_as_a_folder(hub_cache, hub_model, tmp_path):
    odd = Path(shutil.copytree(hub_model, tmp_path / "odd"))
    (odd / "tokenizer.json").unlink()
    write_hub_cache(hub_cache, REPO, odd, COMMIT)
    with pytest.raises(UserError, match="holds no tokenizer"):
        get(tmp_path)
    assert left_in(tmp_path / "cache") == []


def test_the_patterns_let_no_pickle_and_no_code_through():
    safe = ["config.json", "model.safetensors", "model-00001-of-00002.safetensors", "merges.txt"]
    safe.append("qwen.tiktoken")  # base64 and numbers
    unsafe = [
        "pytorch_model.bin",
        "model.pt",
        "model.ckpt",
        "training_args.pkl",
        "modeling_x.py",
        "tokenization_x.py",
        "onnx/model.safetensors",
        "adapter_model.safetensors",
        "adapter_config.json",
        "consolidated.safetensors",
        "other.tiktoken",
    ]
    kept = list(filter_repo_objects([*safe, *unsafe], allow_patterns=list(hub.SAFE_FILES)))
    assert kept == safe


def own_code(model: Path, folder: Path, named: str) -> Path:
    made = Path(shutil.copytree(model, folder))
    config = json.loads((made / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": named}}
    (made / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return made


def test_code_is_fetched_and_hashed_only_where_it_is_allowed(hub_cache, hub_model, tmp_path):
    made = own_code(hub_model, tmp_path / "own", "modeling_tiny.Config")
    write_hub_cache(hub_cache, REPO, made, COMMIT)
    with pytest.raises(UserError, match="needs Python code of its own, which is not run unless"):
        get(tmp_path)
    files, _ = get(tmp_path, trust_remote_code=True)
    assert files.trust_remote_code
    assert (files.folder / "modeling_tiny.py").is_file()
    assert not (files.folder / "pytorch_model.bin").exists()
    record = json.loads((files.folder / "source.json").read_text(encoding="utf-8"))
    assert "modeling_tiny.py" in record["files"]
    (files.folder / "modeling_tiny.py").unlink()  # a hard link: the hub's own file stays
    again, said = get(tmp_path, trust_remote_code=True)
    assert again == files
    assert any("is made again" in line for line in said)


def test_code_of_another_repository_is_refused(hub_cache, hub_model, tmp_path):
    made = own_code(hub_model, tmp_path / "own", "other/repo--modeling_tiny.Config")
    write_hub_cache(hub_cache, REPO, made, COMMIT)
    with pytest.raises(UserError, match=r"does not lie in it; got: other/repo--modeling_tiny"):
        get(tmp_path, trust_remote_code=True)


def test_trusting_a_model_without_code_changes_its_folder_and_not_its_hashes(cached, tmp_path):
    plain, _ = get(tmp_path)
    trusted, _ = get(tmp_path, trust_remote_code=True)
    assert trusted.folder != plain.folder
    assert trusted.weights_sha256 == plain.weights_sha256


def test_a_whole_commit_is_not_asked_for():
    assert hub.pin_commit(HubRepo(REPO, COMMIT)) == HubRepo(REPO, COMMIT)
