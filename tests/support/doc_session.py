"""Run the commands of a docs page in a folder of its own, on the random model and few rows.

The commands are the page's; what they work on is made small (`SMALL`, `shrunk`).
"""

import hashlib
import json
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from doc_commands import ROOT, Block, Command
from emoloom.config import parse_config
from official_files import emobank_file, goemotions_folder
from tiny_screen import SETTINGS, call

SMALL = {
    "smollm2-135m": "random-tiny",
    "gemma-3-270m": "random-tiny",
    "SRC": "random-tiny",
    "CONFIG": "configs/tiny.yaml",
    "DIR": "runs/tiny",
    "FILE": "rows.jsonl",
    "ROWS": "rows.jsonl",
    "SPACE": "ekman7",
    "N": "1",
    "X": "tiny-a.sft",
    "F": "winner",
}
"""A word of a command -> what stands in its place here: a small model, or what a synopsis means."""

READERS = ("cat", "echo", "head", "ls", "printf", "tail", "wc")
"""Programs beside `emoloom` that a page may call: they only read."""

_ROWS = {"goemotions-sample": 8, "emobank-sample": 12}


@dataclass
class Session:
    """A folder in which one page's files are written and its commands run."""

    folder: Path
    ran: list[str] = field(default_factory=list)

    def prepare(self) -> None:
        """Lay out what a reader has: the configs of the repository, rows, official files."""
        for config in sorted((ROOT / "configs").rglob("*.yaml")):
            target = self.folder / config.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            _write_config(target, config.read_text(encoding="utf-8"))
        samples = ROOT / "src/emoloom/data/samples/goemotions/dev.jsonl"
        lines = samples.read_text(encoding="utf-8").splitlines()[:3]
        (self.folder / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        texts = [json.loads(line)["text"] for line in lines]
        (self.folder / "texts.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
        (self.folder / "tickets.csv").write_text("id,message\na,So it goes.\n", encoding="utf-8")
        (self.folder / "more.jsonl").write_text('{"text": "So it goes."}\n', encoding="utf-8")
        goemotions_folder(self.folder / "goemotions")
        emobank_file(self.folder / "emobank")

    def model_folder(self, name: str) -> None:
        """A folder with a model, as a user has one."""
        got = call("models", "get", "random-tiny")
        assert got.code == 0, got.err
        shutil.copytree(got.out.strip(), self.folder / name)

    def write(self, block: Block) -> None:
        """Write the file that a block shows; a config is checked whole, and then made small."""
        target = self.folder / block.title
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix in (".yaml", ".yml"):
            _write_config(target, block.text)
        else:
            target.write_text(block.text, encoding="utf-8")

    def run(self, command: Command, where: str) -> None:
        """Run one command line, pipes and redirections included.

        Raises:
            AssertionError: it ended otherwise than the page says.
        """
        stages, target = _parsed(command.text)
        data, code, said = b"", 0, ""
        for stage in stages:
            words = [self._small(word) for word in stage]
            if words[0] == "emoloom":
                self._make_runs(words)
                called = call(*words[1:], stdin=data)
                data, code, said = called.out.encode(), called.code, called.err
            else:
                assert words[0] in READERS, f"{where}: {words[0]} is not run here"
                done = subprocess.run(
                    words, input=data, capture_output=True, check=False, cwd=self.folder
                )
                data, code, said = done.stdout, done.returncode, done.stderr.decode()
        assert code == command.code, f"{where}: {command.text}\nexit code {code}\n{said}"
        if target is not None:
            (self.folder / target).write_bytes(data)
        self.ran.append(command.text)

    def run_python(self, block: Block) -> None:
        """Run a block of Python in this process, with the folder as the current one."""
        exec(compile(block.text, f"{block.page}:{block.line}", "exec"), {"__name__": "__docs__"})

    def _small(self, word: str) -> str:
        manifest = self.folder / SMALL["DIR"] / "manifest.json"
        if word == "SHA256" and manifest.exists():
            return hashlib.sha256(manifest.read_bytes()).hexdigest()
        return SMALL.get(word, word)

    def _make_runs(self, words: list[str]) -> None:
        """A run that a page takes for granted: of the config of that name, finished."""
        if words[1] == "screen":
            return
        for word in words:
            folder = self.folder / word
            config = self.folder / "configs" / f"{folder.name}.yaml"
            if word.startswith("runs/") and not folder.exists() and config.exists():
                made = call("screen", config, "--out", folder)
                assert made.code == 0, made.err


def shrunk(given: dict[str, Any]) -> dict[str, Any]:
    """A config of the same form that takes a second: random models, few rows, short answers."""
    small = dict(given)
    for section, settings in SETTINGS.items():
        if isinstance(settings, dict) and section != "data":
            small[section] = {**given.get(section, {}), **settings}
        elif isinstance(settings, int) and section != "seed":
            small[section] = settings
    small["data"] = {
        kind: [_few(part, kind) for part in parts] for kind, parts in given["data"].items()
    }
    small["models"] = [
        {"source": f"random:tiny@{number}", "name": _name(model, number)}
        for number, model in enumerate(given["models"], start=1)
    ]
    return small


def _few(part: dict[str, Any], kind: str) -> dict[str, Any]:
    if "file" in part and "rows" not in part:
        return part  # all of a file that the page shows, which is small
    rows = 4 if kind != "train" else _ROWS.get(str(part.get("corpus")), 12)
    return {**part, "rows": min(int(part.get("rows", rows)), rows)}


def _name(model: str | dict[str, Any], number: int) -> str:
    given = {"source": model} if isinstance(model, str) else model
    source = str(given["source"])
    plain = source.replace("-", "").replace(".", "").isalnum()
    return str(given.get("name") or (source if plain else f"model-{number}"))


def _write_config(target: Path, text: str) -> None:
    """A screen's config is checked as it stands in the page, then written small."""
    given = yaml.safe_load(text)
    if isinstance(given, dict) and {"data", "models"} <= given.keys():
        parse_config(given, source=target.name)
        text = yaml.safe_dump(shrunk(given))
    target.write_text(text, encoding="utf-8")


def _parsed(text: str) -> tuple[list[list[str]], str | None]:
    """(the words of each stage of a pipe, the file its output goes to).

    What a synopsis has in brackets (`[--out DIR]`) may be left out, and is.
    """
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|<>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    stages: list[list[str]] = [[]]
    tokens = iter(lexer)
    target = None
    for word in tokens:
        if word == "|":
            stages.append([])
        elif word == ">":
            target = next(tokens)
        elif word == "<":
            stages.insert(0, ["cat", next(tokens)])
        else:
            stages[-1].append(word)
    return [_needed(words) for words in stages], target


def _needed(words: list[str]) -> list[str]:
    """The words without what stands in brackets."""
    kept, inside = [], False
    for word in words:
        inside = inside or re.match(r"\[(--|[A-Z])", word) is not None
        if not inside:
            kept.append(word)
        inside = inside and not word.endswith("]")
    return kept
