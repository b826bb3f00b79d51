"""Lexicon files: the one that ships, the formats users have, and what is refused."""

import hashlib
import importlib.util
import pickle
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import scipy.stats

from emoloom.errors import UserError
from emoloom.records import VAD
from emoloom.supervision.lexicon import SHIPPED, Lexicon, load_lexicon
from emoloom.supervision.tokens import tokenise

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT / "../shared/data"
SCRIPT = ROOT / "scripts/make_lexicon.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_lexicon", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load(tmp_path: Path, text: str, name: str = "mine.tsv") -> Lexicon:
    path = tmp_path / name
    path.write_bytes(text.encode("utf-8"))
    return load_lexicon(path)


def test_the_shipped_lexicon():
    lexicon = load_lexicon()
    listed, file = (SHIPPED.parent / "SHA256SUMS").read_text("utf-8").split()
    assert file == SHIPPED.name
    assert lexicon.sha256 == listed == hashlib.sha256(SHIPPED.read_bytes()).hexdigest()
    assert lexicon.name == "glasgow-actdata"
    assert "CC BY 4.0" in lexicon.licence
    assert lexicon.rejected == ()
    assert len(lexicon.entries) == 6187
    assert lexicon.max_words == 8
    assert load_lexicon() is lexicon
    values = np.array([vad.as_tuple() for vad in lexicon.entries.values()])
    assert values.min() >= 0
    assert values.max() <= 1
    np.testing.assert_allclose(lexicon.centre.as_tuple(), values.mean(axis=0), atol=1e-12)
    # Glasgow, row `love`: V 8.647 (actdata would give 0.79), and an actdata phrase.
    assert lexicon.entries["love"].v == pytest.approx((8.647 - 1) / 8, abs=5e-5)
    assert "make fun of" in lexicon.entries


def test_terms_are_what_the_tokeniser_gives():
    assert all(" ".join(tokenise(term)) == term for term in load_lexicon().entries)


def test_both_notices_stand_beside_it():
    for name, licence in (("glasgow-norms", "CC BY 4.0"), ("actdata", "CC0 1.0")):
        assert licence in (SHIPPED.parent / f"NOTICE-{name}").read_text("utf-8")


def test_no_term_names_people_by_their_group(script):
    terms = script.read_identity_terms()
    assert "muslim" in terms
    assert len(terms) == 85
    assert not terms & set(load_lexicon().entries)


ROWS = (("good", 0.9, 0.5, 0.6), ("alarm-clock", 0.25, 0.75, 0.5), ("bad", 0.1, 0.6, 0.4))


def tsv(rows: object, header: str = "") -> str:
    return header + "".join("\t".join(map(str, row)) + "\n" for row in rows)  # type: ignore[attr-defined]


def test_all_formats_say_the_same(tmp_path):
    nrc_header = "Word\tValence\tArousal\tDominance\n"
    texts = {
        "nrc v1": tsv(ROWS, nrc_header),
        "nrc v1 without a header": tsv(ROWS),
        "nrc v2": tsv(
            [(w, *(round(2 * x - 1, 9) for x in vad)) for w, *vad in ROWS],
            "term\tvalence\tarousal\tdominance\n",
        ),
        "byte-order mark and carriage returns": "\ufeff"
        + tsv(ROWS, nrc_header).replace("\n", "\r\n"),
        "ours": tsv(
            [(*row, "mine") for row in ROWS], "term\tvalence\tarousal\tdominance\torigin\n"
        ),
        "warriner": ",Word,V.Mean.Sum,V.SD.Sum,A.Mean.Sum,D.Mean.Sum\n"
        + "".join(f"1,{w},{1 + 8 * v},2,{1 + 8 * a},{1 + 8 * d}\n" for w, v, a, d in ROWS),
    }
    for name, text in texts.items():
        lexicon = load(tmp_path, text)
        assert list(lexicon.entries) == ["good", "alarm clock", "bad"], name
        for (_, *vad), found in zip(ROWS, lexicon.entries.values(), strict=True):
            assert found.as_tuple() == pytest.approx(vad, abs=1e-9), name
        assert lexicon.centre.as_tuple() == pytest.approx((1.25 / 3, 1.85 / 3, 0.5), abs=1e-9)
        assert lexicon.max_words == 2
        assert (lexicon.name, lexicon.rejected) == ("mine.tsv", ())
        assert lexicon.sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_a_lexicon_can_be_sent_to_another_process(tmp_path):
    lexicon = load(tmp_path, tsv(ROWS))
    assert pickle.loads(pickle.dumps(lexicon)) == lexicon


def padded(*rows: tuple[object, ...]) -> list[tuple[object, ...]]:
    return [(f"w{i}", 0.5, 0.5, 0.5) for i in range(300)] + list(rows)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("abdominal", 0.49, 0.456, "0.445z"), "'0.445z'; allowed: a number"),
        (("short", 0.5, 0.5), "3 columns; allowed: at least 4"),
        (("high", 1.5, 0.5, 0.5), "0 to 1"),
        (("low", -0.1, 0.5, 0.5), "0 to 1"),
        (("nan", "nan", 0.5, 0.5), "a number"),
        (("...", 0.5, 0.5, 0.5), "at least one word"),
        (("w7", 0.1, 0.1, 0.1), "the term 'w7' twice"),
        (("nul\0", 0.5, 0.5, 0.5), "a NUL"),
        (("",), "an empty line"),
    ],
)
def test_a_few_bad_lines_are_kept_account_of(tmp_path, row, reason):
    lexicon = load(tmp_path, tsv(padded(row)))
    (bad,) = lexicon.rejected
    assert reason in bad.reason
    assert (bad.line, bad.source) == (301, "mine.tsv")
    assert len(lexicon.entries) == 300
    assert lexicon.entries["w7"] == VAD(0.5, 0.5, 0.5)


def test_many_bad_lines_are_refused_with_the_first_named(tmp_path):
    with pytest.raises(UserError, match=r"4 of 304; got: line 301: got 'x1'") as error:
        load(tmp_path, tsv(padded(*((f"b{i}", f"x{i}", 0, 0) for i in range(1, 5)))))
    assert "\n" not in str(error.value)


def test_of_terms_equal_in_lower_case_the_one_written_so_wins(tmp_path):
    rows = [("AIDS", 0, 0, 0), ("aids", 1, 1, 1), ("tv", 1, 1, 1), ("TV", 0, 0, 0)]
    lexicon = load(tmp_path, tsv(padded(*rows[:2])))
    assert lexicon.entries["aids"] == VAD(1, 1, 1)
    assert "'AIDS'" in lexicon.rejected[0].reason
    lexicon = load(tmp_path, tsv(padded(*rows[2:])))
    assert lexicon.entries["tv"] == VAD(1, 1, 1)
    assert "'TV'" in lexicon.rejected[0].reason


def test_the_scale_is_told_from_the_data(tmp_path):
    header = "term\tvalence\tarousal\tdominance\n"
    signed = load(tmp_path, tsv([("a", -1, 0, 1), ("b", 0.5, 0.5, 0.5)], header))
    assert signed.entries["a"] == VAD(0.0, 0.5, 1.0)
    assert signed.entries["b"] == VAD(0.75, 0.75, 0.75)


@pytest.mark.parametrize(
    "text",
    [
        "just a text\n",
        "word,good\n",
        "Word\tValence\n",
        "good\t0.5\t0.5\tx\n",
        "Word,V.Mean.Sum,A.Mean.Sum\n",
        "word\tterm\tvalence\tarousal\tdominance\n",
        '"open\n',
    ],
)
def test_another_format_is_refused_with_the_formats_there_are(tmp_path, text):
    with pytest.raises(UserError, match="is no lexicon") as error:
        load(tmp_path, text)
    assert "NRC VAD" in str(error.value)
    assert "Warriner" in str(error.value)


def test_no_entry_and_no_file_are_refused(tmp_path):
    with pytest.raises(UserError, match="holds no entry"):
        load(tmp_path, "term\tvalence\tarousal\tdominance\n")
    with pytest.raises(UserError, match="there is no file"):
        load_lexicon(tmp_path / "none.tsv")
    with pytest.raises(UserError, match="is a folder"):
        load_lexicon(tmp_path)
    with pytest.raises(UserError, match="is empty"):
        load(tmp_path, "")
    (tmp_path / "utf16.tsv").write_bytes("a\t0\t0\t0\n".encode("utf-16"))
    with pytest.raises(UserError, match="not UTF-8"):
        load_lexicon(tmp_path / "utf16.tsv")


def test_nrc_with_and_without_a_header_and_on_the_v2_scale(tmp_path):
    path = SHARED / "nrc_vad/NRC-VAD-Lexicon.txt"
    if not path.exists():
        pytest.skip("../shared/data is absent: the NRC VAD lexicon cannot be read")
    lines = path.read_text("utf-8").splitlines()
    v2 = ["term\tvalence\tarousal\tdominance"]
    for line in lines[1:]:
        word, *values = line.split("\t")
        v2.append("\t".join([word, *(f"{2 * float(x) - 1:.3f}" for x in values)]))
    v1 = load_lexicon(path)
    assert len(v1.entries) == 20007
    for text in ("\n".join(lines[1:]), "\n".join(v2)):
        other = load(tmp_path, text)
        assert other.entries.keys() == v1.entries.keys()
        theirs = np.array([vad.as_tuple() for vad in other.entries.values()])
        ours = np.array([vad.as_tuple() for vad in v1.entries.values()])
        assert np.abs(theirs - ours).max() <= 1e-6
        np.testing.assert_allclose(other.centre.as_tuple(), v1.centre.as_tuple(), atol=1e-6)


def test_the_header_less_nrc_file_has_one_broken_line():
    path = SHARED / "nrc_vad/no_header/NRC-VAD-Lexicon.txt"
    if not path.exists():
        pytest.skip("../shared/data is absent: the header-less NRC VAD lexicon cannot be read")
    lexicon = load_lexicon(path)
    assert [(bad.line, len(lexicon.entries)) for bad in lexicon.rejected] == [(19, 19970)]


def test_warriner_counts():
    path = SHARED / "warriner/Ratings_Warriner_et_al.csv"
    if not path.exists():
        pytest.skip("../shared/data is absent: Warriner's lexicon cannot be read")
    lexicon = load_lexicon(path)
    # 13,915 lemmas, ten of which differ from another in capitals alone.
    assert (len(lexicon.entries), len(lexicon.rejected)) == (13905, 10)
    assert lexicon.entries["aardvark"].v == pytest.approx((6.26 - 1) / 8)


def test_the_script_makes_the_same_bytes_again():
    if not SHARED.exists():
        pytest.skip("../shared/data is absent: the lexicon cannot be made again")
    command = [sys.executable, str(SCRIPT), "--check", "--out", str(SHIPPED.parent)]
    command += ["--glasgow", str(SHARED / "glasgow_norms"), "--actdata", str(SHARED / "actdata")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "glasgow 4682, actdata 2368, together 6272, left out 85, written 6187" in done.stdout


def test_the_fit_is_scipys_linear_regression(script):
    if not SHARED.exists():
        pytest.skip("../shared/data is absent: the fit cannot be made again")
    glasgow = script.read_glasgow(SHARED / "glasgow_norms" / script.GLASGOW)
    actdata = script.read_actdata(SHARED / "actdata")
    shared = sorted(set(glasgow) & set(actdata))
    for i, line in enumerate(script.fit(glasgow, actdata)):
        # scipy.stats.linregress (SciPy 1.17)
        golden = scipy.stats.linregress(
            [actdata[word][i] for word in shared], [glasgow[word][i] for word in shared]
        )
        assert line.n == len(shared) == 778
        assert (line.r, line.slope, line.intercept) == pytest.approx(golden[2:3] + golden[:2])


def test_senses_stand_in_for_a_bare_word_that_is_missing(script, tmp_path):
    path = tmp_path / "glasgow.csv"
    rows = ["Words,Length,AROU,,,VAL,,,DOM", ",,M,SD,N,M,SD,N,M"]
    rows += ["bank,4,1,0,9,9,0,9,5", "bank (river),4,9,0,9,9,0,9,9"]
    rows += ["Apple (brand),5,1,0,9,1,0,9,1", "apple (fruit),5,5,0,9,9,0,9,1"]
    path.write_text("\n".join(rows), encoding="utf-8")
    # Arousal, valence, dominance in the file; valence first in ours.
    assert script.read_glasgow(path) == {"bank": (1.0, 0.0, 0.5), "apple": (0.5, 0.25, 0.0)}


@pytest.mark.parametrize(
    "lines",
    [
        ("term\tv\ta\td", "happy\t0.9\t0.6\t0.7"),
        ("Term,V,A,D", "happy,0.9,0.6,0.7"),
        ("happy,0.9,0.6,0.7",),
        ("word,valence,arousal,dominance", "happy,0.9,0.6,0.7"),
    ],
)
def test_the_plain_ways_to_write_a_lexicon_are_read(tmp_path, lines):
    path = tmp_path / "mine.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert dict(load_lexicon(path).entries) == {"happy": VAD(0.9, 0.6, 0.7)}
