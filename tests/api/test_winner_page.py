"""docs/winner.md cannot drift: its commands exist, and its Python runs."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emoloom.cli import app
from tiny_screen import call

PAGE = (Path(__file__).parents[2] / "docs" / "winner.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if line
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_exists_with_its_options(command):
    words = shlex.split(command.rpartition("| ")[2])
    assert words[:2] in (["emoloom", "export"], ["emoloom", "predict"])
    result = CliRunner().invoke(app, [words[1], "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    for word in words:
        assert not word.startswith("--") or word in result.output, word


def test_the_python_of_the_page_runs(finished_run, own_cache, tmp_path, monkeypatch, capsys):
    shutil.copytree(finished_run.folder, tmp_path / "runs" / "demo")
    exported = call(
        "export", tmp_path / "runs/demo", "--out", tmp_path / "winner", "--check-rows", 1
    )
    assert exported.code == 0, exported.err
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(code, "winner.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("one.sft is the only candidate")
    assert printed[-1].startswith('{"id":"b",')
