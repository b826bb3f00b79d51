"""The page for a keyboard, a screen reader, weak eyes and a still screen."""

import importlib.util
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cdp import Browser, Tab
from make_run import make_run
from page_reader import page_of
from recipe_run import recipe_run

from emoloom.report import page as report_page
from emoloom.report.page import write_report

pytestmark = pytest.mark.usefixtures("compiled_once")

ASSETS = Path(report_page.__file__).parent / "assets"

TEXT = [
    *((ink, ground) for ink in ("ink", "quiet", "accent", "bad") for ground in ("paper", "sheet")),
    *(("warn-ink", "warn"), ("accent", "accent-soft"), ("sheet", "accent")),
    *(("ink", "code"), ("quiet", "code"), ("quiet", "accent-soft")),
]
"""Colours of text and what they stand on: WCAG 2 AA asks for 4.5."""
DRAWN = [(ink, "sheet") for ink in ("accent", "grey", "bad", "gold")]
"""Colours of marks and borders of controls: 3."""


def colours(scheme: str) -> dict[str, str]:
    """The tokens of base.css or print.css; dark and print ones over light ones."""
    base = (ASSETS / "base.css").read_text(encoding="utf-8")
    light, dark = (block for block in re.findall(r":root \{(.*?)\}", base, flags=re.S)[:2])
    paper = (ASSETS / "print.css").read_text(encoding="utf-8")
    over = {"light": "", "dark": dark, "print": re.findall(r":root \{(.*?)\}", paper)[0]}[scheme]
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})", light + over))


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_colours_have_contrast(scheme: str) -> None:
    found = colours(scheme)
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    weak = {
        f"{ink} on {ground}": round(contrast(found[ink], found[ground]), 2)
        for pairs, least in ((TEXT, 4.5), (DRAWN, 3.0))
        for ink, ground in pairs
        if contrast(found[ink], found[ground]) < least
    }
    assert not weak


def axe() -> str:
    """The script of axe-core, from the package that brings it."""
    spec = importlib.util.find_spec("axe_playwright_python")
    folders = spec.submodule_search_locations if spec else None
    found = [path for folder in folders or () for path in Path(folder).rglob("axe*.js")]
    if not found:
        pytest.skip("axe-core is not installed (extra `dev`): its rules were NOT checked")
    return found[0].read_text(encoding="utf-8")


CHECK = """axe.run(document, {
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}).then((found) => found.violations.map(({ id, help, nodes }) => ({
  id, help, where: nodes.slice(0, 3).map((node) => node.html.slice(0, 160)),
})))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(browser: Browser, tmp_path: Path, scheme: str, width: int) -> None:
    script = axe()
    page = write_report(recipe_run(tmp_path))
    with browser.page(page, width=width, prefers_color_scheme=scheme) as tab:
        tab.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        tab.run(f"{script};0")
        assert tab.run(CHECK) == []


def test_axe_finds_nothing_in_an_empty_run(browser: Browser, tmp_path: Path) -> None:
    script = axe()
    with browser.page(write_report(tmp_path)) as tab:
        tab.run(f"{script};0")
        assert tab.run(CHECK) == []


@pytest.fixture
def elements(tmp_path: Path) -> list[tuple[str, dict[str, Any]]]:
    return page_of(recipe_run(tmp_path)).elements


def test_landmarks_and_headings_are_in_order(elements: list[tuple[str, dict[str, Any]]]) -> None:
    tags = [tag for tag, _ in elements]
    assert [tags.count(tag) for tag in ("main", "nav", "footer", "h1")] == [1, 1, 1, 1]
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    named = [a["aria-labelledby"] for tag, a in elements if tag == "section"]
    ids = {a.get("id") for _, a in elements}
    assert set(named) <= ids
    assert len(named) == len(set(named)) > 15


def test_every_table_has_a_caption_and_every_plot_a_table(
    elements: list[tuple[str, dict[str, Any]]],
) -> None:
    tags = [tag for tag, _ in elements]
    assert tags.count("table") == tags.count("caption")
    regions = [a for _, a in elements if a.get("role") == "region"]
    assert all(a.get("tabindex") == "0" and a.get("aria-label") for a in regions)
    classes = [a.get("class") or "" for _, a in elements]
    hosts = [index for index, names in enumerate(classes) if "plot-host" in names]
    assert len(hosts) > 8
    for index in hosts:
        rest = [tag for tag, _ in elements[index:]]
        assert "table" in rest[: rest.index("section")], "no table before the next section"


def test_plots_say_what_they_show(browser: Browser, tmp_path: Path) -> None:
    with browser.page(write_report(recipe_run(tmp_path))) as tab:
        said = tab.run(
            "[...document.querySelectorAll('.plot-host > svg')]"
            ".map((svg) => [svg.getAttribute('role'), svg.getAttribute('aria-label')])"
        )
        assert len(said) > 8
        assert all(role == "img" and len(text) > 30 for role, text in said)


FOCUS = """(() => {
  const one = document.activeElement;
  const style = getComputedStyle(one);
  const ring = one.type === "radio" ? getComputedStyle(one.nextElementSibling) : style;
  const name = one.id || one.textContent.slice(0, 30).trim();
  return [one.tagName, name, ring.outlineStyle, parseFloat(ring.outlineWidth)];
})()"""


def stops(tab: Tab, count: int) -> list[list[Any]]:
    """Where so many strokes of Tab lead."""
    found = []
    for _ in range(count):
        tab.press("Tab")
        found.append(tab.run(FOCUS))
    return found


def test_keys_reach_every_control_and_the_focus_is_seen(browser: Browser, tmp_path: Path) -> None:
    with browser.page(write_report(make_run(tmp_path, rows=16))) as tab:
        found = stops(tab, 45)
        assert found[0][:2] == ["A", "Skip to the report"]
        assert all(style != "none" and width >= 2 for _, _, style, width in found), found
        ids = [name for _, name, _, _ in found]
        assert {"cost-seconds", "view-strict", "board-filter"} <= set(ids)
        heads = [name for tag, name, _, _ in found if tag == "BUTTON"]
        assert heads[:3] == ["Entry", "Score", "ParseOK"]
    with browser.page(write_report(make_run(tmp_path / "b", rows=16))) as tab:
        tab.press("Tab")
        tab.press("Enter")
        tab.press("Tab")
        where = "document.querySelector('main').contains(document.activeElement)"
        assert tab.run(where), "the link skips the index"


def test_nothing_moves_where_stillness_is_asked_for(browser: Browser, tmp_path: Path) -> None:
    page = write_report(make_run(tmp_path, rows=16))
    moving = (
        "[...document.querySelectorAll('*')].map((one) => getComputedStyle(one)).filter((style) =>"
        " style.animationName !== 'none' || parseFloat(style.transitionDuration) > 0).length"
    )
    with browser.page(page, prefers_reduced_motion="reduce") as tab:
        assert tab.run(moving) == 0
    with browser.page(page, prefers_reduced_motion="no-preference") as tab:
        assert tab.run(moving) > 0


def test_the_index_marks_the_section_in_view(browser: Browser, tmp_path: Path) -> None:
    with browser.page(write_report(make_run(tmp_path, rows=16))) as tab:
        tab.run("document.getElementById('data').scrollIntoView()")
        marked = "document.querySelector('.index [aria-current]')?.hash"
        waiting = f"new Promise((done) => setTimeout(() => done({marked}), 300))"
        assert tab.run(waiting) == "#data"
