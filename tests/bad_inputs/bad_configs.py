"""Configs that cannot be meant: broken files, broken values, names of things that are not there."""

from pathlib import Path

import yaml
from bad_case import Case, Make, Sound

from tiny_screen import SETTINGS, write_config

CHECK = "check {here}/c.yaml"
GOOD = yaml.safe_dump(SETTINGS).encode()
MEND = "mend each line and run `emoloom check`"
SAMPLE = {"corpus": "emobank-sample"}


def raw(content: bytes) -> Make:
    def make(here: Path, sound: Sound) -> None:
        (here / "c.yaml").write_bytes(content)

    return make


def changed(**changes: object) -> Make:
    def make(here: Path, sound: Sound) -> None:
        write_config(here / "c.yaml", **changes)

    return make


def link_to_itself(here: Path, sound: Sound) -> None:
    (here / "c.yaml").symlink_to("c.yaml")


def broken(name: str, content: bytes, *parts: str) -> Case:
    """A file that is no config at all."""
    return Case(f"config-{name}", raw(content), CHECK, ("c.yaml", *parts))


def fault(name: str, /, *parts: str, **changes: object) -> Case:
    """A config with one fault, or several."""
    return Case(f"config-{name}", changed(**changes), CHECK, ("c.yaml has ", *parts, MEND))


def source(name: str, text: str, *parts: str) -> Case:
    """A model source that cannot be read."""
    return fault(f"source-{name}", "\n  models.0.source: ", "; allowed: ", *parts, models=[text])


def train(**part: object) -> dict[str, object]:
    return {"train": [part], "select": [SAMPLE]}


def bomb(levels: int) -> bytes:
    """Nine aliases of nine aliases of ...: 9 ** levels values in a few lines."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines).encode()


CASES = (
    broken("empty", b"", "is empty", "do: see configs/demo.yaml"),
    broken("list", b"- a\n- b\n", "is not a mapping", "got: list"),
    broken("binary", bytes(range(256)), "is not UTF-8", "got: byte 0x80", "do: save it as UTF-8"),
    broken("zeros", bytes(1000), "is not valid YAML", "unacceptable character #x0000"),
    broken("utf-16", GOOD.decode().encode("utf-16"), "is not UTF-8", "byte 0xff at offset 0"),
    broken("deep", b"a: " + b"[" * 5000, "is nested too deep", "do: "),
    broken("deep-mapping", b"{a: " * 40 + b"1" + b"}" * 40, "nested too deep", MEND),
    broken("duplicate-key", GOOD + b"seed: 4\n", "the key 'seed' stands twice", "do: "),
    broken("alias-bomb", bomb(30), "a4: it stands for more than 10000 values", MEND),
    broken("too-long", b"# " + b"x" * (2 << 20), "is too long", "allowed: at most 1048576"),
    broken("python-tag", b"name: !!python/object/apply:os.getcwd []", "python/object", "do: "),
    broken("two-documents", GOOD + b"---\n" + GOOD, "expected a single document", "do: "),
    Case("config-link-to-itself", link_to_itself, CHECK, ("c.yaml", "symbolic links", "do: ")),
    Case("config-missing", lambda here, sound: None, CHECK, ("does not exist", "do: check the")),
    Case("config-with-bom", raw(b"\xef\xbb\xbf" + GOOD), CHECK, ("c.yaml is fine",), 0),
    fault("unknown-key", "\n  sead: unknown key; did you mean 'seed'?", sead=1),
    fault(
        "three-faults",
        "has 3 faults:",
        "\n  sead: unknown key",
        "\n  threads: got 'two'; input should be a valid integer",
        "\n  recipes.0: got 'lora'; ",
        *("'sft'", "'full-recipe' or 'zero-shot'"),
        sead=1,
        threads="two",
        recipes=["lora"],
    ),
    fault(
        "nan",
        "\n  training.learning_rate: got nan; it should be text, a finite number",
        training={"learning_rate": float("nan")},
    ),
    fault("infinite", "\n  budget.wall_seconds: got inf; ", budget={"wall_seconds": float("inf")}),
    fault(
        "date",
        "\n  name: got datetime.date(2024, 1, 31); ",
        "(dates go in quotes)",
        name=yaml.safe_load("2024-01-31"),
    ),
    fault("name-goes-up", "\n  name: got '../../etc'; string should match", name="../../etc"),
    fault(
        "model-name-goes-up",
        "\n  models.0.name: got '../x'; string should match",
        models=[{"source": "random:tiny@1", "name": "../x"}],
    ),
    fault("floor-unknown", "floors.0.source: No such model; got: 'nope'", floors=["nope"]),
    fault(
        "floor-is-a-language-model",
        "floors.0.source: smollm2-135m is not an encoder of texts",
        "do: name language models under `models`",
        floors=["smollm2-135m"],
    ),
    fault(
        "floor-under-models",
        "models.0.source: minilm-l6 is an encoder of texts, not a language model",
        "do: name it under `floors`: `floors: [minilm-l6]`",
        models=["minilm-l6"],
    ),
    fault(
        "floor-of-a-taken-name",
        "floors: a floor has a name that is taken; got: tf-idf",
        "do: give it a `name` of its own",
        floors=[{"source": "minilm-l6", "name": "tf-idf"}],
    ),
    fault(
        "floor-with-code",
        "floors.0.trust_remote_code: unknown key (allowed: source, name)",
        floors=[{"source": "minilm-l6", "trust_remote_code": True}],
    ),
    fault("floors-no-list", "floors: got 'minilm-l6'; it should be a list", floors="minilm-l6"),
    fault(
        "two-models-of-one-name",
        "\n  models: two models have one name; got: random-tiny-1; do: give each a `name`",
        models=["random:tiny@1", "random:tiny@1"],
    ),
    fault(
        "two-names-one-folder",
        "two models have one name; got: A; do: give each a `name`",
        models=[
            {"source": "random:tiny@1", "name": "A"},
            {"source": "random:tiny@2", "name": "a"},
        ],
    ),
    fault(
        "unknown-corpus",
        "\n  data.train.0: unknown corpus; got: 'nosuch'; allowed: goemotions-sample",
        data=train(corpus="nosuch"),
    ),
    fault(
        "corpus-path-missing",
        "\n  data.train.0.path: there is no file or folder no/such/folder in ",
        data=train(corpus="goemotions", path="no/such/folder"),
    ),
    fault(
        "too-few-rows",
        "\n  data.train.0: emobank-sample has too few rows",
        "got: rows: 1000000; allowed: at most ",
        data=train(corpus="emobank-sample", rows=1_000_000),
    ),
    fault(
        "cross-of-train",
        "\n  data.cross.0: goemotions-sample is trained on",
        "allowed: corpora and files that are not in data.train",
        data={**SETTINGS["data"], "cross": [{"corpus": "goemotions-sample"}]},
    ),
    fault(
        "cross-twice",
        "\n  data.cross.1: goemotions-sample stands twice in data.cross",
        data={**train(**SAMPLE), "cross": [{"corpus": "goemotions-sample"}] * 2},
    ),
    fault(
        "line-break-in-path",
        "has 1 fault:\n  lexicon: there is no file or folder a\\nerror: b in ",
        lexicon="a\nerror: b",
    ),
    fault("unknown-labels", "\n  labels: unknown label space; got: 'mine'", labels="mine"),
    source("unknown-scheme", "s3://bucket/model", "No such model; got: 's3://bucket/model'"),
    source("hub-without-org", "hf:name", "This hub source cannot be read; got: 'hf:name'"),
    source("hub-goes-up", "hf:../../etc", "got: 'hf:../../etc'; allowed: hf:org/name"),
    source("of-nobody", "~no-such-user/model", "No such model; got: '~no-such-user/model'"),
    source("too-long", "a" * 5000, "No such model; got: 'aaa"),
    source("no-number", "random:tiny@x", "This random source", "do: write for instance random:"),
    source("goes-up", "pypi:tiny==1.0#../x.gguf", "relative and without `..`"),
    source("absolute", "pypi:tiny==1.0#/etc/x.gguf", "relative and without `..`"),
)
