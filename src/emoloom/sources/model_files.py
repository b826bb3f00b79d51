"""A model source becomes a local safetensors folder: once, atomically, in a cache keyed by hash."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from emoloom.draws import SCHEME
from emoloom.errors import UserError
from emoloom.sources.cache import default_cache, partial_folder, rename
from emoloom.sources.catalog import list_models
from emoloom.sources.convert import Say, make_model
from emoloom.sources.folder import Fingerprint, check_folder, fingerprint, sha256_file
from emoloom.sources.folder_notes import folder_notes
from emoloom.sources.origins import (
    GgufFile,
    HubRepo,
    LocalFolder,
    ModelSource,
    RandomLlama,
    WheelMember,
    WheelParts,
)
from emoloom.sources.qwen1 import is_qwen1, qwen1_hashes
from emoloom.sources.size import check_size, count_parameters
from emoloom.sources.source_strings import name_as_stored, parse_source

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


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model on this disk, ready for `from_pretrained`. Hashes are 64 hex digits."""

    folder: Path
    """config.json, safetensors and tokenizer."""
    display_name: str
    """What the model is, as every table shows it."""
    licence: str
    """SPDX name or the licence's own, else what the weights' publisher states, else `unknown`."""
    terms: str | None
    """Name and address of terms that go beyond an open licence; None where none are known."""
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
    notes: tuple[str, ...] = ()
    """What in the folder is not read, or not followed, one sentence each."""


def get_model(
    source: ModelSource, cache: Path | None = None, *, say: Say = lambda _: None
) -> ModelFiles:
    """Fetch and convert a model, or find it in the cache. Its files are hashed on every call.

    Args:
        source: from `parse_source`.
        cache: the cache's folder; None for `default_cache()`.
        say: told in one line of the model's terms, where it has any, before each slow step, and of
            what in the folder is not read.

    Raises:
        UserError: the source cannot be fetched, checked or converted, or the cache not written.
    """
    if source.terms is not None:
        say(f"{source.display_name} is under the {source.terms}")
    if not isinstance(source.origin, HubRepo | LocalFolder):
        source = replace(source, trust_remote_code=False)  # there is no code in such a source
    if isinstance(source.origin, LocalFolder) and not is_qwen1(source.origin.path):
        return _told(_in_place(source, source.origin.path), say)
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
            return _told(_files(source, target, *found), say)
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


def is_fetched(source: ModelSource, cache: Path | None = None) -> bool:
    """Whether `get_model` would fetch nothing: it is in the cache, or needs no fetching.

    Of a hub's repository it is known only where the source names a commit, or where the hub's own
    library has seen the revision. Nothing is asked of any network; the files are not hashed.
    """
    if isinstance(source.origin, HubRepo):
        from emoloom.sources.hub import seen_commit

        commit = seen_commit(source.origin)
        if commit is None:
            return False
        source = replace(source, origin=replace(source.origin, revision=commit))
    elif not isinstance(source.origin, WheelMember | WheelParts):
        return True
    identity = hashlib.sha256(_identity(source).encode("utf-8")).hexdigest()
    return ((cache or default_cache()) / "models" / identity / _RECORD).is_file()


def _told(files: ModelFiles, say: Say) -> ModelFiles:
    for note in files.notes:
        say(f"{files.display_name}: {note}")
    return files


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
        check_folder(folder, own_code=source.trust_remote_code, encoder=source.encoder)
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
        display_name=name_as_stored(source, record.get("quantisation")),
        licence=source.licence or record.get("licence") or "unknown",
        terms=source.terms,
        source=source.source,
        weights_sha256=hashes.weights,
        tokenizer_sha256=hashes.tokenizer,
        config_sha256=hashes.config,
        weight_file_sha256=record.get("weight_file_sha256"),
        parameters=parameters,
        trust_remote_code=source.trust_remote_code and any(folder.glob("*.py")),
        notes=folder_notes(folder),
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
    if isinstance(origin, RandomLlama):
        facts["draws"] = SCHEME
    if source.trust_remote_code:
        facts["own_code"] = True
    if source.encoder:
        facts["encoder"] = True  # it is checked as one
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
        facts = make_model(source, fetched, made, say)
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
