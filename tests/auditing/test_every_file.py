"""Accidents: whatever happens to one file of a finished run, that file is named."""

import json
import os
import shutil
import subprocess

import pytest

from emoloom.errors import UserError
from emoloom.runs.provenance import MANIFEST, SIDECAR
from emoloom.verification import verify_run
from forging import flip_byte, seal
from tiny_screen import run_screen, tree

pytestmark = pytest.mark.usefixtures("own_cache")


def failing(folder, kept=None):
    """(kind, file) of every finding that fails."""
    return [(f.kind, f.file) for f in verify_run(folder, kept).findings if f.fails]


def named(folder):
    """Files that are named by a finding that fails."""
    return {name for _, files in failing(folder) for name in files.split(", ")}


def test_a_finished_run_is_verified_and_nothing_is_written(finished_run):
    before = tree(finished_run.folder)
    verdict = verify_run(finished_run.folder)
    assert (verdict.holds, verdict.findings) == (True, ())
    assert verdict.files == len(before) - 3, "all but the manifest, its hash and the lock"
    assert verdict.answers == 4 * 8 + 2
    assert verdict.numbers > 1000
    assert tree(finished_run.folder) == before


def test_the_manifest_binds_every_file_and_the_sidecar_is_that_of_sha256sum(finished_run):
    folder = finished_run.folder
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    names = {subject["name"] for subject in manifest["subject"]}
    assert names == set(tree(folder)) - {MANIFEST, SIDECAR, ".lock"}
    if shutil.which("sha256sum"):
        done = subprocess.run(
            ["sha256sum", "-c", SIDECAR], cwd=folder, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (0, "manifest.json: OK\n")


def test_one_bit_changed_in_each_file_in_turn_and_every_one_is_named(a_run):
    files = sorted(set(tree(a_run.folder)) - {".lock"})
    empty = [name for name in files if not (a_run.folder / name).stat().st_size]
    assert empty == ["data/rejected.jsonl"]
    for name in files:
        path = a_run.folder / name
        content = path.read_bytes()
        if name in empty:
            path.write_bytes(b"\n")
        else:
            flip_byte(path)
        assert name in named(a_run.folder), name
        path.write_bytes(content)
    assert failing(a_run.folder) == []


def test_every_byte_of_the_manifest_counts(a_run):
    path = a_run.folder / MANIFEST
    content = path.read_bytes()
    for place in range(0, len(content), len(content) // 40):
        flip_byte(path, place)
        assert MANIFEST in named(a_run.folder), content[place - 20 : place + 20]
        path.write_bytes(content)


def test_each_file_removed_in_turn_is_named(a_run):
    for name in sorted(set(tree(a_run.folder)) - {".lock", MANIFEST}):
        path = a_run.folder / name
        content = path.read_bytes()
        path.unlink()
        assert ("missing", name) in failing(a_run.folder), name
        path.write_bytes(content)
    assert failing(a_run.folder) == []


@pytest.mark.parametrize(
    "name", ["notes.txt", "candidates/one.sft/rows/test.jsonl", "candidates/best/scores.json"]
)
def test_an_extra_file_is_named(a_run, name):
    path = a_run.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("{}\n", encoding="utf-8")
    assert failing(a_run.folder) == [("extra", name)]


def test_what_a_killed_process_left_is_told_and_does_not_fail(a_run):
    (a_run.folder / "data/.train.jsonl.x1").write_bytes(b"half")
    verdict = verify_run(a_run.folder)
    assert verdict.holds
    assert [(f.kind, f.file) for f in verdict.findings] == [("note", "data/.train.jsonl.x1")]


def test_neither_a_link_nor_a_pipe_is_opened(a_run, tmp_path):
    outside = tmp_path / "outside"
    outside.write_bytes((a_run.folder / "plan.json").read_bytes())
    (a_run.folder / "plan.json").unlink()
    (a_run.folder / "plan.json").symlink_to(outside)
    os.mkfifo(a_run.folder / "pipe")
    (a_run.folder / "candidates/away").symlink_to("/")
    assert failing(a_run.folder) == [
        ("extra", "candidates/away"),
        ("extra", "pipe"),
        ("altered", "plan.json"),
    ]


def test_half_copied(a_run):
    for name in ("candidates/one.sft", "candidates/tf-idf"):
        shutil.rmtree(a_run.folder / name)
    found = failing(a_run.folder)
    assert ("missing", "candidates/one.sft/rows/select.jsonl") in found
    assert ("missing", "candidates/tf-idf/scores.json") in found
    (a_run.folder / MANIFEST).unlink()
    with pytest.raises(UserError, match=r"has no manifest\.json, so nothing in it can be verified"):
        verify_run(a_run.folder)


def test_a_run_that_did_not_end_says_so(a_run):
    path = a_run.folder / "run.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(record | {"status": "interrupted"}), encoding="utf-8")
    last = verify_run(a_run.folder).findings[-1]
    assert (last.kind, last.file) == ("note", "run.json")
    assert "the run is interrupted: continue it with `emoloom screen`" in last.what


@pytest.mark.parametrize("form", [0, 2, "1", None])
def test_an_altered_format_is_an_altered_file(a_run, form):
    path = a_run.folder / "run.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(record | {"format": form}), encoding="utf-8")
    assert "run.json" in named(a_run.folder)
    seal(a_run.folder)
    with pytest.raises(UserError, match=r"run format|written by a newer emoloom"):
        verify_run(a_run.folder)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"subject": [{"name": 3, "digest": {"sha256": "x"}}], "predicate": {}}',
        b'{"subject": [], "predicate": {}, "_type": "x", "predicateType": "y"}',
    ],
)
def test_a_manifest_of_any_content_is_named_and_nothing_is_raised(a_run, content):
    (a_run.folder / MANIFEST).write_bytes(content)
    verdict = verify_run(a_run.folder)
    assert not verdict.holds
    assert MANIFEST in named(a_run.folder)


@pytest.mark.parametrize("harm", [b"", b"[]", b"null\n", b"{}\n", b"\xff\n", b"[" * 9999, b"7\n"])
def test_files_of_any_content_are_named_and_nothing_is_raised(a_run, harm):
    """Hashes fixed or not: whatever is read must be read as a stranger's."""
    for name in (
        "run.json",
        "costs.json",
        "data/select.jsonl",
        "data/train.jsonl",
        "data/polarity.jsonl",
        "leaderboard.json",
        "candidates/one.sft/rows/select.jsonl",
        "candidates/one.sft/rows/polarity.jsonl",
        "candidates/one.sft/scores.json",
        "candidates/one.sft/done/select.json",
        "candidates/one.sft/preflight.json",
    ):
        path = a_run.folder / name
        content = path.read_bytes()
        path.write_bytes(harm)
        assert name in named(a_run.folder), name
        seal(a_run.folder)
        # Nothing can be computed from times and markers: a forger may write there what he likes.
        alone = name == "costs.json" or "/done/" in name
        assert alone or not verify_run(a_run.folder).holds, name
        path.write_bytes(content)
        seal(a_run.folder)


def test_paths_in_a_manifest_are_never_opened(a_run, tmp_path):
    (tmp_path / "secret").write_text("x", encoding="utf-8")
    path = a_run.folder / MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8"))
    digest = {"sha256": "0" * 64}
    manifest["subject"] += [{"name": n, "digest": digest} for n in ("../secret", "/etc/passwd")]
    for entry in manifest["predicate"]["entries"]:
        entry["made_by"] = "../../.."
    path.write_text(json.dumps(manifest), encoding="utf-8")
    found = failing(a_run.folder)
    assert ("missing", "../secret") in found
    assert ("missing", "/etc/passwd") in found
    assert ("contradiction", "") in found


def test_the_digest_is_that_of_the_manifest_and_a_kept_one_is_compared(a_run):
    digest = verify_run(a_run.folder).digest
    assert verify_run(a_run.folder, digest.upper()).holds
    assert failing(a_run.folder, "0" * 64) == [("altered", MANIFEST)]


def test_two_runs_of_one_config_have_the_same_results_digest(finished_run, tmp_path):
    screened = run_screen(finished_run.config, tmp_path / "again")
    ours, theirs = (
        json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["predicate"]
        for folder in (tmp_path / "again", finished_run.folder)
    )
    assert ours["results_sha256"] == theirs["results_sha256"]
    assert ours["answers"] == theirs["answers"]
    assert verify_run(tmp_path / "again", screened.digest).holds
