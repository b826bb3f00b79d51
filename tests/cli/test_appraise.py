"""`emoloom appraise`: a text a line in, four probabilities a line out."""

import json
import subprocess
import sys

import pytest

from emoloom.records import ATOMS
from emoloom.supervision.verifier_file import load_verifier
from rated_files import envent_folder, isear_file
from tiny_screen import assert_user_error, call

TEXTS = b"I love this, thank you!\n\nI hate this, you stupid idiot\n"


@pytest.fixture
def envent(tmp_path):
    return envent_folder(tmp_path / "envent")


@pytest.fixture
def isear(tmp_path):
    return isear_file(tmp_path / "isear.csv")


def test_without_an_option_the_theory_table_answers():
    called = call("appraise", stdin=TEXTS)
    assert called.code == 0
    first, blank, second = map(json.loads, called.out.splitlines())
    assert list(first) == list(blank) == list(ATOMS)
    assert first["goal_attainment"] > second["goal_attainment"] + 0.3
    assert all(0 < value < 1 for line in (first, blank, second) for value in line.values())
    lines = called.err.splitlines()
    assert [line.split(":")[0] for line in lines] == list(ATOMS)
    assert all("fitted on theory table (1600 texts); on 400 held out: AUROC 0." in x for x in lines)
    assert call("appraise", stdin=TEXTS) == called


def test_save_reads_no_text_and_the_file_says_the_same(tmp_path, envent, isear):
    path = tmp_path / "new" / "v.npz"
    fitting = ("--crowd-envent", envent, "--isear", isear)
    fitted = call("appraise", *fitting, stdin=TEXTS)
    saved = call("appraise", *fitting, "--save", path, stdin=TEXTS)
    assert (saved.code, saved.out) == (0, "")
    assert saved.err == fitted.err
    assert "fairness: fitted on ISEAR (" in saved.err
    loaded = call("appraise", "--verifier", path, stdin=TEXTS)
    assert (loaded.code, loaded.err, loaded.out) == (0, "", fitted.out)
    assert [one.source for one in load_verifier(path).quality] == ["crowd-enVENT"] * 3 + ["ISEAR"]


def test_atoms_without_ratings_come_from_the_table(isear):
    called = call("appraise", "--isear", isear, stdin=TEXTS)
    sources = [line.split("fitted on ")[1].split(" (")[0] for line in called.err.splitlines()]
    assert sources == ["theory table"] * 3 + ["ISEAR"]
    plain = [json.loads(line) for line in call("appraise", stdin=TEXTS).out.splitlines()]
    for line, other in zip(map(json.loads, called.out.splitlines()), plain, strict=True):
        assert line["fairness"] != other["fairness"]
        assert [line[atom] for atom in ATOMS[:3]] == [other[atom] for atom in ATOMS[:3]]


def test_records_that_were_left_out_are_said(isear):
    isear.write_text(isear.read_text(encoding="utf-8") + "1|1|1|7|3|joy|x|bad|1|\n", "utf-8")
    called = call("appraise", "--isear", isear, stdin=b"")
    assert "ISEAR: 1 of 121 records left out, first on line 122: got FAIR = '7'" in called.err


def test_a_table_of_ones_own(tmp_path):
    from emoloom.corpora.labels import load_space

    labels = load_space("goemotions28").labels
    profiles = {x: [[0.9 if x == "curiosity" else 0.1, "me"]] * 4 for x in labels}
    table = {"space": "goemotions28", "atoms": list(ATOMS), "sources": {"me": "I"}}
    path = tmp_path / "table.json"
    path.write_text(json.dumps({**table, "profiles": profiles}), encoding="utf-8")
    called = call("appraise", "--theory", path, stdin=b"What is this? Why?\nThank you!\n")
    curious, thanks = map(json.loads, called.out.splitlines())
    assert all(curious[atom] > thanks[atom] + 0.05 for atom in ATOMS)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--verifier", "none.npz"), ("there is no file none.npz",)),
        (("--verifier", "v.npz", "--save", "w.npz"), ("--verifier goes with no other option",)),
        (("--verifier", "v.npz", "--isear", "i.csv"), ("--verifier goes with no other option",)),
        (("--isear", "none.csv"), ("there is no file none.csv",)),
        (("--crowd-envent", "none"), ("there is no file none",)),
        (("--theory", "none.json"), ("there is no file none.json",)),
    ],
)
def test_bad_options(options, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_user_error(call("appraise", *options, stdin=TEXTS), *said)


def test_where_nothing_can_be_saved_nothing_is_fitted(tmp_path):
    for target in (tmp_path, tmp_path / "file" / "v.npz"):
        (tmp_path / "file").write_text("in the way", encoding="utf-8")
        called = call("appraise", "--save", target)
        assert_user_error(called, "cannot write", "choose another --save")
        assert "AUROC" not in called.err


def test_a_table_that_nothing_needs_is_refused(envent, isear):
    options = ("--crowd-envent", envent, "--isear", isear, "--theory", isear)
    assert_user_error(call("appraise", *options), "--theory is of no use")


def test_a_verifier_of_another_kind(tmp_path):
    path = tmp_path / "v.npz"
    path.write_bytes(b"\x80\x04K\x01.")
    assert_user_error(
        call("appraise", "--verifier", path), "is no appraisal verifier", "do: fit it"
    )


def test_torch_is_not_imported():
    code = (
        "import sys; from emoloom.cli import app; sys.argv = ['emoloom', 'appraise']\n"
        "try:\n    app()\nexcept SystemExit as stop:\n    assert not stop.code\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, input=TEXTS, capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.count(b"\n") == 3


def test_help_waits_for_no_heavy_import():
    code = (
        "import sys; from emoloom.cli import app; sys.argv = ['emoloom', 'appraise', '--help']\n"
        "try:\n    app()\nexcept SystemExit:\n    pass\n"
        "assert not {'torch', 'sklearn', 'numpy', 'scipy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=120)
