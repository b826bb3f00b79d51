"""Fixtures of the hub tests: a stand-in for a hub that cannot be reached here."""

import shutil
from types import SimpleNamespace

import huggingface_hub
import pytest
from hub_maker import COMMIT, REPO, write_hub_cache
from huggingface_hub.utils import filter_repo_objects

from emoloom.sources.tiny import write_random_llama


@pytest.fixture(scope="session")
def hub_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub") / "model"
    write_random_llama(folder, 3)
    # What else may lie in a repository, or come into a cache by other programs.
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x02}q\x00.")
    (folder / "modeling_tiny.py").write_text("raise SystemExit('run')", encoding="utf-8")
    (folder / "README.md").write_text("", encoding="utf-8")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.safetensors").write_bytes(b"x")
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "tool.jinja").write_text("t", encoding="utf-8")
    return folder


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    """The hub library reads this cache and nothing else."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


@pytest.fixture
def cached(hub_cache, hub_model):
    return write_hub_cache(hub_cache, REPO, hub_model, COMMIT, ("main", "v1", "refs/pr/1"))


@pytest.fixture
def online(hub_cache, hub_model, monkeypatch):
    """A hub that answers: what it says of the repository can be changed; calls are noted."""
    hub_cache.mkdir()
    info = SimpleNamespace(sha=COMMIT, tags=["llama"], card_data=None, safetensors=None)
    said = SimpleNamespace(info=info, calls=[])

    def model_info(self, repo, *, revision):
        said.calls.append(("info", repo, revision))
        return info

    def download(repo, *, revision, allow_patterns):
        said.calls.append(("download", repo, revision))
        said.patterns = allow_patterns
        wanted = shutil.ignore_patterns("onnx")
        fetched = shutil.copytree(hub_model, hub_cache / f"made-{len(said.calls)}", ignore=wanted)
        for path in [one for one in fetched.rglob("*") if one.is_file()]:
            name = path.relative_to(fetched).as_posix()
            if name not in filter_repo_objects([name], allow_patterns=allow_patterns):
                path.unlink()
        return str(write_hub_cache(hub_cache, repo, fetched, revision, ()))

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", model_info)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    return said
