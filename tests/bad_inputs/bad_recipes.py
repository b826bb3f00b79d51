"""Recipes that cannot be trained as asked: said before a step is taken."""

import json
from pathlib import Path

from bad_case import Case, Make, Sound, copy_model

from tiny_screen import SETTINGS, entries_of, write_config

CHECK = "check {here}/c.yaml"
SCREEN = "screen {here}/c.yaml --out {here}/run"
MEND = "mend each line and run `emoloom check`"
DATA = SETTINGS["data"]
TRAINING = SETTINGS["training"]


def pairs(*lines: str) -> Make:
    """A file of mirror pairs, and a config with Valence Flip that names it."""

    def make(here: Path, sound: Sound) -> None:
        (here / "pairs.tsv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        training = TRAINING | {"mirror_pairs": str(here / "pairs.tsv")}
        write_config(here / "c.yaml", recipes=["sft+flip"], training=training)

    return make


def theory(content: object) -> Make:
    """A theory table, and a config with the appraisal term that names it."""

    def make(here: Path, sound: Sound) -> None:
        (here / "theory.json").write_text(json.dumps(content), encoding="utf-8")
        training = TRAINING | {"appraisal": {"theory": str(here / "theory.json")}}
        write_config(here / "c.yaml", recipes=["sft+appraisal"], training=training)

    return make


def mixture(train: list[dict[str, object]], *pool_a: str) -> Make:
    """A config with the mixture."""

    def make(here: Path, sound: Sound) -> None:
        training = TRAINING | {"mixture": {"pool_a": list(pool_a)}}
        data = DATA | {"train": train}
        write_config(here / "c.yaml", recipes=["sft+mixture"], training=training, data=data)

    return make


def foreign_lexicon(here: Path, sound: Sound) -> None:
    """A lexicon of another language: it knows no token of the texts and no label word."""
    lines = ["Word\tValence\tArousal\tDominance", "ξρπ\t0.9\t0.5\t0.5", "ψφγ\t0.1\t0.5\t0.5"]
    (here / "words.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_config(here / "c.yaml", recipes=["sft", "sft+vad"], lexicon=str(here / "words.tsv"))


def replaced(pattern: str, by: str, recipe: str) -> Make:
    """A tokenizer that writes something else for what `pattern` matches."""

    def make(here: Path, sound: Sound) -> None:
        path = copy_model(here, sound) / "tokenizer.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        content["normalizer"] = {"type": "Replace", "pattern": {"Regex": pattern}, "content": by}
        path.write_text(json.dumps(content), encoding="utf-8")
        models = [str(here / "model"), {"source": "random:tiny@1", "name": "one"}]
        write_config(here / "c.yaml", models=models, recipes=[recipe])

    return make


def fault(name: str, make: Make, /, *parts: str) -> Case:
    return Case(f"recipe-{name}", make, CHECK, ("c.yaml has 1 fault:", *parts, MEND))


def before_training(name: str, make: Make, /, *parts: str) -> Case:
    """What only the model can tell: the candidate fails without a step, the other one is ranked."""
    return Case(f"recipe-{name}", make, SCREEN, parts, code=0, after=failed_without_a_step)


def failed_without_a_step(here: Path, sound: Sound) -> None:
    entries = entries_of(here / "run")
    ranks = [one["rank"] for one in entries.values() if one["kind"] == "candidate"]
    assert sorted(ranks, key=str) == [1, None]
    (failed,) = (one for one in entries.values() if one["status"] == "failed")
    steps = here / "run/candidates" / failed["name"] / "steps.jsonl"
    assert not steps.exists() or steps.read_text(encoding="utf-8") == ""


A, B = {"corpus": "goemotions-sample", "rows": 8}, {"corpus": "emobank-sample", "rows": 12}

CASES = (
    fault(
        "mirror-not-symmetric",
        pairs("joy\tsadness", "love\tanger", "joy\tgrief"),
        *("training.mirror_pairs: the mirror pairs of ", "are not symmetric"),
        "got: line 3: joy - grief, but before joy - sadness",
    ),
    fault("mirror-of-itself", pairs("joy\tjoy"), "makes a label its own mirror", "got: joy"),
    fault("mirror-unknown", pairs("joy\tennui"), "not of the space goemotions28", "got: 'ennui'"),
    fault("mirror-none", pairs("", ""), "pairs.tsv holds no mirror pair"),
    fault("mirror-one-column", pairs("joy sadness"), "line 1 of ", "is no mirror pair"),
    fault("theory-a-list", theory([]), "training.appraisal.theory: ", "is no theory table"),
    fault("theory-too-few-keys", theory({"space": "ekman7"}), "is no theory table", "got: space"),
    fault(
        "pool-b-empty",
        mixture([A, B], "goemotions-sample", "emobank-sample"),
        *("training.mixture: pool B is empty", "add a corpus, or leave out the recipes"),
    ),
    fault("pool-b-of-one-corpus", mixture([A]), "training.mixture: pool B is empty"),
    fault("pool-a-unknown", mixture([A, B], "isear"), "'isear' is no corpus of data.train"),
    before_training("lexicon-without-overlap", foreign_lexicon, "words.tsv"),
    before_training("labels-collide", replaced("anger|annoyance", "ire", "sft+vad"), "same tokens"),
    before_training("no-digits", replaced("[0-9]", "", "sft"), "does not parse after tokenising"),
)
