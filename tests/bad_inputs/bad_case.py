"""One bad input: how its files are made, the command that meets them, and what must be said.

Every module `bad_*.py` beside this one holds a tuple `CASES`.
"""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[1]
sys.path.append(str(_TESTS / "support"))
sys.path.append(str(_TESTS / "sources"))

WEIGHTS = "model.safetensors"
NOT_JSON = b"\x00{no json"


@dataclass
class Sound:
    """What the bad files are made from: each thing is made once, when it is first asked for."""

    folder: Path

    @cached_property
    def model(self) -> Path:
        """A whole model folder, random weights."""
        from emoloom.sources.tiny import write_random_llama

        write_random_llama(self.folder / "model", 3)
        return self.folder / "model"

    @cached_property
    def gguf(self) -> bytes:
        """The same model as a GGUF file."""
        from gguf_maker import write_gguf

        return write_gguf(self.model, self.folder / "tiny.gguf").read_bytes()

    @cached_property
    def config(self) -> Path:
        """The config of the run."""
        from tiny_screen import write_config

        return write_config(self.folder / "small.yaml")

    @cached_property
    def run(self) -> Path:
        """A finished run folder. Never write into it."""
        from tiny_screen import run_screen

        run_screen(self.config, self.folder / "run")
        return self.folder / "run"


Make = Callable[[Path, Sound], object]


@dataclass(frozen=True)
class Case:
    """One bad input."""

    name: str
    make: Make
    """Writes the files into the case's own folder."""
    command: str
    """Arguments of `emoloom`; `{here}` is the case's folder."""
    parts: tuple[str, ...]
    """Pieces of the one message (of all that is printed, where the code is 0)."""
    code: int = 2
    """Expected exit code."""
    env: tuple[tuple[str, str], ...] = ()
    """Environment variables; `{here}` as above."""
    leaves: tuple[str, ...] = ()
    """Paths that the command may make or change where it fails, with all that is below them."""
    after: Callable[[Path, Sound], None] | None = None
    """Further checks of the files."""
    locked: str = ""
    """A file on which another process holds a lock meanwhile."""
    weak: bool = False
    """Run without the right to write what is read-only, which root has."""


def copy_model(here: Path, sound: Sound) -> Path:
    """A sound model folder of the case's own."""
    return Path(shutil.copytree(sound.model, here / "model"))


def edit_json(path: Path, *, drop: tuple[str, ...] = (), **changes: object) -> None:
    """Change some top-level keys of a JSON file."""
    content = json.loads(path.read_text(encoding="utf-8")) | changes
    kept = {key: value for key, value in content.items() if key not in drop}
    path.write_text(json.dumps(kept), encoding="utf-8")


def write_lines(path: Path, *lines: object) -> None:
    """JSON Lines; text stands as it is."""
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")


def with_rows(make: Make) -> Make:
    """The same, and `rows.jsonl` with one good row beside it."""

    def make_both(here: Path, sound: Sound) -> None:
        write_lines(here / "rows.jsonl", {"id": "a", "text": "I love this puppy."})
        make(here, sound)

    return make_both


GET = "models get {here}/model"
DECODE = (
    "decode --model {here}/model --input {here}/rows.jsonl --output {here}/out.jsonl "
    "--max-new-tokens 8"
)


def model_case(
    name: str, harm: Callable[[Path], object], *parts: str, load: bool = False, code: int = 2
) -> Case:
    """A harmed model folder: met by `models get` or, where it has to be loaded, by `decode`."""

    def make(here: Path, sound: Sound) -> None:
        harm(copy_model(here, sound))

    return Case(name, with_rows(make) if load else make, DECODE if load else GET, parts, code)
