"""What some recipes need beside the shared rows: flipped rows and the appraisal verifier.

Made once for the whole screen, kept in the run's `data` folder.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from emoloom import __version__
from emoloom.config import Config
from emoloom.config_sections import AppraisalConfig
from emoloom.corpora.overlap import keep_apart
from emoloom.errors import UserError
from emoloom.recipes import RECIPES, Part
from emoloom.records import Appraisal, LabelSpace, Row
from emoloom.row_sets.cross_spaces import CROSS
from emoloom.row_sets.held_out import TEST
from emoloom.row_sets.names import SourceNames
from emoloom.row_sets.polarity_set import held_out_rows
from emoloom.row_sets.shared import SharedRows, read_back
from emoloom.runs.directory import (
    RunDirectory,
    Stage,
    fingerprint,
    sha256_file,
    write_json_atomic,
    write_jsonl_atomic,
)
from emoloom.runs.provenance import package_versions
from emoloom.runs.work import Advance, Outcome, Work
from emoloom.supervision.lexicon import Lexicon
from emoloom.supervision.mirror_pairs import load_mirror_pairs
from emoloom.supervision.theory import load_theory_table
from emoloom.supervision.training_atoms import training_atoms
from emoloom.supervision.valence_flip import flip_rows
from emoloom.supervision.verifier_choice import TheoryRows, VerifierRequest, get_verifier
from emoloom.supervision.verifier_file import save_verifier

Say = Callable[[str], object]

_VERIFIER_FILES = ("verifier.zip", "verifier.json", "atoms.jsonl")


@dataclass(frozen=True, slots=True)
class Extras:
    """What the recipes of a screen may draw on."""

    flips: tuple[Row, ...] = ()
    """Training rows with their polarity turned over."""
    atoms: Mapping[str, Appraisal] | None = None
    """Id of each training row and flip -> the verifier's atoms of it."""
    hashes: dict[str, str] = field(default_factory=dict)
    """sha256 of each file: `flips`, `atoms`."""


def parts_in_force(config: Config) -> frozenset[Part]:
    """The parts of all recipes of a screen; a term whose weight is 0 is no part of any."""
    wanted = frozenset[Part]().union(*(RECIPES.get(name, ()) for name in config.recipes))
    return wanted - {"appraisal"} if config.training.weights.appraisal == 0 else wanted


def check_recipes(config: Config, space: LabelSpace) -> list[str]:
    """What the recipes of a screen lack, one line each: known before any work is done."""
    parts, training = parts_in_force(config), config.training
    given, faults = training.appraisal, []
    # Else nobody rated some atoms of the texts that the verifier is fitted on.
    rated = given.verifier or (given.crowd_envent and given.isear)
    for needed, path, load in (
        (
            "flip" in parts,
            "training.mirror_pairs",
            partial(load_mirror_pairs, space, training.mirror_pairs),
        ),
        (
            "appraisal" in parts and not rated,
            "training.appraisal.theory",
            partial(load_theory_table, space, given.theory),
        ),
    ):
        if needed:
            try:
                load()
            except UserError as error:
                faults.append(f"{path}: {error}")
    return faults + (_pool_faults(config) if "mixture" in parts else [])


def _pool_faults(config: Config) -> list[str]:
    """Pool A must be corpora of the screen, and something must be left for pool B."""
    names = SourceNames(config.data)
    corpora = [names.of(part) for part in config.data.train]
    pool_a = pool_a_of(config)
    unknown = sorted(set(pool_a) - set(corpora))
    if unknown:
        return [
            f"training.mixture.pool_a: {unknown[0]!r} is no corpus of data.train "
            f"(allowed: {', '.join(corpora)})"
        ]
    if set(corpora) <= set(pool_a):
        return [
            "training.mixture: pool B is empty: every corpus of data.train is in pool A "
            f"({', '.join(pool_a)}); add a corpus, or leave out the recipes with a mixture"
        ]
    return []


def pool_a_of(config: Config) -> tuple[str, ...]:
    """Corpora of pool A of the mixture."""
    return config.training.mixture.pool_a or (SourceNames(config.data).of(config.data.train[0]),)


def try_extras(config: Config, rows: SharedRows, space: LabelSpace) -> None:
    """See that what `extras_work` reads and fits can be read and fitted; nothing is kept.

    Raises:
        UserError: a file cannot be used, or the rows do not do for a fit.
    """
    if "appraisal" in parts_in_force(config):
        request = VerifierRequest(**config.training.appraisal.model_dump(), save=None)
        get_verifier(request, lambda _: None, TheoryRows(space, rows.train))


def recipe_hashes(config: Config) -> dict[str, str]:
    """sha256 of every file that the user gives for a recipe of the screen, by a name for people."""
    parts, training = parts_in_force(config), config.training
    given: dict[str, Path | None] = {}
    if "flip" in parts:
        given["training.mirror_pairs"] = training.mirror_pairs
    if "appraisal" in parts:
        named = training.appraisal.model_dump().items()
        given |= {f"training.appraisal.{name}": path for name, path in named}
    found: dict[str, str] = {}
    for setting, path in given.items():
        hashes = None if path is None else _hash(path)
        if isinstance(hashes, dict):
            found |= {f"{name} ({setting})": str(digest) for name, digest in hashes.items()}
        elif path is not None and hashes is not None:
            found[f"{path.name} ({setting})"] = str(hashes)
    return found


def extras_work(
    run: RunDirectory,
    config: Config,
    rows: SharedRows,
    space: LabelSpace,
    lexicon: Lexicon,
    say: Say,
) -> Iterable[Work]:
    """The units that make what the recipes of this screen need; none for plain fine-tuning."""
    parts = parts_in_force(config)
    if "flip" in parts:
        yield _flip_work(run, config, rows, space, lexicon)
    if "appraisal" in parts:
        trained = (*rows.train, *(_read_flips(run, space) if "flip" in parts else ()))
        yield _verifier_work(run, config.training.appraisal, rows, trained, space, say)


def read_extras(run: RunDirectory, config: Config, space: LabelSpace) -> Extras:
    """What `extras_work` made."""
    parts, hashes = parts_in_force(config), {}
    flips: tuple[Row, ...] = ()
    atoms = None
    if "flip" in parts:
        flips, hashes["flips"] = _read_flips(run, space), sha256_file(run.data("flips"))
    if "appraisal" in parts:
        path = run.data("atoms")
        atoms, hashes["atoms"] = _read_atoms(path), sha256_file(path)
    return Extras(flips, atoms, hashes)


def _read_flips(run: RunDirectory, space: LabelSpace) -> tuple[Row, ...]:
    path = run.data("flips")
    # No row could be flipped: readers take an empty file for a mistake.
    return read_back(path, space) if path.stat().st_size else ()


def _read_atoms(path: Path) -> dict[str, Appraisal]:
    with path.open(encoding="utf-8") as stream:
        return {one["id"]: Appraisal(**one["atoms"]) for one in map(json.loads, stream)}


def _flip_work(
    run: RunDirectory, config: Config, rows: SharedRows, space: LabelSpace, lexicon: Lexicon
) -> Work:
    out, counts_file = run.data("flips"), run.root / "data" / "flips.json"
    mirrors = load_mirror_pairs(space, config.training.mirror_pairs)
    held_out = held_out_rows(config.polarity)

    def make(advance: Advance) -> Outcome:
        flipped = flip_rows(rows.train, mirrors, lexicon, rows.scale)
        kept = keep_apart(flipped.rows, {"select": rows.select})
        probed = keep_apart(kept.kept, {CROSS: rows.cross})
        tested = keep_apart(probed.kept, {TEST: rows.test})
        apart = keep_apart(tested.kept, {"polarity pairs": held_out})
        write_jsonl_atomic(out, [row.to_dict() for row in apart.kept])
        counts: dict[str, int] = {
            "rows_in": flipped.rows_in,
            "flipped": len(apart.kept),
            "stand_in_select": len(kept.removed),
            **({"stand_in_cross": len(probed.removed)} if rows.cross else {}),
            **({"stand_in_test": len(tested.removed)} if rows.test else {}),
            "stand_in_polarity_pairs": len(apart.removed),
            **{str(reason): count for reason, count in flipped.dropped.items()},
        }
        write_json_atomic(counts_file, counts)
        advance(len(rows.train))
        return Outcome((out, counts_file), counts)

    pairs = sorted(mirrors.mirror.items())
    inputs = [rows.hashes, asdict(rows.scale), space.labels, pairs, lexicon.sha256, __version__]
    inputs += [[row.text for row in held_out]]
    stage = Stage(run.root, "flips", fingerprint(inputs))
    return Work(stage, "-", len(rows.train), "rows", make, budgeted=False)


def _verifier_work(
    run: RunDirectory,
    given: AppraisalConfig,
    rows: SharedRows,
    trained: tuple[Row, ...],
    space: LabelSpace,
    say: Say,
) -> Work:
    """The verifier, and its atoms of all rows that are trained on."""
    out, quality, told = (run.root / "data" / name for name in _VERIFIER_FILES)
    request = VerifierRequest(**given.model_dump(), save=None)

    def make(advance: Advance) -> Outcome:
        known = TheoryRows(space, rows.train)
        verifier = get_verifier(request, say, known)
        save_verifier(verifier, out)
        atoms = training_atoms(verifier, request, known, trained)
        pairs = zip(trained, atoms, strict=True)
        write_jsonl_atomic(told, [{"id": row.id, "atoms": asdict(one)} for row, one in pairs])
        write_json_atomic(
            quality, {"atoms": [asdict(one) for one in verifier.quality], "inputs": verifier.inputs}
        )
        advance(1)
        return Outcome((out, quality, told))

    hashes = {name: _hash(path) for name, path in given.model_dump().items() if path}
    inputs: list[object] = [rows.hashes["train"], hashes, space.labels, __version__]
    inputs += [package_versions(), [(row.id, row.text) for row in trained[len(rows.train) :]]]
    return Work(
        Stage(run.root, "verifier", fingerprint(inputs)), "-", 1, "fit", make, budgeted=False
    )


def _hash(path: Path) -> object:
    """Of a file, or of every file in a folder; a fault is for whoever reads it to say."""
    if path.is_dir():
        return {one.name: sha256_file(one) for one in sorted(path.iterdir()) if one.is_file()}
    return sha256_file(path) if path.is_file() else None
