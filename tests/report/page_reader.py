"""A page taken apart for the tests: elements, attributes, and text by section."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from emoloom.report.page import write_report

VOID = {"meta", "link", "br", "input"}
INLINE = {"bdi", "span", "b", "strong", "i", "a", "code"}


class Page(HTMLParser):
    """A page taken apart: elements, text by section, attributes; faults of nesting are errors."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.sections: dict[str, str] = {}
        self.scripts: list[str] = []
        self.data: dict[str, str] = {}
        self._open: list[str] = []
        self._section = "head"
        self.feed(source)
        self.close()
        assert not self._open, f"left open: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.elements.append((tag, found))
        self._part(tag)
        if tag == "section":
            self._section = str(found["id"])
        if tag not in VOID and not self.get_starttag_text().endswith("/>"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        self._part(tag)
        if self._open and self._open[-1] == tag:
            self._open.pop()
            return
        raise AssertionError(f"</{tag}> closes {self._open[-3:]} at {self.getpos()}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def _part(self, tag: str) -> None:
        """Texts of two blocks are two words; texts of inline elements run on."""
        if tag not in INLINE and self._section in self.sections:
            self.sections[self._section] += " "

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "script":
            self.scripts.append(data)
            if name := self.elements[-1][1].get("id"):
                self.data[name] = data
        elif not self._open or self._open[-1] != "style":
            self.sections[self._section] = self.sections.get(self._section, "") + data

    def text(self, section: str) -> str:
        """A section's text with runs of white space made one space."""
        return " ".join(self.sections[section].split())


def page_of(run: Path) -> Page:
    """The page of a run folder, written and taken apart."""
    return Page(write_report(run).read_text(encoding="utf-8"))


def rows_of(page: Page) -> dict[str, Any]:
    """The embedded rows spelled out: names, and rows with i, t, s, g, v, w and cells c.

    A cell is [output or None where it is not stored, labels, VAD, rationale, reason of failure].
    """
    found = json.loads(page.data["rows-data"])
    words = found["words"]

    def cell(raw: list[Any] | None) -> list[Any] | None:
        if raw is None:
            return None
        if isinstance(raw[0], int):
            return [raw[1], None, None, None, words[raw[0]] if raw[0] >= 0 else None]
        labels, vad = [words[n] for n in raw[0]], [x / 100 for x in raw[1]]
        return [raw[3] if len(raw) > 3 else None, labels, vad, raw[2], None]

    def row(raw: list[Any]) -> dict[str, Any]:
        gold = None if raw[3] is None else [words[n] for n in raw[3]]
        own = {"i": raw[0], "t": raw[1], "s": words[raw[2]], "g": gold, "v": raw[4]}
        return own | {"w": words[raw[5]], "c": [cell(one) for one in raw[6]]}

    return {"names": found["names"], "rows": [row(raw) for raw in found["rows"]]}
