"""Every command of README.md and docs/**/*.md is run here, or its page says by whom, or why not.

A page is one session: its titled blocks are files, its commands run in their order in one folder.
A shell block that is not run here carries, behind it, a line of its own that readers see too:
`*Not run in the tests: needs a GPU.*` or `*Run by tests/real/test_demo_path.py.*`
"""

import re
from pathlib import Path

import pytest

from doc_commands import CALL, ROOT, SHELL, Block, blocks_of, commands_of, pages
from doc_session import Session
from tiny_encoder import write_tiny_bert

PAGES = [page.relative_to(ROOT).as_posix() for page in pages()]

RUN_ELSEWHERE = {
    "make demo": "tests/real/test_demo_path.py",
    "make test": "tests/docs/test_commands.py",
}
"""Commands that another test stands for: the demo's with few rows, this suite itself."""

KINDS = {*SHELL, "text", "yaml", "json", "csv", "python", "html"}

MODEL_FOLDER = "my-model"
"""The folder of a model of the reader's own, wherever a page names one."""


ENCODER_FOLDER = "my-encoder"
"""The folder of an encoder of theirs."""


def is_run(block: Block) -> bool:
    return block.kind in (*SHELL, "python") and not block.note


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("page", [p for p in PAGES if any(map(is_run, blocks_of(ROOT / p)))])
def test_the_commands_of_a_page_run(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = blocks_of(ROOT / page)
    monkeypatch.chdir(tmp_path)
    session = Session(tmp_path)
    session.prepare()
    if any(MODEL_FOLDER in block.text for block in blocks):
        session.model_folder(MODEL_FOLDER)
    if any(ENCODER_FOLDER in block.text for block in blocks):
        write_tiny_bert(tmp_path / ENCODER_FOLDER)
    for block in blocks:
        if block.title:
            session.write(block)
        if is_run(block) and block.kind == "python":
            session.run_python(block)
        elif is_run(block):
            for command in commands_of(block):
                if command.text not in RUN_ELSEWHERE:
                    session.run(command, f"{page}:{command.line}")


@pytest.mark.parametrize("page", PAGES)
def test_a_note_names_a_test_that_is_there_or_a_reason(page: str) -> None:
    for block in blocks_of(ROOT / page):
        if block.note.startswith("Run by"):
            named = re.findall(r"tests/[\w/]+\.py|make \w+", block.note)
            assert named, f"{page}:{block.line}: names no test"
            for name in named:
                assert _is_there(name), f"{page}:{block.line}: {name}"
        elif block.note:
            reason = block.note.partition(":")[2].strip(" .")
            assert len(reason.split()) >= 2, f"{page}:{block.line}: no reason"


@pytest.mark.parametrize("page", PAGES)
def test_no_command_hides_in_a_block_of_another_kind(page: str) -> None:
    for block in blocks_of(ROOT / page):
        assert block.kind in KINDS, f"{page}:{block.line}: the block has no known language"
        if block.kind == "text" and block.note == "":
            for line in block.text.splitlines():
                assert not CALL.match(line) or "[OPTIONS]" in line, f"{page}:{block.line}: {line}"


def test_what_is_run_elsewhere_is_there() -> None:
    for command, test in RUN_ELSEWHERE.items():
        assert (ROOT / test).exists()
        assert _is_there(command)


def _is_there(name: str) -> bool:
    if name.startswith("make "):
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        return re.search(rf"^{name.split()[1]}:", makefile, re.MULTILINE) is not None
    return (ROOT / name).exists()
