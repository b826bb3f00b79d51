"""The inputs of a screen by hash, and whether a run folder that is there is of the same."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from emoloom.auditing.facts import SourceHashes, settings_of_results
from emoloom.config import Config
from emoloom.corpora.labels import known_spaces
from emoloom.row_sets.names import HUB
from emoloom.runs.changes import (
    Change,
    changed_names,
    changed_settings,
    refuse_inputs,
    refuse_settings,
    refuse_versions,
)
from emoloom.runs.directory import sha256_file
from emoloom.screening.extras import recipe_hashes
from emoloom.sources.model_files import ModelFiles
from emoloom.supervision.lexicon import Lexicon


def input_hashes(
    config: Config, lexicon: Lexicon, sources: SourceHashes, files: Mapping[str, ModelFiles]
) -> dict[str, str]:
    """sha256 of every input, by a name for people; what the recipes do not read is left out."""
    found = row_input_hashes(config, lexicon, sources) | recipe_hashes(config)
    for name, model in files.items():
        found |= {
            f"{what} of model {name}": digest
            for what, digest in (
                ("file", model.weight_file_sha256),
                ("weights", model.weights_sha256),
                ("tokenizer", model.tokenizer_sha256),
                ("config", model.config_sha256),
            )
            if digest is not None
        }
    return found


def row_input_hashes(config: Config, lexicon: Lexicon, sources: SourceHashes) -> dict[str, str]:
    """The same of what the row sets are made from.

    A commit of a hub is no part of a name: it may hold the same bytes as the one before.
    """
    found = dict(_data(sources))
    found[f"lexicon {lexicon.name}"] = lexicon.sha256
    if config.labels not in known_spaces():
        space = Path(config.labels)
        found[f"label space {space.name}"] = sha256_file(space)
    return found


def _data(sources: SourceHashes) -> Iterator[tuple[str, str]]:
    for origin, files in sources.items():
        source = origin.partition("@")[0] if origin.startswith(HUB) else origin
        for name, digest in files.items():
            own = source in (name, Path(name).stem)  # a user's file, whose rows are called after it
            yield name if own else f"{name} of {source}", digest


def refuse_another(folder: Path, record: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """See that a run that is there is of the same versions and settings.

    Args:
        folder: the run folder, for messages.
        record: its run.json.
        facts: what this call would write there (`facts.run_facts`).

    Raises:
        UserError: it names each that differs, with both values.
    """
    before, now = (_versions(one) for one in (record, facts))
    if versions := changed_names(before, now):
        raise refuse_versions(folder, versions)
    configs = [_mapping(one.get("config")) for one in (record, facts)]
    if settings := changed_settings(*map(settings_of_results, configs)):
        raise refuse_settings(folder, settings)


def input_changes(
    folder: Path,
    record: Mapping[str, Any],
    hashes: Mapping[str, str],
    *,
    accept: bool,
    may_lack: Collection[str] = (),
) -> Sequence[Change]:
    """Inputs that are others than a run was made from; none where it does not say.

    Args:
        folder: the run folder, for messages.
        record: its run.json.
        hashes: of the inputs now.
        accept: go on all the same.
        may_lack: names of encoder floors, which fail where they cannot be had: then, or now.

    Raises:
        UserError: there are, and nobody said that they may be.
    """
    stated = record.get("inputs")
    if not isinstance(stated, dict):
        return ()
    before = {str(name): str(digest) for name, digest in stated.items()}
    lacked = tuple(f" of model {name}" for name in may_lack)
    changes = [
        one
        for one in changed_names(before, hashes)
        if (one.before and one.now) or not one.name.endswith(lacked)
    ]
    if changes and not accept:
        raise refuse_inputs(folder, changes)
    return changes


def _versions(record: Mapping[str, Any]) -> dict[str, str]:
    packages = _mapping(record.get("packages"))
    named = {"emoloom": record.get("emoloom_version"), **packages}
    return {str(name): str(version) for name, version in named.items()}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
