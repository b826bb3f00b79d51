"""`emoloom data build`: the row sets of a screen, without the screen."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emoloom.auditing.facts import input_licences, settings_of_results
from emoloom.auditing.findings import read_object
from emoloom.auditing.inputs import input_changes, row_input_hashes
from emoloom.config import MEND, Checks, Config, load_config
from emoloom.corpora.labels import load_space
from emoloom.errors import ConfigError, UserError
from emoloom.row_sets.build import Drawing, write_row_sets
from emoloom.row_sets.checks import PartChecks, check_parts, known_names
from emoloom.row_sets.part_facts import source_hashes
from emoloom.row_sets.polarity_set import check_pairs, held_out_rows, pair_hashes
from emoloom.row_sets.told import count_lines
from emoloom.runs.changes import changed_settings, refuse_settings
from emoloom.runs.directory import write_folder_atomic, write_json_atomic
from emoloom.runs.licences import strictest_licence
from emoloom.supervision.lexicon import load_lexicon

RECORD = "build.json"
"""Says what a folder was built from."""

_SETTINGS = ("seed", "labels", "lexicon", "data", "polarity")
"""Settings that rows depend on."""


@dataclass(frozen=True, slots=True)
class Built:
    """What was drawn."""

    rows: Mapping[str, int]
    """Rows of each row set."""
    rejected: int
    """Records that are no rows."""
    told: tuple[str, ...]
    """What became of the records, in words."""
    warnings: tuple[str, ...]
    """For the user."""


def build_data(config_path: Path, out: Path, *, accept_changed: bool = False) -> Built:
    """Draw and write the row sets of a config: the bytes that a screen has under `data/`.

    Beside them `build.json` says what they were made from, with every licence and the strictest.
    The folder appears whole or not at all; one that was built before is replaced.

    Args:
        config_path: The config of a screen. Its models are not looked at.
        out: A new folder, an empty one, or one built before.
        accept_changed: Replace one whose inputs have changed since.

    Raises:
        UserError: the config, its label space, lexicon or a corpus is at fault, or the folder
            holds something else, or what was built from other inputs.
    """
    parts = PartChecks()
    checks: Checks = {
        "labels": parts.labels,
        "lexicon": load_lexicon,
        "train": parts.train,
        "select": parts.select,
        "cross": parts.cross,
        "test": parts.test,
        "polarity": check_pairs,
    }
    config = load_config(config_path, checks, known_names())
    if faults := check_parts(config.data, load_space(config.labels)):
        raise ConfigError(str(config_path), faults, do=MEND)
    _check_folder(out)
    record = _record(config)
    _check_same(out, record, accept_changed=accept_changed)
    counts: dict[str, Any] = {}

    def fill(folder: Path) -> None:
        counts.update(_write(config, folder))
        write_json_atomic(folder / RECORD, record)

    write_folder_atomic(out, fill)
    warnings = (*config.path_warnings, *counts["warnings"], *counts["notices"])
    sizes = {name: counts["sets"][name]["all"] for name in counts["sets"]}
    return Built(sizes, counts["rejected"], tuple(count_lines(counts)), warnings)


def _write(config: Config, folder: Path) -> dict[str, Any]:
    sources, held_out = source_hashes(config.data), held_out_rows(config.polarity)
    drawing = Drawing(config.data, sources, config.seed, held_out)
    return write_row_sets(folder, drawing, load_space(config.labels), load_lexicon(config.lexicon))


def _record(config: Config) -> dict[str, Any]:
    """What build.json says."""
    space, lexicon = load_space(config.labels), load_lexicon(config.lexicon)
    sources = source_hashes(config.data) | pair_hashes(config.polarity)
    licences = input_licences(config, lexicon)
    return {
        **{name: config.in_force()[name] for name in _SETTINGS},
        "label_space": {"name": space.name, "labels": list(space.labels)},
        "inputs": row_input_hashes(config, lexicon, sources),
        "sources": sources,
        "licences": licences,
        "strictest_licence": strictest_licence(licences).to_dict(),
    }


def _check_same(out: Path, record: dict[str, Any], *, accept_changed: bool) -> None:
    """As for a run folder: one that was built before is of the same settings and inputs."""
    try:
        before = read_object(out / RECORD)
    except (OSError, ValueError, TypeError, RecursionError):
        return  # none, or one that binds nobody
    if "inputs" not in before:
        return
    pair = [{name: one[name] for name in _SETTINGS if name in one} for one in (before, record)]
    if changes := changed_settings(*map(settings_of_results, pair)):
        raise refuse_settings(out, changes)
    input_changes(out, before, record["inputs"], accept=accept_changed)


def _check_folder(out: Path) -> None:
    if out.is_dir() and any(out.iterdir()) and not (out / RECORD).is_file():
        raise UserError(
            f"{out} holds something else",
            got=", ".join(sorted(path.name for path in out.iterdir())[:3]),
            do="choose a new folder with --out",
        )
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file", allowed="a folder", do="choose another with --out")
