"""What run.json and the manifest say a run is, and was made from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emoloom import __version__
from emoloom.config import Config
from emoloom.config_paths import record_paths
from emoloom.contract.prompt import instruction_sha256, render_instruction
from emoloom.contract.schema import CONTRACT_VERSION
from emoloom.corpora.polarity_pairs import POLARITY_LICENCE, POLARITY_SOURCE
from emoloom.metrics.signature import Signature
from emoloom.ranking.rule import RankingRule
from emoloom.records import LabelSpace
from emoloom.row_sets.cross_spaces import CROSS
from emoloom.row_sets.held_out import TEST
from emoloom.row_sets.part_facts import data_licences
from emoloom.row_sets.shared import SharedRows
from emoloom.runs.directory import fingerprint, sha256_file
from emoloom.runs.licences import strictest_licence
from emoloom.runs.provenance import code_sha256, machine, package_versions
from emoloom.screening.cross_set import cross_signature
from emoloom.sources.model_files import ModelFiles
from emoloom.supervision.lexicon import Lexicon

SETTINGS_WITHOUT_EFFECT = ("budget", "cache", "engine", "workers")
"""Top-level settings that change no answer and no score: a run may be continued with others."""

_SWITCHES: tuple[tuple[str, str, object], ...] = (
    ("halving", "rungs", 1),
    ("trials", "learning_rates", []),
    ("frozen_probe", "rows", 0),
)
"""Section, setting, and the value with which the section has no effect."""

ANSWERED_BEFORE = "answered_test_before"
"""In a manifest: candidates that answered `test` and are not of the best set any more."""


def run_identity(config: Config) -> str:
    """Fingerprint of every setting that affects a result; a run folder holds one identity.

    The inputs have hashes of their own: `inputs.input_hashes`.
    """
    settings = settings_of_results(config.in_force())
    return fingerprint([settings, __version__, package_versions()])


def settings_of_results(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that affect a result, of a whole config as JSON values.

    Rungs, trials, frozen probes, cross rows and floors that are off are no part of them: runs from
    before there were any go on.
    """
    settings = {k: v for k, v in config.items() if k not in SETTINGS_WITHOUT_EFFECT}
    for section, switch, off in _SWITCHES:
        given = settings.get(section)
        if isinstance(given, dict) and given.get(switch) == off:
            del settings[section]
    if settings.get("floors") == []:
        del settings["floors"]
    data = settings.get("data")
    if isinstance(data, dict):
        settings["data"] = {k: v for k, v in data.items() if k not in (CROSS, TEST) or v}
    return settings


def run_facts(config: Config, space: LabelSpace, lexicon: Lexicon, root: Path) -> dict[str, Any]:
    """For run.json: what the run is, for people and for the report; `root` is its folder."""
    licences = input_licences(config, lexicon)
    paths = record_paths(config.found_paths(), root)
    return {
        "name": config.name,
        "config": config.in_force(),
        **({"paths": paths} if paths else {}),
        "emoloom_version": __version__,
        "packages": package_versions(),
        "code_sha256": [code_sha256()],
        "created_with": {"threads": config.threads, **machine()},
        "contract_version": CONTRACT_VERSION,
        "label_space": {"name": space.name, "labels": list(space.labels)},
        "instruction": render_instruction("{text}", space),
        "instruction_sha256": instruction_sha256(space),
        "licences": licences,
        "strictest_licence": strictest_licence(licences).to_dict(),
    }


def input_licences(config: Config, lexicon: Lexicon) -> list[dict[str, str]]:
    """Licences of all that a screen reads, beside its models."""
    licences = data_licences(config.data)
    if config.polarity.pairs:
        licences.append({"what": POLARITY_SOURCE, "licence": POLARITY_LICENCE})
    return [*licences, {"what": lexicon.name, "licence": lexicon.licence}]


def model_licences(files: Iterable[ModelFiles]) -> list[dict[str, str]]:
    """For run.json: each model's licence, and its terms where it has any."""
    return [
        {"what": model.display_name, "licence": model.licence}
        | ({} if model.terms is None else {"terms": model.terms})
        for model in files
    ]


def run_signature(
    config: Config, space: LabelSpace, rows: SharedRows, rule: RankingRule
) -> Signature:
    """Every setting that can change a number of the leaderboard."""
    decoding = config.decoding
    longest = f"max_new={decoding.max_new_tokens}{',partial' if decoding.partial else ''}"
    sets = [("rows", f"{len(rows.select)}@{rows.hashes['select'][:8]}")]
    if rows.polarity:
        sets.append(("polarity", f"{len(rows.polarity)}@{rows.hashes['polarity'][:8]}"))
    sets += cross_signature(rows)
    if rows.test:
        sets.append((TEST, f"{len(rows.test)}@{rows.hashes[TEST][:8]}"))
    if config.seeds:
        sets.append(("trainings", ",".join(map(str, config.seeds))))
    if config.seeds_for_noise:
        sets.append(("noise", f"{config.seeds_for_noise} trainings of the cheapest"))
    return Signature(
        (
            ("contract", CONTRACT_VERSION),
            ("space", space.name),
            ("instruction", instruction_sha256(space)[:8]),
            ("set", "select"),
            *sets,
            ("decoding", f"kv-off,greedy,{longest},{decoding.dtype}"),
            *rule.signature_pairs(),
        )
    )


SourceHashes = dict[str, dict[str, str]]
"""sha256 by file name, by corpus."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything that a screen reads."""

    files: Mapping[str, ModelFiles]
    """Models and the encoders of floors on this disk, by name."""
    sources: SourceHashes
    """Of the corpora and the polarity pairs."""
    hashes: Mapping[str, str]
    """sha256 of every input, by a name for people that is the same wherever it lies."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Why an encoder floor cannot be had, by its name: that floor fails, and nothing else does."""


def given_config(path: Path) -> dict[str, str]:
    """For the manifest: the config as the user wrote it, comments and all."""
    return {"sha256": sha256_file(path), "text": path.read_text(encoding="utf-8-sig")}


def made_from(
    config: Config,
    space: LabelSpace,
    lexicon: Lexicon,
    inputs: Inputs,
) -> dict[str, Any]:
    """For the manifest: everything the results were made from, by hash where it has bytes."""
    files = inputs.files
    licences = [*input_licences(config, lexicon), *model_licences(files.values())]
    return {
        "emoloom": {"version": __version__, "code_sha256": code_sha256()},
        "packages": package_versions(),
        "machine": machine(),
        "config": config.in_force(),
        "contract_version": CONTRACT_VERSION,
        "instruction_sha256": instruction_sha256(space),
        "label_space": {"name": space.name, "labels": list(space.labels)},
        "lexicon": {
            "name": lexicon.name,
            "sha256": lexicon.sha256,
            "licence": lexicon.licence,
        },
        "data": inputs.sources,
        "inputs": inputs.hashes,
        "strictest_licence": strictest_licence(licences).to_dict(),
        "models": {
            name: {
                "source": model.source,
                "is": model.display_name,
                "licence": model.licence,
                "terms": model.terms,
                "weights_sha256": model.weights_sha256,
                "weight_file_sha256": model.weight_file_sha256,
                "tokenizer_sha256": model.tokenizer_sha256,
                "config_sha256": model.config_sha256,
                **({"notes": list(model.notes)} if model.notes else {}),
            }
            for name, model in files.items()
        },
    }
