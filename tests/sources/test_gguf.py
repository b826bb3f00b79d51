import json
import struct
from pathlib import Path

import gguf
import numpy as np
import pytest
from gguf_maker import Variant, gguf_name, permute, stored, write_gguf
from safetensors.numpy import load_file

from emoloom.errors import UserError
from emoloom.sources.gguf import PROBES, convert_gguf, inspect_gguf
from emoloom.sources.tiny import write_random_llama


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gguf") / "model"
    write_random_llama(folder, 3)
    return folder


@pytest.fixture(scope="module")
def sound(model, tmp_path_factory):
    return write_gguf(model, tmp_path_factory.mktemp("sound") / "model.gguf")


def convert(path: Path, target: Path) -> Path:
    convert_gguf(path, target, inspect_gguf(path, path.name), path.name)
    return target


def made(model: Path, folder: Path, variant: Variant) -> Path:
    return write_gguf(model, folder / "model.gguf", variant)


def test_the_conversion_gives_back_the_model_the_file_was_written_from(model, sound, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out = convert(sound, tmp_path / "out")
    before, after = load_file(model / "model.safetensors"), load_file(out / "model.safetensors")
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)

    first, second = AutoTokenizer.from_pretrained(model), AutoTokenizer.from_pretrained(out)
    texts = [*PROBES, "a  12", "\n\n7", '"labels":["joy"]', "0.83"]
    assert [first(text).input_ids for text in texts] == [second(text).input_ids for text in texts]
    assert [second.decode(second(text).input_ids) for text in texts] == texts
    assert first.chat_template == second.chat_template
    assert first.special_tokens_map == second.special_tokens_map

    loaded, report = AutoModelForCausalLM.from_pretrained(out, output_loading_info=True)
    assert not report["missing_keys"]
    assert loaded.generation_config.eos_token_id == second.eos_token_id
    saved = json.loads((out / "config.json").read_text(encoding="utf-8"))
    assert "quantization_config" not in saved
    assert {path.suffix for path in out.iterdir()} <= {".json", ".jinja", ".safetensors"}


def test_quantised_weights_are_dequantised_as_gguf_0_19_does(model, tmp_path):
    out = convert(made(model, tmp_path, Variant(quantised=True)), tmp_path / "out")
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    got = load_file(out / "model.safetensors")
    kind = gguf.GGMLQuantizationType.Q4_1
    for name, weight in load_file(model / "model.safetensors").items():
        written = stored(name, weight, config)
        expected = (
            gguf.dequantize(gguf.quantize(written, kind), kind) if weight.ndim == 2 else weight
        )
        np.testing.assert_array_equal(stored(name, got[name], config), expected)
        assert got[name].dtype == np.float32


def test_the_makers_permutation_is_llama_cpps():
    # One head of four dimensions: rotary halves (0 1 | 2 3) are interleaved.
    rows = np.arange(4.0)[:, None]
    assert permute(rows, 1)[:, 0].tolist() == [0, 2, 1, 3]
    assert gguf_name("model.layers.1.mlp.up_proj.weight") == "blk.1.ffn_up.weight"


def test_facts(model, sound):
    facts = inspect_gguf(sound, "x")
    assert facts.licence == "apache-2.0"
    assert facts.pre_tokenizer == "smollm"
    weights = load_file(model / "model.safetensors")
    assert facts.elements == sum(weight.size for weight in weights.values())


@pytest.mark.parametrize(
    "content", [b"", b"GG", b"<html>", b"\x80\x04\x95pickle", b"FUGG" + b"\0" * 99]
)
def test_other_files_are_not_gguf(tmp_path, content):
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"x.gguf is not a GGUF file; got: {len(content)} bytes"):
        inspect_gguf(path, "x.gguf")


def ends(path: Path) -> dict[str, int]:
    """Byte offsets of the parts of a file."""
    reader = gguf.GGUFReader(path)
    return {
        "magic": 4,
        "counts": 24,
        "first key": 30,
        "vocabulary": reader.fields["tokenizer.ggml.tokens"].offset + 500,
        "last field": list(reader.fields.values())[-1].offset + 20,
        "tensor table": reader.tensors[3].field.offset + 15,
        "data start": int(reader.data_offset),
        "last byte": max(int(t.data_offset) + int(t.n_bytes) for t in reader.tensors) - 1,
    }


@pytest.mark.parametrize(
    "place",
    [
        "magic",
        "counts",
        "first key",
        "vocabulary",
        "last field",
        "tensor table",
        "data start",
        "last byte",
    ],
)
def test_a_cut_file_is_named_as_such(sound, tmp_path, place):
    path = tmp_path / "cut.gguf"
    size = ends(sound)[place]
    path.write_bytes(sound.read_bytes()[:size])
    with pytest.raises(UserError, match=rf"cut.gguf is cut short or damaged; got: {size} bytes"):
        inspect_gguf(path, "cut.gguf")


@pytest.mark.filterwarnings("ignore:overflow")  # as outside tests: the reader wraps around
@pytest.mark.parametrize("offset", [2**20, 2**62, 2**64 - 32])
def test_a_tensor_outside_the_file_is_refused(sound, tmp_path, offset):
    content = bytearray(sound.read_bytes())
    field = gguf.GGUFReader(sound).tensors[2].field
    place = field.offset + sum(part.nbytes for part in field.parts[:-1])
    content[place : place + 8] = struct.pack("<Q", offset)
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    with pytest.raises(UserError, match="cut short or damaged"):
        inspect_gguf(path, "x.gguf")


def test_a_shape_that_wraps_around_is_refused(sound, tmp_path):
    content = bytearray(sound.read_bytes())
    field = gguf.GGUFReader(sound).tensors[0].field
    place = field.offset + field.parts[0].nbytes + field.parts[1].nbytes + 4
    content[place : place + 16] = struct.pack("<QQ", 2**32, 2**32)  # product 0 in 64 bits
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    with pytest.raises(UserError, match="cut short or damaged"):
        inspect_gguf(path, "x.gguf")


def test_flipped_header_bytes_raise_nothing_but_user_errors(sound, tmp_path):
    rng = np.random.default_rng(0)
    content = sound.read_bytes()
    header = ends(sound)["data start"]
    path = tmp_path / "x.gguf"
    refused = 0
    for _ in range(60):
        flipped = bytearray(content)
        flipped[int(rng.integers(4, header))] ^= int(rng.integers(1, 256))
        path.write_bytes(flipped)
        try:
            inspect_gguf(path, "x.gguf")
        except UserError:
            refused += 1
    assert refused > 10


def test_a_missing_tensor_is_not_filled_with_random_numbers(model, tmp_path):
    path = made(model, tmp_path, Variant(drop=frozenset({"blk.1.ffn_up.weight"})))
    with pytest.raises(UserError, match=r"does not fill the llama model.*layers\.1\.mlp\.up_proj"):
        convert(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_tensor_under_another_name_is_missing_all_the_same(model, tmp_path):
    other = {"blk.1.other.weight": np.ones((128, 64), dtype=np.float32)}
    variant = Variant(drop=frozenset({"blk.1.ffn_up.weight"}), extra=other)
    with pytest.raises(UserError, match=r"does not fill the llama model.*mlp\.up_proj"):
        convert(made(model, tmp_path, variant), tmp_path / "out")


def test_a_tensor_that_transformers_drops_is_refused(model, tmp_path):
    bias = {"blk.0.attn_q.bias": np.ones(64, dtype=np.float32)}
    with pytest.raises(UserError, match=r"does not fill .*got: (\d+) weights; allowed: (?!\1)\d+"):
        convert(made(model, tmp_path, Variant(extra=bias)), tmp_path / "out")


@pytest.mark.parametrize(
    "variant",
    [
        Variant(scaling="linear"),
        Variant(extra={"rope_freqs.weight": np.ones(8, dtype=np.float32)}),
    ],
)
def test_rope_scaling_is_refused(model, tmp_path, variant):
    with pytest.raises(UserError, match="scales its rotary positions"):
        inspect_gguf(made(model, tmp_path, variant), "x")


def test_no_rope_scaling_is_said_in_so_many_words(model, tmp_path):
    inspect_gguf(made(model, tmp_path, Variant(scaling="none")), "x")


def test_a_file_without_tokenizer_is_refused(model, tmp_path):
    with pytest.raises(UserError, match="holds no tokenizer"):
        inspect_gguf(made(model, tmp_path, Variant(tokenizer=False)), "x")


def test_an_unknown_architecture_is_refused(model, tmp_path):
    with pytest.raises(UserError, match=r"transformers cannot convert model\.gguf; got: .*weird"):
        convert(made(model, tmp_path, Variant(architecture="weird")), tmp_path / "out")


def test_an_unknown_split_is_refused(model, tmp_path):
    with pytest.raises(
        UserError, match=r"how the tokenizer of model\.gguf splits text; got:.*viking"
    ):
        convert(made(model, tmp_path, Variant(pre="viking")), tmp_path / "out")


@pytest.mark.parametrize(
    ("pre", "pieces"),
    [("smollm", ["a", "ĠĠ", "1", "2"]), ("gpt-2", ["a", "Ġ", "Ġ12"]), (None, ["a", "Ġ", "Ġ12"])],
)
def test_text_is_split_as_llama_cpp_splits_it(model, tmp_path, pre, pieces):
    from transformers import AutoTokenizer

    out = convert(made(model, tmp_path, Variant(pre=pre)), tmp_path / "out")
    split = AutoTokenizer.from_pretrained(out).backend_tokenizer.pre_tokenizer
    assert [piece for piece, _ in split.pre_tokenize_str("a  12")] == pieces
