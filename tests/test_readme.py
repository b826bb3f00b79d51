"""The README cannot drift: its commands run, its files exist, its make targets are there."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emoloom.cli import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line.partition("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]
ALONE = [c for c in COMMANDS if c.startswith("echo ")]
NAMED = [c for c in COMMANDS if c.startswith("emoloom ")]


def test_readme_shows_commands_of_every_kind() -> None:
    assert COMMANDS[:2] == ["make demo", "make test"]
    assert len(ALONE) == 4
    assert len(NAMED) >= 9


@pytest.mark.parametrize("command", ALONE)
def test_a_piped_command_runs(command: str) -> None:
    text, _, piped = command.partition(" | ")
    (given,) = shlex.split(text)[1:]
    result = CliRunner().invoke(app, shlex.split(piped)[1:], input=given + "\n")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(('{"ok":true', '{"v":', '{"goal_attainment":', '{"text":'))


@pytest.mark.parametrize("command", NAMED)
def test_a_named_command_exists_with_its_options(command: str) -> None:
    words = [word.strip("[]") for word in shlex.split(command)[1:]]
    names = words[:2] if words[0] in {"models", "data"} else words[:1]
    result = CliRunner().invoke(app, [*names, "--help"])
    assert result.exit_code == 0, result.output
    for word in words:
        if word.startswith("--"):
            assert word in result.output, word


@pytest.mark.parametrize("command", ["emoloom schema", "emoloom models list", "emoloom data list"])
def test_a_command_without_arguments_runs(command: str) -> None:
    assert command in NAMED
    result = CliRunner().invoke(app, shlex.split(command)[1:])
    assert result.exit_code == 0, result.output
    assert result.output.strip()


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for command in COMMANDS:
        if command.startswith("make "):
            assert re.search(rf"^{command.split()[1]}:", makefile, re.MULTILINE), command


def test_linked_files_exist() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    for link in links:
        assert (ROOT / link).exists(), link
