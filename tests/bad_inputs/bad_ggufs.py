"""GGUF files that are cut, damaged, of another version, or claim what they do not hold."""

import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path

from bad_case import Case, Make, Sound

FETCH_AGAIN = "do: fetch the file again and compare its sha256"
DAMAGED = "x.gguf is cut short or damaged; got: "
CONVERT = "do: use the model's safetensors folder"
Change = Callable[[bytes, "Places"], bytes]


class Places:
    """Byte offsets of some fields of the sound file."""

    def __init__(self, path: Path) -> None:
        from gguf import GGUFReader

        reader = GGUFReader(path)
        first = reader.tensors[0].field
        self.shape = first.offset + first.parts[0].nbytes + first.parts[1].nbytes + 4
        third = reader.tensors[2].field
        self.place = third.offset + sum(part.nbytes for part in third.parts[:-1])
        blocks = reader.fields["llama.block_count"]
        self.blocks = blocks.offset + sum(part.nbytes for part in blocks.parts[:-1])
        tokens = "tokenizer.ggml.tokens"
        self.tokens = reader.fields[tokens].offset + 8 + len(tokens) + 4 + 4
        self.data = int(reader.data_offset)


@cache
def places(path: Path) -> Places:
    return Places(path)


def harmed(change: Change) -> Make:
    def make(here: Path, sound: Sound) -> None:
        content = sound.gguf
        (here / "x.gguf").write_bytes(change(content, places(sound.folder / "tiny.gguf")))

    return make


def put(form: str, *values: int, at: Callable[[Places], int]) -> Change:
    """Overwrite numbers in the header."""

    def change(content: bytes, found: Places) -> bytes:
        new, place = struct.pack(f"<{form}", *values), at(found)
        return content[:place] + new + content[place + len(new) :]

    return change


def variant(**options: object) -> Make:
    """A whole file of another kind."""

    def make(here: Path, sound: Sound) -> None:
        from gguf_maker import Variant, write_gguf

        write_gguf(sound.model, here / "x.gguf", Variant(**options))

    return make


def case(name: str, make: Make, *parts: str) -> Case:
    env = (("EMOLOOM_CACHE", "{here}/cache"),)
    return Case(f"gguf-{name}", make, "models get {here}/x.gguf", parts, env=env)


def replaced(content: bytes) -> Make:
    return harmed(lambda _, found: content)


def damaged(name: str, change: Change, *parts: str) -> Case:
    return case(name, harmed(change), DAMAGED, *parts, FETCH_AGAIN)


NO_GGUF = "x.gguf is not a GGUF file; got: "
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"

CASES = (
    case("empty", replaced(b""), NO_GGUF, "0 bytes that start with b''", "do: check the path"),
    case("pointer", replaced(POINTER), NO_GGUF, "start with b'vers'", "a pointer file is often"),
    case("web-page", replaced(b"<!DOCTYPE html>"), NO_GGUF, "start with b'<!DO'", "a web page"),
    case(
        "wrong-magic",
        harmed(lambda content, found: b"GGML" + content[4:]),
        *(NO_GGUF, "start with b'GGML'", "allowed: a file that starts with b'GGUF'"),
    ),
    case(
        "version",
        harmed(put("I", 99, at=lambda found: 4)),
        *("in a version of GGUF that is not read", "got: version 99", "allowed: version 2 or 3"),
    ),
    damaged("magic-alone", lambda content, found: content[:6], "6 bytes"),
    damaged("cut-in-the-header", lambda content, found: content[: found.shape], " bytes; "),
    damaged("cut-in-the-data", lambda content, found: content[: found.data + 9000], " bytes; "),
    damaged("last-byte-missing", lambda content, found: content[:-40], " bytes; "),
    damaged(
        "huge-dimensions",
        put("QQ", 2**40, 2**20, at=lambda found: found.shape),
        *("(1048576,1099511627776)",),
    ),
    damaged("dimensions-wrap", put("QQ", 2**32, 2**32, at=lambda found: found.shape), "4294967296"),
    damaged(
        "offset-wraps", put("Q", 2**64 - 32, at=lambda found: found.place), "attn_norm.weight' ends"
    ),
    damaged("count-of-tensors", put("Q", 2**40, at=lambda found: 8), " bytes; "),
    damaged("count-of-keys", put("Q", 2**40, at=lambda found: 16), " bytes; "),
    damaged("count-of-tokens", put("Q", 2**40, at=lambda found: found.tokens), " bytes; "),
    damaged(
        "billions-of-blocks",
        put("I", 4 * 10**9, at=lambda found: found.blocks),
        *("4000000000 blocks, and 21 tensors",),
    ),
    case("without-tokenizer", variant(tokenizer=False), "x.gguf holds no tokenizer", "do: choose"),
    case(
        "unknown-architecture",
        variant(architecture="nosuch"),
        *("transformers cannot convert", "architecture nosuch is not supported", CONVERT),
    ),
    case("unknown-split", variant(pre="nosuch"), "got: tokenizer.ggml.pre 'nosuch'", CONVERT),
    case("scaled-positions", variant(scaling="yarn"), "its rotary", "got: yarn", CONVERT),
    case(
        "tensor-missing",
        variant(drop=frozenset({"blk.1.ffn_up.weight"})),
        *("does not fill the llama model", "without model.layers.1.mlp.up_proj.weight", CONVERT),
    ),
)
