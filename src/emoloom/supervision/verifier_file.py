"""A fitted verifier as one file: arrays (npz, no pickle) and a JSON header with their hashes.

The file is a zip without compression: `header.json`, and an array in NumPy's format for each
array of each part. The header has the sha256 of every array, the zip's comment that of the header.
Equal verifiers are equal bytes. Hashes detect accidents, not forgers; nothing in a file is run.
"""

import hashlib
import io
import json
import math
import zipfile
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoloom.corpora.lines import check_file, shown
from emoloom.errors import UserError
from emoloom.records import ATOMS
from emoloom.runs.directory import dumps, write_bytes_atomic
from emoloom.supervision.appraisal import (
    CHARACTER_FEATURES,
    WORD_FEATURES,
    AtomQuality,
    Verifier,
    VerifierPart,
)

FORMAT = "emoloom appraisal verifier"
"""What the header says the file is."""

VERSION = 2
"""Raised when a file of before would be read as something else."""

_HEADER = "header.json"
_ARRAYS = ("idf", "weights", "intercepts")
_DO = "fit it again: `emoloom appraise --save FILE`"


class _DamagedError(ValueError):
    """What is wrong with a file."""


def save_verifier(verifier: Verifier, path: Path) -> None:
    """Write the file, whole or not at all; equal verifiers are equal bytes."""
    members: dict[str, bytes] = {}
    for index, part in enumerate(verifier.parts):
        for name in _ARRAYS:
            members[_member(index, name)] = _array_bytes(getattr(part, name))
    header = dumps(
        {
            "format": FORMAT,
            "version": VERSION,
            "features": _features(),
            "seed": verifier.seed,
            "inputs": [list(one) for one in verifier.inputs],
            "quality": [asdict(one) for one in verifier.quality],
            "parts": [
                {"atoms": part.atoms, "words": part.words, "characters": part.characters}
                for part in verifier.parts
            ],
            "arrays": {name: _sha256(data) for name, data in members.items()},
            "packages": {name: metadata.version(name) for name in ("numpy", "scikit-learn")},
        }
    ).encode("utf-8")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, data in {_HEADER: header, **members}.items():
            # A ZipInfo of its own has a fixed date.
            archive.writestr(zipfile.ZipInfo(name), data)
        archive.comment = _sha256(header).encode("ascii")
    write_bytes_atomic(path, stream.getvalue())


def load_verifier(path: Path) -> Verifier:
    """Read a file of `save_verifier`; its probabilities are those of the verifier that was saved.

    Raises:
        UserError: the file cannot be read, is no verifier, is of another version, or is damaged.
    """
    check_file(path, archive=True)
    members, comment = _members(path)
    header = _header(path, members, comment)
    try:
        return _verifier(header, members)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise _damaged(path, str(error)) from None


def _damaged(path: Path, got: str) -> UserError:
    return UserError(
        f"{path} is damaged", got=shown(got, 120), allowed="the file as it was saved", do=_DO
    )


def _members(path: Path) -> tuple[dict[str, bytes], bytes]:
    """(content of each member by its name, the comment). Nothing is unpacked to disk."""
    try:
        data = path.read_bytes()
        if not data.startswith(b"PK\x03\x04"):
            raise UserError(
                f"{path} is no appraisal verifier",
                got=f"a file that begins with {data[:8]!r}",
                allowed="a file of `emoloom appraise --save`; nothing is unpickled",
                do=_DO,
            )
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            # Stored members cannot be larger than the file: no zip bomb.
            if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
                raise _DamagedError("a compressed member")
            return {info.filename: archive.read(info) for info in infos}, archive.comment
    except _DamagedError as error:
        raise _damaged(path, str(error)) from None
    except (zipfile.BadZipFile, ValueError, EOFError, RuntimeError, OSError) as error:
        raise _damaged(path, str(error)) from None


def _header(path: Path, members: dict[str, bytes], comment: bytes) -> dict[str, Any]:
    """The header of a file of ours, of this version, unaltered."""
    try:
        header = json.loads(members.get(_HEADER, b"null").decode("utf-8"))
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise UserError(
            f"{path} is no appraisal verifier",
            got="a zip with " + shown(sorted(members), 60),
            allowed="a file of `emoloom appraise --save`; nothing is unpickled",
            do=_DO,
        )
    if header.get("version") != VERSION:
        raise UserError(
            f"{path} is an appraisal verifier of another version",
            got=shown(header.get("version")),
            allowed=str(VERSION),
            do=_DO,
        )
    if comment != _sha256(members[_HEADER]).encode("ascii"):
        raise _damaged(path, "a header that does not have its sha256")
    return header


def _verifier(header: dict[str, Any], members: dict[str, bytes]) -> Verifier:
    """The verifier; every value is checked, since a file may come from anywhere."""
    if header["features"] != _features():
        raise _DamagedError(f"features {header['features']}")
    parts = tuple(
        _part(index, record, header["arrays"], members)
        for index, record in enumerate(header["parts"])
    )
    quality = tuple(_quality(record) for record in header["quality"])
    atoms = sorted(atom for part in parts for atom in part.atoms)
    if atoms != sorted(ATOMS) or tuple(one.atom for one in quality) != ATOMS:
        raise _DamagedError(f"the atoms {atoms}")
    inputs = tuple((_text(name), _text(digest)) for name, digest in header["inputs"])
    if type(header["seed"]) is not int:
        raise _DamagedError(f"the seed {header['seed']!r}")
    return Verifier(parts, quality, header["seed"], inputs)


def _part(
    index: int, record: dict[str, Any], hashes: dict[str, str], members: dict[str, bytes]
) -> VerifierPart:
    atoms, words, characters = (
        tuple(map(_text, record[key])) for key in ("atoms", "words", "characters")
    )
    if len(set(words)) != len(words) or len(set(characters)) != len(characters):
        raise _DamagedError("a feature that stands twice")
    count = len(words) + len(characters)
    shapes = {"idf": (count,), "weights": (len(atoms), count), "intercepts": (len(atoms),)}
    arrays: dict[str, NDArray[np.float64]] = {}
    for name, shape in shapes.items():
        member = _member(index, name)
        if hashes[member] != _sha256(members[member]):
            raise _DamagedError(f"{member}, which does not have its sha256")
        arrays[name] = _array(member, members[member], shape)
    return VerifierPart(atoms, words, characters, **arrays)


def _array(member: str, data: bytes, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """The array of a `.npy`, if it is of plain finite float64 and of this shape."""
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError, MemoryError) as error:
        raise _DamagedError(f"{member}: {error}") from None
    is_plain = isinstance(array, np.ndarray) and array.dtype == np.dtype("<f8")
    if not is_plain or array.shape != shape:
        raise _DamagedError(f"{member}, which is no array of float64 {shape}")
    if not np.isfinite(array).all():
        raise _DamagedError(f"{member} with a value that is not finite")
    found: NDArray[np.float64] = array.astype(np.float64)
    return found


def _quality(record: dict[str, Any]) -> AtomQuality:
    quality = AtomQuality(**record)
    numbers = (quality.auroc, quality.r, quality.fitted_rows, quality.held_out_rows)
    fine = all(x is None or (isinstance(x, int | float) and math.isfinite(x)) for x in numbers)
    if not fine or None in numbers[2:]:
        raise _DamagedError(f"the quality {record}")
    _text(quality.atom)
    _text(quality.source)
    return quality


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _DamagedError(f"{shown(value)} where a text should be")
    return value


def _member(index: int, name: str) -> str:
    return f"part{index}.{name}.npy"


def _array_bytes(array: NDArray[np.float64]) -> bytes:
    stream = io.BytesIO()
    plain = np.ascontiguousarray(array, dtype="<f8")
    np.save(stream, plain, allow_pickle=False)
    return stream.getvalue()


def _features() -> dict[str, Any]:
    """How texts become features, as JSON has it."""
    kinds = {"words": WORD_FEATURES, "characters": CHARACTER_FEATURES}
    return {
        name: {key: list(v) if isinstance(v, tuple) else v for key, v in how.items()}
        for name, how in kinds.items()
    }


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
