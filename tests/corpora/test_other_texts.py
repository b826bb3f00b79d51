"""Of several columns of texts one is read, and the others are named."""

import json
from pathlib import Path

import yaml

from emoloom.corpora.check import check_data
from emoloom.corpora.other_texts import texts_beside
from tiny_screen import call, write_config

DIALOGUE = (
    ("well how do I know", "of course I did see it many times", "so now I am happy", "joy"),
    ("ok", "when did I say that to anybody", "No. I never said it", "anger"),
)
"""Three turns and what the last one expresses."""


def dialogue(path: Path, count: int = 6) -> Path:
    lines = ["id\tturn1\tturn2\tturn3\tlabel"]
    for n in range(count):
        *turns, label = DIALOGUE[n % 2]
        lines.append("\t".join([str(n), *(f"{turn} {n}" for turn in turns), label]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


LEFT_OUT = (
    "texts are read from 'turn2' alone; left out, though like texts: 'turn1', 'turn3'; name "
    "another as `text` in the `mapping`, or join them into one column first"
)


def test_data_check_names_the_columns_that_it_leaves_out(tmp_path):
    path = dialogue(tmp_path / "emo.tsv")
    called = call("data", "check", path)
    assert (called.code, LEFT_OUT in called.out) == (0, True), called
    assert check_data(path).to_dict()["other_texts"] == ["turn1", "turn3"]


def test_so_do_check_and_build_until_a_mapping_is_given(tmp_path, monkeypatch):
    """What is said can be pasted, whatever folder the command was called from."""
    dialogue(tmp_path / "sub/emo.tsv")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    data = {"train": [{"file": "emo.tsv"}], "select": [{"corpus": "goemotions-sample"}]}
    config = write_config(tmp_path / "sub/c.yaml", labels="goemotions28", data=data)
    checked = call("check", config)
    assert (checked.code, f"emo.tsv: {LEFT_OUT}" in checked.out) == (0, True), checked
    assert "emoloom data check emo.tsv" not in checked.out  # it would find no such file here
    built = call("data", "build", config, "--out", tmp_path / "built")
    assert f"warning: emo.tsv: {LEFT_OUT}" in built.out
    guess = next(line for line in checked.out.splitlines() if "emo.tsv are guessed" in line)
    pasted = yaml.safe_load(guess.partition("freeze them in its part: `")[2].removesuffix("`"))
    counts = json.loads((tmp_path / "built/counts.json").read_text(encoding="utf-8"))
    data["train"][0] |= pasted
    write_config(config, labels="goemotions28", data=data)
    again = call("check", config)
    assert (again.code, "guessed" in again.out, "left out" in again.out) == (0, False, False)
    assert counts["sets"]["train"]["all"] == 6
    assert "rows: train 6 rows" in again.out


def test_what_is_no_text_is_not_named():
    sample = [
        {
            "text": f"so glad to be here {n}",
            "when": "2017-09-01 10:00:00",
            "link": "https://somewhere.example/a/long/address/of/a/page",
            "class": "a_long_name_of_a_class",
            "author": "Al B",
            "context": "what was said before it",
            "count": 7,
        }
        for n in range(3)
    ]
    others = [name for name in sample[0] if name != "text"]
    assert texts_beside("text", others, sample) == ("context",)
    assert texts_beside("text", others, []) == ()
