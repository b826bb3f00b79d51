"""What a GGUF file's display name says of its weights."""

import pytest
from gguf_maker import Variant, write_gguf

from emoloom.sources.model_files import get_model, parse_source
from emoloom.sources.tiny import write_random_llama


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources") / "model"
    write_random_llama(folder, 3)
    return folder


# Numbers of llama.cpp's `enum llama_ftype` (include/llama.h).
@pytest.mark.parametrize(
    ("quantised", "file_type", "said"),
    [
        (True, 3, "dequantised Q4_1"),
        (True, 2, "dequantised Q4_0"),
        (True, 7, "dequantised Q8_0"),
        (True, 15, "dequantised Q4_K_M"),
        (True, 18, "dequantised Q6_K"),
        (True, 1024 + 17, "dequantised Q5_K_M"),
        (True, None, "dequantised, mostly Q4_1"),
        (True, 4, "dequantised, mostly Q4_1"),
        (True, 2**31, "dequantised, mostly Q4_1"),
        (True, 0, "dequantised, mostly Q4_1"),
        (False, 0, "F32"),
        (False, 1, "F16"),
        (False, 32, "BF16"),
        (False, None, "F32"),
        (False, 15, "F32"),
    ],
)
def test_the_name_says_how_the_weights_are_stored(model, tmp_path, quantised, file_type, said):
    variant = Variant(quantised=quantised, file_type=file_type)
    path = write_gguf(model, tmp_path / "my.gguf", variant)
    for _ in ("converted", "from the cache"):
        files = get_model(parse_source(str(path)), tmp_path / "cache")
        assert files.display_name == f"my, {said}"


def test_a_folder_that_is_called_so_keeps_its_name(model, tmp_path):
    folder = model.rename(tmp_path / "x, converted from GGUF")
    try:
        assert get_model(parse_source(str(folder))).display_name == "x, converted from GGUF"
    finally:
        folder.rename(model)
