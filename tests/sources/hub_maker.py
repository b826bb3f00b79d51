"""Lay a model folder out as the hub library's cache does; no hub can be reached in tests.

`models--org--name/` holds `refs/<revision>`, `blobs/<hash>` and `snapshots/<commit>/<file>`, which
links to its blob. Large files are named by their sha256, others by the hash of their git object.
"""

import hashlib
from pathlib import Path

from emoloom.sources.model_files import ModelFiles, get_model, parse_source

REPO = "My-Org/Tiny_Llama"
COMMIT = "abcdef0123" * 4
LARGE = {".safetensors", ".bin"}


def blob_name(path: Path) -> str:
    content = path.read_bytes()
    if path.suffix in LARGE or path.name == "tokenizer.json":
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def write_hub_cache(
    cache: Path, repo: str, model: Path, commit: str, refs: tuple[str, ...] = ("main",)
) -> Path:
    """Add one commit to the cache; returns its snapshot folder."""
    storage = cache / f"models--{repo.replace('/', '--')}"
    snapshot = storage / "snapshots" / commit
    (storage / "blobs").mkdir(parents=True, exist_ok=True)
    for path in sorted(model.rglob("*")):
        if not path.is_file():
            continue
        name = path.relative_to(model)
        blob = storage / "blobs" / blob_name(path)
        blob.write_bytes(path.read_bytes())
        link = snapshot / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(Path(*[".."] * (len(name.parts) + 1), "blobs", blob.name))
    for ref in refs:
        (storage / "refs" / ref).parent.mkdir(parents=True, exist_ok=True)
        (storage / "refs" / ref).write_text(commit, encoding="utf-8")
    return snapshot


def get(tmp_path: Path, text: str = f"hf:{REPO}", **allowed: bool) -> tuple[ModelFiles, list[str]]:
    """The model through our cache in `tmp_path`, and what was said meanwhile."""
    said: list[str] = []
    files = get_model(parse_source(text, **allowed), tmp_path / "cache", say=said.append)
    return files, said
