"""Tensors of safetensors files as ranges of bytes: renamed and cut by rows, never loaded.

The format (huggingface/safetensors, README): 8 bytes with the header's length, a JSON header with
dtype, shape and `data_offsets` of each tensor, then the data without a gap, row by row.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """One tensor, or some of its rows, in a file."""

    path: Path
    """The file."""
    dtype: str
    """As the header names it: BF16, F32, ..."""
    shape: tuple[int, ...]
    """Rows first."""
    start: int
    """First byte in the file."""
    size: int
    """Bytes."""

    def cut(self, parts: int) -> Iterator["StoredTensor"]:
        """The tensor cut into equal parts along its first dimension, which `parts` divides."""
        rows, size = self.shape[0] // parts, self.size // parts
        assert rows * parts == self.shape[0]
        for part in range(parts):
            yield replace(
                self, shape=(rows, *self.shape[1:]), start=self.start + part * size, size=size
            )


def read_tensors(path: Path) -> dict[str, StoredTensor]:
    """The tensors of a file that `check_safetensors` found whole, by name."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    found = {}
    for name, entry in header.items():
        start, stop = entry["data_offsets"]
        shape = tuple(entry["shape"])
        found[name] = StoredTensor(path, entry["dtype"], shape, 8 + length + start, stop - start)
    return found


def write_tensors(path: Path, tensors: Mapping[str, StoredTensor]) -> None:
    """Write a safetensors file from ranges of other files, in pieces of 1 MiB.

    Raises:
        OSError: a file cannot be read or written, or became shorter meanwhile.
    """
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, tensor in tensors.items():
        offsets = [end, end + tensor.size]
        header[name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": offsets}
        end += tensor.size
    text = json.dumps(header).encode("utf-8")
    text += b" " * (-len(text) % 8)  # the data start at a multiple of 8
    with path.open("wb") as sink:
        sink.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            with tensor.path.open("rb") as source:
                source.seek(tensor.start)
                left = tensor.size
                while left:
                    chunk = source.read(min(_CHUNK, left))
                    if not chunk:
                        raise OSError(f"{tensor.path} became shorter while it was read")
                    sink.write(chunk)
                    left -= len(chunk)
