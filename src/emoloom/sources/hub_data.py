"""A data set of the Hugging Face hub: its revision becomes a commit, its Parquet files a folder.

As for models (see `hub`), the hub's own library talks to the hub. Data sets whose repository still
holds a script instead of Parquet files have them on the hub's branch `refs/convert/parquet`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from emoloom.errors import UserError
from emoloom.sources.hub import COMMIT, errors_explained, hash_like, hub_library, is_unreachable
from emoloom.sources.origins import HubRepo
from emoloom.sources.quiet import quiet_transformers

CONVERTED = "refs/convert/parquet"
"""The branch on which the hub itself keeps a data set as Parquet."""

_SOURCE = re.compile(
    r"hf:(?P<repo>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)"
    r"(?:@(?P<revision>[A-Za-z0-9][A-Za-z0-9._/-]{0,127}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class HubCopy:
    """One commit of a data set, on this disk."""

    folder: Path
    """Holds its Parquet files, in the repository's own folders."""
    origin: str
    """`hf:org/name@commit`."""


def parse_data_set(text: str) -> tuple[str, str | None]:
    """(repository, revision or None) of `hf:org/name[@revision]`.

    Raises:
        UserError: it does not read so.
    """
    match = _SOURCE.fullmatch(text)
    if match is None:
        raise UserError(
            "the data set of the hub cannot be read",
            got=repr(text)[:80],
            allowed="hf:org/name or hf:org/name@revision, the revision a branch, tag or commit",
        )
    return match["repo"], match["revision"]


@cache  # one commit a process: the hub may move a branch while a screen is under way
def fetch_data_set(text: str) -> HubCopy:
    """Fetch the Parquet files of a data set, or find them in the hub library's cache.

    Args:
        text: `hf:org/name[@revision]`; without a revision `main`, or the hub's own conversion
            where `main` holds no Parquet file.

    Raises:
        UserError: no such data set, no answer and nothing cached, or a file is damaged.
    """
    repo, revision = parse_data_set(text)
    origin = HubRepo(repo, revision)
    with errors_explained(HubRepo(f"datasets/{repo}", revision)), quiet_transformers():
        pinned = _pinned(origin)
        folder = Path(
            hub_library().snapshot_download(
                repo,
                repo_type="dataset",
                revision=pinned.revision,
                allow_patterns=["*.parquet"],
                ignore_patterns=["raw/*"],  # GoEmotions: every rater apart, and no split
            )
        )
    for path in sorted(folder.rglob("*.parquet")):
        _check_whole(path)
    return HubCopy(folder, f"hf:{repo}@{pinned.revision}")


def _pinned(origin: HubRepo) -> HubRepo:
    """The repository at a commit that holds Parquet files, if any of the revisions has some."""
    if origin.revision is not None and COMMIT.fullmatch(origin.revision):
        return origin
    wanted = [origin.revision] if origin.revision else ["main", CONVERTED]
    for revision in wanted:
        commit, names = _commit(origin.repo, revision, last=revision == wanted[-1])
        if commit is not None and any(name.endswith(".parquet") for name in names):
            return replace(origin, revision=commit)
    raise UserError(
        f"{origin.repo} has no Parquet files",
        got=f"none in {' or '.join(wanted)}",
        do="name a revision that holds them: hf:org/name@revision",
    )


def _commit(repo: str, revision: str, *, last: bool) -> tuple[str | None, Iterable[str]]:
    """(commit, names of its files), from the hub or, where it does not answer, from its cache."""
    hub = hub_library()
    try:
        found = hub.HfApi().dataset_info(repo, revision=revision)
        return found.sha, [file.rfilename for file in found.siblings or ()]
    except Exception as error:  # the library lets its HTTP client's errors through
        if not is_unreachable(error):
            raise
        folder = _cached(repo, revision)
        if folder is None and last:
            raise
    if folder is None:
        return None, ()
    return folder.name, [path.name for path in folder.rglob("*.parquet")]


def _cached(repo: str, revision: str) -> Path | None:
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        found = hub_library().snapshot_download(
            repo, repo_type="dataset", revision=revision, local_files_only=True
        )
    except LocalEntryNotFoundError as error:
        found = getattr(error, "snapshot_path", None)  # there, but not all of it
    return Path(found) if found else None


def _check_whole(path: Path) -> None:
    """A file of the cache is named by its hash: see that it still has it."""
    blob = path.resolve()
    got = hash_like(blob, blob.name)
    if got != blob.name:
        raise UserError(
            f"{path.name} is damaged in the hub's cache",
            got=got,
            allowed=blob.name,
            do=f"delete {blob} and fetch again",
        )
