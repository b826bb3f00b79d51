"""Saved verifiers: the same bits back, and every damaged or foreign file refused with a reason."""

import io
import json
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoloom.errors import UserError
from emoloom.records import ATOMS
from emoloom.supervision.appraisal import Verifier
from emoloom.supervision.appraisal_fit import RatedSet, fit_verifier
from emoloom.supervision.verifier_file import load_verifier, save_verifier

TEXTS = ["the cat won 3 gifts", "", "naïve “quotes” don’t", "tea time with dog2 and bird5", "🙂"]


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    rng = np.random.default_rng(0)
    words = [f"{animal}{n}" for animal in ("cat", "dog", "bird") for n in range(6)]
    texts = tuple(" ".join(rng.choice(words, 5)) + f" naïve {n}" for n in range(80))
    targets = rng.random((80, 4))
    halves = ((0, 3), (1, 2))
    return fit_verifier(
        [
            RatedSet(
                source,
                tuple(ATOMS[i] for i in half),
                texts,
                targets[:, half],
                targets[:, half],
                inputs=((f"{source}.csv", "ab" * 32),),
            )
            for source, half in zip(("crowd-enVENT", "ISEAR"), halves, strict=True)
        ],
        seed=7,
    )


@pytest.fixture(scope="module")
def saved(verifier: Verifier, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("saved") / "verifier.npz"
    save_verifier(verifier, path)
    return path.read_bytes()


def test_the_same_bits_come_back(verifier, saved, tmp_path):
    path = tmp_path / "v.npz"
    path.write_bytes(saved)
    loaded = load_verifier(path)
    assert loaded.matrix(TEXTS).tobytes() == verifier.matrix(TEXTS).tobytes()
    assert loaded.quality == verifier.quality
    assert (loaded.seed, loaded.inputs) == (7, verifier.inputs)
    assert [part.atoms for part in loaded.parts] == [part.atoms for part in verifier.parts]
    save_verifier(loaded, tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == saved


def test_another_process_has_the_same_bits_and_trains_nothing(verifier, saved, tmp_path):
    path = tmp_path / "v.npz"
    path.write_bytes(saved)
    code = (
        "import sys; from pathlib import Path\n"
        "from emoloom.supervision.verifier_file import load_verifier\n"
        "found = load_verifier(Path(sys.argv[1])).matrix([sys.argv[2]])\n"
        "assert 'torch' not in sys.modules and 'sklearn.linear_model' not in sys.modules\n"
        "print(found.tobytes().hex())\n"
    )
    command = [sys.executable, "-c", code, str(path), TEXTS[0]]
    out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert out.strip() == verifier.matrix([TEXTS[0]]).tobytes().hex()


def test_numpy_reads_the_arrays_without_pickle(verifier, saved):
    with np.load(io.BytesIO(saved), allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["part1.weights"], verifier.parts[1].weights)


def members(saved: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(saved)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(content: dict[str, bytes], *, compressed: bool = False) -> bytes:
    """A file whose hashes are right, whatever its content."""
    import hashlib

    header = json.loads(content["header.json"])
    names = [name for name in content if name != "header.json"]
    if "arrays" in header:
        header["arrays"] = {n: hashlib.sha256(content[n]).hexdigest() for n in names}
    text = json.dumps(header).encode()
    stream = io.BytesIO()
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(stream, "w", kind) as archive:
        for name, data in {**content, "header.json": text}.items():
            archive.writestr(name, data)
        archive.comment = hashlib.sha256(text).hexdigest().encode()
    return stream.getvalue()


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


class Bomb:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return Path.touch, (Path("/tmp/emoloom-was-run"),)


def with_header(**changes: object) -> Callable[[bytes], bytes]:
    def change(saved: bytes) -> bytes:
        content = members(saved)
        header = {**json.loads(content["header.json"]), **changes}
        header = {key: value for key, value in header.items() if value is not ...}
        return packed({**content, "header.json": json.dumps(header).encode()})

    return change


def with_array(array: np.ndarray, name: str = "part0.intercepts.npy") -> Callable[[bytes], bytes]:
    return lambda saved: packed({**members(saved), name: npy(array)})


def without_hash(saved: bytes) -> bytes:
    """An array changed inside the zip, its checksum with it, and the header left as it was."""
    content = members(saved)
    content["part0.idf.npy"] = content["part0.idf.npy"][:-8] + b"\0" * 8
    with zipfile.ZipFile(io.BytesIO(saved)) as archive:
        comment = archive.comment
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
        archive.comment = comment
    return stream.getvalue()


def cut_array(saved: bytes) -> bytes:
    content = members(saved)
    return packed({**content, "part0.weights.npy": content["part0.weights.npy"][:-40]})


def other_savez(saved: bytes) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, weights=np.ones(3))
    return stream.getvalue()


def missing_member(saved: bytes) -> bytes:
    content = members(saved)
    del content["part1.idf.npy"]
    return packed(content)


QUALITY = [{"atom": a, "source": "s", "auroc": 0.5, "r": None} for a in ATOMS]

DAMAGED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda saved: b"", "is empty"),
    "text": (lambda saved: b"hello\n", "is no appraisal verifier; got: a file that begins with"),
    "pickle": (lambda saved: pickle.dumps(Bomb()), "is no appraisal verifier"),
    "another npz": (other_savez, "is no appraisal verifier; got: a zip with"),
    "cut short": (lambda saved: saved[: len(saved) // 2], "is damaged"),
    "cut at the end": (lambda saved: saved[:-5], "is damaged"),
    "array changed": (without_hash, "part0.idf.npy, which does not have its sha256"),
    "array cut": (cut_array, "is damaged"),
    "member missing": (missing_member, "is damaged"),
    "compressed": (lambda saved: packed(members(saved), compressed=True), "a compressed member"),
    "version 1": (with_header(version=1), "of another version; got: 1; allowed: 2"),
    "version missing": (with_header(version=...), "of another version; got: None"),
    "version true": (with_header(version="1"), "of another version; got: '1'"),
    "format": (with_header(format="something"), "is no appraisal verifier"),
    "features": (with_header(features={}), "is damaged; got: 'features"),
    "parts": (with_header(parts=[]), "is damaged; got: 'the atoms"),
    "parts null": (with_header(parts=None), "is damaged"),
    "parts odd": (with_header(parts=[1, 2]), "is damaged"),
    "quality": (with_header(quality=[]), "is damaged"),
    "quality short": (with_header(quality=QUALITY), "is damaged"),
    "inputs": (with_header(inputs=[["a"]]), "is damaged"),
    "seed": (with_header(seed="x"), "the seed"),
    "objects": (with_array(np.array([Bomb()], dtype=object)), "Object arrays cannot be loaded"),
    "shape": (with_array(np.zeros(9)), "no array of float64"),
    "dtype": (with_array(np.zeros(2, dtype=np.float32)), "no array of float64"),
    "not finite": (with_array(np.array([np.nan, 0.0])), "not finite"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_bad_files(saved, tmp_path, case):
    change, said = DAMAGED[case]
    path = tmp_path / "bad.npz"
    path.write_bytes(change(saved))
    with pytest.raises(UserError) as caught:
        load_verifier(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not Path("/tmp/emoloom-was-run").exists()


def test_repacked_without_a_change_is_still_read(saved, tmp_path):
    path = tmp_path / "same.npz"
    path.write_bytes(packed(members(saved)))
    assert load_verifier(path).seed == 7


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_flipped_bit_is_found_or_harmless(saved, verifier, tmp_path_factory, data):
    at = data.draw(st.integers(0, len(saved) - 1))
    flipped = bytearray(saved)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.mktemp("flip") / "v.npz"
    path.write_bytes(bytes(flipped))
    try:
        loaded = load_verifier(path)
    except UserError:
        return
    assert loaded.matrix(TEXTS).tobytes() == verifier.matrix(TEXTS).tobytes()


def test_no_file_and_a_folder(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        load_verifier(tmp_path / "none.npz")
    with pytest.raises(UserError, match="is a folder"):
        load_verifier(tmp_path)
