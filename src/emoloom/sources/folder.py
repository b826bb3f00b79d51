"""A model folder in Hugging Face layout: what may be loaded from it, and its hashes."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emoloom.errors import UserError
from emoloom.sources.json_files import read_json
from emoloom.sources.safetensors_files import check_safetensors

CONFIG_FILES = ("config.json", "generation_config.json")
TOKENIZER_FILES = (
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "merges.txt",
    "special_tokens_map.json",
    "spiece.model",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
)
TEMPLATE_FILES = "additional_chat_templates/*.jinja"
OWN_CODE_FILES = ("*.py", "*.tiktoken")
"""Python code of a model's own, and the vocabulary that such code reads."""

_VOCABULARIES = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt")
PICKLES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"})
"""Endings of weights that can run code when they are loaded."""

_INDEX = "model.safetensors.index.json"

_SIDE_CONFIGS = ("generation_config.json", "tokenizer_config.json")
# transformers would load these as causal models all the same, some without a word.
_OTHER_HEADS = (
    "ForMaskedLM",
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForQuestionAnswering",
    "ForMultipleChoice",
    "ForNextSentencePrediction",
)

# Keys of config.json that make transformers read other files than those hashed here.
_DETOURS = ("transformers_weights", "configuration_files")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Hashes of the files that decide what a model folder says. 64 hex digits each."""

    weights: str
    """Over the safetensors files (and their index)."""
    tokenizer: str
    """Over the tokenizer files and the chat template."""
    config: str
    """Over config.json and generation_config.json and, where allowed, the model's own code."""
    files: tuple[tuple[str, str], ...]
    """(name, sha256) of every one of these files, by name."""


def check_folder(folder: Path, *, own_code: bool = False, encoder: bool = False) -> None:
    """See that a folder is a causal language model which loads without running code of its own.

    Args:
        folder: the model's folder.
        own_code: the user allows code of the model's own; it must then lie in the folder.
        encoder: it is to be an encoder of texts instead.

    Raises:
        UserError: a file is missing, the weights are pickles, the folder is an adapter, or its
            architecture is not one that transformers has.
    """
    refuse_adapter(folder)
    config = read_json(folder / "config.json", folder)
    for name in _SIDE_CONFIGS:  # transformers passes over the first where it is damaged
        if (folder / name).exists():
            read_json(folder / name, folder)
    code = _own_code(folder, config) if own_code else ()
    _check_own_code(folder, code)
    _check_config(config)
    if not code:
        _check_kind(config)
        (_check_encoder if encoder else _check_causal)(config)
    check_safetensors(
        (path for path in weight_files(folder) if path.suffix == ".safetensors"),
        layers=config.get("num_hidden_layers"),
    )
    vocabularies = [folder / name for name in _VOCABULARIES]
    if not code and not any(path.is_file() for path in vocabularies):
        raise UserError(
            f"{folder} holds no tokenizer",
            allowed="tokenizer.json or another tokenizer file beside config.json",
            do="save the tokenizer there with `save_pretrained`",
        )


def refuse_adapter(folder: Path) -> None:
    """Raise `UserError` where transformers would lay an adapter over what the folder holds."""
    if (folder / "adapter_config.json").exists():
        raise UserError(
            f"{folder} is an adapter, not a whole model",
            got="adapter_config.json",
            do="merge the adapter into its base model and save that as safetensors",
        )


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The safetensors files that transformers loads from the folder, and their index, if any.

    Raises:
        UserError: there are none, or the index names files that are not in the folder.
    """
    single = folder / "model.safetensors"
    if single.is_file():
        return (single,)
    index = folder / _INDEX
    if index.is_file():
        return (index, *_shards(index, folder))
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
    if pickles:
        raise UserError(
            f"{folder} holds pickle weights; a pickle can run code when it is loaded",
            got=", ".join(pickles[:3]),
            allowed="safetensors",
            do="convert the weights to safetensors in a sandbox, or choose a safe copy",
        )
    dangling = [path.name for path in (single, index) if path.is_symlink()]
    raise UserError(
        f"{folder} holds no weights",
        got=f"{dangling[0]} is a link that leads to no file" if dangling else "",
        allowed=f"model.safetensors, or {_INDEX} with its files",
        do="check the folder, or save the model there with `save_pretrained`",
    )


def fingerprint(folder: Path, *, own_code: bool = False) -> Fingerprint:
    """Hash the files of a model folder, and those of its own code where that may be run.

    A group's hash is the sha256 of its `<sha256>  <name>` lines, by name (ours), so that it can be
    recomputed with `sha256sum`.

    Raises:
        UserError: the folder holds no safetensors weights.
    """
    weights = _hashes(folder, weight_files(folder))
    templates = sorted(folder.glob(TEMPLATE_FILES))
    tokenizer = _hashes(folder, [*(folder / name for name in TOKENIZER_FILES), *templates])
    code = [path for one in OWN_CODE_FILES for path in folder.glob(one)] if own_code else []
    config = _hashes(folder, [*(folder / name for name in CONFIG_FILES), *code])
    return Fingerprint(
        weights=_over(weights),
        tokenizer=_over(tokenizer),
        config=_over(config),
        files=tuple(sorted((weights | tokenizer | config).items())),
    )


def sha256_file(path: Path) -> str:
    """The sha256 of a file, 64 hex digits, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hashes(folder: Path, paths: Iterable[Path]) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): sha256_file(path) for path in paths if path.is_file()
    }


def _over(hashes: dict[str, str]) -> str:
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(hashes.items()))
    return hashlib.sha256(lines.encode("utf-8")).hexdigest()


def _own_code(folder: Path, config: dict[str, Any]) -> tuple[str, ...]:
    """What `auto_map` names: `module.Class`, or `org/name--module.Class` of another repository."""
    configs = [config]
    if (folder / "tokenizer_config.json").exists():
        configs.append(read_json(folder / "tokenizer_config.json", folder))
    named: list[Any] = []
    for auto_map in (one.get("auto_map") for one in configs):
        for value in auto_map.values() if isinstance(auto_map, dict) else ():
            named += value if isinstance(value, list) else [value]
    return tuple(str(name) for name in named if name is not None)


def _check_own_code(folder: Path, code: Iterable[str]) -> None:
    for name in code:
        module = name.partition(".")[0]
        if not (module.isidentifier() and (folder / f"{module}.py").is_file()):
            raise UserError(
                f"The code that {folder} needs does not lie in it",
                got=name,
                allowed="auto_map with module.Class, and module.py beside config.json",
                do="copy that code into the folder, or choose another model",
            )


def _check_config(config: dict[str, Any]) -> None:
    detours = [key for key in _DETOURS if config.get(key)]
    if detours:
        raise UserError(
            "config.json points to other files",
            got=", ".join(detours),
            do=f"remove {' and '.join(detours)} from config.json",
        )
    quantised = config.get("quantization_config")
    if not isinstance(quantised, dict | None):
        raise UserError(
            "quantization_config of config.json cannot be read",
            got=type(quantised).__name__,
            allowed="an object, or none",
            do="mend it or remove it",
        )


def _check_kind(config: dict[str, Any]) -> None:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING_NAMES:
        own = "auto_map" in config
        raise UserError(
            "This model needs Python code of its own, which is not run unless allowed"
            if own
            else "transformers does not know this model type",
            got=f"model_type {kind!r}" + (" with auto_map" if own else ""),
            allowed="a model type that transformers itself has",
            do="choose another model, or read that code and allow it: `trust_remote_code: true` "
            "in a config, --trust-remote-code on the command line of `models` and `decode`"
            if own
            else "choose another model, or a newer transformers",
        )


def _check_encoder(config: dict[str, Any]) -> None:
    """See that a config is of an encoder that reads both ways, as BERT does.

    Raises:
        UserError: it is of a language model, or of one with a decoder.
    """
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    kind = config.get("model_type")
    if kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES or config.get("is_encoder_decoder") is True:
        raise UserError(
            "This is not an encoder of texts",
            got=f"model_type {kind!r}",
            allowed="an encoder alone, for instance bert, mpnet, xlm-roberta",
            do="choose another one; language models stand under `models`",
        )


def _check_causal(config: dict[str, Any]) -> None:
    from transformers.models.auto import modeling_auto

    kind = config["model_type"]
    if kind not in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise UserError(
            "This is not a causal language model",
            got=f"model_type {kind!r}",
            allowed="for instance llama, qwen2, gemma3_text",
            do="choose another model",
        )
    heads = config.get("architectures")
    # An encoder without a head, as sentence encoders are saved, would be given a random one.
    encodes = kind in modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    bare = encodes and config.get("is_decoder") is not True
    ends = (*_OTHER_HEADS, "Model") if bare else _OTHER_HEADS
    other = isinstance(heads, list) and heads and all(str(h).endswith(ends) for h in heads)
    if other or config.get("is_encoder_decoder") is True:
        raise UserError(
            "This is not a causal language model",
            got=f"architectures {heads}" if other else "is_encoder_decoder true",
            allowed="a decoder alone, with a head that gives the next token",
            do="choose another model; an encoder of texts can be a floor, under `floors`"
            if encodes
            else "choose another model",
        )


def _shards(index: Path, folder: Path) -> list[Path]:
    mapping = read_json(index, folder).get("weight_map")
    names = sorted(set(map(str, mapping.values()))) if isinstance(mapping, dict) else []
    bad = [
        name
        for name in names
        if Path(name).name != name
        or not name.endswith(".safetensors")
        or not (folder / name).is_file()
    ]
    if bad or not names:
        raise UserError(
            f"{index.name} does not fit its folder",
            got=", ".join(bad[:3]) or "no files",
            allowed="names of .safetensors files that lie beside it",
            do="fetch the missing files",
        )
    return [folder / name for name in names]
