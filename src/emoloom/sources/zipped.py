"""A model folder out of a zip: its safe files alone, each streamed. Nothing is executed.

As from a hub: config, tokenizer and safetensors; pickles, code and folders are left where they are.
"""

import hashlib
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from emoloom.errors import UserError
from emoloom.sources.fetch import FetchLimits, Sink, stream
from emoloom.sources.folder import PICKLES
from emoloom.sources.hub import SAFE_FILES, matches


def unpack_model(
    path: Path, target: Path, *, shown: str, limits: FetchLimits | None = None
) -> None:
    """Write the safe files of a zip into a new folder.

    Args:
        path: the zip; the model's files lie at its top.
        target: the folder to write; it must not exist.
        shown: what the zip is, for messages.
        limits: bounds on the size of all files together.

    Raises:
        UserError: it is no zip, is damaged or too large, or holds no safetensors.
    """
    limits = limits or FetchLimits()
    left = min(limits.most_bytes, limits.most_ratio * path.stat().st_size)
    target.mkdir()
    try:
        with zipfile.ZipFile(path) as archive:
            for info in _wanted(archive, shown):
                written = target / info.filename
                with archive.open(info) as source, written.open("wb") as sink:
                    size = stream(source, Sink(sink, hashlib.sha256()), left, info.filename)
                if size != info.file_size:
                    raise zipfile.BadZipFile(f"{info.filename} ends early")
                left -= size
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise UserError(
            f"{shown} is no zip that can be read",
            got=str(error),
            do="clear pip's cache (`pip cache purge`) and try again",
        ) from error


def _wanted(archive: zipfile.ZipFile, shown: str) -> Sequence[zipfile.ZipInfo]:
    """Files at the top that may be read, each once."""
    names = archive.namelist()
    found = [
        info
        for info in archive.infolist()
        if "/" not in info.filename and any(matches(info.filename, one) for one in SAFE_FILES)
    ]
    twice = sorted({info.filename for info in found if names.count(info.filename) > 1})
    if twice:
        raise UserError(
            f"{shown} holds a file twice", got=", ".join(twice[:3]), do="choose another source"
        )
    if not any(info.filename.endswith(".safetensors") for info in found):
        pickles = sorted(name for name in names if Path(name).suffix in PICKLES)
        raise UserError(
            f"{shown} holds pickle weights; a pickle can run code when it is loaded"
            if pickles
            else f"{shown} holds no safetensors weights",
            got=", ".join((pickles or names)[:3]) or "an empty zip",
            allowed="model.safetensors, or its numbered files, at the top of the zip",
            do="choose another source, or give the folder of a safe copy",
        )
    return found
