"""MkDocs hook: the navigation without those pages of `extra.awaited` that are not there yet.

Any other page that is missing is still a fault of the strict build.
"""

from pathlib import Path
from typing import Any


def on_config(config: Any) -> Any:
    """Called by MkDocs once the settings are read."""
    docs = Path(config["docs_dir"])
    absent = {page for page in config["extra"].get("awaited", ()) if not (docs / page).exists()}
    config["nav"] = _without(config["nav"], absent)
    return config


def _without(entries: list[dict[str, Any]], absent: set[str]) -> list[dict[str, Any]]:
    """The navigation without these pages, and without sections that are empty for it."""
    kept = []
    for entry in entries:
        ((title, target),) = entry.items()
        if isinstance(target, list):
            target = _without(target, absent)
        elif target in absent:
            target = None
        if target:
            kept.append({title: target})
    return kept
