"""The tutorial's walk through the report names the sections that the page's index has."""

import re

from doc_commands import ROOT


def test_the_walk_names_every_section_of_the_index() -> None:
    template = ROOT / "src/emoloom/report/templates/template.html.jinja"
    index = template.read_text(encoding="utf-8").partition("<nav")[2].partition("</nav>")[0]
    sections = re.findall(r'<a href="#\w+">([^<]+)</a>', index)
    tutorial = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
    walk = tutorial.partition("## 4.")[2].partition("## 5.")[0]
    table, _, after = walk.partition("The index also has ")
    named = [n for row in re.findall(r"^\| ([^|]+) \|", table, re.M) for n in row.split(", ")]
    only_in_some = re.split(", | and ", after.partition(", in a run")[0])
    assert sorted([*named[1:], *only_in_some]) == sorted(sections)
