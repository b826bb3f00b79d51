import hashlib
import json
import re
from importlib import metadata
from pathlib import Path

import pytest

from emoloom.errors import UserError
from emoloom.runs.directory import RunDirectory, Stage, write_text_atomic
from emoloom.runs.provenance import (
    PACKAGES,
    code_sha256,
    machine,
    package_versions,
    write_manifest,
)
from emoloom.runs.record import FORMAT, add_licences, close_run, open_run


@pytest.fixture
def run(tmp_path) -> RunDirectory:
    return RunDirectory(tmp_path)


def record_of(run: RunDirectory) -> dict:
    return json.loads((run.root / "run.json").read_text(encoding="utf-8"))


def finish_a_stage(run: RunDirectory) -> None:
    write_text_atomic(run.data("train"), "rows\n")
    Stage(run.root, "data", "x").finish([run.data("train")])


def events_of(run: RunDirectory) -> list[str]:
    lines = (run.root / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["event"] for line in lines]


def test_a_new_run_is_begun_and_later_continued(run):
    assert open_run(run, "id", {"name": "n", "config": {"seed": 1}}) is False
    wanted = {"format": FORMAT, "identity": "id", "status": "running", "name": "n"}
    assert record_of(run) == {**wanted, "config": {"seed": 1}}
    finish_a_stage(run)
    assert open_run(run, "id", {"name": "n", "config": {"seed": 1}}) is True
    assert record_of(run) == {**wanted, "config": {"seed": 1}}
    assert events_of(run) == ["started", "continued"]


def test_the_code_of_every_call_is_kept(run):
    for code in ("a", "a", "b", "a"):
        open_run(run, "id", {"name": "n", "code_sha256": [code]})
        finish_a_stage(run)
    assert record_of(run)["code_sha256"] == ["a", "b"]


@pytest.mark.parametrize("status", ["done", "stopped_by_budget", "interrupted", "failed"])
def test_how_a_run_ended_is_kept_with_the_rest(run, status):
    open_run(run, "id", {"name": "n"})
    close_run(run, status)
    assert record_of(run)["status"] == status
    assert record_of(run)["name"] == "n"
    open_run(run, "id", {"name": "n"})
    assert record_of(run)["status"] == "running"
    assert events_of(run) == ["started"] + ["continued"] * (status != "done")


def test_another_identity_is_refused_and_nothing_is_touched(run):
    open_run(run, "id", {})
    finish_a_stage(run)
    before = (run.root / "run.json").read_bytes()
    with pytest.raises(UserError, match=r"another config or version; do: .*--out"):
        open_run(run, "other", {})
    assert (run.root / "run.json").read_bytes() == before


def test_a_claim_without_one_finished_stage_binds_nobody(run):
    """The config had a fault that showed late: mended, it may use its folder."""
    open_run(run, "id", {})
    open_run(run, "other", {"name": "mended"})
    assert record_of(run)["identity"] == "other"
    assert record_of(run)["name"] == "mended"


@pytest.mark.parametrize("newer", [FORMAT + 1, 99])
def test_a_newer_layout_is_refused_before_anything_else(run, newer):
    open_run(run, "id", {})
    path = run.root / "run.json"
    path.write_text(json.dumps(record_of(run) | {"format": newer}), encoding="utf-8")
    with pytest.raises(UserError, match=rf"newer emoloom; got: run format {newer}; allowed: up to"):
        open_run(run, "other", {})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b"\xff\xfe",
        b"{}",
        b'{"format": "1"}',
        b'{"format": null}',
        b'{"format": true}',
        b"[" * 100_000,
    ],
)
def test_a_broken_record_is_a_user_error_and_stays(run, content):
    (run.root / "run.json").write_bytes(content)
    for act in (lambda: open_run(run, "id", {}), lambda: close_run(run, "done")):
        with pytest.raises(UserError, match=r"run\.json .*--out"):
            act()
    assert (run.root / "run.json").read_bytes() == content


def test_other_peoples_files_are_named_and_never_mixed_with(run):
    for name in ("a.txt", "b.txt", "c.txt", "d.txt"):
        (run.root / name).touch()
    with pytest.raises(UserError, match=r"holds no run; got: a\.txt, b\.txt, c\.txt, \.\.\.;"):
        open_run(run, "id", {})
    assert sorted(path.name for path in run.root.iterdir()) == ["a.txt", "b.txt", "c.txt", "d.txt"]


def test_what_a_process_killed_at_its_first_write_left_is_no_hindrance(run):
    (run.root / ".lock").touch()
    (run.root / ".run.json.k3x9").write_bytes(b'{"form')
    assert open_run(run, "id", {}) is False


def test_a_licence_is_kept_once_in_the_order_it_became_known(run):
    open_run(run, "id", {"licences": [{"what": "rows", "licence": "A"}]})
    add_licences(run, [{"what": "model", "licence": "B", "terms": "T"}])
    add_licences(run, [{"what": "rows", "licence": "C"}, {"what": "model", "licence": "D"}])
    assert record_of(run)["licences"] == [
        {"what": "rows", "licence": "A"},
        {"what": "model", "licence": "B", "terms": "T"},
    ]


# Provenance


def test_versions_are_those_installed():
    assert package_versions() == {name: metadata.version(name) for name in PACKAGES}


def test_the_machine_has_no_name_and_no_path():
    assert set(machine()) == {"python", "system", "architecture"}
    assert re.fullmatch(r"3\.\d+\.\d+\S*", machine()["python"])


def test_the_code_hash_is_over_names_and_bytes(tmp_path, monkeypatch):
    from emoloom.runs import provenance

    room = tmp_path / "runs"
    room.mkdir()
    (room / "provenance.py").write_text("a", encoding="utf-8")
    (tmp_path / "cli.py").write_text("b", encoding="utf-8")
    monkeypatch.setattr(provenance, "__file__", str(room / "provenance.py"))
    digest = hashlib.sha256()
    for name, content in (("cli.py", b"b"), ("runs/provenance.py", b"a")):
        digest.update(name.encode())
        digest.update(hashlib.sha256(content).digest())
    assert code_sha256() == digest.hexdigest()
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "cli.cpython-311.pyc").write_bytes(b"compiled")
    assert code_sha256() == digest.hexdigest()
    (tmp_path / "cli.py").rename(tmp_path / "cli2.py")
    assert code_sha256() != digest.hexdigest()


RESULTS = ["candidates/a/rows/select.jsonl", "data/train.jsonl", "leaderboard.csv"]


def test_a_manifest_binds_every_file_but_itself_and_what_is_hidden(run):
    bound = [*RESULTS, "run.json", "costs.json", "events.jsonl", "report.html"]
    bound += ["candidates/a/done/select.json", "candidates/a/rows/select.0f.partial"]
    others = ["manifest.json", "manifest.sha256", ".lock", "rankings/0001.json"]
    others += ["candidates/a/.checkpoint.x1/adapter", "data/.train.jsonl.y2"]
    for name in (*bound, *others):
        write_text_atomic(run.root / name, name)
    digest = write_manifest(run, {"made": "from"})
    content = (run.root / "manifest.json").read_bytes()
    assert digest == hashlib.sha256(content).hexdigest()
    assert (run.root / "manifest.sha256").read_text("utf-8") == f"{digest}  manifest.json\n"
    manifest = json.loads(content)
    assert [subject["name"] for subject in manifest["subject"]] == sorted(bound)
    assert [subject["digest"]["sha256"] for subject in manifest["subject"]] == [
        hashlib.sha256(name.encode()).hexdigest() for name in sorted(bound)
    ]
    assert manifest["predicate"]["made"] == "from"
    assert write_manifest(run, {"made": "from"}) == digest
    assert str(Path(run.root)).encode() not in content


def test_the_results_digest_is_over_what_two_runs_share(run):
    def results() -> str:
        write_manifest(run, {})
        text = (run.root / "manifest.json").read_text(encoding="utf-8")
        return json.loads(text)["predicate"]["results_sha256"]

    for name in RESULTS:
        write_text_atomic(run.root / name, name)
    before = results()
    for name in ("run.json", "costs.json", "events.jsonl", "report.html", "a/done/select.json"):
        write_text_atomic(run.root / name, name)
    assert results() == before
    write_text_atomic(run.root / RESULTS[0], "another answer")
    assert results() != before
