"""The blocks of README.md and docs/**/*.md: commands to run, files to write, notes.

A block is fenced, or indented by four spaces; of the latter only those that begin with a command.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

SHELL = ("sh", "bash", "shell", "console", "zsh")
"""Languages of a fence that mean commands."""

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,}|~{3,}) *(?P<info>[^`]*)$")
_TITLE = re.compile(r'\btitle="(?P<title>[^"]+)"')
_NOTE = re.compile(r"^[*_](?P<note>(Not run in the tests|Run by)\b.+)[*_]$", re.DOTALL)
CALL = re.compile(r"(\$ )?((emoloom|pip|python3?|git|mkdocs|uv) .|make [\w-]+ *(#|$))")
"""How a line begins that calls a program of ours."""

_INDENT = "    "
_EXIT_CODE = re.compile(r"# exit code (?P<code>\d+)(?=[:;,.]|\s*$)")


@dataclass(frozen=True)
class Block:
    """One block."""

    page: str
    """Path below the repository."""
    line: int
    """Before its first line, from 1: of its opening fence, where it has one."""
    kind: str
    """First word after the fence, such as `sh` or `yaml`."""
    title: str
    """The file that it shows, from `title="..."`; empty where it names none."""
    text: str
    """What stands in it."""
    note: str
    """`Not run in the tests: ...` or `Run by ...`, from the paragraph behind it; else empty."""


@dataclass(frozen=True)
class Command:
    """One command line of a block."""

    text: str
    """Without its comment."""
    line: int
    """In its page, from 1."""
    code: int
    """What its comment states (`# exit code 3`, or `# exit code 3: why`), else 0."""


def pages() -> list[Path]:
    """README and every page of the docs."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks_of(path: Path) -> list[Block]:
    """Every block of a page, in its order; a fence that is not closed is an error."""
    lines = path.read_text(encoding="utf-8").split("\n")
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    found, at = [], 0
    while at < len(lines):
        if opened := _FENCE.match(lines[at]):
            end = _closing(lines, at, opened["indent"] + opened["ticks"])
            assert end is not None, f"{name}:{at + 1}: the block is not closed"
            info, inner = opened["info"].strip(), lines[at + 1 : end]
            text = "".join(f"{line.removeprefix(opened['indent'])}\n" for line in inner)
            note = _note_behind(lines, end)
            found.append(Block(name, at + 1, info.partition(" ")[0], _title(info), text, note))
            at = end + 1
        elif lines[at].startswith(_INDENT) and CALL.match(lines[at][4:]):
            end = next(n for n, line in enumerate([*lines[at:], ""], at) if line[:4] != _INDENT)
            text = "".join(f"{line[4:]}\n" for line in lines[at:end])
            found.append(Block(name, at, "sh", "", text, _note_behind(lines, end - 1)))
            at = end
        else:
            at += 1
    return found


def commands_of(block: Block) -> Iterator[Command]:
    """The commands of a shell block: continued lines joined, comments and empty lines left out."""
    whole, first = "", 0
    for number, line in enumerate(block.text.split("\n"), start=block.line + 1):
        first = first or number
        if line.rstrip().endswith("\\"):
            whole += line.strip().removesuffix("\\").rstrip() + " "
            continue
        whole += line.strip()
        stated = _EXIT_CODE.search(whole)
        if text := _without_comment(whole).strip().removeprefix("$ "):
            yield Command(text, first, int(stated["code"]) if stated else 0)
        whole, first = "", 0


def _title(info: str) -> str:
    titled = _TITLE.search(info)
    return titled["title"] if titled else ""


def _without_comment(line: str) -> str:
    """The line up to a `#` that begins a word and stands in no quotes."""
    quote = ""
    for at, char in enumerate(line):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "#" and (at == 0 or line[at - 1].isspace()):
            return line[:at]
    return line


def _closing(lines: list[str], at: int, fence: str) -> int | None:
    for number in range(at + 1, len(lines)):
        if lines[number].rstrip() == fence:
            return number
    return None


def _note_behind(lines: list[str], end: int) -> str:
    """The note in the first paragraph behind a block."""
    rest = [line.strip() for line in lines[end + 1 :]]
    while rest and not rest[0]:
        rest.pop(0)
    paragraph = rest[: rest.index("")] if "" in rest else rest
    noted = _NOTE.match(" ".join(paragraph))
    return noted["note"] if noted else ""
