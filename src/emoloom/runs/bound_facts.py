"""Do the manifest's own facts agree with the files that they speak of?

A forger may fix the hash of a file that he altered; then what the manifest says twice must agree
still: in its subjects, in its predicate, and in the run's other files.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from emoloom.runs.bindings import bind_answers
from emoloom.runs.provenance import MANIFEST
from emoloom.runs.verify import Finding, Manifest

_SAME = (
    *("config", "packages", "contract_version", "instruction_sha256", "label_space", "inputs"),
)
"""What run.json and the manifest both say."""


def check_facts(root: Path, manifest: Manifest, record: Mapping[str, Any]) -> list[Finding]:
    """Each fact that stands twice, and not alike.

    Args:
        root: the run folder.
        manifest: its manifest.
        record: its run.json.
    """
    return [
        Finding("contradiction", MANIFEST, what)
        for what in (*_against_record(manifest, record), *_against_answers(root, manifest))
    ]


def _against_record(manifest: Manifest, record: Mapping[str, Any]) -> Iterator[str]:
    for key in _SAME:
        if manifest.predicate.get(key) != record.get(key):
            yield f"`{key}` of its predicate is not that of run.json"
    made_with = manifest.predicate.get("emoloom")
    version = made_with.get("version") if isinstance(made_with, dict) else None
    if version != record.get("emoloom_version"):
        yield "`emoloom` of its predicate is not the version of run.json"


def _against_answers(root: Path, manifest: Manifest) -> Iterator[str]:
    """The bindings are made again from the files and the subjects."""
    stated = manifest.predicate.get("answers")
    try:
        made = bind_answers(root, manifest.subjects, manifest.predicate)
    except (KeyError, TypeError, AttributeError):
        yield "its `entries` or `models` cannot be read, so no answer is bound"
        return
    models = manifest.predicate["models"]
    for entry in manifest.predicate["entries"]:
        weights = models.get(entry["base"], {}).get("weights_sha256")
        if entry["weights_sha256"] != weights:
            yield f"its entry {entry['name']} has other weights than its model {entry['base']}"
    by_file = {}
    for one in stated if isinstance(stated, list) else ():
        if isinstance(one, dict):
            by_file[str(one.get("file"))] = one
    for one in made:
        if by_file.pop(one["file"], None) != one:
            yield f"what it says of the answers in {one['file']} is not what the files say"
    for name in sorted(by_file):
        yield f"it speaks of answers in {name}, which no entry has"
