"""The report in a browser: its script runs, hostile text stays text, and nothing else may run."""

from pathlib import Path

import pytest
from chrome import drive, load
from hostile_run import SCRIPTS, hostile_run
from make_run import LEADER, ROWS, make_run
from page_reader import Page, rows_of

from emoloom.report.page import write_report

# Drives the page from outside, in a frame, and leaves what it saw as JSON in the document.
DRIVER = """<!doctype html><meta charset="utf-8">
<iframe id="frame" src="demo/report.html" width="{width}" height="800"></iframe>
<pre id="seen"></pre>
<script>
frame.onload = () => {{
  const page = frame.contentDocument;
  const at = (id) => page.getElementById(id);
  const seen = {{}};
  const note = (name) => {{
    const texts = [...page.querySelectorAll("#list .text")].map((node) => node.textContent);
    seen[name] = {{ found: at("found").textContent, texts,
      lines: page.querySelectorAll("#list tbody tr").length,
      failed: page.querySelectorAll("#list .fail").length }};
  }};
  const set = (id, value, event) => {{
    at(id).value = value;
    at(id).dispatchEvent(new Event(event));
  }};
  note("start");
  at("next").click();
  note("next");
  set("q", "LIBRARY is open", "input");
  note("search");
  set("q", "no such words", "input");
  note("nothing");
  set("q", "", "input");
  set("who", "2", "change");
  set("what", "failed", "change");
  note("failed");
  set("who", "1", "change");
  set("what", "equal", "change");
  note("equal");
  set("what", "differ", "change");
  note("differ");
  const shown = (name) => page.defaultView.getComputedStyle(page.querySelector(name)).display;
  const both = () => [shown(".board .strict"), shown(".board .parsed")];
  seen.strict = both();
  at("view-parsed").click();
  seen.parsed = both();
  seen.wide = page.documentElement.scrollWidth > page.documentElement.clientWidth;
  seen.requests = page.defaultView.performance.getEntriesByType("resource").length;
  document.getElementById("seen").textContent = JSON.stringify(seen);
}};
</script>
"""


def test_script_renders_the_rows(chromium: str, tmp_path: Path) -> None:
    page = write_report(make_run(tmp_path))
    document, console = load(chromium, page, tmp_path / "profile")
    assert console == []
    rows = Page(document).text("rows")
    assert f"1 to 10 of {ROWS} rows" in rows
    assert "The puppy fell asleep on my shoes" in rows
    assert "I think the writer feels joy." in rows
    assert document.count('<article class="row"') == 10
    assert f'<option value="0">{LEADER}</option>' in document


def test_hostile_text_stays_text(chromium: str, tmp_path: Path) -> None:
    page = write_report(hostile_run(tmp_path))
    document, console = load(chromium, page, tmp_path / "profile")
    assert console == []
    tags = [tag for tag, _ in Page(document).elements]
    assert "img" not in tags
    assert tags.count("script") == SCRIPTS
    assert '<p class="text">&lt;img src=x onerror=alert(1)&gt;&lt;/script&gt;' in document


def test_policy_lets_no_other_script_or_style_run(chromium: str, tmp_path: Path) -> None:
    page = write_report(make_run(tmp_path))
    source = page.read_text(encoding="utf-8")
    extra = (
        '<p id="mark" onclick="document.title=1">mark</p>'
        "<script>document.body.className = 'ran'</script>"
        '<img src="https://example.invalid/x.png"><p style="color:red">red</p></body>'
    )
    page.write_text(source.replace("</body>", extra), encoding="utf-8")
    document, console = load(chromium, page, tmp_path / "profile")
    assert '<body class="ran">' not in document
    refused = [line for line in console if "Content Security Policy" in line]
    for directive in ("script-src", "style-src", "img-src"):
        assert any(directive in line for line in refused), directive


def count_labels(page: Path) -> tuple[int, int]:
    """How often the second entry's labels equal the gold ones, and differ from them."""
    embedded = rows_of(Page(page.read_text(encoding="utf-8")))
    both = [(row["g"], row["c"][1][1]) for row in embedded["rows"]]
    known = [(gold, said) for gold, said in both if gold is not None and said is not None]
    equal = sum(set(gold) == set(said) for gold, said in known)
    assert any(set(said) < set(gold) for gold, said in known), "only counting would pass"
    return equal, len(known) - equal


@pytest.mark.parametrize("width", [1280, 400])
def test_controls_work_and_nothing_is_requested(chromium: str, tmp_path: Path, width: int) -> None:
    page = write_report(make_run(tmp_path))
    driver = tmp_path / "driver.html"
    driver.write_text(DRIVER.format(width=width), encoding="utf-8")
    seen, console = drive(chromium, driver, tmp_path / "profile")
    assert console == []
    assert seen["start"]["found"] == f"1 to 10 of {ROWS} rows"
    assert seen["start"]["lines"] == 10 * (1 + 8)  # the gold and eight entries
    assert seen["next"]["found"] == f"11 to 20 of {ROWS} rows"
    assert seen["next"]["texts"] != seen["start"]["texts"]
    assert len(seen["search"]["texts"]) == ROWS // 16
    assert all("library is open" in text for text in seen["search"]["texts"])
    assert seen["nothing"] == {"found": "No row matches.", "texts": [], "lines": 0, "failed": 0}
    # The third entry has four outputs that fail, one of each reason.
    assert (seen["failed"]["lines"], seen["failed"]["failed"]) == (4 * 2, 4)
    equal, differ = count_labels(page)
    assert 10 < equal < differ + equal < ROWS
    assert seen["equal"]["found"] == f"1 to 10 of {equal} rows"
    assert seen["differ"]["found"] == f"1 to 10 of {differ} rows"
    assert seen["strict"] == ["inline", "none"]
    assert seen["parsed"] == ["none", "inline"]
    assert seen["requests"] == 0
    assert not seen["wide"], "the page itself scrolls sideways"
