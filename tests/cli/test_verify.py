"""`emoloom verify` and `rank`: what is printed, and the exit codes."""

import json
import shutil
import subprocess
import sys

import pytest

from forging import ANSWER, edit_answer, seal
from tiny_screen import assert_user_error, call

pytestmark = pytest.mark.usefixtures("own_cache")


def test_the_digest_that_screen_prints_is_that_of_verify(a_run):
    screened = call("screen", a_run.config, "--out", a_run.folder)
    (printed,) = (line for line in screened.out.splitlines() if line.startswith("digest "))
    called = call("verify", a_run.folder)
    assert called.code == 0
    assert printed in called.out.splitlines()
    digest = printed.removeprefix("digest ")
    assert call("verify", a_run.folder, "--digest", digest).code == 0
    assert call("verify", a_run.folder, "--digest", digest.removeprefix("sha256:")).code == 0
    seal(a_run.folder, note="forged")
    forged = call("verify", a_run.folder, "--digest", digest)
    assert forged.code == 4
    assert forged.out.splitlines()[-1] == "NOT verified: 2 findings in manifest.json, report.html"


def test_one_line_a_finding_and_the_verdict_last(a_run):
    edit_answer(a_run.folder, "one.sft", 0, ANSWER)
    (a_run.folder / "plan.json").unlink()
    (a_run.folder / "evil\x1b[2J\nname").write_text("x", encoding="utf-8")
    called = call("verify", a_run.folder)
    assert called.code == 4
    assert called.err == ""
    lines = called.out.splitlines()
    assert "missing  plan.json: the manifest binds it, and it is not here" in lines
    assert any(line.startswith("extra  evil\N{REPLACEMENT CHARACTER}[2J") for line in lines)
    altered = "altered  candidates/one.sft/rows/select.jsonl: sha256 is "
    assert any(line.startswith(altered) for line in lines)
    assert any(line.startswith("number  leaderboard.json: entries[one.sft].p") for line in lines)
    assert lines[-1].startswith("NOT verified: ")
    assert "plan.json" in lines[-1]


def test_json_has_every_finding(a_run):
    edit_answer(a_run.folder, "one.sft", 0, ANSWER)
    called = call("verify", a_run.folder, "--json")
    assert called.code == 4
    record = json.loads(called.out)
    assert record["verified"] is False
    assert record["replay"] is None
    assert {"kind", "file", "what"} == set(record["findings"][0])
    printed = call("verify", a_run.folder).out
    assert len(record["findings"]) > len(printed.splitlines()) - 3
    assert "(--json has all)" in printed


def test_verify_and_rank_work_without_torch_and_report_leaves_a_run_verified(a_run):
    calls = [["verify"], ["report"], ["rank", "--weights", "labels=1,vad=0"], ["verify"]]
    code = f"""
import sys
for name in ("torch", "transformers", "peft", "safetensors", "gguf"):
    sys.modules[name] = None
from emoloom.cli import main
for command, *options in {calls!r}:
    sys.argv = ["emoloom", command, {str(a_run.folder)!r}, *options]
    try:
        main()
    except SystemExit as stop:
        assert not stop.code, (command, stop.code)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    assert done.stdout.count("\nverified: ") == 2


def test_a_read_only_folder_is_verified(a_run):
    paths = [a_run.folder, *a_run.folder.rglob("*")]
    try:
        for path in paths:
            path.chmod(0o555 if path.is_dir() else 0o444)
        assert call("verify", a_run.folder).code == 0
    finally:
        for path in paths:
            path.chmod(0o755)


def test_a_run_under_another_name_and_place_is_verified(a_run, tmp_path):
    moved = tmp_path / "deep" / "other name"
    shutil.copytree(a_run.folder, moved)
    assert call("verify", moved).code == 0


@pytest.mark.parametrize("digest", ["", "abc", "g" * 64, "0" * 63, "sha512:" + "0" * 64])
def test_a_digest_that_is_none(finished_run, digest):
    called = call("verify", finished_run.folder, "--digest", digest)
    assert_user_error(called, "this is no sha256", "allowed: 64 hex digits")
