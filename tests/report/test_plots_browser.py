"""The plots in a browser: drawn where they should be, following the choice, names kept as text."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from chrome import drive, load
from hostile_run import HOSTILE, HOSTILE_FLOOR, HOSTILE_NAME, hostile_run
from make_run import LEADER, make_run
from page_reader import Page
from run_files import without_dominance

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
    seen[name] = {{ said: at("labels-said").textContent, r: at("vad-v-said").textContent,
      who: ["labels-who", "vad-who"].map((id) => at(id).selectedOptions[0].textContent),
      labels: count("plot-labels", ".dots circle"), floors: count("plot-labels", ".ticks path"),
      vad: ["v", "a", "d"].map((axis) => count(`plot-vad-${{axis}}`, ".dots circle")) }};
  }};
  const hosts = [...page.querySelectorAll(".plot-host")];
  const sizes = () => hosts.map((host) => {{
    const {{ width, height }} = host.getBoundingClientRect();
    const svg = host.firstElementChild.getBoundingClientRect();
    return [width, height, svg.width, svg.height].map(Math.round);
  }});
  const hover = (host, circle) => {{
    const box = at(host).querySelectorAll(".dots circle")[circle].getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const over = {{ clientX: x, clientY: y, pointerType: "mouse", bubbles: true }};
    for (const type of ["pointerenter", "pointermove"]) {{
      at(host).firstElementChild.dispatchEvent(new view.PointerEvent(type, over));
    }}
    const tips = at(host).querySelectorAll('[aria-label="tip"] text');
    return [...tips].map((tip) => tip.textContent).join("").replaceAll("\\u200b", "|");
  }};
  const choose = (id, name) => {{
    const option = [...at(id).options].find((one) => one.textContent === name);
    at(id).value = option.value;
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
  seen.sizes = sizes();
  seen.tip = [hover("plot-quality", 0), hover("plot-labels", 0), hover("plot-vad-v", 0)];
  choose("labels-who", "smollm2-135m-zero-shot");
  look("shown");
  choose("vad-who", "tfidf");
  look("floor");
  seen.kept = sizes();
  for (const host of hosts) host.replaceChildren();
  seen.empty = hosts.map((host) => Math.round(host.getBoundingClientRect().height));
"""

RESIZE = """
  seen.before = sizes();
  frame.width = 700;
  await new Promise((done) => setTimeout(done, 300));
  seen.after = sizes();
  view.dispatchEvent(new Event("beforeprint"));
  seen.print = sizes();
"""

HOSTILE_STEPS = """
  seen.tip = hover("plot-quality", 0);
  seen.fewer = at("labels-said").textContent;
  choose("labels-who", {name});
  seen.label = hover("plot-labels", 0);
  seen.names = page.querySelector("#plot-quality .names").parentNode.textContent;
  seen.floornames = page.querySelector("#plot-quality .floornames").textContent;
  seen.axis = page.querySelector("#plot-labels .names").textContent;
  seen.options = [...at("vad-who").options].map((option) => option.textContent);
  seen.aria = at("plot-quality").firstElementChild.getAttribute("aria-label");
  seen.strange = page.querySelectorAll("img, b.x, .plot script, .plot b, .plot style").length;
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


def part(document: str, host: str) -> str:
    """The drawn document from a plot's place to the end of its figure."""
    start = document.index(f'id="{host}"')
    return document[start : document.index("</figure>", start)]


def test_plots_are_drawn_with_a_point_for_each_value(chromium: str, tmp_path: Path) -> None:
    page = write_report(make_run(tmp_path))
    data = json.loads(Page(page.read_text(encoding="utf-8")).data["plots-data"])
    document, console = load(chromium, page, tmp_path / "profile")
    assert console == []
    quality = part(document, "plot-quality")
    assert quality.count("<svg") == 1 + 3  # the plot, and the keys of its legend
    for name, tag, count in (("dots", "circle", 3), ("spans", "line", 3), ("floors", "line", 3)):
        group = re.search(rf'<g [^>]*class="{name}".*?</g>', quality, flags=re.S)
        assert group is not None, name
        assert group[0].count(f"<{tag}") == count, name
    assert '<g class="front"' in quality
    labels = part(document, "plot-labels").split("</svg>")[0]
    assert labels.count("<circle") == len(data["labels"]["labels"]) == 19
    for axis in "vad":
        plot = part(document, f"plot-vad-{axis}")
        assert plot.count("<svg") == 1
        assert plot.count("<circle") == 16
    for host in ("quality", "labels", "vad-v", "vad-a", "vad-d"):
        svg = part(document, f"plot-{host}").partition("<svg ")[2].partition(">")[0]
        assert 'role="img"' in svg
        assert len(re.findall(r'aria-label="[^"]{30,}"', svg)) == 1


def test_a_dimension_that_nobody_rated_has_no_plot(chromium: str, tmp_path: Path) -> None:
    folder = make_run(tmp_path)
    without_dominance(folder)
    document, console = load(chromium, write_report(folder), tmp_path / "profile")
    assert console == []
    assert [part(document, f"plot-vad-{axis}").count("<circle") for axis in "va"] == [16, 15]
    assert 'id="plot-vad-d"' not in document


@pytest.mark.parametrize("width", [1280, 400])
def test_plots_follow_the_choice_and_keep_their_place(
    chromium: str, tmp_path: Path, width: int
) -> None:
    page = write_report(make_run(tmp_path))
    seen = watch(chromium, tmp_path, width, FOLLOW)
    start, shown, floor = seen["start"], seen["shown"], seen["floor"]
    assert start["who"] == [LEADER, LEADER]
    assert (start["labels"], start["floors"], start["vad"]) == (19, 19, [16, 16, 16])
    assert start["r"] == "r 0.58 [0.50, 0.66], n 16"
    assert "labels, equal on" in start["said"]
    assert "fewer rows" not in start["said"]
    assert shown["who"] == ["smollm2-135m-zero-shot"] * 2
    assert shown["said"] != start["said"]
    assert shown["r"] != start["r"]
    # A floor has no plot by label of its own, so that one stays.
    assert floor["who"] == ["smollm2-135m-zero-shot", "tfidf"]
    assert floor["said"] == shown["said"]
    assert (
        seen["tip"][0]
        == f"|{LEADER}|0.318 [0.266, 0.370]|1.36 s a row, 64 rows|on the Pareto front"
    )
    assert "best floor" in seen["tip"][1]
    assert re.match(r"\|rated 0\.\d\d, answered 0\.\d\d\|.*Thank you", seen["tip"][2])
    # Each drawing is as large as its place, before and after; the place keeps its height without
    # it, by an empty drawing of that height or by being a square.
    assert seen["sizes"] == seen["kept"]
    assert all(place[:2] == place[2:] for place in seen["sizes"])
    held = re.findall(r'<svg class="hold" width="1" height="(\d+)"', page.read_text("utf-8"))
    assert [place[1] for place in seen["sizes"][:3]] == [int(height) for height in held]
    assert seen["empty"][3:] == [place[0] for place in seen["sizes"][3:]]


def test_plots_take_the_width_they_are_given(chromium: str, tmp_path: Path) -> None:
    write_report(make_run(tmp_path))
    seen = watch(chromium, tmp_path, 1280, RESIZE)
    assert seen["before"][2][2] > 1000
    assert 500 < seen["after"][2][2] == seen["after"][2][0] < 700
    assert all(place[2] <= 680 for place in seen["print"])


def test_hostile_names_stay_text_in_the_plots(chromium: str, tmp_path: Path) -> None:
    write_report(hostile_run(tmp_path))
    name = HOSTILE_NAME.replace("\u202e", "⟨U+202E⟩")
    text = HOSTILE.replace("\u202e", "⟨U+202E⟩").replace("\ud800", "⟨U+D800⟩")
    seen = watch(chromium, tmp_path, 1280, HOSTILE_STEPS.format(name=json.dumps(name)))
    assert "<img src=x|onerror=alert(1)></script>" in seen["tip"]
    assert "|onerror=alert(1)></script>" in seen["label"]
    assert "Scored on fewer rows than others" in seen["fewer"]  # 99 gold rows in the hostile one
    assert "<img" in seen["names"]
    assert seen["floornames"].startswith("<b>floo…")
    assert "<img" in seen["axis"]
    assert name in seen["options"]
    assert HOSTILE_FLOOR in seen["options"]
    assert text in seen["aria"]
    assert seen["strange"] == 0
