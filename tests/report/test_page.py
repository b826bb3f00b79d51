"""The report as a page: what it says, and what it never runs or asks for."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from make_run import LEADER, REFUSED, ROWS, make_run, write, write_lines
from page_reader import Page, page_of, rows_of

from emoloom.errors import UserError
from emoloom.report import charts, formats, row_payload
from emoloom.report import page as report_page
from emoloom.report.page import write_report

pytestmark = pytest.mark.usefixtures("compiled_once")

VENDORED = tuple(
    (Path(report_page.__file__).parent / "vendor" / name).read_bytes().decode("utf-8")
    for name in ("d3.min.js", "plot.umd.min.js")
)
POSITIVES = {f"label{number}": number for number in range(28)}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path)


def test_page_says_verdict_and_why_it_is_indicative(run: Path) -> None:
    page = page_of(run)
    head = page.text("head")
    assert "Invest in smollm2-360m-sft or smollm2-135m-sft" in head
    assert "Indicative ranking. too few labels have 20 gold rows (0 of 4 in gold), so" in head
    assert "missing or damaged" not in head
    assert "3 of 4 scored" in head
    assert "36 min 53 s" in head  # the sum of the seconds in costs.json


def test_leaderboard_has_all_kinds_with_intervals_and_the_constant(run: Path) -> None:
    board = page_of(run).text("leaderboard")
    assert board.index("Candidates") < board.index("Floors") < board.index("Shown")
    assert "0.318 [0.266, 0.370]" in board
    assert "below floor: tfidf" in board
    assert "constant 0.912" in board
    assert f"{REFUSED} Gemma-3-270M-it failed: the output changes with padding" in board
    assert "Score = 0.5 × strict macro-F1 + 0.5 × max(VAD skill, 0)" in board


def test_strict_is_shown_first_and_parsed_is_there(run: Path) -> None:
    page = page_of(run)
    radios = {a["id"]: "checked" in a for _, a in page.elements if a.get("name") == "view"}
    assert radios == {"view-strict": True, "view-parsed": False}
    row = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))["entries"][2]
    for view in ("strict", "parsed"):
        shown = f"{row[view]['macro_f1']['value']:.3f}"
        assert shown in page.text("leaderboard")
    classes = [a.get("class") for _, a in page.elements]
    assert classes.count("strict") == classes.count("parsed") > 0


def test_comparisons_failures_training_certificates_costs(run: Path) -> None:
    page = page_of(run)
    compared = page.text("comparisons")
    assert "best in 71.0% of resamples" in compared
    assert "+0.027 [−0.025, 0.079] 0.155 0.310 27.0% no 410" in compared
    assert "+0.094 [0.037, 0.151] 0.002 0.004 2.0% yes –" in compared
    assert "Against the floors" in compared
    assert "tfidf +0.077 [0.005, 0.149] 0.020 0.040 – yes –" in compared
    failures = page.text("failures")
    assert "truncated no JSON unknown label out of range" in failures
    assert "I think the writer feels joy." in failures
    assert "The output ends inside a JSON object." in failures
    assert "parsing its rows again" not in failures
    assert page.text("training").count("300 steps") == 3
    certificates = page.text("certificates")
    assert f"{REFUSED} refused 1 of 2 checks passed" in certificates
    # 1 - 0.05 ** (1 / 336) = 0.00888
    assert "no mismatch in 336 audited tokens (95% bound: at most 0.9%)" in page.text("costs")
    assert "3 – no mismatch in 336 audited tokens (95% bound" in certificates


def test_settings_data_events_and_caution(run: Path) -> None:
    page = page_of(run)
    assert "training.lora.r 16" in page.text("settings")
    assert "Labels: admiration, ..., neutral. Text: {text}" in page.text("settings")
    assert "sha256 9f2c41d0" in page.text("settings")
    assert "CC BY-SA 4.0" in page.text("data")
    assert "goemotions weak 48 emobank human 16" in page.text("data")
    assert "plan fixed" in page.text("events")
    assert "regulated" in page.text("events")  # the footer follows the last section


def test_a_long_verdict_is_set_in_two_sizes_and_warnings_are_said(run: Path) -> None:
    board = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
    text = "a leads on these rows; it is below the floor b (not separably); " + "c; " * 40
    board["verdict"]["text"] = text
    write(run / "leaderboard.json", board)
    write(run / "data/counts.json", {"warnings": ["low hit rate"], "select_positives": POSITIVES})
    page = page_of(run)
    assert " ".join(text.split()) in page.text("head")
    assert "Warning. low hit rate" in page.text("head")
    assert "select_positives label0 0, label1 1, label2 2" in page.text("data")


def test_several_warnings_are_counted_the_first_begun_and_all_said(run: Path) -> None:
    warnings = ["low hit rate " + "x" * 90, "28 labels are rare"]
    write(run / "data/counts.json", {"warnings": warnings})
    head = page_of(run).text("head")
    assert "2 warnings. low hit rate" in head
    assert all(warning in head for warning in warnings)


def test_the_top_says_what_was_spent_of_what_is_allowed_and_what_was_planned(run: Path) -> None:
    stage = {"stage": "train", "candidate": LEADER, "units": 3}
    limits = {"wall_seconds": 3600, "tokens": 300_000, "accelerator_seconds": None}
    write(run / "plan.json", {"stages": [stage], "budget": limits})
    spent = {"wall_seconds": 316.0, "accelerator_seconds": 315.0, "tokens": 106_038}
    planned = [stage | {"seconds": 498.0, "tokens": 120_000}]
    write(run / "costs.json", {"stages": [], "spent": spent, "planned": planned})
    head = page_of(run).text("head")
    assert "Time 5 min 16 s of 1 h 00 min (planned 8 min 18 s)" in head
    assert "Tokens 106,038 of 300,000 (planned 120,000)" in head
    assert "Accelerator" not in head


def test_embedded_rows_hold_text_gold_output_and_parsed_answer(run: Path) -> None:
    page = page_of(run)
    embedded = rows_of(page)
    assert len(embedded["rows"]) == ROWS
    assert embedded["names"][0] == LEADER
    first, failed = embedded["rows"][0], embedded["rows"][1]
    assert first["g"] == ["joy", "love"]
    assert first["v"] == [0.82, 0.58, 0.60]
    raw, labels, vad, rationale, reason = first["c"][0]
    assert raw is None, "it is written as the contract writes it, and so follows"
    (line, *_) = (run / f"candidates/{LEADER}/rows/select.jsonl").read_text("utf-8").splitlines()
    said = json.loads(json.loads(line)["output"])
    assert [labels, vad, rationale] == [
        said["labels"],
        list(said["vad"].values()),
        said["rationale"],
    ]
    assert reason is None
    assert failed["c"][0][4] == "truncated"


def test_parse_disagreeing_with_the_leaderboard_is_said(run: Path) -> None:
    path = run / "candidates" / LEADER / "rows/select.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    lines[0]["output"] = "changed"
    write_lines(path, lines)
    assert f"{LEADER}: leaderboard.json counts 1 failed, and parsing its rows again" in page_of(
        run
    ).text("failures")


def test_page_allows_only_its_own_style_and_script(run: Path) -> None:
    source = write_report(run).read_text(encoding="utf-8")
    page = Page(source)
    policy = next(a["content"] for t, a in page.elements if "http-equiv" in a)
    for tag, directive, count in (("style", "style-src", 1), ("script", "script-src", 12)):
        bodies = re.findall(rf"<{tag}>(.*?)</{tag}>", source, flags=re.S)
        assert len(bodies) == count
        digests = [hashlib.sha256(body.encode("utf-8")).digest() for body in bodies]
        allowed = " ".join(f"'sha256-{base64.b64encode(d).decode('ascii')}'" for d in digests)
        assert f"{directive} {allowed};" in str(policy)
    assert str(policy).startswith("default-src 'none'")
    assert "unsafe" not in str(policy)
    for vendored in VENDORED:
        assert source.count(vendored) == 1
        source = source.replace(vendored, "")
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", source)
    for tag, found in page.elements:
        assert tag not in {"iframe", "img", "object", "embed", "base", "form"}
        assert not [name for name in found if name.startswith("on") or name in {"src", "style"}]
        assert str(found.get("href", "#")).startswith(("#", "data:,"))


def test_tables_have_captions_and_scopes_and_controls_have_labels(run: Path) -> None:
    page = page_of(run)
    tags = [tag for tag, _ in page.elements]
    assert tags.count("table") == tags.count("caption") > 5
    assert all("scope" in a for tag, a in page.elements if tag == "th")
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    links = {str(a["href"])[1:] for tag, a in page.elements if tag == "a"}
    assert links <= set(ids)


def test_two_builds_are_byte_equal(run: Path, tmp_path: Path) -> None:
    first = write_report(run).read_bytes()
    assert write_report(run).read_bytes() == first
    copy = make_run(tmp_path / "again")
    assert write_report(copy).read_bytes() == first
    assert not [path for path in run.iterdir() if path.name.startswith(".")]


def test_page_is_small_and_a_large_run_is_bounded(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = write_report(run).stat().st_size
    assert size - sum(len(vendored.encode("utf-8")) for vendored in VENDORED) < 300_000
    monkeypatch.setattr(row_payload, "EMBED_BYTES", 10_000)
    page = page_of(run)
    kept = len(rows_of(page)["rows"])
    assert 0 < kept < ROWS
    assert f"The first {kept} of {ROWS} rows are in this page" in page.text("rows")
    assert write_report(run).stat().st_size < size - 10_000


def test_bars_lie_on_one_scale(run: Path) -> None:
    # The leader has 0.318 [0.266, 0.370]; the scale of the fabricated scores is 0 to 0.40.
    source = write_report(run).read_text(encoding="utf-8")
    bar = source[source.index('<svg class="bar') :].split("</svg>")[0]
    assert '<line class="span" x1="66.50%" x2="92.50%"' in bar
    assert '<circle cx="79.50%"' in bar
    scale = charts.domain([charts.Measure(-0.12, -0.2, 0.01)])
    assert (scale.at(-0.25), scale.at(0.0), scale.at(9.0)) == ("0.00%", "83.33%", "100.00%")
    assert charts.measure(-1e308, [0, 1e308]) == charts.Measure(None)


def test_loss_curves_share_axes_and_keep_their_ends() -> None:
    long = [{"step": step, "loss": 4.2 / step} for step in range(1, 1001)]
    short = [{"step": 1, "loss": 2.1}, {"step": 2, "loss": float("nan")}, {"step": 500, "loss": 0}]
    drawn = charts.loss_curves([("a", long), ("b", short), ("c", []), ("d", [{"loss": None}])])
    assert (drawn.top, drawn.last_step, [c.name for c in drawn.curves]) == (5, 1000, ["a", "b"])
    first, second = drawn.curves
    assert (first.steps, first.first, first.last) == (1000, 4.2, 4.2 / 1000)
    assert len(first.points.split()) == charts.POINTS
    assert (second.steps, second.left_out) == (2, 1)
    assert drawn.undrawn == ("d",)
    # Left 34, right 314, top 6, bottom 114: step 500 of 1000 and loss 0 of 5.
    assert second.points.split()[-1] == "174.0,114.0"


@pytest.mark.parametrize(
    ("write_it", "value", "shown"),
    [
        (formats.number, -0.0004, "0.000"),
        (formats.number, -0.5, "−0.500"),
        (formats.number, float("nan"), "–"),
        (formats.number, True, "–"),
        (formats.percent, 0.98437, "98.4%"),
        (formats.duration, 59.94, "59.9 s"),
        (formats.duration, 59.96, "1 min 00 s"),
        (formats.duration, 3599.6, "1 h 00 min"),
        (formats.duration, None, "–"),
        (formats.cell, 12345, "12,345"),
        (formats.cell, 0.000123456, "0.0001235"),
        (formats.cell, False, "false"),
        (formats.field, "pearson_v", "r V"),
        (formats.field, "macro_f1", "macro-F1"),
        (formats.field, "strict_micro_f1", "strict micro-F1"),
        (formats.visible, "a\u202eb\x1b\ud800\n", "a⟨U+202E⟩b⟨U+001B⟩⟨U+D800⟩\n"),
    ],
)
def test_values_are_written_for_people(
    write_it: Callable[[object], str], value: object, shown: str
) -> None:
    assert write_it(value) == shown


def test_report_needs_no_torch(run: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from emoloom.report.page import write_report; "
        f"write_report(Path({str(run)!r})); "
        "print([m for m in ('torch', 'transformers', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_a_label_space_given_whole_is_used(run: Path) -> None:
    board = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
    write(run / "leaderboard.json", board | {"label_space": {"name": "mine", "labels": ["bliss"]}})
    page = page_of(run)
    assert "Label space mine" in page.text("head")
    cells = [row["c"][2] for row in rows_of(page)["rows"]]
    answered = [cell for cell in cells if cell[4] is None]
    assert answered
    assert all(cell[1] == ["bliss"] for cell in answered)


def test_a_folder_that_is_not_there_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no run folder to report on; got: .*absent"):
        write_report(tmp_path / "absent")
