"""The learning curves in a browser: a line for each training, following both choices, as text."""

import json
from pathlib import Path
from typing import Any

import pytest
from chrome import drive
from make_run import LEADER
from recipe_run import OTHER, recipe_run
from test_recipes import hostile

from emoloom.report.page import write_report

# Looks at the plots from outside, in a frame; `steps` runs more in it.
DRIVER = """<!doctype html><meta charset="utf-8">
<iframe id="frame" src="demo/report.html" width="{width}" height="900"></iframe>
<pre id="seen"></pre>
<script>
frame.onload = async () => {{
  const page = frame.contentDocument;
  const view = page.defaultView;
  const at = (id) => page.getElementById(id);
  const count = (host, name) => at(host).querySelectorAll(name).length;
  const seen = {{}};
  const look = (name) => {{
    seen[name] = {{ said: at("learning-said").textContent,
      who: at("learning-who").selectedOptions[0].textContent,
      other: count("plot-terms", ".others path"), own: count("plot-terms", ".front path"),
      aria: at("plot-terms").firstElementChild.getAttribute("aria-label") }};
  }};
  const names = ["terms", "excess", "tau", "share_a", "strata"];
  const hosts = names.map((name) => at(`plot-${{name}}`));
  const sizes = () => hosts.map((host) => {{
    const {{ width, height }} = host.getBoundingClientRect();
    const svg = host.firstElementChild.getBoundingClientRect();
    return [width, height, svg.width, svg.height].map(Math.round);
  }});
  const hoverEnd = (host) => {{
    const svg = at(host).firstElementChild;
    const line = svg.querySelector(".front path");
    const end = line.getPointAtLength(line.getTotalLength()).matrixTransform(line.getScreenCTM());
    const over = {{ clientX: end.x, clientY: end.y, pointerType: "mouse", bubbles: true }};
    for (const type of ["pointerenter", "pointermove"]) {{
      svg.dispatchEvent(new view.PointerEvent(type, over));
    }}
    const tips = svg.querySelectorAll('[aria-label="tip"] text');
    return [...tips].map((tip) => tip.textContent).join("").replaceAll("\\u200b", "|");
  }};
  const choose = (id, name) => {{
    at(id).value = [...at(id).options].find((one) => one.textContent.startsWith(name)).value;
    at(id).dispatchEvent(new Event("change"));
  }};
  {steps}
  seen.wide = page.documentElement.scrollWidth > page.documentElement.clientWidth;
  seen.requests = view.performance.getEntriesByType("resource").length;
  document.getElementById("seen").textContent = JSON.stringify(seen);
}};
</script>
"""

FOLLOW = """
  look("start");
  seen.tip = hoverEnd("plot-terms");
  seen.mixture = ["excess", "tau", "share_a"].map((key) => count(`plot-${key}`, ".front path"));
  seen.strata = count("plot-strata", ".bars rect");
  const texts = [...at("plot-strata").querySelectorAll(".about text")];
  seen.rows = texts.map((text) => text.textContent);
  seen.sizes = sizes();
  const right = (select) => select.getBoundingClientRect().right;
  seen.selects = Math.max(...[...page.querySelectorAll("#learning select")].map(right));
  choose("learning-term", "vad_digits");
  look("term");
  choose("learning-who", NAME);
  look("who");
  seen.labels = at("labels-who").selectedOptions[0].textContent;
  seen.kept = sizes();
"""

HOSTILE_STEPS = """
  choose("learning-term", "<img");
  look("term");
  seen.names = at("plot-strata").textContent;
  seen.strange = page.querySelectorAll("img, .plot script, .plot b, .plot style").length;
"""


def watch(chromium: str, root: Path, width: int, steps: str) -> dict[str, Any]:
    """What the driver saw of the page at `root`/demo; the console is silent, nothing is asked."""
    driver = root / "driver.html"
    driver.write_text(DRIVER.format(width=width, steps=steps), encoding="utf-8")
    seen, console = drive(chromium, driver, root / "profile")
    assert console == []
    assert seen["requests"] == 0
    assert not seen["wide"], "the page itself scrolls sideways"
    return seen


@pytest.mark.parametrize("width", [1280, 400])
def test_curves_follow_both_choices_and_keep_their_place(
    chromium: str, tmp_path: Path, width: int
) -> None:
    write_report(recipe_run(tmp_path))
    seen = watch(chromium, tmp_path, width, FOLLOW.replace("NAME", json.dumps(OTHER)))
    start, term, who = seen["start"], seen["term"], seen["who"]
    assert start["who"] == LEADER
    assert start["said"] == "11 steps, one point each."
    assert (start["own"], start["other"]) == (1, 2)
    assert start["aria"].endswith(f"{LEADER}: 1.5 at first, 11.5 at last.")
    assert seen["tip"] == f"|{LEADER}|step 11: 11.5"
    assert seen["mixture"] == [1, 1, 1]
    assert seen["strata"] == 3
    assert {"22", "11", "55"} <= set(seen["rows"])
    # The others have no such term; the second candidate says so.
    assert (term["own"], term["other"]) == (1, 0)
    assert term["said"] == start["said"]
    assert (who["own"], who["other"]) == (0, 1)
    assert who["said"] == "20 steps, one point each. It has no term vad_digits."
    assert seen["labels"] == OTHER, "all choices of one page are one"
    assert seen["selects"] <= width, "a selector is cut off"
    assert seen["sizes"] == seen["kept"]
    assert all(place[:2] == place[2:] for place in seen["sizes"])


def test_hostile_terms_and_strata_stay_text(chromium: str, tmp_path: Path) -> None:
    write_report(hostile(tmp_path))
    seen = watch(chromium, tmp_path, 1280, HOSTILE_STEPS)
    assert "<img src=x onerror=alert(1)>" in seen["term"]["aria"]
    assert "A:<img" in seen["names"]
    assert seen["strange"] == 0
