"""A model repository of the Hugging Face hub: its revision becomes a commit, its files a folder.

The hub's own library talks to the hub, so its login, mirror, proxy, cache and offline settings hold
(`HF_TOKEN`, `HF_ENDPOINT`, `HF_HOME`, `HF_HUB_CACHE`, `HF_HUB_OFFLINE`).
"""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from emoloom.errors import UserError
from emoloom.sources.folder import (
    CONFIG_FILES,
    OWN_CODE_FILES,
    TEMPLATE_FILES,
    TOKENIZER_FILES,
    sha256_file,
)
from emoloom.sources.origins import HubRepo
from emoloom.sources.quiet import quiet_transformers
from emoloom.sources.qwen1_tokenizer import VOCABULARY

SAFE_FILES = (
    *CONFIG_FILES,
    *TOKENIZER_FILES,
    TEMPLATE_FILES,
    "model.safetensors",
    "model.safetensors.index.json",
    "model-*-of-*.safetensors",
    VOCABULARY,
    "emoloom.json",  # of an export: its prompt, read by `prediction` alone
)
"""All that is fetched: no pickle and, unless the user allows it, no code."""

COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class HubFacts:
    """What the hub says of a repository; each None where it does not, or cannot be reached."""

    licence: str | None = None
    """From the model card."""
    parameters: int | None = None
    """Over all its safetensors files."""


def pin_commit(origin: HubRepo, say: Say = lambda _: None) -> HubRepo:
    """The repository at one commit. Asks the hub unless the revision is a whole commit hash.

    Where the hub cannot be reached, what its library last saw of the revision is used, and said.

    Raises:
        UserError: no such repository or revision, no access to it, or no answer and nothing cached.
    """
    if origin.revision is not None and COMMIT.fullmatch(origin.revision):
        return origin
    hub = hub_library()
    revision = origin.revision or "main"
    try:
        commit = hub.HfApi().model_info(origin.repo, revision=revision).sha
    except Exception as error:  # the library lets its HTTP client's errors through
        if not is_unreachable(error):
            raise _explained(origin, error) from error
        commit = _cached_commit(origin.repo, revision)
        if commit is None:
            raise _explained(origin, error) from error
        say(f"The hub does not answer: {origin.repo} @ {revision} is {commit[:7]} in its cache")
    if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
        raise UserError(
            f"The hub gave no commit for {origin.repo}",
            got=repr(commit),
            do="write the commit yourself: hf:org/name@<40 hex digits>",
        )
    return replace(origin, revision=commit)


def seen_commit(origin: HubRepo) -> str | None:
    """The commit that a source names, or that the hub library's cache has for its revision."""
    revision = origin.revision or "main"
    if COMMIT.fullmatch(revision):
        return revision
    try:
        return _cached_commit(origin.repo, revision)
    except Exception:  # no such library, or nothing of that name in its cache
        return None


def ask_hub(origin: HubRepo) -> HubFacts:
    """Licence and size as the hub states them; nothing where it does not answer."""
    try:
        info: Any = hub_library().HfApi().model_info(origin.repo, revision=origin.revision)
    except Exception:  # said by `fetch_repo`, which needs the hub; these facts do not
        return HubFacts()
    tags = [str(tag) for tag in info.tags or ()]
    licence = next((tag[8:] for tag in tags if tag.startswith("license:")), None)
    if licence == "other" and info.card_data is not None:
        licence = info.card_data.to_dict().get("license_name") or licence
    total = getattr(info.safetensors, "total", None)
    return HubFacts(
        licence if isinstance(licence, str) else None, total if isinstance(total, int) else None
    )


def fetch_repo(origin: HubRepo, target: Path, *, own_code: bool = False) -> None:
    """Fetch the safe files of one commit into the folder `target`, which must not exist.

    They go through the hub library's own cache, and are linked from there (copied where the disk
    differs). Each is compared with the hash that names it in that cache.

    Args:
        origin: the repository, its revision a commit.
        target: the folder to write.
        own_code: fetch the model's Python code too.

    Raises:
        UserError: the files cannot be had, there are no safetensors, or one is damaged.
    """
    patterns = [*SAFE_FILES, *(OWN_CODE_FILES if own_code else ())]
    hub = hub_library()
    with errors_explained(origin), quiet_transformers():
        snapshot = Path(
            hub.snapshot_download(origin.repo, revision=origin.revision, allow_patterns=patterns)
        )
    names = sorted(path.relative_to(snapshot).as_posix() for path in snapshot.rglob("*.*"))
    wanted = [name for name in names if any(matches(name, one) for one in patterns)]
    if not any(name.endswith(".safetensors") for name in wanted):
        raise UserError(
            f"{origin.repo} has no safetensors weights at this commit",
            got=", ".join(wanted[:5]) or "none of the files that are fetched",
            allowed="model.safetensors, or its numbered files; pickles are not fetched",
            do="choose a revision or a copy of the model with safetensors",
        )
    for name in wanted:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        _adopt(snapshot / name, target / name)


def matches(name: str, pattern: str) -> bool:
    """Whether a name is of a pattern of `SAFE_FILES`; a `*` does not reach into folders."""
    return name.count("/") == pattern.count("/") and fnmatchcase(name, pattern)


def _adopt(path: Path, target: Path) -> None:
    """Link a file of the hub's cache to `target` if it is the file that its name there states."""
    blob = path.resolve()
    expected = blob.name
    got = hash_like(blob, expected)
    if got != expected:
        raise UserError(
            f"{path.name} is damaged in the hub's cache",
            got=got,
            allowed=expected,
            do=f"delete {blob} and fetch again",
        )
    try:
        os.link(blob, target)
    except OSError:
        shutil.copyfile(blob, target)


def hash_like(blob: Path, expected: str) -> str:
    """The file's hash, of the kind that its name is; the name itself where it is no hash."""
    if not blob.is_file():
        return "no such file"
    if _SHA256.fullmatch(expected):
        return sha256_file(blob)
    if not COMMIT.fullmatch(expected):
        return expected  # no links on this disk, so nothing to compare with
    # Files that git stores itself are named by the hash of their git object.
    digest = hashlib.sha1(b"blob %d\0" % blob.stat().st_size, usedforsecurity=False)
    with blob.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def hub_library() -> Any:
    """The hub's own library.

    Raises:
        UserError: it is not installed.
    """
    try:
        import huggingface_hub
    except ImportError as error:
        raise UserError(
            "What is on the Hugging Face hub needs its library",
            got=str(error),
            do="pip install 'emoloom[hub]'",
        ) from error
    return huggingface_hub


def _cached_commit(repo: str, revision: str) -> str | None:
    """The commit that the hub library's cache has for a revision; None where it has none."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        found = hub_library().snapshot_download(repo, revision=revision, local_files_only=True)
    except LocalEntryNotFoundError as error:
        found = getattr(error, "snapshot_path", None)  # there, but not all of it
    return Path(found).name if found else None


@contextmanager
def errors_explained(origin: HubRepo) -> Iterator[None]:
    """Turn every error of the hub's library into a `UserError` that says what to do."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # the library lets its HTTP client's errors through
        raise _explained(origin, error) from error


def _status(error: BaseException) -> int:
    """The HTTP status behind an error of the library; 0 where there was no answer."""
    status = getattr(getattr(error, "response", None), "status_code", 0)
    return status if isinstance(status, int) else 0


def is_unreachable(error: BaseException) -> bool:
    """No answer, a fault on the hub's side, or too many requests; not a refusal."""
    from huggingface_hub.errors import HfHubHTTPError

    status = _status(error)
    return not isinstance(error, HfHubHTTPError) or status >= 500 or status == 429


def _explained(origin: HubRepo, error: BaseException) -> UserError:
    from huggingface_hub.errors import LocalEntryNotFoundError

    # Where files are not cached, the library wraps the hub's refusal in this error.
    if isinstance(error, LocalEntryNotFoundError) and error.__cause__ is not None:
        error = error.__cause__
    got = " ".join(str(error).split())[:300] or type(error).__name__
    if not is_unreachable(error):
        return _refusal(origin, error, got)
    return UserError(
        f"{origin.repo} @ {origin.revision or 'main'} cannot be fetched from the hub, and is not "
        "whole in its cache here",
        got=got,
        do="check the network (and HF_HUB_OFFLINE, HF_ENDPOINT), or bring the files here yourself "
        "and give their folder",
    )


def _refusal(origin: HubRepo, error: BaseException, got: str) -> UserError:
    from huggingface_hub import errors

    repo = origin.repo
    if isinstance(error, errors.RevisionNotFoundError):
        return UserError(
            f"{repo} has no such revision on the hub",
            got=repr(origin.revision or "main"),
            allowed="a branch, a tag or a commit of that repository",
            do=f"see https://huggingface.co/{repo}/commits/main",
        )
    missing = isinstance(error, errors.RepositoryNotFoundError)
    closed = _status(error) in {401, 403} and not isinstance(error, errors.DisabledRepoError)
    if isinstance(error, errors.GatedRepoError) or (closed and not missing):
        return UserError(
            f"{repo} is gated: its publisher asks you to accept terms first",
            got=got,
            do=f"accept them at https://huggingface.co/{repo}, then run `hf auth login` "
            "or set HF_TOKEN",
        )
    if missing:
        return UserError(
            f"The hub has no model {repo}, or it is private",
            got=got,
            allowed="org/name as the hub's page shows it",
            do="check the name; for a private model run `hf auth login` or set HF_TOKEN",
        )
    return UserError(f"The hub refuses {repo}", got=got, do="try again, or choose another model")
