"""The samples that ship: their bytes, their content, and the script that makes them."""

import hashlib
import importlib.util
import itertools
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import jsonschema
import numpy as np
import pytest

from emoloom.contract.schema import row_schema
from emoloom.corpora.labels import load_space
from emoloom.corpora.lines import normalise_text
from emoloom.corpora.registry import read_corpus
from emoloom.corpora.splits import positives
from emoloom.records import Answer, Row

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT / "../shared/data"
SAMPLES = ROOT / "src/emoloom/data/samples"
SCRIPT = ROOT / "scripts/make_samples.py"
SIZES = {
    ("goemotions", "train"): 2000,
    ("goemotions", "dev"): 500,
    ("goemotions", "test"): 500,
    ("emobank", "train"): 800,
    ("emobank", "dev"): 300,
    ("emobank", "test"): 300,
}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_samples", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def samples() -> dict[tuple[str, str], tuple[Row, ...]]:
    return {key: read_corpus(f"{key[0]}-sample", key[1]).rows for key in SIZES}


def test_the_bytes_are_those_of_sha256sums():
    listed = [line.split() for line in (SAMPLES / "SHA256SUMS").read_text("utf-8").splitlines()]
    assert {file for _, file in listed} == {
        "README.md",
        *(f"{corpus}/{split}.jsonl" for corpus, split in SIZES),
    }
    for digest, file in listed:
        assert hashlib.sha256((SAMPLES / file).read_bytes()).hexdigest() == digest, file


def test_sizes_and_notices(samples):
    assert {key: len(rows) for key, rows in samples.items()} == SIZES
    for corpus, licence in (("goemotions", "CC BY 4.0"), ("emobank", "CC BY-SA 4.0")):
        notice = (SAMPLES / corpus / "LICENSE").read_text("utf-8")
        assert licence in notice
        assert "What was changed" in notice


def test_rows_keep_the_published_schema(samples):
    validator = jsonschema.Draft202012Validator(row_schema(load_space("goemotions28")))
    for rows in samples.values():
        for row in rows[:100]:
            validator.validate(row.to_dict())


def test_every_label_stands_in_train(samples):
    assert min(positives(samples["goemotions", "train"], load_space("goemotions28")).values()) > 0


def test_proportions_are_natural(samples):
    # Official train: 14,219 of 43,410 rows are neutral, 4,130 admiration. Four standard errors.
    counts = positives(samples["goemotions", "train"], load_space("goemotions28"))
    for label, official in (("neutral", 14219), ("admiration", 4130)):
        share = official / 43410
        margin = 4 * (share * (1 - share) / 2000) ** 0.5
        assert abs(counts[label] / 2000 - share) < margin


def test_no_text_stands_in_two_sets_and_no_id_twice(samples):
    texts = {key: {normalise_text(row.text) for row in rows} for key, rows in samples.items()}
    for one, other in itertools.combinations(texts, 2):
        assert not texts[one] & texts[other], (one, other)
    ids = [row.id for rows in samples.values() for row in rows]
    assert len(ids) == len(set(ids))


def test_ratings_are_human_and_labels_are_the_annotators(samples):
    for (corpus, _), rows in samples.items():
        for row in rows:
            assert row.id.startswith(f"{corpus}/")
            assert (row.answer.labels is None) == (corpus == "emobank")
            assert row.vad_source == ("human" if corpus == "emobank" else None)


def test_the_screen_finds_nothing_in_what_ships(samples, script):
    screen = script.load_screen()
    assert not [row.id for rows in samples.values() for row in rows if screen.finds(row.text)]


def test_the_screen_matches_whole_words_stems_and_lookalikes(script, tmp_path):
    path = tmp_path / "list.txt"
    # ROT13 of "# note", "bad", "worse~".
    path.write_text("# abgr\nonq\njbefr~\n", encoding="utf-8")
    screen = script.load_screen(path)
    assert all(screen.finds(text) for text in ("so BAD!", "b@d", "worsening", "w0rse", "(bad)"))
    assert not any(screen.finds(text) for text in ("badly", "abad", "unworse", ""))


def test_the_list_ships_encoded(script):
    listed = script.SLURS.read_text("utf-8").splitlines()
    screen = script.load_screen()
    entries = [line.removesuffix("~") for line in listed if not line.startswith("#")]
    assert len(entries) == len(set(entries)) == len(screen.words) + len(screen.stems)
    assert len(entries) > 100
    assert not screen.words & set(entries)


def test_missing_labels_are_swapped_in_with_few_rows(script):
    space = load_space("ekman7")

    def row(key: str, *labels: str) -> Row:
        return Row(key, key, Answer(labels, None, ""), "s", "train", None, key)

    drawn = (*(row(f"n{i}", "neutral") for i in range(9)), row("j", "joy"))
    both = row("both", "anger", "fear")
    pool = (
        *drawn,
        row("a", "anger"),
        row("f", "fear"),
        both,
        row("d", "disgust"),
        row("sad", "sadness", "surprise"),
    )
    rows, swapped = script.cover_labels(drawn, pool, space, np.random.default_rng(0))
    assert swapped == 3
    assert len(rows) == len({r.id for r in rows}) == 10
    assert min(positives(rows, space).values()) > 0
    assert {"both", "d", "sad", "j"} < {r.id for r in rows}
    # Nothing is missing: nothing is swapped.
    assert script.cover_labels(rows, pool, space, np.random.default_rng(0)) == (rows, 0)
    with pytest.raises(SystemExit, match="surprise"):
        script.cover_labels(drawn, drawn, space, np.random.default_rng(0))


def test_the_script_makes_the_same_bytes_again():
    if not SHARED.exists():
        pytest.skip("../shared/data is absent: the samples cannot be made again")
    command = [sys.executable, str(SCRIPT), "--check", "--out", str(SAMPLES)]
    for corpus in ("goemotions", "emobank"):
        command += [f"--{corpus}", str(SHARED / corpus)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "screened=119" in done.stdout
