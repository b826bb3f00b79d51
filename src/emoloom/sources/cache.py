"""The folder that models are kept in, and how a folder gets there: whole, or not at all."""

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PARTIAL = ".partial-"
_DAY = 86_400


def default_cache() -> Path:
    """`$EMOLOOM_CACHE`, else `$XDG_CACHE_HOME/emoloom`, else `~/.cache/emoloom`."""
    own = os.environ.get("EMOLOOM_CACHE", "")
    if own:
        return Path(own).expanduser()
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG specification says to ignore a relative path.
    return (shared if shared.is_absolute() else Path.home() / ".cache") / "emoloom"


def rename(source: Path, target: Path) -> bool:
    """Rename a folder; False where something stands in the way, or it is gone."""
    try:
        source.rename(target)
    except OSError:
        return False
    return True


@contextmanager
def partial_folder(models: Path) -> Iterator[Path]:
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
