"""The reader of pages: what it takes for a command, a file and a note."""

from pathlib import Path

import pytest

from doc_commands import blocks_of, commands_of
from doc_session import Session

PAGE = """\
Text.

```yaml title="my.yaml"
a: 1
```

```sh
emoloom check CONFIG        # every fault
# only a comment
emoloom screen my.yaml \\
    --out here              # exit code 3

echo "a # b" | emoloom parse
```

*Not run in the tests: needs
a GPU.*

- a list

    ```sh
    ls
    ```

    Run by nobody.

    make sure of it
    and go on

    emoloom screen my.yaml
    make demo

_Run by make demo._
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(PAGE, encoding="utf-8")
    return path


def test_blocks_have_their_kind_title_and_note(page: Path) -> None:
    config, shell, inner, indented = blocks_of(page)
    assert (config.kind, config.title, config.text, config.line) == ("yaml", "my.yaml", "a: 1\n", 3)
    assert shell.note == "Not run in the tests: needs a GPU."
    assert (inner.kind, inner.text, inner.note) == ("sh", "ls\n", "")
    assert (indented.kind, indented.text) == ("sh", "emoloom screen my.yaml\nmake demo\n")
    assert indented.note == "Run by make demo."
    assert [command.line for command in commands_of(indented)] == [30, 31]


def test_commands_are_joined_and_lose_their_comments(page: Path) -> None:
    _, shell, _, _ = blocks_of(page)
    found = [(command.text, command.line, command.code) for command in commands_of(shell)]
    assert found == [
        ("emoloom check CONFIG", 8, 0),
        ("emoloom screen my.yaml --out here", 10, 3),
        ('echo "a # b" | emoloom parse', 13, 0),
    ]


def test_an_unclosed_block_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("```sh\nls\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="not closed"):
        blocks_of(path)


@pytest.mark.parametrize(
    "line", ["emoloom check nowhere.yaml", "emoloom nothing", "rm -r .", "cat nowhere"]
)
def test_a_command_that_fails_fails_the_page(line: str, tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"```sh\n{line}\n```\n", encoding="utf-8")
    (block,) = blocks_of(path)
    (command,) = commands_of(block)
    with pytest.raises(AssertionError, match=r"page\.md:2"):
        Session(tmp_path).run(command, "page.md:2")


def test_pipes_and_files_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "page.md"
    path.write_text(
        "```sh\necho 'I love it' | emoloom weak-vad > out.jsonl\ncat < out.jsonl\n```\n",
        encoding="utf-8",
    )
    (block,) = blocks_of(path)
    session = Session(tmp_path)
    for command in commands_of(block):
        session.run(command, "page.md")
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8").startswith('{"v":')
    assert len(session.ran) == 2
