"""`emoloom data build`: the row sets of a screen, without the screen."""

from pathlib import Path
from typing import Any

from emoloom.auditing.facts import input_licences
from emoloom.config import MEND, Checks, Config, load_config
from emoloom.corpora.labels import load_space
from emoloom.errors import ConfigError, UserError
from emoloom.row_sets.build import Drawing, write_row_sets
from emoloom.row_sets.cross_spaces import check_cross
from emoloom.row_sets.held_out import check_test
from emoloom.row_sets.parts import PartChecks, source_hashes
from emoloom.row_sets.polarity_set import check_pairs, held_out_rows, pair_hashes
from emoloom.runs.directory import write_folder_atomic, write_json_atomic
from emoloom.runs.licences import strictest_licence
from emoloom.supervision.lexicon import load_lexicon

RECORD = "build.json"
"""Says what a folder was built from."""


def build_data(config_path: Path, out: Path) -> dict[str, int]:
    """Draw and write the row sets of a config: the bytes that a screen has under `data/`.

    Beside them `build.json` says what they were made from, with every licence and the strictest.
    The folder appears whole or not at all; one that was built before is replaced.

    Args:
        config_path: The config of a screen. Its models are not looked at.
        out: A new folder, an empty one, or one built before.

    Returns:
        Rows in `train` and `select`, in `cross` and `test` where there are any, lines rejected,
        and what `test` took out of `select`.

    Raises:
        UserError: the config, its label space, lexicon or a corpus is at fault, or the folder
            holds something else.
    """
    parts = PartChecks()
    checks: Checks = {
        "labels": parts.labels,
        "lexicon": load_lexicon,
        "train": parts.opens,
        "select": parts.opens,
        "cross": parts.opens_test,
        "test": parts.opens_test,
        "polarity": check_pairs,
    }
    config = load_config(config_path, checks)
    space = load_space(config.labels)
    if faults := [*check_cross(config.data, space), *check_test(config.data, space)]:
        raise ConfigError(str(config_path), faults, do=MEND)
    _check_folder(out)
    counts: dict[str, Any] = {}

    def fill(folder: Path) -> None:
        counts.update(_write(config, folder))

    write_folder_atomic(out, fill)
    sizes = {name: counts["sets"][name]["all"] for name in counts["sets"]}
    removed = {key: counts[key] for key in ("removed_from_select",) if key in counts}
    return {**sizes, "rejected": counts["rejected"], **removed}


def _write(config: Config, folder: Path) -> dict[str, Any]:
    space, lexicon = load_space(config.labels), load_lexicon(config.lexicon)
    sources = source_hashes(config.data)
    drawing = Drawing(config.data, sources, config.seed, held_out_rows(config.polarity))
    counts = write_row_sets(folder, drawing, space, lexicon)
    licences = input_licences(config, lexicon)
    record = {
        "data": config.in_force()["data"],
        "seed": config.seed,
        "label_space": {"name": space.name, "labels": list(space.labels)},
        "lexicon": {"name": lexicon.name, "sha256": lexicon.sha256},
        "sources": sources | pair_hashes(config.polarity),
        "licences": licences,
        "strictest_licence": strictest_licence(licences).to_dict(),
    }
    write_json_atomic(folder / RECORD, record)
    return counts


def _check_folder(out: Path) -> None:
    if out.is_dir() and any(out.iterdir()) and not (out / RECORD).is_file():
        raise UserError(
            f"{out} holds something else",
            got=", ".join(sorted(path.name for path in out.iterdir())[:3]),
            do="choose a new folder with --out",
        )
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file", allowed="a folder", do="choose another with --out")
